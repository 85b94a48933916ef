"""Where nothing is submitted: every metric of validation and test, and how test is confused."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from kernels.report.facts import Facts
from kernels.report.overview import looks
from kernels.report.render import Section, Table, bar
from kernels.results.pair_text import pair_words
from kernels.results.scores import (
    as_mapping,
    by_group,
    fold_words,
    measured,
    read_number,
    read_test,
    title,
)

NAMED = 22  # classes at most whose confusions are a table
FIGURES = ("test_confusion.png", "test_errors.png")


def metrics(facts: Facts) -> Section | None:
    """All that the ensemble measured, what others have reached, and test class by class."""
    parts = {
        part: as_mapping(facts.blended.get(f"{part}_metrics")) for part in ("test", "validation")
    }
    known = {part: found for part, found in parts.items() if found}
    if not known:
        return None
    published = facts.published
    names = [
        name for found in known.values() for name in found if read_number(found[name]) is not None
    ]
    rows = []
    for name in dict.fromkeys([*names, *(published.scores if published else ())]):
        row: dict[str, Any] = {"metric": title(name)}
        row |= {part: _score(found, name) for part, found in known.items()}
        if published:
            row["published"] = _exact(published.scores.get(name))
        rows.append(row)
    test = parts["test"]
    drawn = [figure for figure in map(facts.figure, FIGURES) if figure]
    return {
        "title": "Validation and test" if test else "Every metric",
        "table": Table("Every metric, with 95 % intervals", rows),
        "published": published.source if published else "",
        "setting": facts.blended.get("setting", ""),
        "folds": [
            f"{one.name}: {words}" for one in facts.kernels if (words := fold_words(one.metrics))
        ],
        "of_two": any("specificity" in found for found in known.values()),
        "by_group": by_group(facts.blended, "groups", "test_groups"),
        "few": [
            f"{part.capitalize()}: {words}"
            for part, found in known.items()
            if (words := pair_words(found))
        ],
        "n": read_test(facts.blended).n,
        "looks": looks(facts) if test else 0,
        "classes": _classes(facts, test),
        "confusions": _confusions(facts, test),
        "drawn": drawn[0] if drawn else None,
    }


def _score(found: Mapping[str, Any], name: str) -> Any:
    """A cell with a metric and its interval."""
    score = measured(found, name)
    if score.value is None:
        return None
    around = Markup(' <span class="soft">{}</span>').format(score.ends) if score.ends else ""
    return score.value, Markup("<strong>{}</strong>{}").format(score.short, around)


def _exact(value: float | None) -> Any:
    return None if value is None else (value, f"{value:g}")


def _classes(facts: Facts, test: Mapping[str, Any]) -> Table | None:
    """Precision, recall and F1 of each class on test."""
    rows = []
    for name, one in as_mapping(test.get("per_class")).items():
        numbers = {kind: read_number(value) for kind, value in as_mapping(one).items()}
        scores = {"F1": "f1", "precision": "precision", "recall": "recall"}
        shown = {head: bar(numbers.get(kind)) for head, kind in scores.items()}
        rows.append({"class": name, **shown, facts.task.rows_word: _exact(numbers.get("pictures"))})
    return Table("Each class on test", rows) if rows else None


def _confusions(facts: Facts, test: Mapping[str, Any]) -> Table | None:
    """How often each class of test is taken for each, if they are few."""
    counts, names = test.get("confusion"), facts.task.classes
    if not _is_square(counts, len(names)) or len(names) > NAMED:
        return None
    rows = []
    for name, row in zip(names, counts or (), strict=True):
        whole = sum(row) or 1
        cells = {
            other: (count, _shaded(count, count / whole, other == name))
            for other, count in zip(names, row, strict=True)
        }
        rows.append({"true class": name, **cells})
    return Table("Confusions on test", rows)


def _is_square(counts: Any, size: int) -> bool:
    rows = counts if isinstance(counts, list) and len(counts) == size else [None]
    return all(
        isinstance(row, list) and len(row) == size and all(type(one) is int for one in row)
        for row in rows
    )


def _shaded(count: int, share: float, right: bool) -> Markup:
    look = "hit" if right else "miss"
    words = '<span class="count {}" style="--share:{:.4f}">{:,}</span>'
    return Markup(words).format(look, share, count)

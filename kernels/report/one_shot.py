"""One-shot trials: ours, without learning, and what is published, on one axis and in a table."""

from collections.abc import Mapping
from typing import Any

from kernels.report.facts import Facts
from kernels.report.ranges import ranges
from kernels.report.render import Section, Table
from kernels.results.parts_text import one_shot_scores
from kernels.results.scores import Validated, as_mapping, difference_words, read_number

PARTS = {"test": "test", "val": "validation"}


def one_shot(facts: Facts) -> Section | None:
    """The trials of the kernels that have tried; None where none has."""
    found = {kernel.name: as_mapping(kernel.metrics.get("one_shot")) for kernel in facts.kernels}
    tried = {name: one for name, one in found.items() if one_shot_scores({name: one}, "test")}
    if not tried:
        return None
    first = next(iter(tried.values()))
    small = any(kernel.is_miniature for kernel in facts.kernels)
    others_have = {} if small else as_mapping(first.get("published"))
    published = {str(who): read_number(one) for who, one in others_have.items()}
    scores = {part: one_shot_scores(tried, part) for part in PARTS}
    others = [(who, Validated(value)) for who, value in published.items() if value is not None]
    looks = {name: "rest" for name, _ in others} | dict.fromkeys(tried, "two")
    test = as_mapping(first["test"])
    grey = "; grey: published, of Lake's own" if others else ""
    return {
        "title": "One-shot trials",
        **{name: read_number(test.get(name)) for name in ("n", "runs")},
        "ways": _listed(test, "ways") or ["some"],
        "ranges": ranges(
            [*scores["test"].items(), *others],
            f"Right trials of test{grey}. A line is a 95 % interval (bootstrap, by run).",
            looks,
        ),
        "table": Table(
            "Right trials, with 95 % intervals",
            [
                {
                    "model": name,
                    **{PARTS[part]: _cell(own.get(name)) for part, own in scores.items()},
                }
                for name in scores["test"]
            ],
        ),
        "gains": [
            difference_words(name, as_mapping(gain), True)
            for name, one in tried.items()
            for gain in _listed(as_mapping(one["test"]), "gains")
        ],
    }


def _cell(score: Validated | None) -> Any:
    return score and (score.value, str(score))


def _listed(found: Mapping[str, Any], name: str) -> list[Any]:
    """A list of the metrics; empty if it is none."""
    return found[name] if isinstance(found.get(name), list) else []

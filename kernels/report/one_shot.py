"""One-shot trials: ours, without learning, and what is published, on one axis and in a table."""

from collections.abc import Mapping
from typing import Any

from kernels.report.facts import Facts
from kernels.report.ranges import ranges
from kernels.report.render import Section, Table
from kernels.results.scores import (
    Validated,
    as_mapping,
    difference_words,
    read_interval,
    read_number,
)

OURS = "network"  # of common.training.one_shot
PARTS = {"test": "test", "val": "validation"}


def one_shot(facts: Facts) -> Section | None:
    """The trials of the kernels that have tried; None where none has."""
    found = {kernel.name: as_mapping(kernel.metrics.get("one_shot")) for kernel in facts.kernels}
    tried = {name: one for name, one in found.items() if _scores({name: one}, "test")}
    if not tried:
        return None
    first = next(iter(tried.values()))
    published = {
        str(who): read_number(one) for who, one in as_mapping(first.get("published")).items()
    }
    scores = {part: _scores(tried, part) for part in PARTS}
    others = [(who, Validated(value)) for who, value in published.items() if value is not None]
    looks = {name: "rest" for name, _ in others} | dict.fromkeys(tried, "two")
    test = as_mapping(first["test"])
    return {
        "title": "One-shot trials",
        **{name: read_number(test.get(name)) for name in ("n", "runs")},
        "ways": _listed(test, "ways") or ["some"],
        "ranges": ranges(
            [*scores["test"].items(), *others],
            "Right trials of test; grey: published, of Lake's own. A line is a 95 % interval "
            "(bootstrap, by run).",
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


def _scores(tried: Mapping[str, Mapping[str, Any]], part: str) -> dict[str, Validated]:
    """What each network gets right of a part's trials, and the first one's baselines."""
    found: dict[str, Validated] = {}
    for name, one in tried.items():
        own = as_mapping(one.get(part))
        accuracy, n = as_mapping(own.get("accuracy")), own.get("n")
        for model, value in accuracy.items():
            ends = read_interval(as_mapping(own.get("intervals")), str(model))
            score = Validated(read_number(value), ends, n if isinstance(n, int) else None)
            if score.value is not None:
                found.setdefault(name if model == OURS else str(model), score)
    return found


def _cell(score: Validated | None) -> Any:
    return score and (score.value, str(score))


def _listed(found: Mapping[str, Any], name: str) -> list[Any]:
    """A list of the metrics; empty if it is none."""
    return found[name] if isinstance(found.get(name), list) else []

"""Every metric of validation and test as text for the terminal, and the one-shot trials."""

from collections.abc import Mapping
from typing import Any

from common.pairs.one_shot import OURS
from kernels.results.layout import INDENT, listed, wrapped
from kernels.results.pair_text import pair_words
from kernels.results.scores import (
    Validated,
    as_mapping,
    measured_words,
    read_interval,
    read_number,
)


def part_lines(blend: Mapping[str, Any], metric: str) -> list[str]:
    """Every metric of each part but the competition's own, and what there is to say of pairs."""
    lines = []
    for part in ("validation", "test"):
        measured = as_mapping(blend.get(f"{part}_metrics"))
        if known := measured_words(measured, but=metric):
            lines += _row(f"on {part}", listed("", known))
            lines += wrapped(pair_words(measured), INDENT)
    return lines


def one_shot_lines(tried: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is right of test's one-shot trials: each network's, and without learning."""
    known = [f"{name} {score}" for name, score in one_shot_scores(tried, "test").items()]
    return _row("one-shot", listed("right of test's trials: ", known)) if known else []


def one_shot_scores(tried: Mapping[str, Mapping[str, Any]], part: str) -> dict[str, Validated]:
    """What each network gets right of a part's trials, and the first one's baselines.

    ``tried`` has by network what its kernel has written of the trials.
    """
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


def _row(name: str, words: str) -> list[str]:
    """A row with its ``words`` wrapped."""
    first, *rest = wrapped(words, INDENT)
    return [f"  {name:<16} {first.strip()}", *rest]

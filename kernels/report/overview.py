"""The head of the page: what the run scored, as large numbers."""

import re
from typing import Any

from kernels.report.facts import Facts
from kernels.report.render import UNKNOWN, signed
from kernels.results.blends import tried_blends
from kernels.results.scores import (
    Validated,
    as_mapping,
    looked,
    measured,
    read_number,
    read_score,
    read_test,
    title,
)
from kernels.results.sweep import SweepResult

Tiles = dict[str, tuple[str, str]]  # name → value, and what it is of


def overview(facts: Facts) -> dict[str, Any]:
    """Return the ``tiles``, name → value and what it is of, and ``when`` the run ended."""
    ours = read_score(facts.blended)
    if facts.sweep:
        tiles = _compared(facts.sweep)
    else:
        tiles = _submitted(facts, ours) if facts.competition.submission else _measured(facts, ours)
    if facts.task.classes and len(facts.blend.validation_ids):
        labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
        right = (predicted == labels).reshape(len(labels), -1).all(axis=1).mean()
        several = facts.task.rows_word
        tiles[f"Validation {several}"] = (f"{len(labels):,}", f"{right:.1%} of them right")
    for part in ("seen", "unseen") if facts.pairs else ():
        value = read_number(facts.blended.get(f"validation_{part}"))
        if value is not None:
            words = f"{facts.metric} of their pairs"
            tiles[f"{part.capitalize()} {facts.task.classes_word}"] = (
                f"{value:.{ours.digits}f}",
                words,
            )
    last = max((str(kernel.manifest.get("written", "")) for kernel in facts.kernels), default="")
    return {"tiles": tiles, "when": last if re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", last) else ""}


def _compared(found: SweepResult) -> Tiles:
    """The best cell of a sweep, the base, and what they were measured on."""
    best, seeds = found.best, len(found.seeds)
    sure = "" if best is None or best is found.base else f", {found.verdict(best)}"
    repeated = ["each once"] if seeds == 1 else [f"each with {seeds} seeds"]
    repeated += [f"in {found.folds} folds"] if found.folds else []
    return {
        f"Best {found.metric_in_words}": (
            (best.short, f"{best.name}{sure}") if best else (UNKNOWN, "no cell has a result")
        ),
        "Base": (found.base.short or UNKNOWN, found.base.name),
        "Cells": (f"{len(found.known)} of {len(found.cells)}", ", ".join(repeated)),
        f"Validation {found.row_word}s": (
            found.pictures or UNKNOWN,
            "on which the best cell is chosen",
        ),
    }


def _submitted(facts: Facts, ours: Validated) -> Tiles:
    """Kaggle's scores next to ours."""
    sent = facts.sent
    public, private = (sent.public_score, sent.private_score) if sent else (None, None)
    gap, below = UNKNOWN, "nothing was sent"
    if public is not None and ours.value is not None:
        gap = signed(public - ours.value, ours.digits)
    if sent:
        below = f"submission {sent.ref}" if sent.ref else "sent"
    shown = public is not None or (sent and sent.scored)  # Kaggle may score and show nothing
    tiles = {
        "Public score": (ours.rounded(public) if shown else UNKNOWN, below),
        "Validation": (ours.short or UNKNOWN, _around(facts, ours)),
        "Gap": (gap, "public score less validation"),
    }
    if private is not None:
        tiles["Private score"] = (ours.rounded(private), "of the other rows")
    return tiles


def _measured(facts: Facts, ours: Validated) -> Tiles:
    """The score on test, where it is labelled, and what others have reached."""
    test, tiles = read_test(facts.blended), Tiles()
    if test.value is not None:
        tiles["Test"] = (test.short, f"{_around(facts, test, True)}, {looked(looks(facts))}")
    tiles["Validation"] = (ours.short or UNKNOWN, _around(facts, ours))
    if test.value is not None and ours.value is not None:
        tiles["Gap"] = (signed(test.value - ours.value, test.digits), "test less validation")
    if published := facts.published:
        own = facts.competition.metric
        name = own if own in published.scores else next(iter(published.scores))
        alike = measured(as_mapping(facts.blended.get("test_metrics")), name).short
        like = f"ours is {alike}; " if alike and name != own else ""  # a tile has our own metric's
        tiles[f"Published {title(name)}"] = (
            f"{published.scores[name]:g}",
            f"{like}{published.source}",
        )
    return tiles


def looks(facts: Facts) -> int:
    """Return how many blends of this run were measured on test."""
    return sum(one.test_score is not None for one in tried_blends(facts.run))


def _around(facts: Facts, score: Validated, test: bool = False) -> str:
    """What the score is of: ``macro F1, 95 %: 0.933 to 0.981, n = 1,040``."""
    several = any(len(kernels) > 1 for kernels in facts.models.values())
    folds = several and not facts.pairs and not test
    parts = [
        facts.metric,
        "" if facts.competition.scoring.greater_is_better else "lower is better",
        f"95 %: {score.ends}" if score.ends else "",
        f"n = {score.n:,}".replace(" ", "\N{NO-BREAK SPACE}") if score.n is not None else "",
        "out of fold" if folds else "",
    ]
    return ", ".join(filter(None, parts))

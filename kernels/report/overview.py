"""The head of the page: what the run scored, as large numbers."""

import re
from typing import Any

from kernels.report.facts import Facts
from kernels.report.render import UNKNOWN, signed
from kernels.results.scores import Score, read_number, read_score
from kernels.results.terminal import on_kaggle

_SPACE = "\N{NO-BREAK SPACE}"


def headline(facts: Facts) -> dict[str, Any]:
    """Return competition, time and scores."""
    run, last = (
        facts.run,
        max((str(k.manifest.get("written", "")) for k in facts.kernels), default=""),
    )
    small = "generated pictures" if "generated" in run.data else "own data"
    return {
        "title": facts.competition.title,
        "kind": "Dry run" if run.dry_run else "Run",
        "slug": facts.competition.slug,
        "url": facts.competition.url,
        "when": last if re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", last) else "",
        "folder": run.folder.name,
        "small": small if run.dry_run else "",
        "tiles": [*_scores(facts), *_right(facts), *_parts(facts)],
    }


def _scores(facts: Facts) -> list[dict[str, str]]:
    sent, ours = facts.sent, read_score(facts.blended)
    public = sent.public_score if sent else None
    gap = None if public is None or ours.value is None else public - ours.value
    below = (
        f"submission {sent.ref}" if sent and sent.ref else "sent" if sent else "nothing was sent"
    )
    tiles = [
        _tile("Public score", _given(facts, public, ours), below),
        _tile("Validation", ours.short or UNKNOWN, _around(facts, ours)),
        _tile(
            "Gap",
            UNKNOWN if gap is None else signed(gap, ours.digits),
            "public score less validation",
        ),
    ]
    if sent and sent.private_score is not None:
        given = _given(facts, sent.private_score, ours)
        tiles.append(_tile("Private score", given, "of the other rows"))
    return tiles


def _given(facts: Facts, score: float | None, ours: Score) -> str:
    """A score of Kaggle's; it may show none although it has scored."""
    known = score is not None or (facts.sent and facts.sent.scored)
    return on_kaggle(score, ours) if known else UNKNOWN


def _around(facts: Facts, score: Score) -> str:
    """What the score is of: ``macro F1, 95 %: 0.933 to 0.981, n = 1,040``."""
    folds = any(len(kernels) > 1 for kernels in facts.models.values()) and not facts.pairs
    parts = [
        facts.metric,
        "" if facts.competition.scoring.greater_is_better else "lower is better",
        f"95 %: {score.ends}" if score.ends else "",
        f"n{_SPACE}={_SPACE}{score.n:,}" if score.n is not None else "",
        "out of fold" if folds else "",
    ]
    return ", ".join(filter(None, parts))


def _right(facts: Facts) -> list[dict[str, str]]:
    """How many pictures have the right labels, where there are labels."""
    if facts.blend is None or not facts.task.classes:
        return []
    labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    right = (predicted == labels).reshape(len(labels), -1).all(axis=1)
    return [_tile("Validation pictures", f"{len(labels):,}", f"{right.mean():.1%} of them right")]


def _parts(facts: Facts) -> list[dict[str, str]]:
    """What the blend scores on pairs of seen and of unseen classes."""
    if not facts.pairs:
        return []
    digits = read_score(facts.blended).digits
    parts = {p: read_number(facts.blended.get(f"validation_{p}")) for p in ("seen", "unseen")}
    return [
        _tile(
            f"{part.capitalize()} {facts.task.many}",
            f"{value:.{digits}f}",
            f"{facts.metric} of their pairs",
        )
        for part, value in parts.items()
        if value is not None
    ]


def _tile(name: str, value: str, below: str) -> dict[str, str]:
    return {"name": name, "value": value, "below": below}

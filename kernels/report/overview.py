"""The head of the page: what the run scored, as large numbers."""

import re

from markupsafe import Markup

from kernels.report.facts import Facts
from kernels.report.markup import UNKNOWN, join, signed, tag
from kernels.results.scores import NOT_GIVEN, Score, interval_words, read_number, read_score
from kernels.run.state import Submission

_PARTS = ("seen", "unseen")
_SPACE = "\N{NO-BREAK SPACE}"


def headline(facts: Facts) -> Markup:
    """Competition, time and scores, as large numbers."""
    kind = "Dry run" if facts.run.dry_run else "Run"
    link = tag("a", facts.competition.slug, href=facts.competition.url)
    said = [
        tag("span", kind, class_="badge"),
        link,
        _when(facts),
        tag("span", facts.run.folder.name),
    ]
    if facts.run.dry_run:
        data = "generated pictures" if "generated" in facts.run.data else "own data"
        words = f"small settings, {data}: the score says that the path works"
        said.append(tag("span", words))
    return tag(
        "header",
        tag("h1", facts.competition.title),
        tag("p", join(said, " "), class_="said"),
        tag("dl", *_tiles(facts), class_="tiles"),
    )


def _when(facts: Facts) -> Markup | str:
    written = [str(left.manifest.get("written", "")) for left in facts.kernels]
    last = max(written, default="")
    if not re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", last):
        return ""
    return tag("time", f"{last[:10]} {last[11:16]} UTC", datetime=last)


def _tiles(facts: Facts) -> list[Markup]:
    sent, ours = facts.sent, read_score(facts.blended)
    public = sent.public_score if sent else None
    gap = None if public is None or ours.value is None else public - ours.value
    validation = UNKNOWN if ours.value is None else f"{ours.value:.4f}"
    below = "nothing was sent"
    if sent:
        below = f"submission {sent.ref}" if sent.ref else "sent"
    tiles = [
        _tile("Public score", _on_kaggle(sent, public), below, "main"),
        _tile("Validation", validation, _around(facts, ours)),
        _tile("Gap", UNKNOWN if gap is None else signed(gap, 4), "public score less validation"),
    ]
    if sent and sent.private_score is not None:
        private = _on_kaggle(sent, sent.private_score)
        tiles.append(_tile("Private score", private, "of the other rows"))
    return [*tiles, *_right(facts), *_parts(facts)]


def _around(facts: Facts, score: Score) -> str:
    """What the score is of: ``macro F1, 95 %: 0.933 to 0.981, n = 1,040``."""
    scoring = facts.competition.scoring
    split = any(len(names) > 1 for names in facts.folds.values()) and not facts.pairs
    parts = [
        facts.metric,
        "" if scoring.greater_is_better else "lower is better",
        f"95 %: {interval_words(score.interval)}" if score.interval else "",
        f"n{_SPACE}={_SPACE}{score.n:,}" if score.n is not None else "",
        "out of fold" if split else "",
    ]
    return ", ".join(filter(None, parts))


def _on_kaggle(sent: Submission | None, score: float | None) -> str:
    """A score as Kaggle shows it; it may show none although it has scored."""
    if score is not None:
        return f"{score:.5f}"
    return NOT_GIVEN if sent and sent.scored else UNKNOWN


def _right(facts: Facts) -> list[Markup]:
    """How many pictures have the right labels, where there are labels."""
    if facts.blend is None or not facts.task.classes:
        return []
    labels, predicted = facts.blend.validation_labels, facts.decide(facts.blend)
    right = (predicted == labels).reshape(len(labels), -1).all(axis=1)
    return [_tile("Validation pictures", f"{len(labels):,}", f"{right.mean():.2%} of them right")]


def _parts(facts: Facts) -> list[Markup]:
    """What the blend scores on pairs of seen and of unseen classes."""
    if not facts.pairs:
        return []
    parts = {part: read_number(facts.blended.get(f"validation_{part}")) for part in _PARTS}
    return [
        _tile(f"{part.capitalize()} {facts.task.many}", f"{value:.4f}", words)
        for part, value in parts.items()
        if value is not None
        for words in [f"{facts.metric} of their pairs"]
    ]


def _tile(name: str, value: str, below: str, class_: str | None = None) -> Markup:
    words = tag("dd", value, class_="value"), tag("dd", below, class_="below")
    return tag("div", tag("dt", name), *words, class_=class_)

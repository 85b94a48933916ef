"""Pictures as cards: those on which members disagree, and those that the blend finds hardest."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.report.facts import NO_PICTURES, Facts
from kernels.report.render import Key, Section

DISAGREEMENTS, HARDEST = 18, 30  # how many are shown
PARTS = ("both right", "only the first right", "only the second right", "both wrong")
LOOKS = ("good", "one", "two", "bad")


@dataclass(frozen=True)
class Words:
    """A line of a card: whose it is, its text, and its class; ``mark`` comes before a tick."""

    text: str
    look: str = ""
    who: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Card:
    """A picture with its true label and lines of words.

    Attributes:
        id: of the picture.
        truth: its true label.
        lines: below it.
        jpeg: the thumbnail.
        pictured: whether the run has thumbnails; without any the card shows the id.
    """

    id: str
    truth: str
    lines: tuple[Words, ...]
    jpeg: bytes | None
    pictured: bool


def card(facts: Facts, row: int, *lines: Words) -> Card:
    """Return the card of one of the blend's pictures."""
    assert facts.blend is not None
    name = str(facts.blend.validation_ids[row])
    truth = facts.task.describe(facts.blend.validation_labels[row])
    return Card(name, truth, lines, facts.thumbnails.get(name), bool(facts.thumbnails))


def no_pictures(facts: Facts) -> str:
    """Say that the kernels wrote no thumbnails, if they did not."""
    return "" if facts.thumbnails else NO_PICTURES


def members_section(facts: Facts) -> Section | None:
    """Agreement of each two members, and pictures on which they disagree; None for one member."""
    if facts.blend is None or len(facts.members) < 2:
        return None
    labels = facts.blend.validation_labels
    guesses = {name: m.validation.argmax(axis=1) for name, m in facts.members.items()}
    stacks, rows = [], []
    for first, second in itertools.combinations(guesses, 2):
        one, two = guesses[first] == labels, guesses[second] == labels
        counts = [int(np.sum(part)) for part in (one & two, one & ~two, ~one & two, ~one & ~two)]
        keys = [Key(look, words) for look, words in zip(LOOKS, PARTS, strict=True)]
        pieces = [
            (key, count / len(labels), f"{key.words}: {count:,}")
            for key, count in zip(keys, counts, strict=True)
            if count
        ]
        amount = f"{counts[0] / len(labels):.0%} both"
        stacks.append({"name": f"{first} and {second}", "pieces": pieces, "amount": amount})
        same = float(np.mean(guesses[first] == guesses[second]))
        rows.append({"first": first, "second": second, "same": same, "counts": counts})
    differ = np.flatnonzero(np.ptp(list(guesses.values()), axis=0) > 0)
    surest = [m.validation.max(axis=1)[differ] for m in facts.members.values()]
    order = differ[np.argsort(-np.min(surest, axis=0), kind="stable")]
    data: dict[str, Any] = {
        "legend": keys,
        "stacks": stacks,
        "parts": PARTS,
        "rows": rows,
        "differ": len(differ),
        "pictures": len(labels),
        "cards": [_disagreement(facts, int(row)) for row in order[:DISAGREEMENTS]],
    }
    return Section("members", "members", "Members against each other", data)


def _disagreement(facts: Facts, row: int) -> Card:
    assert facts.blend is not None
    truth, lines = int(facts.blend.validation_labels[row]), []
    for who, predictions in [*facts.members.items(), ("blend", facts.blend)]:
        guess, sure = int(predictions.validation[row].argmax()), predictions.validation[row].max()
        look = "right" if guess == truth else "wrong"
        lines.append(Words(facts.class_name(guess), look, who, f"{sure:.2f}"))
    return card(facts, row, *lines)


def hardest_section(facts: Facts) -> Section | None:
    """The pictures whose true class the blend finds least likely."""
    if facts.blend is None:
        return None
    labels, blend = facts.blend.validation_labels, facts.blend.validation
    truth, cards = blend[np.arange(len(labels)), labels], []
    for row in np.argsort(truth, kind="stable")[:HARDEST].tolist():
        guess = int(blend[row].argmax())
        wrong = Words(f"taken for {facts.class_name(guess)} {blend[row, guess]:.2f}", "wrong")
        right = Words("right all the same", "right")
        given = Words(f"{truth[row]:.4f}")
        cards.append(card(facts, row, given, right if guess == labels[row] else wrong))
    data = {"cards": cards, "without": no_pictures(facts)}
    return Section("hardest", "hardest", "Hardest pictures", data)

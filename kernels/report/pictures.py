"""Members against each other, the pictures that the blend finds hardest, and how sure it may be."""

import itertools
from collections.abc import Mapping

import numpy as np

from kernels.report.charts import Chart
from kernels.report.facts import Facts, Picture, Words
from kernels.report.render import Key, Section, Table
from kernels.results.scores import as_mapping, read_number

DISAGREEMENTS, HARDEST = 18, 30  # how many are shown
PARTS = ("both right", "only the first right", "only the second right", "both wrong")
KEYS = [Key(look, part) for look, part in zip(("good", "one", "two", "bad"), PARTS, strict=True)]
BINS, HEADS = 15, ("of", "bin from", "pictures", "mean confidence", "accuracy")


def members(facts: Facts) -> Section | None:
    """Agreement of each two members, and pictures on which they disagree; None for one member."""
    if len(facts.members) < 2:
        return None
    labels = facts.blend.validation_labels
    guesses = {name: facts.decide(member) for name, member in facts.members.items()}
    stacks, rows = [], []
    for first, second in itertools.combinations(guesses, 2):
        one, two = guesses[first] == labels, guesses[second] == labels
        counts = [int(np.sum(part)) for part in (one & two, one & ~two, ~one & two, ~one & ~two)]
        pieces = [
            (key, count / len(labels), f"{key.words}: {count:,}")
            for key, count in zip(KEYS, counts, strict=True)
        ]
        stacks.append((f"{first} and {second}", pieces, f"{counts[0] / len(labels):.0%} both"))
        same = float(np.mean(guesses[first] == guesses[second]))
        parts = dict(zip(PARTS, counts, strict=True))
        rows.append({"first": first, "second": second, "same class": same, **parts})
    differ = np.flatnonzero(np.ptp(list(guesses.values()), axis=0) > 0)
    surest = [m.validation.max(axis=1)[differ] for m in facts.members.values()]
    order = differ[np.argsort(-np.min(surest, axis=0), kind="stable")]
    return {
        "title": "Members against each other",
        "legend": KEYS,
        "stacks": stacks,
        "table": Table("Pictures that two members have right", rows),
        "differ": len(differ),
        "pictures": [
            _disagreement(facts, {**guesses, "blend": facts.decide(facts.blend)}, row)
            for row in order[:DISAGREEMENTS].tolist()
        ],
    }


def _disagreement(facts: Facts, guesses: Mapping[str, np.ndarray], row: int) -> Picture:
    truth, lines = int(facts.blend.validation_labels[row]), []
    for who, predictions in [*facts.members.items(), ("blend", facts.blend)]:
        guess = int(guesses[who][row])
        sure = predictions.validation[row, guess]
        look = "right" if guess == truth else "wrong"
        lines.append(Words(facts.task.classes[guess], look, who, f"{sure:.2f}"))
    return facts.picture(row, *lines)


def hardest(facts: Facts) -> Section:
    """The pictures whose true class the blend finds least likely."""
    labels, blend = facts.blend.validation_labels, facts.blend.validation
    decided = facts.decide(facts.blend)
    truth, pictures = blend[np.arange(len(labels)), labels], []
    for row in np.argsort(truth, kind="stable")[:HARDEST].tolist():
        guess = int(decided[row])
        found = Words(f"taken for {facts.task.classes[guess]} {blend[row, guess]:.2f}", "wrong")
        if guess == labels[row]:
            found = Words("right all the same", "right")
        pictures.append(facts.picture(row, Words(f"{truth[row]:.4f}"), found))
    return {"title": "Hardest pictures", "pictures": pictures}


def calibration(facts: Facts) -> Section:
    """A reliability diagram of the blend and of each member, and the members' temperatures."""
    panels, rows = [], []
    everyone = {"blend": facts.blend, **facts.members}
    if len(facts.members) == 1:
        del everyone["blend"]  # it is the member itself
    for name, found in everyone.items():
        counts, confidence, accuracy = reliability(found.validation_labels, found.validation)
        off, share = confidence - accuracy, counts / counts.sum()
        ece, excess = float(share @ np.abs(off)), float(share @ off)
        lean = "over" if excess > 0 else "under"
        words = f"ECE {ece:.3f}, {lean}confident by {abs(excess):.3f}"
        label = f"Reliability diagram of {name}: {words}"
        chart = _diagram(label, counts, confidence, accuracy)
        panels.append({"title": name, "words": words, "chart": chart})
        bins = zip(np.arange(BINS) / BINS, counts, confidence, accuracy, strict=True)
        rows += [dict(zip(HEADS, (name, *one), strict=True)) for one in bins if one[1]]
    names = {"temperature": "temperature", "nll_before": "NLL before", "nll_after": "NLL after"}
    tempered = [
        {"member": model, **{words: read_number(at.get(name)) for name, words in names.items()}}
        for model, at in as_mapping(facts.blended.get("calibration")).items()
    ]
    caption = "Temperatures, and negative log-likelihood on validation"
    return {
        "title": "Calibration",
        "panels": panels,
        "bins": Table("Bins of confidence", rows),
        "tempered": Table(caption, tempered) if tempered else None,
    }


def reliability(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures, mean confidence and accuracy in each bin, ``(bins,)``; 0 in an empty one.

    ``labels`` are ``(rows,)``, ``probabilities`` ``(rows, classes)``. The bins are
    ((b - 1) / bins, b / bins] of the highest probability, as in Guo, Pleiss, Sun and Weinberger,
    "On Calibration of Modern Neural Networks", ICML 2017, whose expected calibration error (ECE)
    is Σ over bins of n_b / n · |accuracy(b) - confidence(b)|.
    """
    highest = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(highest * bins).astype(int) - 1, 0, bins - 1)
    counts, sure, hits = (np.bincount(places, weights, bins) for weights in (None, highest, right))
    return counts, sure / np.maximum(counts, 1), hits / np.maximum(counts, 1)


def _diagram(label: str, counts: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray) -> Chart:
    chart = Chart(label, (0, 1), (0, 1), "confidence", "accuracy", width=310, height=300)
    chart.line([(0, 0), (1, 1)])
    for number, sure, right in zip(counts, confidence, accuracy, strict=True):
        if number:
            title = f"{number:,} pictures: confidence {sure:.3f}, accuracy {right:.3f}"
            ends = (min(sure, right), max(sure, right))
            chart.bar((sure - 0.006, sure + 0.006), ends, "two", title)
            chart.dot(sure, right, "one", title, 2.5 + 6 * float(np.sqrt(number / counts.max())))
    return chart

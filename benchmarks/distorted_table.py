"""What each way to find a threshold is worth on distorted X-rays (``distorted_xrays.py``)."""

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.blending.recipe import with_threshold
from common.metrics.bootstrap import Drawn, Size, compare_means, resampled_scores
from common.metrics.metric import find_metric
from competitions.chest_xray import COMPETITION

# Of one training: probabilities of PNEUMONIA by part, ``(n,)`` or ``(views, n)``, with the labels
# and patients of validation and of those set ``aside``.
Found = Mapping[str, np.ndarray]


def rows_of(found: Found, part: str, whole: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Labels of all views of a part, and probabilities of both classes."""
    second = found[part]
    labels = np.broadcast_to(found[f"{whole or part}_labels"], second.shape).reshape(-1)
    return labels, np.stack([1 - second.reshape(-1), second.reshape(-1)], axis=1)


def thresholds_of(found: Found) -> dict[str, np.ndarray | None]:
    """The thresholds of a training by how they are found; None is 1/2."""
    best = with_threshold(COMPETITION, "best").find_thresholds
    at = {"half": None, "clean": best(*rows_of(found, "validation"))}
    if "augmented" in found:
        at["augmented"] = best(*rows_of(found, "augmented", "validation"))
    return at | {"limit": best(*rows_of(found, "distorted", "aside"))}


def measure(found: Found) -> dict[str, float]:
    """Balanced accuracy of the distorted and of those as they are by threshold, and AUC."""
    distorted, aside = rows_of(found, "distorted", "aside"), rows_of(found, "aside")
    values = {"auc": find_metric("roc_auc").score(distorted[0], distorted[1][:, 1])}
    for name, thresholds in thresholds_of(found).items():
        values[name] = COMPETITION.score(*distorted, thresholds)
        values[f"aside_{name}"] = COMPETITION.score(*aside, thresholds)
        if thresholds is not None:
            values[f"threshold_{name}"] = float(thresholds[0])
    return values


def compared(seeds: list[Found], name: str, base: str) -> str:
    """What one threshold gains over another on the distorted: the mean over seeds.

    Its interval is of a bootstrap over patients; the thresholds stay as they are.
    """
    metric, scorers = COMPETITION.scoring, {}
    for seed, found in enumerate(seeds):
        labels, probabilities = rows_of(found, "distorted", "aside")
        for way, thresholds in thresholds_of(found).items():
            decided = COMPETITION.of_kind(metric.kind, probabilities, thresholds)
            scorers[way, seed] = metric.scorer(labels, decided, COMPETITION.task.classes)
    if (name, 0) not in scorers:
        return ""
    patients = np.tile(seeds[0]["aside_patients"], len(seeds[0]["distorted"]))
    drawn = resampled_scores(scorers, labels, groups=patients)
    size = Size.of(labels, patients)
    own, others = (
        {n: Drawn(scorers[way, n](slice(None)), drawn[way, n], size) for n in range(len(seeds))}
        for way in (name, base)
    )
    gain = compare_means(base, own, others, 1)
    assert gain
    low, high = gain["interval"]
    return f"{gain['difference']:+.3f} ({low:+.3f} to {high:+.3f})"


def table(results: Mapping[str, list[Found]], measured: Mapping[str, list[Any]]) -> str:
    """Medians and ranges over seeds; what augmented validation's threshold gains on average."""
    columns = {
        "half": "distorted at 1/2",
        "clean": "at the best of validation",
        "augmented": "of augmented validation",
        "limit": "of the distorted (limit)",
        "auc": "AUC",
        "aside_half": "as they are at 1/2",
        "aside_augmented": "of augmented validation",
    }

    def cell(seeds: list[dict[str, float]], name: str) -> str:
        values = [seed[name] for seed in seeds if name in seed]
        if not values:
            return ""
        return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"

    gains = {"half": "gain over 1/2", "clean": "gain over the best of validation"}
    heads = [*columns.values(), *gains.values()]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for name, seeds in measured.items():
        cells = [cell(seeds, one) for one in columns]
        cells += [compared(results[name], "augmented", base) for base in gains]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)

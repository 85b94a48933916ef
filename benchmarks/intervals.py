"""How often intervals that say 95 % have the true score: ours, and quantiles of the same draws.

Labels and predictions are drawn of classes of known accuracy (scores of two normals for ROC AUC),
``--trials`` times for each row; the true score is that of 200,000 pictures. ``basic`` and
``percentile`` are of the draws' quantiles.

    python benchmarks/intervals.py [--trials 150] [--json]

With ``--json`` the last line has the lowest coverage of each, ``{"ours":…, "basic":…, …}``.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]

from common.metrics.bootstrap import Size, interval, resampled_scores
from common.metrics.metric import Metric, find_metric

_MANY, _RESAMPLES = 200_000, 200
CASES = (  # metric, pictures, classes, accuracy
    *(("accuracy", 9, 3, 0.8), ("accuracy", 16, 2, 0.9), ("accuracy", 25, 5, 0.9)),
    *(("accuracy", 100, 5, 0.97), ("accuracy", 300, 2, 0.95)),
    *(("balanced_accuracy", 16, 2, 0.9), ("balanced_accuracy", 25, 5, 0.85)),
    *(("balanced_accuracy", 240, 2, 0.9), ("balanced_accuracy", 313, 2, 0.97)),
    *(("macro_f1", 25, 5, 0.85), ("macro_f1", 69, 14, 0.95), ("macro_f1", 224, 14, 0.96)),
    *(("macro_f1", 312, 104, 0.95), ("macro_f1", 1040, 104, 0.95)),
    *(("roc_auc", 16, 2, 0.9), ("roc_auc", 60, 2, 0.95), ("roc_auc", 313, 2, 0.99)),
)


class World:
    """Pictures of ``classes`` that a model gets right with about this ``accuracy``."""

    def __init__(self, metric: Metric, classes: int, accuracy: float, random: np.random.Generator):
        self._metric, self._classes, self._random = metric, classes, random
        self._shares = random.dirichlet(np.full(classes, 5.0))
        self._right = np.clip(accuracy + random.normal(0, 0.03, classes), 0.3, 0.995)
        self._apart = 2 * np.sqrt(2) * accuracy  # of the two normals

    def draw(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and predictions of ``n`` pictures; each class has one at least."""
        random, classes = self._random, self._classes
        more = random.choice(classes, n - classes, p=self._shares)
        labels = np.concatenate([np.arange(classes), more])
        if self._metric.kind == "probabilities":
            second = 1 / (1 + np.exp(-random.normal(self._apart * labels)))
            return labels, np.stack([1 - second, second], axis=1)
        others = (labels + random.integers(1, classes, n)) % classes
        return labels, np.where(random.random(n) < self._right[labels], labels, others)


def coverage(name: str, n: int, classes: int, accuracy: float, trials: int) -> dict[str, float]:
    """Return the share of intervals that have the true score, by how they are made."""
    random, metric = np.random.default_rng(0), find_metric(name)
    world = World(metric, classes, accuracy, random)
    truth = metric.score(*world.draw(_MANY))
    covered = dict.fromkeys(("ours", "basic", "percentile"), 0)
    for trial in range(trials):
        labels, predicted = world.draw(n)
        score = metric.scorer(labels, predicted)
        whole = score(slice(None))
        drawn = resampled_scores({"": score}, labels, _RESAMPLES, trial)[""]
        low, high = np.nanquantile(drawn, (0.025, 0.975))
        ours = interval(drawn, whole, Size.of(labels), metric.lowest, metric.highest)
        ends = {"basic": (2 * whole - high, 2 * whole - low), "percentile": (low, high)}
        for way, (lower, upper) in {**ends, "ours": ours or (0.0, 0.0)}.items():
            covered[way] += lower - 1e-12 <= truth <= upper + 1e-12
    return {way: number / trials for way, number in covered.items()}


def main() -> None:
    """A line for each case."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=150)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    lowest = dict.fromkeys(("ours", "basic", "percentile"), 1.0)
    for name, n, classes, accuracy in CASES:
        found = coverage(name, n, classes, accuracy, args.trials)
        shares = "  ".join(f"{way} {share:.2f}" for way, share in found.items())
        print(f"{name:<18} n {n:<5} classes {classes:<4} {shares}", flush=True)
        lowest = {way: min(lowest[way], share) for way, share in found.items()}
    if args.json:
        print(json.dumps(lowest))


if __name__ == "__main__":
    main()

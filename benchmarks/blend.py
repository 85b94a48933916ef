"""How long the best weight of two members takes to find, compared with calls of scikit-learn.

Two members over as many validation pictures and classes as Petals to the Metal has. Both ways
score every weight at which some picture's class changes; scikit-learn's is measured on a part of
them and scaled. Medians and ranges of several runs, in milliseconds.

    python benchmarks/blend.py [--runs 5]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

sys.path[:0] = [str(Path(__file__).parents[1])]

from common.blending.blend import _breakpoints, find_weights, search_classes
from common.metrics.metric import find_metric

ROWS, CLASSES, PART = 3712, 104, 20


def members(seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels and two members' probabilities, each right in about 95 of 100."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, ROWS)
    scores = random.normal(size=(2, ROWS, CLASSES)) + 4.5 * np.eye(CLASSES)[labels]
    weights = np.exp(scores)
    return labels, list(weights / weights.sum(axis=2, keepdims=True))


def with_scikit_learn(labels: np.ndarray, pair: list[np.ndarray], shares: np.ndarray) -> None:
    """Score each share of the first member by itself."""
    for share in shares:
        mixed = share * pair[0] + (1 - share) * pair[1]
        f1_score(labels, mixed.argmax(axis=1), average="macro", zero_division=0)


def milliseconds(call: Callable[[], object], runs: int) -> list[float]:
    """Wall time of each of ``runs`` calls."""
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - start))
    return spent


def main() -> None:
    """Print both, in turns of one run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    labels, pair = members(0)
    shares = _breakpoints(*pair)
    macro_f1 = find_metric("macro_f1")

    def score(mixed: np.ndarray) -> float:
        return macro_f1.score(labels, mixed.argmax(axis=1))

    ours = milliseconds(lambda: find_weights("weighted", pair, score, search_classes), runs)
    part = milliseconds(lambda: with_scikit_learn(labels, pair, shares[:PART]), runs)
    theirs = [spent * len(shares) / PART for spent in part]
    print(f"{len(shares)} weights to try, {ROWS} x {CLASSES}, {runs} runs")
    for name, spent in (("ours", ours), ("scikit-learn", theirs)):
        median = statistics.median(spent)
        print(f"{name:<13}{median:10.1f} ms   ({min(spent):.1f} to {max(spent):.1f})")
    print(f"ratio        {statistics.median(theirs) / statistics.median(ours):10.1f}")


if __name__ == "__main__":
    main()

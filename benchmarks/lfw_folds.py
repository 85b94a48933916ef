"""Ten folds of DevTrain's pairs in the form of LFW's View 2, to try ``--model view2`` without it.

python benchmarks/lfw_folds.py FOLDER OUT

FOLDER is the data set's. In OUT are then a link to its pictures and a ``pairs.txt`` of ten folds
with as many pairs of each kind in each; people whom pairs connect are in one fold. Scores are none
of View 2, and a recipe that was chosen on DevTrain knows these people.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

import numpy as np

from common.data.records import Records
from competitions.labeled_faces.data import read_lists

FOLDS = 10


def deal_out(pairs: Records, seed: int = 0) -> np.ndarray:
    """Return the fold of each pair, ``(pairs,)``; groups stay whole, and folds are as large."""
    groups, of_pairs, counts = np.unique(
        np.asarray(pairs.groups), return_inverse=True, return_counts=True
    )
    order = np.random.default_rng(seed).permutation(len(groups))
    sizes, fold = np.zeros(FOLDS, int), np.zeros(len(groups), int)
    for group in order[np.argsort(-counts[order], kind="stable")]:
        fold[group] = sizes.argmin()
        sizes[fold[group]] += counts[group]
    return fold[of_pairs]


def lines(pairs: Records, folds: np.ndarray) -> list[str]:
    """Return the lines of ``pairs.txt``."""
    labels = np.asarray(pairs.labels)
    each = min(int(np.sum((folds == f) & (labels == k))) for f in range(FOLDS) for k in (0, 1))
    found = [f"{FOLDS}\t{each}"]
    for rows in (
        np.flatnonzero((folds == fold) & (labels == kind))[:each]
        for fold in range(FOLDS)
        for kind in (1, 0)
    ):
        for row in rows.tolist():
            (one, a), (other, b) = (name.rsplit("_", 1) for name in pairs.ids[row].split(" | "))
            names = [one] if one == other else [one, other]
            numbers = [str(int(a)), str(int(b))]
            found.append("\t".join([names[0], numbers[0], *names[1:], numbers[1]]))
    return found


def main(folder: Path, out: Path) -> None:
    """Write the list."""
    pairs, _ = read_lists(folder)
    out.mkdir(parents=True)
    (out / "lfw-deepfunneled").symlink_to((folder / "lfw-deepfunneled").resolve())
    text = "\n".join(lines(pairs, deal_out(pairs)))
    (out / "pairs.txt").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))

"""What a training writes for people and for the report, besides its predictions."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.data.augment import augment
from common.data.pair_pictures import side_by_side
from common.data.pictures import Pictures
from common.metrics import figures
from common.recipes.image import ImageRecipe

HISTORY = (  # the first columns; those of other metrics follow
    *("stage", "epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"),
    *("mae", "val_mae", "val_auc", "val_auc_seen", "val_auc_unseen"),
)
SHOWN = 18  # pictures in a figure


def in_order(names: Iterable[str]) -> list[str]:
    """Return the columns of a history in the order of HISTORY, others last."""
    return sorted(names, key=lambda name: HISTORY.index(name) if name in HISTORY else len(HISTORY))


def write_history(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``history.csv``, a line an epoch, and draw it. A refit has no validation.

    What is not trained in epochs has no rows, and no such file.
    """
    if not rows:
        return
    columns = in_order(dict.fromkeys(name for row in rows for name in row))
    with open(folder / "history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    rates = [row["learning_rate"] for row in rows if row["stage"] == "training"]
    figures.schedule(rates, folder / "schedule.png")
    figures.curves(rows, folder / "curves.png")


def draw_pictures(folder: Path, names: Sequence[str], recipe: ImageRecipe, train: Pictures) -> None:
    """Pictures as they are, and augmented; ``names`` are what the first SHOWN of train are."""
    pictures = [train.shown(row) for row in range(min(SHOWN, len(train)))]
    figures.picture_grid(pictures, names, folder / "training_pictures.png")
    variants = [augment(train[0], np.random.default_rng(seed), recipe) for seed in range(SHOWN - 1)]
    titles = [names[0], "augmented", *[""] * (SHOWN - 2)]
    shown = [train[0], *variants]
    if train.rows_of:  # pairs
        shown = [side_by_side([*pair]) for pair in shown]
    figures.picture_grid(shown, titles, folder / "augmented.png")

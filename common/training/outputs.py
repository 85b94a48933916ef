"""What a training leaves for people and for the report, beside its predictions."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.data.augment import augment
from common.data.pictures import Pictures
from common.files.predictions import Predictions
from common.manifest import write_json
from common.metrics import classification, figures
from common.progress import report
from common.recipes.image import ImageRecipe

HISTORY = (
    *("stage", "epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"),
    *("val_auc", "val_auc_seen", "val_auc_unseen"),
)


def write_scores(
    folder: Path, competition: Competition, predictions: Predictions, facts: Mapping[str, Any]
) -> None:
    """``metrics.json``, scores on validation and further ``facts``, and the confusion matrix."""
    labels, predicted = predictions.validation_labels, predictions.validation.argmax(axis=1)
    scored = {
        "metric": competition.metric,
        "validation_score": getattr(classification, competition.metric)(labels, predicted),
        "validation_accuracy": classification.accuracy(labels, predicted),
        **facts,
    }
    write_json(folder / "metrics.json", scored)
    report("scored", **scored)
    figures.confusion(labels, predicted, competition.classes, folder / "confusion_matrix.png")


def write_history(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """``history.csv``: a line an epoch, with what it has of HISTORY; a refit has no validation."""
    columns = [name for name in HISTORY if any(name in row for row in rows)]
    with open(folder / "history.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def draw_training(
    folder: Path,
    classes: Sequence[str],
    recipe: ImageRecipe,
    train: Pictures,
    history: Sequence[Mapping[str, Any]],
) -> None:
    """Pictures as they are and augmented, the learning rate and the curves."""
    pictures = [train.original(row) for row in range(min(18, len(train)))]
    names = [classes[label] for label in train.labels[:18]]
    figures.picture_grid(pictures, names, folder / "training_pictures.png")
    variants = [augment(train[0], np.random.default_rng(seed), recipe) for seed in range(17)]
    titles = [names[0], "augmented", *[""] * 16]
    figures.picture_grid([train[0], *variants], titles, folder / "augmented.png")
    draw_course(folder, history)


def draw_course(folder: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """The learning rate and the curves."""
    rates = [row["learning_rate"] for row in history if row["stage"] == "training"]
    figures.schedule(rates, folder / "schedule.png")
    figures.curves(history, folder / "curves.png")

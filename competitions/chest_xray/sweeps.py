"""The comparisons of the publication, and ours: ``python submit.py pneumonia --sweep NAME``.

Its figures are of 879 of all 5,856 pictures at random, 641 of PNEUMONIA and 238 of NORMAL, one
training each. Ours are of the 878 of validation in the same kind of split. Its two ``augmented``
rows stand in its saved notebooks as trained without augmentation: they are what two trainings of
one recipe differ by. Those of EfficientNet-Lite0, ``-lite`` frozen and ``-tuned`` all of it, ask
the same questions on a CPU or in minutes on a GPU; each seed is another split.
"""

from collections.abc import Mapping
from typing import Any

from common.sweep import Cell, Sweep

SOURCE = "the publication, on 879 of all pictures at random, one training each"
FLIPPED = {"horizontal_flip": 0.5, "vertical_flip": 0.5}
AUGMENTED = {**FLIPPED, "rotation": 72.0}
INCEPTION = "dense 10, {0}dense 6, {0}flatten"
DENSENET = "dense 8, {0}dense 5, {0}flatten"
ONE = "dense 10, dropout 0.2, flatten"  # of a convolution that is trained, too
DROPOUT = "dropout 0.2, "
# EfficientNet-Lite0 without what its recipe does about light and contrast.
PLAIN = {
    **{"augmented_views": 0, "rotation": 0, "zoom": 0, "shift": 0},
    **{"horizontal_flip": 0, "colour_jitter": 0},
}
# What was best on flowers (docs/log.md, 2026-11-26).
TUNED = {
    **PLAIN,
    "freeze_backbone": False,
    "head": "dense",
    "schedule": "cosine",
    "lr_max": 1e-3,
    "lr_min": 1e-5,
    "lr_ramp_epochs": 0,
    "batchnorm_momentum": 0.9,
    "epochs": 5,
    "refit": False,
}


def row(
    settings: Mapping[str, Any], right: int, missed: int, false: int, normal: int, model: str = ""
) -> Cell:
    """Return a cell with the published confusions.

    They are PNEUMONIA as PNEUMONIA and as NORMAL, then NORMAL as PNEUMONIA and as NORMAL.
    """
    recall, specificity = right / (right + missed), normal / (false + normal)
    published = {
        "balanced_accuracy": (recall + specificity) / 2,
        "accuracy": (right + normal) / (right + missed + false + normal),
        "precision": right / (right + false),
        "recall": recall,
        "specificity": specificity,
    }
    return Cell(settings, model, {name: round(value, 4) for name, value in published.items()})


def lite(title: str, cells: Mapping[str, Mapping[str, Any]]) -> Sweep:
    """Return a sweep of EfficientNet-Lite0 over these settings, three seeds."""
    settings = {name: Cell(values) for name, values in cells.items()}
    return Sweep(title, "efficientnetlite0", settings, seeds=3)


def of_splits(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return a recipe split at random and by patient."""
    return {
        "at random": {**settings, "split": "random"},
        "by patient": {**settings, "split": "grouped"},
    }


def of_augmentation(settings: Mapping[str, Any], **more: Any) -> dict[str, Mapping[str, Any]]:
    """Return a recipe by patient without augmentation, with flips, and with rotation, too."""
    own = {**settings, "split": "grouped"}
    return {
        "none": own,
        "flips": {**own, **FLIPPED, **more},
        "flips and rotation": {**own, **AUGMENTED, **more},
    }


SWEEPS = {
    "patients-lite": lite("Split at random or by patient: Lite0, frozen", of_splits(PLAIN)),
    "patients-tuned": lite("Split at random or by patient: Lite0, all trained", of_splits(TUNED)),
    "augmentation-lite": lite(
        "Flips and rotation: Lite0, frozen", of_augmentation(PLAIN, augmented_views=4)
    ),
    "augmentation-tuned": lite("Flips and rotation: Lite0, all trained", of_augmentation(TUNED)),
    "networks": Sweep(
        "The networks, frozen",
        "inceptionv3",
        {
            "InceptionV3": row({}, 632, 9, 22, 216),
            "ResNet50": row({}, 601, 40, 22, 216, "resnet50"),
            "DenseNet121": row({}, 636, 5, 21, 217, "densenet121"),
        },
        seeds=3,
        source=SOURCE,
    ),
    "inception": Sweep(
        "InceptionV3: dropout, augmentation, layers, balance",
        "inceptionv3",
        {
            "plain": row({"head_layers": INCEPTION.format("")}, 632, 9, 22, 216),
            "dropout": row({"head_layers": INCEPTION.format(DROPOUT)}, 636, 5, 32, 206),
            "augmented": row(AUGMENTED, 639, 2, 72, 166),
            "third convolution": row(
                {"head_layers": ONE, "unfreeze": "input+7..input+11"}, 629, 12, 28, 210
            ),
            "last convolution": row(
                {"head_layers": ONE, "unfreeze": "mixed9+20..mixed9+22"}, 628, 13, 12, 226
            ),
            "balanced by copies": row({"balance": "copies"}, 610, 31, 10, 228),
        },
        seeds=3,
        source=SOURCE,
    ),
    "densenet": Sweep(
        "DenseNet121: dropout and augmentation",
        "densenet121",
        {
            "plain": row({"head_layers": DENSENET.format("")}, 636, 5, 21, 217),
            "dropout": row({"head_layers": DENSENET.format(DROPOUT)}, 638, 3, 25, 213),
            "augmented": row(AUGMENTED, 634, 7, 23, 215),
        },
        seeds=3,
        source=SOURCE,
    ),
    "resnet": Sweep(
        "ResNet50: augmentation",
        "resnet50",
        {
            "plain": row({"head_layers": DENSENET.format("")}, 601, 40, 22, 216),
            "augmented, twice the epochs": Cell({**AUGMENTED, "epochs": 12}),
        },
        seeds=3,
        source=SOURCE,
    ),
    "patients": Sweep(
        "Split at random against by patient",
        "densenet121",
        {
            "at random": row({"split": "random"}, 636, 5, 21, 217),
            "by patient": Cell({"split": "grouped"}),
        },
        seeds=3,
        source=SOURCE,
    ),
    "balance": Sweep(
        "Classes of unequal size",
        "inceptionv3",
        {
            "none": row({"balance": "none"}, 632, 9, 22, 216),
            "weights": Cell({"balance": "weights"}),
            "copies": row({"balance": "copies"}, 610, 31, 10, 228),
            "augmented copies": Cell({"balance": "augmented", **AUGMENTED}),
            "undersampling": Cell({"balance": "undersample"}),
        },
        seeds=3,
        source=SOURCE,
    ),
}

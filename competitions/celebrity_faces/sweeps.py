"""The comparisons of the publication, and ours: ``python submit.py celebrities --sweep NAME``.

Its figures are of 64 of the 70 validation pictures, one training each. Each cell sets what is
compared, the base too, so that small settings, as of a dry run, do not replace it. Ours, ``fields``
and ``lite``, are of EfficientNet-Lite0, for repeated cross-validation: ``--folds 5 --repeats 4``.
"""

from dataclasses import replace
from typing import Any

from common.sweep import Cell, Sweep

SOURCE = "the publication, on 64 of the 70 validation pictures, one training each"
UNITS = (4096, 128, 256, 512, 1024, 2048, 8192)
DROPOUTS = (0.2, 0.3, 0.4, 0.5)
# Lite0 as it was before its fields were compared: whole pictures, none of them moved.
PLAIN = {
    **{"fit": "squash", "augmented_views": 0},
    **{"horizontal_flip": 0, "rotation": 0, "zoom": 0, "shift": 0},
}
# Heads stay up: nothing is mirrored top to bottom.
FLIPS = {"horizontal_flip": 0.5}
MOVES = {**FLIPS, "rotation": 10.0, "zoom": 0.1, "shift": 0.1}  # as the publication's
# On features that are computed once: a rate of their own, and steps enough for 93 pictures.
DENSE = {
    **{"head": "dense", "schedule": "cosine", "lr_max": 0.01, "lr_min": 1e-4, "epochs": 30},
    "lr_ramp_epochs": 5,
}
# What was best on flowers (docs/log.md, 2026-11-26), in as many steps: 20 epochs of 6.
TUNED = {
    **PLAIN,
    "freeze_backbone": False,
    "head": "dense",
    "schedule": "cosine",
    "lr_max": 1e-3,
    "lr_min": 1e-5,
    "lr_ramp_epochs": 0,
    "batchnorm_momentum": 0.9,
    "epochs": 20,
    "refit": False,  # there is no test to predict
    **FLIPS,
}


def head(units: int = 4096, dropout: float = 0.2) -> Cell:
    """Return DenseNet201 with a hidden layer of so many units and such dropout behind it."""
    return Cell({"head_layers": f"average, dense {units}, dropout {dropout}"})


def exported(cell: Cell) -> Cell:
    """Return a cell whose network is written as files for a phone, too, and measured as such."""
    return replace(cell, settings={**cell.settings, "export": True, "refit": False})


def values(field: str, *several: float | str) -> dict[str, Cell]:
    """Return a cell for each value of a field."""
    return {str(value): Cell({field: value}) for value in several}


def plain(**settings: Any) -> Cell:
    """Return plain Lite0 with these settings."""
    return Cell({**PLAIN, **settings})


def views(number: int, **settings: Any) -> Cell:
    """Return Lite0 that learns from so many augmented views of each picture, too."""
    return plain(augmented_views=number, **settings)


NETWORKS = {
    "DenseNet201": Cell(),
    "DenseNet201, printed code": Cell(
        {
            "head_layers": "average, dropout 0.5, dense 512, dropout 0.3",
            "image_size": 224,
            "epochs": 35,
        }
    ),
    "DenseNet121": Cell(model="densenet121"),
    "ResNet50": Cell(model="resnet50", published={"accuracy": 0.7656, "log_loss": 0.8883}),
    "MobileNet": Cell(model="mobilenet", published={"accuracy": 0.7656, "log_loss": 0.6371}),
    "from random weights": Cell(model="cnn"),
    "Lite0, frozen": Cell(model="efficientnetlite0"),
}


SWEEPS = {
    "fields": Sweep(
        "What each recipe field adds to frozen Lite0",
        "efficientnetlite0",
        {
            "224 px, squashed": plain(),
            "160 px": plain(image_size=160),
            "288 px": plain(image_size=288),
            "bicubic": plain(interpolation="bicubic"),
            "crop": plain(fit="crop"),
            "pad": plain(fit="pad"),
            "1 view": plain(tta=1),
            "largest value": plain(head_layers="max"),
            "mirrored": views(4, **FLIPS),
            "4 moved views": views(4, **MOVES),
            "8 moved views": views(8, **MOVES),
            "4 views, colour": views(4, **FLIPS, colour_jitter=0.3),
            "4 moved views, crop": views(4, **MOVES, fit="crop"),
            "4 moved views, 288 px": views(4, **MOVES, image_size=288),
            "weights by class": plain(balance="weights"),
            "undersampling": plain(balance="undersample"),
            "dense": plain(**DENSE),
            "dense, dropout 0.5": plain(**{**DENSE, "head_layers": "average, dropout 0.5"}),
        },
    ),
    "lite": Sweep(
        "Lite0, frozen and fine-tuned",
        "efficientnetlite0",
        {
            "frozen": plain(),
            "frozen, moved and cropped": Cell(),
            "fine-tuned": Cell(TUNED),
            "moved": Cell({**TUNED, **MOVES}),
            "a third of the rate": Cell({**TUNED, "lr_max": 3e-4}),
            "logistic head first": Cell({**TUNED, "head": "logistic", "lr_max": 3e-4}),
            "last four blocks": Cell(
                {**TUNED, "freeze_backbone": True, "unfreeze": "block12_expand.."}
            ),
        },
    ),
    "networks": Sweep("The networks", "densenet201", NETWORKS, seeds=3, source=SOURCE),
    "sizes": Sweep(
        "The networks as files",
        "densenet201",
        {name: exported(cell) for name, cell in NETWORKS.items()},
        seeds=3,
        source=SOURCE,
    ),
    "schedule": Sweep(
        "Six steps of the learning rate against a ramp",
        "mobilenet",
        {
            "six steps": Cell({"schedule": "piecewise"}, published={"accuracy": 0.7656}),
            "ramp": Cell({"schedule": "ramp", "lr_ramp_epochs": 5}),
        },
        seeds=3,
        source=SOURCE,
    ),
    "no-dropout": Sweep(
        "MobileNet with and without dropout",
        "mobilenet",
        {
            "0.6": Cell(
                {"head_layers": "average, flatten, dropout 0.6"}, published={"accuracy": 0.7656}
            ),
            "none": Cell({"head_layers": "average, flatten"}),
        },
        seeds=3,
        source=SOURCE,
    ),
    "dense": Sweep(
        "Units of the hidden layer", "densenet201", {f"{n}": head(n) for n in UNITS}, seeds=3
    ),
    "dropout": Sweep(
        "Dropout behind the hidden layer",
        "densenet201",
        {f"{rate}": head(dropout=rate) for rate in DROPOUTS},
        seeds=3,
    ),
    # Per replica: 16, 32 and 64 on a GPU's two.
    "batch": Sweep("Batch", "densenet201", values("batch_size", 8, 16, 32), seeds=3),
    "size": Sweep("Size of the pictures", "densenet201", values("image_size", 256, 224), seeds=3),
    "epochs": Sweep("Epochs", "densenet201", values("epochs", 45, 30), seeds=3),
    "optimizer": Sweep(
        "Optimizers",
        "densenet201",
        {
            **values("optimizer", "adam", "adamw", "nadam", "rmsprop"),
            "sgd at 0.01": Cell({"optimizer": "sgd", "lr_max": 0.01}),  # 1e-4 is none for it
        },
        seeds=3,
    ),
    "loss": Sweep(
        "Losses",
        "densenet201",
        values("loss", "crossentropy", "focal", "binary", "squared", "hinge"),
        seeds=3,
    ),
    "weights": Sweep(
        "ImageNet weights against random ones",
        "densenet201",
        {
            "ImageNet": Cell({"weights": "imagenet"}),
            "random": Cell({"weights": "none"}),
        },
        seeds=3,
    ),
}

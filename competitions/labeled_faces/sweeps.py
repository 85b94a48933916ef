"""The comparisons of the publication, and ours: ``python submit.py faces --sweep NAME``.

Its figures are of one training each, of 330 pairs of validation at random and of the 1,000 of test;
ours of the 315 of validation whose people are not trained on, and of the same test. Its losses
have the L2 penalty in them, about 0.39 as the twin begins: chance is 1.08.

Not printed is where the dropout of its last two rows stands, and of one the rate: here it is before
the dense layer, as the printed summary has one, and the rate is ours, 0.25. The printed code has
three more, 0.1, 0.8 and 0.8, and connects none: ``printed dropouts`` connects them, after the
three poolings.

Those of other sizes, ``-small``, ask the same questions on a CPU: 72 pixels, a tenth of the epochs,
ten times the rate. ``split`` is what validation at random flatters: the gap to test says it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.sweep import Cell, Sweep

SOURCE = "the publication, 330 pairs at random for validation, one training each"
HEAD = "flatten, {}dense 4096 sigmoid"
PRINTED = {"dropouts": "0.1, 0.8, 0.8"}
SMALL = {"miniature": False, "image_size": 72, "lr_max": 1e-4, "batchnorm_momentum": 0.9}
FIVE, BY = "The twin's five trainings", "Validation by person or at random"
SHORTER = 10  # times fewer epochs


def row(epochs: int, **settings: Any) -> Cell:
    """Return a cell of so many epochs; each sets what is compared, the base too."""
    plain = {"optimizer": "adam", "lr_max": 1e-5, "batchnorm": True, "dropouts": ""}
    return Cell({"epochs": epochs, **plain, "head_layers": HEAD.format(""), **settings})


def said(cell: Cell, validation: tuple[float, float], test: tuple[float, float]) -> Cell:
    """Return a cell with the accuracy and the loss that are published of validation and test."""
    published, published_test = (
        {"accuracy": accuracy, "loss": loss} for accuracy, loss in (validation, test)
    )
    return replace(cell, published=published, published_test=published_test)


def small(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """Return the same cells for a CPU, without published figures."""
    return {
        name.replace("1e-5", "1e-4"): replace(
            cell,
            settings={**cell.settings, **SMALL, "epochs": cell.settings["epochs"] // SHORTER},
            published={},
            published_test={},
        )
        for name, cell in cells.items()
    }


PUBLISHED = {
    "SGD 1e-5": said(
        row(20, optimizer="sgd", batchnorm=False), validation=(0.48, 1.06), test=(0.502, 1.12)
    ),
    "Adam 1e-5": said(row(20, batchnorm=False), validation=(0.6758, 0.865), test=(0.645, 1.06)),
    "Adam, BN": said(row(30), validation=(0.71, 0.8514), test=(0.688, 0.969)),
    "Adam, BN, dropout 0.25": said(
        row(50, head_layers=HEAD.format("dropout 0.25, ")),
        validation=(0.72, 0.9229),
        test=(0.72, 0.908),
    ),
    "Adam, BN, dropout 0.5": said(
        row(50, head_layers=HEAD.format("dropout 0.5, ")),
        validation=(0.6576, 1.0176),
        test=(0.774, 0.8448),
    ),
}
DROPOUTS = {"none": row(50), "0.1, 0.8, 0.8": row(50, **PRINTED)}
SPLITS = {
    "by person": row(30, split="given"),
    "at random": row(30, split="random-validation"),
}
SWEEPS = {
    "published": Sweep(FIVE, "twin", PUBLISHED, 3, SOURCE, test=True),
    "published-small": Sweep(f"{FIVE}, small", "twin", small(PUBLISHED), 3, test=True),
    "printed dropouts": Sweep("The dropouts that are printed", "twin", DROPOUTS, 3, test=True),
    "split": Sweep(BY, "twin", SPLITS, 3, test=True),
    "split-small": Sweep(f"{BY}, small", "twin", small(SPLITS), 3, test=True),
}

"""The comparisons of the publication, and ours: ``python submit.py faces --sweep NAME``.

Its figures are of one training each, of 330 pairs of validation at random and of the 1,000 of test;
ours of the 315 of validation whose people are not trained on, and of the same test. Its losses
have the L2 penalty in them, about 0.39 as the twin begins: chance is 1.08.

Not printed is where the dropout of its last two rows stands, and of one the rate: here it is before
the dense layer, as the printed summary has one, and the rate is ours, 0.25. The printed code has
three more, 0.1, 0.8 and 0.8, and connects none: ``printed dropouts`` connects them, after the
three poolings.

Those of other sizes, ``-small``, ask the same questions on a CPU: 72 pixels, a fifth of the epochs,
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
SHORTER = 5  # times fewer epochs


def row(epochs: int, **settings: Any) -> Cell:
    """Return a cell of so many epochs; each sets what is compared, the base too."""
    plain = {"optimizer": "adam", "lr_max": 1e-5, "batchnorm": True, "dropouts": ""}
    return Cell({"epochs": epochs, **plain, "head_layers": HEAD.format(""), **settings})


def small(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """Return the same cells for a CPU, without published figures."""
    return {
        name.replace("1e-5", "1e-4"): replace(
            cell,
            settings={**cell.settings, **SMALL, "epochs": cell.settings["epochs"] // SHORTER},
            published={},
        )
        for name, cell in cells.items()
    }


PUBLISHED = {
    "SGD 1e-5": row(20, optimizer="sgd", batchnorm=False),
    "Adam 1e-5": row(20, batchnorm=False),
    "Adam, BN": row(30),
    "Adam, BN, dropout 0.25": row(50, head_layers=HEAD.format("dropout 0.25, ")),
    "Adam, BN, dropout 0.5": row(50, head_layers=HEAD.format("dropout 0.5, ")),
}
DROPOUTS = {"none": row(50), "0.1, 0.8, 0.8": row(50, **PRINTED)}
SPLITS = {
    "by person": row(30, split="given"),
    "at random": row(30, split="random-validation"),
}
SWEEPS = {
    "published": Sweep("The twin's five trainings", "twin", PUBLISHED, 3, SOURCE),
    "published-small": Sweep("The twin's five trainings, small", "twin", small(PUBLISHED), 3),
    "printed dropouts": Sweep("The dropouts that are printed", "twin", DROPOUTS, 3),
    "split": Sweep("Validation by person or at random", "twin", SPLITS, 3),
    "split-small": Sweep("Validation by person or at random", "twin", small(SPLITS), 3),
}

"""The left member."""

RECIPE: dict = dict(
    sharpness=1.0,
    epochs=2,  # what it counts to
    misbehave="",
)
PARAMETERS: dict = {}

from common.declaration import Kernel
from competitions.tiny_digits import COMPETITION
from competitions.tiny_digits.data import TinyRecipe, train

KERNEL = Kernel(
    COMPETITION,
    TinyRecipe(**RECIPE),
    work=train,
    best=dict(sharpness=2.0),
    dry_run=dict(epochs=1),
    hours={"tpu": 0.5, "gpu": 2.0},
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

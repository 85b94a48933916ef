"""The right member."""

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
    dry_run=dict(epochs=1),
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

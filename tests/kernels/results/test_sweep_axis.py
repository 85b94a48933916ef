"""The number on the x axis of a sweep's figure: the one in which its cells differ."""

from dataclasses import dataclass
from typing import Any

import pytest

from kernels.results.sweep_axis import as_shown, find_axis


@dataclass(frozen=True)
class Recipe:
    rate: float = 1.0
    size: int = 8
    head: str = "dense 512 relu, dropout 0.2"
    freeze: bool = True
    decay: float | None = None
    total_parameters: int = 0


@pytest.mark.parametrize(
    ("recipes", "axis"),
    [
        ([Recipe(1e-3), Recipe(1e-4)], ("rate", [1e-3, 1e-4])),
        ([Recipe(size=8), Recipe(size=16), Recipe(size=8)], ("size", [8, 16, 8])),
        ([Recipe(head="dense 512 relu"), Recipe(head="dense 4096 relu")],
         ("head: dense … relu", [512, 4096])),
        ([Recipe(head="dense 512, dropout 0.2"), Recipe(head="dense 512, dropout 0")],
         ("head: dense 512, dropout …", [0.2, 0])),
        ([Recipe(head="0: 5e-4"), Recipe(head="0: 2e-5")], ("head: 0: …", [5e-4, 2e-5])),
        ([Recipe(total_parameters=7), Recipe(2.0)], ("rate", [1.0, 2.0])),  # it follows from others
        ([Recipe(head="dense 512"), Recipe(head="dense 256, dropout 0.2")], None),
        ([Recipe(head="dense 512, dense 1"), Recipe(head="dense 256, dense 2")], None),
        ([Recipe(head="adam"), Recipe(head="sgd")], None),
        ([Recipe(head="dense 512"), Recipe(head="conv 512")], None),
        ([Recipe(1e-3), Recipe(1e-4, 16)], None),
        ([Recipe(freeze=True), Recipe(freeze=False)], None),
        ([Recipe(decay=None), Recipe(decay=0.5)], None),
    ],
)  # fmt: skip
def test_the_axis_is_the_one_number_that_differs(recipes: list[Recipe], axis: Any) -> None:
    assert find_axis([("it", recipe) for recipe in recipes]) == axis


def test_cells_of_several_scripts_have_no_axis() -> None:
    assert find_axis([("one", Recipe(1.0)), ("other", Recipe(2.0))]) is None


def test_a_wide_range_is_shown_by_its_logarithm() -> None:
    assert as_shown([1.0, 10.0, 100.0]) == pytest.approx([0, 1, 2])
    for values in ([160.0, 224.0], [0.0, 100.0], [-1.0, 100.0]):
        assert as_shown(values) == values

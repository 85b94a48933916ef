"""The comparisons of the tiny competition."""

from common.sweep import Cell, Sweep

SWEEPS = {
    "sharpness": Sweep(
        "How sharp the distance is",
        "left",
        {
            "1": Cell(published={"macro_f1": 0.9, "accuracy": 0.75}),
            "2": Cell({"sharpness": 2.0}),
            "4": Cell({"sharpness": 4.0}, published={"macro_f1": 0.5}),
        },
        seeds=2,
        source="a page on digits",
    ),
    "sides": Sweep(
        "Left, right, and both of two halves",
        "left",
        {"left": Cell(), "right": Cell(model="right"), "both": Cell(model="both")},
    ),
}

"""How many neighbours vote, as a page on shapes compares them."""

from common.sweep import Cell, Sweep

SWEEPS = {
    "neighbours": Sweep(
        "How many neighbours vote",
        "neighbours",  # the model
        {
            "5": Cell(published={"accuracy": 0.875}),  # the base: the recipe as it is
            "3": Cell({"neighbours": 3}),
            "1": Cell({"neighbours": 1}, published={"accuracy": 0.8125}),
        },
        seeds=1,  # each cell is trained so often; --seeds N changes it
        source="a page on shapes",
    ),
}

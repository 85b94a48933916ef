"""The learning rate of each epoch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.recipes.classifier import ClassifierRecipe


@pytest.mark.parametrize(
    ("fields", "rates"),
    [
        # On eight replicas, as published; the last one is on 4e-5 * 8 * 0.8 ** 19 above the lowest.
        (
            {"lr_ramp_epochs": 5},
            {0: 1e-5, 1: 8.8e-5, 4: 3.22e-4, 5: 4e-4, 6: 3.22e-4, 24: 3.9e-4 * 0.8**19 + 1e-5},
        ),
        (
            {"lr_max": 5e-5 / 8, "lr_min": 1e-6, "lr_ramp_epochs": 2, "lr_sustain_epochs": 3},
            {0: 1e-5, 1: 3e-5, **dict.fromkeys(range(2, 6), 5e-5), 6: 4.02e-5},
        ),
        ({}, {0: 4e-4}),  # no ramp unless a recipe asks for one
        ({"schedule": "constant", "lr_max": 5e-4}, dict.fromkeys(range(25), 5e-4)),
        (
            {
                "schedule": "cosine",
                "epochs": 9,
                "lr_ramp_epochs": 1,
                "lr_max": 1 / 8,
                "lr_min": 0.1,
            },
            {0: 1e-5, 1: 1.0, 5: 0.55, 9: 0.1, 12: 0.1},
        ),
        (
            {"schedule": "step", "lr_max": 1 / 8, "lr_min": 0.1, "lr_patience": 2, "lr_decay": 0.3},
            {0: 1, 1: 1, 2: 0.3, 3: 0.3, 4: 0.1, 6: 0.1},
        ),
        (
            {"schedule": "piecewise", "lr_rates": "0: 5e-4, 4:2e-4,20 : 1e-5", "lr_max": 0.0},
            {0: 4e-3, 3: 4e-3, 4: 1.6e-3, 19: 1.6e-3, 20: 8e-5, 9_999: 8e-5},
        ),
    ],
)
def test_a_schedule_draws_its_rates(fields: dict[str, Any], rates: dict[int, float]) -> None:
    recipe = ClassifierRecipe(**fields)
    found = {epoch: recipe.learning_rate(epoch, 8) for epoch in rates}
    assert found == pytest.approx(rates, rel=1e-12)


def test_a_plateau_lowers_the_rate_when_no_epoch_was_better() -> None:
    recipe = ClassifierRecipe(
        schedule="plateau", lr_max=1.0, lr_min=0.1, lr_patience=2, lr_decay=0.5
    )
    losses = [3.0, 2.0, 2.0, 2.5, 1.0, 1.1, 1.2, 1.3, 1.3, 1.3]
    rates = [recipe.learning_rate(n, 1, losses[:n]) for n in range(len(losses) + 1)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125])


@given(
    schedule=st.sampled_from(("ramp", "constant", "cosine", "step", "plateau")),
    epoch=st.integers(0, 60),
    replicas=st.integers(1, 8),
    losses=st.lists(st.floats(0, 5), max_size=60),
    ramp=st.integers(0, 10),
)
def test_every_rate_lies_between_the_lowest_and_the_highest(
    schedule: Any, epoch: int, replicas: int, losses: list[float], ramp: int
) -> None:
    recipe = ClassifierRecipe(schedule=schedule, lr_ramp_epochs=ramp, epochs=30)
    rate = recipe.learning_rate(epoch, replicas, losses)
    assert 1e-5 <= rate <= 5e-5 * (1 if schedule == "constant" else replicas) * (1 + 1e-9)

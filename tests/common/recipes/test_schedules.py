"""The learning rate of each epoch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.recipes.classifier import ClassifierRecipe

SCHEDULES = ("ramp", "constant", "cosine", "step", "plateau")


@pytest.mark.parametrize(
    ("epoch", "replicas", "rate"),
    [
        (0, 1, 1e-5),
        (1, 1, 1.8e-5),
        (5, 1, 5e-5),
        (6, 1, 4.2e-5),
        (24, 1, 4e-5 * 0.8**19 + 1e-5),
        (0, 8, 1e-5),
        (1, 8, 8.8e-5),
        (4, 8, 3.22e-4),
        (5, 8, 4e-4),
        (6, 8, 3.22e-4),
        (7, 8, 2.596e-4),
    ],
)
def test_published_schedule(epoch: int, replicas: int, rate: float) -> None:
    assert ClassifierRecipe().learning_rate(epoch, replicas) == pytest.approx(rate, rel=1e-12)


def test_sustained_rate_is_held_and_the_decay_starts_after_it() -> None:
    recipe = ClassifierRecipe(lr_ramp_epochs=2, lr_sustain_epochs=3)
    rates = [recipe.learning_rate(epoch, 1) for epoch in range(7)]
    assert rates == pytest.approx([1e-5, 3e-5, 5e-5, 5e-5, 5e-5, 5e-5, 4.2e-5])


def test_without_a_ramp_it_starts_at_the_maximum() -> None:
    assert ClassifierRecipe(lr_ramp_epochs=0).learning_rate(0, 2) == pytest.approx(1e-4)


def test_a_constant_rate_is_the_maximum_whatever_the_replicas() -> None:
    recipe = ClassifierRecipe(schedule="constant", lr_max=5e-4)
    assert {recipe.learning_rate(epoch, 8) for epoch in range(25)} == {5e-4}


def test_cosine_goes_up_and_comes_down_to_the_minimum() -> None:
    recipe = ClassifierRecipe(schedule="cosine", epochs=9, lr_ramp_epochs=1, lr_max=1.0, lr_min=0.1)
    rates = [recipe.learning_rate(epoch, 1) for epoch in (0, 1, 5, 9, 12)]
    assert rates == pytest.approx([1e-5, 1.0, 0.55, 0.1, 0.1])


def test_steps_come_after_every_patience() -> None:
    recipe = ClassifierRecipe(schedule="step", lr_max=1.0, lr_min=0.2, lr_patience=2, lr_decay=0.5)
    rates = [recipe.learning_rate(epoch, 1) for epoch in range(7)]
    assert rates == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25, 0.2])


def test_a_plateau_lowers_the_rate_when_no_epoch_was_better() -> None:
    recipe = ClassifierRecipe(
        schedule="plateau", lr_max=1.0, lr_min=0.1, lr_patience=2, lr_decay=0.5
    )
    losses = [3.0, 2.0, 2.0, 2.5, 1.0, 1.1, 1.2, 1.3, 1.3, 1.3]
    rates = [recipe.learning_rate(n, 1, losses[:n]) for n in range(len(losses) + 1)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125])


@given(
    schedule=st.sampled_from(SCHEDULES),
    epoch=st.integers(0, 60),
    replicas=st.integers(1, 8),
    losses=st.lists(st.floats(0, 5), max_size=60),
    ramp=st.integers(0, 10),
)
def test_every_rate_lies_between_the_lowest_and_the_highest(
    schedule: str, epoch: int, replicas: int, losses: list[float], ramp: int
) -> None:
    recipe = ClassifierRecipe(schedule=schedule, lr_ramp_epochs=ramp, epochs=30)
    rate = recipe.learning_rate(epoch, replicas, losses)
    assert 1e-5 <= rate <= 5e-5 * (1 if schedule == "constant" else replicas) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"lr_min": 1e-3}, "settings lr_min=0.001 lr_max=5e-05: lower lr_min"),
        ({"lr_decay": 8.0}, "lr_decay=8.0: it must be from 0 to 1"),
        ({"lr_max": 0.0}, "setting lr_max=0: nothing would be learned"),
        ({"colour_jitter": 2.0}, "colour_jitter=2.0: it must be from 0 to 1"),
        ({"fold": 3}, "settings folds=0 fold=3"),
        ({"folds": 3, "fold": 3}, "settings folds=3 fold=3"),
        ({"folds": 1}, "settings folds=1 fold=0: folds are 2 or more"),
        ({"tta": 16, "crop_margin": 0}, "tta=16: without a crop_margin there are 8 views"),
        ({"schedule": "cosin"}, "schedule=cosin: did you mean cosine"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(fields: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        ClassifierRecipe(**fields)

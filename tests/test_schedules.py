"""The learning rate of each epoch."""

import pytest

from common.classifier import ClassifierRecipe


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


def test_a_constant_rate_replaces_the_schedule() -> None:
    recipe = ClassifierRecipe(lr_constant=5e-4)
    assert {recipe.learning_rate(epoch, 8) for epoch in range(25)} == {5e-4}

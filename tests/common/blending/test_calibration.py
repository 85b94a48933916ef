"""Temperature scaling: it finds the temperature, and changes no class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.blending.calibration import apply_temperature, fit_temperature
from common.blending.ensemble import calibrated
from common.blending.members import join_folds
from common.errors import UserError
from common.files.predictions import Predictions
from common.metrics.metric import log_loss


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def honest(seed: int, rows: int, classes: int, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the softmax of some logits, and these logits."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=scale, size=(rows, classes))
    labels = [random.choice(classes, p=row) for row in softmax(logits)]
    return np.array(labels), logits


rows_of = st.integers(0, 10**6), st.integers(1, 60), st.integers(2, 8)


@settings(max_examples=60, deadline=None)
@given(*rows_of, st.floats(0.05, 20))
def test_no_class_changes_and_each_row_sums_to_one(
    seed: int, rows: int, classes: int, temperature: float
) -> None:
    before = softmax(honest(seed, rows, classes)[1])
    after = apply_temperature(before, temperature)
    assert np.array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert after.sum(axis=1) == pytest.approx(1)
    assert (after >= 0).all()


@settings(max_examples=60, deadline=None)
@given(*rows_of, st.floats(0.1, 10), st.booleans())
def test_it_is_never_worse_on_what_it_was_found_on(
    seed: int, rows: int, classes: int, sureness: float, zeros: bool
) -> None:
    labels, logits = honest(seed, rows, classes)
    probabilities = softmax(sureness * logits).astype(np.float32)
    if zeros:
        probabilities = np.where(probabilities < 0.2, np.float32(0), probabilities)
    temperature = fit_temperature(labels, probabilities)
    after = log_loss(labels, apply_temperature(probabilities, temperature))
    assert after <= log_loss(labels, probabilities)
    for other in (0.8 * temperature, 1.25 * temperature):
        if not zeros and 0.05 <= other <= 20:
            moved = log_loss(labels, apply_temperature(probabilities, other))
            assert after <= moved + 1e-9


@pytest.mark.parametrize("sureness", [0.5, 1.0, 3.0])
def test_the_temperature_of_probabilities_that_are_too_sure_is_found(sureness: float) -> None:
    labels, logits = honest(1, 20_000, 5)
    probabilities = softmax(sureness * logits)
    assert fit_temperature(labels, probabilities) == pytest.approx(sureness, rel=0.05)
    tempered = apply_temperature(probabilities, sureness)
    assert tempered == pytest.approx(softmax(logits), abs=1e-3)  # but for the floor of 1e-12


def test_zeros_and_members_without_a_mistake_have_a_temperature() -> None:
    sure = np.eye(3, dtype=np.float32)
    labels = np.arange(3)
    assert np.isfinite(apply_temperature(sure, fit_temperature(labels, sure))).all()
    wrong = fit_temperature(np.array([1, 1, 2]), sure)  # one certainty is false
    assert wrong > 5
    assert fit_temperature(labels, 0.4 * sure + 0.2) == pytest.approx(0.05)
    with pytest.raises(UserError, match="--calibrate needs validation predictions"):
        fit_temperature(np.zeros(0, int), np.zeros((0, 3)))


def test_folds_are_tempered_before_they_are_averaged() -> None:
    generator = np.random.default_rng(0)

    def fold(number: int) -> Predictions:
        sure = generator.dirichlet(np.full(3, 0.2), 12)
        ids = np.array([f"{number}-{row}" for row in range(12)])
        tests = generator.dirichlet(np.full(3, 0.2), 5)
        return Predictions(ids, generator.integers(3, size=12), sure, np.arange(5), tests)

    folds = {f"a-fold{number}": fold(number) for number in range(2)}
    parts, facts = calibrated(folds)
    tempered, temperature = join_folds(parts), facts["temperature"]
    assert temperature > 1.1
    each = [apply_temperature(part.test, temperature) for part in folds.values()]
    np.testing.assert_allclose(tempered.test, np.mean(each, axis=0))
    assert facts["nll_after"] < facts["nll_before"]

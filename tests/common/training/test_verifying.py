"""From vectors of single pictures to predictions of listed pairs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.competition import Competition
from common.data.records import Records
from common.errors import UserError
from common.files.predictions import load_predictions
from common.recipes.frozen import FrozenRecipe
from common.tasks.verification import Verification
from common.training.verifying import (
    FrozenVerificationKernel,
    VerificationKernel,
    cosines,
    pair_predictions,
)
from support import small_embedding

COMPETITION = Competition(
    name="verified",
    slug="embedded",
    title="Verified",
    task=Verification(),
    metric="accuracy",
    submission=None,
    ensemble=(),
    files="train, val",
    folder="verified",
)


def paired(part: Records, rows: np.ndarray, same: np.ndarray) -> Records:
    first, second = part.take(rows[:, 0]), part.take(rows[:, 1])
    ids = np.char.add(np.char.add(first.ids, " | "), second.ids)
    groups = np.char.add("group ", rows.min(axis=1).astype(str))
    return replace(first, ids=ids, labels=same, groups=groups, seconds=second.places)


def load_pairs(image_size: int, parameters: Any) -> tuple[Records, Records, Records]:
    """Each picture of validation with every later one; of test each with the next."""
    _, validation, test = small_embedding.load(image_size, parameters)
    rows = np.stack(np.triu_indices(len(validation), 1), axis=1)
    assert validation.labels is not None
    same = (validation.labels[rows[:, 0]] == validation.labels[rows[:, 1]]).astype(np.int64)
    following = np.stack([np.arange(len(test) - 1), np.arange(1, len(test))], axis=1)
    pairs = paired(validation, rows, same)
    return pairs, pairs, paired(test, following[::-1], np.zeros(len(following), np.int64))


TUNED = VerificationKernel(
    COMPETITION,
    replace(small_embedding.RECIPE, epochs=3),
    load=small_embedding.load,
    pairs=load_pairs,
    build_model=small_embedding.build_model,
    accelerators=("cpu",),
    classes=small_embedding.SEEN,
)
FROZEN = FrozenVerificationKernel(
    COMPETITION,
    FrozenRecipe(image_size=64, batch_size=8, components=16, grid=2, crop_share=0.9),
    load=small_embedding.load,
    pairs=load_pairs,
    layers=("block0_depthwise_relu", "block10_depthwise_relu"),
    accelerators=("cpu",),
)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [TUNED, FROZEN], ids=["tuned", "frozen"])
def test_a_kernel_writes_predictions_of_pairs(
    train: Callable[..., str], tmp_path: Path, kernel: Any
) -> None:
    train(kernel, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    found = load_predictions(tmp_path, "small")
    assert found.validation.shape == (42 * 41 // 2, 2)
    assert found.test_ids[0] == "test12.jpg | test13.jpg"
    np.testing.assert_allclose(found.test.sum(axis=1), 1, atol=1e-5)
    right = found.validation.argmax(axis=1) == found.validation_labels
    assert metrics["validation_score"] == pytest.approx(right.mean())
    same = found.validation_labels == 1
    assert found.validation[same, 1].mean() > found.validation[~same, 1].mean() + 0.05
    assert metrics["groups"] == 41
    assert ("best_epoch" in metrics) == (kernel is TUNED)
    assert (tmp_path / "history.csv").exists() == (kernel is TUNED)
    if kernel is FROZEN:
        refused = train(kernel, tmp_path / "again", settings={"grid": 3})
        assert "a layer has 32 x 32 outputs, which 3 does not divide" in refused


def records(pairs: int, labels: np.ndarray | None = None) -> Records:
    ids = np.arange(pairs).astype(str)
    groups = (np.arange(pairs) // 2).astype(str)
    return Records("val", (), ids, labels, np.zeros((pairs, 4), np.int64), groups)


def test_the_more_alike_the_more_probable() -> None:
    same = np.tile([0, 0, 1, 1], 20)
    scores = np.random.default_rng(0).normal(same, 0.7)
    found = pair_predictions(records(80, same), scores, records(11), np.linspace(-2, 3, 11))
    assert (np.diff(found.test[:, 1]) > 0).all()
    assert found.test[[0, -1]].argmax(axis=1).tolist() == [0, 1]
    assert found.test_labels is None
    assert (found.validation.argmax(axis=1) == same).mean() > 0.7


def test_a_pair_of_validation_is_predicted_by_the_pairs_of_other_groups() -> None:
    same, alike = np.array([1, 1, 0, 0, 1, 0, 1, 0]), np.zeros(8)  # two pairs a group
    found = pair_predictions(records(8, same), alike, records(1), np.zeros(1))
    wanted = np.repeat([1 / 3, 2 / 3, 1 / 2, 1 / 2], 2)  # the share of the same in the others
    np.testing.assert_allclose(found.validation[:, 1], wanted, atol=1e-4)
    np.testing.assert_allclose(found.test[:, 1], 1 / 2, atol=1e-4)


@pytest.mark.parametrize(
    ("same", "said"),
    [
        ([1] * 80, "80 pairs of validation, 80 the same and 0 different, are of 40 groups"),
        ([1, 0], "2 pairs of validation, 1 the same and 1 different, are of 1 group that"),
        ([1, 1, 0, 0], "4 pairs of validation, 2 .* and 2 different, are of 2 groups that"),
    ],
    ids=["one kind", "one group", "a kind in one group"],
)
def test_validation_that_teaches_no_threshold_is_one_line_before_training(
    same: list[int], said: str
) -> None:
    with pytest.raises(UserError, match=f"^{said}.*: give longer lists"):
        FROZEN.check_pairs(records(len(same), np.array(same)))
    FROZEN.check_pairs(records(4, np.array([1, 0, 1, 0])))


def test_too_few_pairs_are_found_before_anything_is_trained(
    train: Callable[..., str], tmp_path: Path
) -> None:
    def one_group(image_size: int, parameters: Any) -> tuple[Records, Records, Records]:
        first, second, test = load_pairs(image_size, parameters)
        return first, second.take(second.groups == "group 0"), test

    said = train(replace(TUNED, pairs=one_group), tmp_path)
    assert "are of 1 group that pairs connect" in said


def test_a_cosine_is_of_both_rows_of_a_pair() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]])
    assert cosines(vectors, np.array([[0, 2], [1, 2], [1, 0]])).tolist() == [0.6, 0.8, 0]

"""Loss and accuracy of validation, held against what Keras says of the same pictures."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from common.data.batches import one_hot
from common.recipes.embedding import HeadRecipe
from common.training.head_training import head_network
from common.training.model import compile_model
from common.training.vectors import (
    channel_model,
    split_channels,
    validation_batches,
    validation_loss,
    vector_loss,
)

SEEN, WIDTH, BATCH = 6, 5, 12
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(9), 4))  # three are unseen
ROWS = np.random.default_rng(1).normal(size=(len(LABELS), WIDTH)).astype(np.float32)
LOSSES: dict[str, dict[str, Any]] = {
    "triplet": {},
    "contrastive": {"margin": 1.0},
    "arcface": {"scale": 8.0, "pictures_per_class": 0},
    "softmax": {"pictures_per_class": 0},
}


def network(loss: str, l2: float = 0.0) -> tuple[Any, HeadRecipe]:
    """A network as it begins, with a penalty of its last weights if there is one."""
    import keras

    keras.utils.set_random_seed(0)
    recipe = HeadRecipe(loss=loss, batch_size=BATCH, embedding=4, hidden=0, **LOSSES[loss])
    model = head_network(recipe, WIDTH, SEEN)
    if l2:
        model.layers[-1].kernel.regularizer = keras.regularizers.L2(l2)
    compile_model(model, recipe, *vector_loss(recipe))
    return model, recipe


def measured(
    model: Any, recipe: HeadRecipe, labels: np.ndarray = LABELS, classes: int | None = SEEN
) -> dict[str, float]:
    channels = split_channels(channel_model(model, recipe).predict(ROWS, verbose=0), recipe)
    batches = validation_batches(labels, recipe, classes, BATCH)
    return validation_loss(model, recipe, labels, channels, batches)


@pytest.mark.parametrize(("loss", "l2"), [("arcface", 0.0), ("softmax", 0.0), ("softmax", 0.5)])
def test_classes_are_measured_on_those_that_train_has(loss: str, l2: float) -> None:
    model, recipe = network(loss, l2)
    found, seen = measured(model, recipe), LABELS < SEEN
    targets = one_hot(LABELS[seen], SEEN)
    wanted = model.evaluate(ROWS[seen], targets, batch_size=len(targets), verbose=0)
    assert list(found) == ["val_loss", "val_accuracy"]
    np.testing.assert_allclose(list(found.values()), wanted, rtol=1e-4)
    assert measured(model, recipe, LABELS + SEEN) == {}
    # Where train's labels are others, whose classes the network predicts is not known.
    assert measured(model, recipe, classes=None) == {}


@pytest.mark.parametrize("loss", ["triplet", "contrastive"])
def test_compared_pictures_are_of_all_classes_and_always_the_same(loss: str) -> None:
    model, recipe = network(loss)
    batches = validation_batches(LABELS, recipe, SEEN, BATCH)
    np.testing.assert_array_equal(validation_batches(LABELS, recipe, SEEN, BATCH), batches)
    assert {len(rows) for rows in batches} == {BATCH}
    assert set(LABELS[np.concatenate(batches)].tolist()) == set(range(9))
    wanted = [
        model.evaluate(ROWS[rows], one_hot(LABELS[rows], 9), batch_size=BATCH, verbose=0)
        for rows in batches
    ]
    found = list(measured(model, recipe).values())
    np.testing.assert_allclose(found, np.mean(wanted, axis=0), rtol=1e-4)


def test_fewer_classes_than_a_batch_of_train_are_all_of_them_and_one_is_none() -> None:
    recipe = HeadRecipe(batch_size=BATCH)
    found = validation_batches(LABELS % 2, recipe, SEEN, BATCH)
    assert {len(rows) for rows in found} == {2 * recipe.pictures_per_class}
    for none in (LABELS * 0, np.arange(len(LABELS))):
        assert validation_batches(none, recipe, SEEN, BATCH) == []

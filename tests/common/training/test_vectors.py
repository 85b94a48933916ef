"""Loss and accuracy of validation, held against what Keras says of the same pictures."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from common.data.batches import one_hot
from common.recipes.embedding import HeadRecipe
from common.training.compiled import compile_embedding
from common.training.head_training import head_network
from common.training.vectors import ValidationLoss, channel_model, channels_of, split_channels

SEEN, WIDTH, BATCH = 6, 5, 12
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(9), 4))  # three are unseen
ROWS = np.random.default_rng(1).normal(size=(len(LABELS), WIDTH)).astype(np.float32)
LOSSES: dict[str, dict[str, Any]] = {
    "triplet": {},
    "contrastive": {"margin": 1.0},
    "arcface": {"scale": 8.0, "pictures_per_class": 0},
    "softmax": {"pictures_per_class": 0},
}


def trained(loss: str) -> tuple[Any, HeadRecipe, dict[str, np.ndarray]]:
    """A network as it begins, its recipe, and what it gives of validation."""
    import keras

    keras.utils.set_random_seed(0)
    recipe = HeadRecipe(loss=loss, batch_size=BATCH, embedding=4, hidden=0, **LOSSES[loss])
    model = head_network(recipe, WIDTH, SEEN)
    compile_embedding(model, recipe)
    given = channel_model(model, recipe).predict(ROWS, verbose=0)
    return model, recipe, split_channels(given, recipe)


@pytest.mark.parametrize("loss", ["arcface", "softmax"])
def test_classes_are_measured_on_those_that_train_has(loss: str) -> None:
    model, recipe, channels = trained(loss)
    found = ValidationLoss(LABELS, recipe, SEEN, BATCH).of(model, channels)
    seen = LABELS < SEEN
    targets = one_hot(LABELS[seen], SEEN)
    wanted = model.evaluate(ROWS[seen], targets, batch_size=len(targets), verbose=0)
    assert list(found) == ["val_loss", "val_accuracy"]
    np.testing.assert_allclose(list(found.values()), wanted, rtol=1e-4)
    assert ValidationLoss(LABELS + SEEN, recipe, SEEN, BATCH).of(model, channels) == {}
    # Where train's labels are others, whose classes the network predicts is not known.
    assert ValidationLoss(LABELS, recipe, None, BATCH).of(model, channels) == {}


@pytest.mark.parametrize("loss", ["triplet", "contrastive"])
def test_compared_pictures_are_of_all_classes_and_always_the_same(loss: str) -> None:
    model, recipe, channels = trained(loss)
    measure = ValidationLoss(LABELS, recipe, SEEN, BATCH)
    found = measure.of(model, channels)
    assert found == ValidationLoss(LABELS, recipe, SEEN, BATCH).of(model, channels)
    batches = measure.batches
    assert {len(rows) for rows in batches} == {BATCH}
    assert set(LABELS[np.concatenate(batches)].tolist()) == set(range(9))
    wanted = [
        model.evaluate(ROWS[rows], one_hot(LABELS[rows], 9), batch_size=BATCH, verbose=0)
        for rows in batches
    ]
    np.testing.assert_allclose(list(found.values()), np.mean(wanted, axis=0), rtol=1e-4)


def test_fewer_classes_than_a_batch_of_train_are_all_of_them_and_one_is_none() -> None:
    model, recipe, channels = trained("triplet")
    measure = ValidationLoss(LABELS % 2, recipe, SEEN, BATCH)
    assert {len(rows) for rows in measure.batches} == {2 * recipe.pictures_per_class}
    assert measure.of(model, channels)["val_loss"] > 0
    for none in (LABELS * 0, np.arange(len(LABELS))):
        assert ValidationLoss(none, recipe, SEEN, BATCH).of(model, channels) == {}


def test_a_penalty_of_the_weights_counts_as_in_training() -> None:
    import keras

    recipe = HeadRecipe(loss="softmax", pictures_per_class=0)
    inputs = keras.Input((WIDTH,))
    penalty = keras.regularizers.L2(0.5)
    outputs = keras.layers.Dense(SEEN, activation="softmax", kernel_regularizer=penalty)(inputs)
    model = keras.Model(inputs, outputs)
    compile_embedding(model, recipe)
    seen = LABELS < SEEN
    channels = {"classes": model.predict(ROWS, verbose=0)}
    found = ValidationLoss(LABELS, recipe, SEEN, BATCH).of(model, channels)
    wanted = model.evaluate(ROWS[seen], one_hot(LABELS[seen], SEEN), verbose=0, batch_size=64)
    assert found["val_loss"] == pytest.approx(wanted[0], rel=1e-4)


def test_what_a_network_with_a_loss_gives_of_a_picture() -> None:
    given = {loss: channels_of(HeadRecipe(loss=loss)) for loss in LOSSES}
    assert given["triplet"] == given["contrastive"] == ("embedding",)
    assert (given["arcface"], given["softmax"]) == (("embedding", "classes"), ("classes",))

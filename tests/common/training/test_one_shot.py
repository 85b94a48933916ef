"""Trials by a twin: the same order as its probabilities; epochs are compared by them."""

import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.networks.twin import build_twin
from common.recipes.one_shot import OneShotRecipe
from common.tasks.verification import Verification
from common.training.one_shot import OneShotTrainer, twin_scores


def test_scores_of_trials_are_what_the_sigmoid_takes() -> None:
    recipe = OneShotRecipe(
        image_size=65, miniature=True, head_layers="flatten, dense 16 sigmoid", optimizer="sgd"
    )
    twin = build_twin(Verification().output_layer(), None, recipe)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 65, 65, 3)).astype(np.float32)
    vectors = np.asarray(twin.get_layer("branch")(pictures))
    weights, bias = twin.layers[-1].get_weights()
    scores = twin_scores(vectors[:2], vectors[2:], weights[:, 0])
    assert scores.shape == (2, 3)
    for row, column in np.ndindex(2, 3):
        pair = np.stack([pictures[row], pictures[2 + column]])[None]
        expected = float(np.asarray(twin(pair))[0, 0])
        assert 1 / (1 + np.exp(-(scores[row, column] + bias[0]))) == pytest.approx(expected, 1e-4)


def test_an_epoch_is_better_with_more_trials_right_whatever_its_loss() -> None:
    judge = OneShotTrainer.judge
    better, worse = {"val_one_shot": 0.5, "val_loss": 9.0}, {"val_one_shot": 0.4, "val_loss": 0.1}
    assert judge(None, better) < judge(None, worse)  # type: ignore[arg-type]

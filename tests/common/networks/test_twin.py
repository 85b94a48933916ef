"""A twin network: one network for both pictures, published sizes, faults in one line."""

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.twin import build_twin
from common.recipe import override
from common.recipes.twin import TwinRecipe
from common.tasks.verification import Verification

TASK = Verification()
SMALL = TwinRecipe(image_size=65, miniature=True, head_layers="flatten, dense 16 sigmoid")


def built(**settings: Any) -> Any:
    return build_twin(TASK.output_layer(), None, override(SMALL, settings))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_the_order_of_a_pair_does_not_matter_and_equal_pictures_are_nearest() -> None:
    model, pairs = built(), noise(5, 2, 65, 65, 3)
    found = np.asarray(model(pairs))
    np.testing.assert_allclose(found, np.asarray(model(pairs[:, ::-1])), atol=1e-6)
    pairs[:, 1] = pairs[:, 0]
    np.testing.assert_allclose(np.asarray(model(pairs)), 0.5)  # what its bias says
    assert np.ptp(found) > 0


def test_grey_pictures_have_one_channel_and_colours_three() -> None:
    first = {grey: built(grey=grey).get_layer("branch").layers[-1] for grey in (True, False)}
    assert first  # both can be built
    weights = {grey: built(grey=grey).count_params() for grey in (True, False)}
    assert weights[False] - weights[True] == 2 * 10 * 10 * 8
    tinted = noise(1, 2, 65, 65, 3)
    grey = (tinted @ np.array([0.299, 0.587, 0.114]))[..., None].repeat(3, axis=-1)
    model = built()
    np.testing.assert_allclose(model(tinted), model(grey.astype(np.float32)), atol=1e-3)


def test_dropouts_and_normalization_are_where_the_recipe_says() -> None:
    def names(model: Any) -> list[str]:
        return [type(layer).__name__ for layer in model.get_layer("branch").layers]

    plain = names(built(batchnorm=False))
    assert (plain.count("BatchNormalization"), plain.count("Dropout")) == (0, 0)
    dropped = built(dropouts="0.1, 0, 0.8", head_layers="flatten, dropout 0.5, dense 16 sigmoid")
    rates = [layer.rate for layer in dropped.get_layer("branch").layers if hasattr(layer, "rate")]
    assert rates == [0.1, 0.8, 0.5]
    assert names(dropped).count("BatchNormalization") == 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dropouts": "0.1,0.2,0.3,0.4"}, "write up to three shares below 1 with commas"),
        ({"dropouts": "half"}, "setting dropouts=half: write up to three"),
        ({"dropouts": "1"}, "setting dropouts=1: write"),
        ({"image_size": 64}, "setting image_size=64: the twin's four convolutions need 65 pixels"),
        ({"head": "logistic", "freeze_backbone": True}, "a twin's last layer is dense"),
    ],
)
def test_a_wrong_setting_is_one_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        override(SMALL, settings)


def test_its_outputs_are_probabilities_of_both_classes() -> None:
    found = TASK.predictions(np.array([[0.25], [1.0]], np.float32))
    assert found.tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert TASK.predictions(found) is found
    TASK.check_predictions(found, "here")
    assert TASK.targets(np.array([1, 0])).tolist() == [[1.0], [0.0]]
    assert TASK.decide(found).tolist() == [0, 1]

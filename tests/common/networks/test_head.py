"""What stands between a backbone and the last layer, as text."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from common.networks.classifier import build_classifier
from common.networks.head import HeadLayer, add_head, parse_head
from common.recipe import override
from common.recipes.classifier import ClassifierRecipe
from common.tasks.classification import Classification

HEADS: dict[str, tuple[HeadLayer, ...]] = {
    "average": (HeadLayer("average"),),
    "average, dense 4096, dropout 0.2": (
        HeadLayer("average"),
        HeadLayer("dense", 4096),
        HeadLayer("dropout", rate=0.2),
    ),
    " dense 10 ,dense 6 tanh,flatten": (
        HeadLayer("dense", 10),
        HeadLayer("dense", 6, "tanh"),
        HeadLayer("flatten"),
    ),
    "max,flatten,batchnorm,dropout 0": (
        HeadLayer("max"),
        HeadLayer("flatten"),
        HeadLayer("batchnorm"),
        HeadLayer("dropout"),
    ),
}


@pytest.mark.parametrize("text", HEADS)
def test_a_head_is_read(text: str) -> None:
    assert parse_head(text) == HEADS[text]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no layer '': known are average, max, flatten, dense, dropout, batchnorm"),
        ("avrage", "there is no layer 'avrage': did you mean average?"),
        ("average,", "there is no layer ''"),
        ("average, dense", "write dense 256, or dense 256 tanh, for example, not 'dense'"),
        ("average, dense 5 relu 3", "not 'dense 5 relu 3'"),
        ("average, dense 0", "the units of dense are a number from 1 to 65,536"),
        ("average, dense 1e3", "the units of dense are a number"),
        ("average, dense 65537", "the units of dense are a number"),
        ("average, dense 5 rellu", "there is no activation 'rellu': did you mean relu"),
        ("average, dropout", "write dropout 0.2, for example, not 'dropout'"),
        ("average, dropout 1", "the rate of dropout is a number from 0 to below 1"),
        ("average, dropout nan", "the rate of dropout"),
        ("average, dropout much", "the rate of dropout"),
        ("average 2", "write average, for example, not 'average 2'"),
        ("dense 10, dropout 0.2", "it ends in a map: add average, max or flatten"),
        ("flatten, average", "average takes a map, and flatten has made rows of it"),
        ("average, dense 5, max", "max takes a map, and average has made rows of it"),
    ],
)
def test_what_is_no_head_is_refused_by_the_recipe(text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        override(ClassifierRecipe(), {"head_layers": text})
    assert str(caught.value).startswith(f"setting head_layers={text}: ")
    assert said in str(caught.value)


@given(
    st.lists(st.sampled_from(["average", "flatten", "dense 5", "batchnorm", "dropout 0.1", "x"]))
)
def test_a_head_is_built_to_rows_or_refused_in_one_line(words: list[str]) -> None:
    import keras

    try:
        layers = parse_head(", ".join(words))
    except UserError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
        return
    assert len(add_head(keras.KerasTensor((None, 4, 4, 3)), layers).shape) == 2
    assert len(layers) == len(words)


def test_the_layers_are_keras_own_and_dense_is_of_each_position() -> None:
    import keras

    inputs = keras.Input((2, 3, 4))
    text = "batchnorm, dense 5 tanh, dropout 0.3, flatten, dense 7"
    model = keras.Model(inputs, add_head(inputs, parse_head(text)))
    kinds = [type(layer).__name__ for layer in model.layers[1:]]
    assert kinds == ["BatchNormalization", "Dense", "Dropout", "Flatten", "Dense"]
    _, normalised, dense, dropout, _, last = model.layers
    assert (dense.kernel.shape, last.kernel.shape) == ((4, 5), (2 * 3 * 5, 7))
    assert (dense.activation.__name__, last.activation.__name__) == ("tanh", "relu")
    assert dropout.rate == 0.3
    maps = np.random.default_rng(0).normal(size=(2, 2, 3, 4)).astype("float32")
    at_each = np.tanh(maps @ dense.kernel.numpy() / np.sqrt(1 + normalised.epsilon))
    found = keras.Model(inputs, model.layers[4].output)(maps)
    np.testing.assert_allclose(found, at_each.reshape(2, -1), atol=1e-5)


@pytest.mark.parametrize("miniature", [False, True])
def test_the_usual_head_is_average_pooling_and_a_miniature_has_the_same_head(
    miniature: bool,
) -> None:
    recipe: Any = ClassifierRecipe(
        backbone="MobileNet", image_size=32, crop_margin=0, weights=None, miniature=miniature
    )
    task = Classification(("a", "b", "c"))

    def last(**settings: Any) -> list[str]:
        model = build_classifier(task.output_layer(), None, override(recipe, settings))
        assert model.output_shape == (None, 3)
        assert model.name == "mobilenet"
        return [type(layer).__name__ for layer in model.layers[-4:]]

    assert last()[2:] == ["GlobalAveragePooling2D", "Dense"]
    assert last()[1] != "Dense"
    assert last(head_layers="dense 4, dropout 0.5, flatten") == [
        *("Dense", "Dropout", "Flatten", "Dense"),
    ]

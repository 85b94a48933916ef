"""Layers of a frozen backbone that are trained all the same, by names that no session changes."""

from typing import Any

import numpy as np
import pytest

from common.errors import UserError
from common.networks.backbones import build_backbone
from common.networks.classifier import build_body, build_classifier, freeze
from common.networks.unfreeze import Place, Span, backbone_layers, parse_unfreeze, unfrozen
from common.recipe import override
from common.recipes.classifier import ClassifierRecipe
from common.tasks.classification import Classification
from common.training.model import parameter_counts
from support import legacy_weights

pytestmark = pytest.mark.slow
RECIPE: Any = ClassifierRecipe(
    backbone="InceptionV3", weights=None, freeze_backbone=True, image_size=75, crop_margin=0
)
THIRD, LAST = "input+7..input+11", "mixed9+20..mixed9+22"


@pytest.fixture(scope="module", params=["first in its session", "after another"])
def inception(request: pytest.FixtureRequest) -> Any:
    """An InceptionV3 whose counters begin at 0, and one with others' numbers."""
    import keras

    keras.backend.clear_session()
    if request.param == "after another":
        build_backbone("InceptionV3", None, 75)
    return build_backbone("InceptionV3", None, 75)


def test_text_is_read() -> None:
    assert parse_unfreeze("a, b+2 ,c..d+ 1,e+3.., input") == (
        Span(Place("a"), Place("a")),
        Span(Place("b", 2), Place("b", 2)),
        Span(Place("c"), Place("d", 1)),
        Span(Place("e", 3), None),
        Span(Place("input"), Place("input")),
    )


@pytest.mark.parametrize("text", ["a,", "..b", "a b", "a+", "a+b", "a+-1", "a+999999", "+3"])
def test_other_text_is_refused_by_the_recipe(text: str) -> None:
    with pytest.raises(UserError, match="is none of LAYER, LAYER") as caught:
        override(RECIPE, {"unfreeze": text})
    assert str(caught.value).startswith(f"setting unfreeze={text}: ")


def test_a_network_that_is_trained_whole_has_nothing_to_unfreeze() -> None:
    with pytest.raises(UserError, match="unfreeze=mixed9: all of the backbone is trained: leave"):
        override(RECIPE, {"unfreeze": "mixed9", "freeze_backbone": False})
    small = override(RECIPE, {"unfreeze": "mixed9", "freeze_backbone": False, "miniature": True})
    assert build_body(None, small).name == "miniature"


def test_inceptions_layers_are_those_of_the_published_numbers(inception: Any) -> None:
    import keras

    plain = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    layers = backbone_layers(inception)
    assert len(layers) == 311
    assert [type(one) for one in layers] == [type(one) for one in plain.layers]
    assert unfrozen(layers, THIRD, "x") == set(range(7, 12))
    assert unfrozen(layers, LAST, "x") == set(range(299, 302))
    assert unfrozen(layers, "mixed9..", "x") == set(range(279, 311))
    assert unfrozen(layers, f"{THIRD}, {LAST}", "x") == {*range(7, 12), *range(299, 302)}
    assert [layers[n].kernel.shape for n in (7, 11, 299)] == [
        *((3, 3, 32, 64), (1, 1, 64, 80), (1, 1, 2048, 192)),
    ]
    # The normalisation of another branch, of 320 channels.
    assert layers[300].beta.shape == (320,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mixed19", "has no layer 'mixed19': did you mean mixed"),
        ("conv2d_93", "has no layer 'conv2d_93': Keras counts anew in each session; in a new one "
         "this is mixed9+20"),
        ("conv2d", "in a new one this is input+1"),
        ("batch_normalization_5..", "in a new one this is "),
        ("conv2d_999", "has no layer 'conv2d_999': "),
        ("mixed9+32", "inceptionv3 has 31 layers behind mixed9"),
        ("mixed9..mixed8", "mixed8 comes before mixed9"),
        ("mixed9..mixed9", "nothing would be learned: these layers have no weights"),
    ],
)  # fmt: skip
def test_layers_that_there_are_not_are_one_line(inception: Any, text: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        unfrozen(backbone_layers(inception), text, inception.name)
    assert str(caught.value).startswith(f"setting unfreeze={text}: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("text", "trainable"), [(THIRD, 44_828), (LAST, 414_748)])
def test_what_is_trained_is_what_was_published(text: str, trainable: int) -> None:
    head = {"head_layers": "dense 10, dropout 0.2, flatten", "image_size": 255}
    recipe = override(RECIPE, {**head, "unfreeze": text})
    task = Classification(("NORMAL", "PNEUMONIA"))
    counts = parameter_counts(build_classifier(task.output_layer(), None, recipe))
    assert counts == {"total_parameters": 21_823_996, "trainable_parameters": trainable}


@pytest.mark.parametrize(
    ("backbone", "text", "kinds"),
    [
        ("MobileNet", "conv_pw_13..", {"conv_pw_13", "conv_pw_13_bn"}),
        ("EfficientNetB0", "block7a_project_conv..top_bn",  # a network within a network
         {"block7a_project_conv", "block7a_project_bn", "top_conv", "top_bn"}),
        ("EfficientNetLite0", "head, head_bn", {"head", "head_bn"}),
    ],
)  # fmt: skip
def test_layers_that_are_not_unfrozen_stay_exactly_as_they_are(
    backbone: str, text: str, kinds: set[str]
) -> None:
    import keras

    recipe = override(RECIPE, {"backbone": backbone, "unfreeze": text, "image_size": 64})
    body = build_body(None, recipe)
    legacy_weights.randomise(body.layers[-1] if len(body.layers) == 3 else body)
    head = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(body.output))
    model = keras.Model(body.input, head)
    layers = backbone_layers(body)
    assert body.trainable_weights
    assert any(layer.trainable_weights for layer in model.layers[:-1])  # of a network in it, too
    before = [layer.get_weights() for layer in layers]
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (8, 64, 64, 3)).astype("float32")
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    model.fit(pictures, generator.normal(size=(8, 2)), epochs=1, verbose=0)
    changed = {}
    for layer, old in zip(layers, before, strict=True):
        same = [np.array_equal(*pair) for pair in zip(layer.get_weights(), old, strict=True)]
        if not all(same):
            changed[layer.name] = same
    assert set(changed) == kinds
    # The moving statistics of what is trained follow the batches, too.
    assert not any(any(same) for same in changed.values())


def test_a_frozen_network_with_nothing_unfrozen_has_nothing_to_train() -> None:
    body = build_backbone("MobileNet", None, 32)
    freeze(body)
    assert body.trainable_weights == []

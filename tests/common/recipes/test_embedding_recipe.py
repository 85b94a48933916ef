"""The recipe of an embedding: what its fields may be, and which fit each other."""

from typing import Any

import pytest

from common.errors import UserError
from common.recipe import field_types, override
from common.recipes.embedding import LOSSES, METRIC_LOSSES, EmbeddingRecipe
from competitions.painter_by_numbers import classes, margin, submodel, supermodel, triplets


@pytest.mark.parametrize(
    ("recipe", "settings", "said"),
    [
        (EmbeddingRecipe(), {"loss": "triplets"}, "loss=triplets: did you mean triplet"),
        (EmbeddingRecipe(), {"miner": "batch_hard"}, "miner=batch_hard: did you mean batch-hard"),
        (EmbeddingRecipe(), {"margin": -0.1}, "margin=-0.1: it must be from 0 to 100"),
        (
            EmbeddingRecipe(),
            {"loss": "arcface", "margin": 1.5},
            "margin=1.5: arcface takes less",
        ),
        (EmbeddingRecipe(), {"patience": -1}, "patience=-1: it must be at least 0"),
        # Of each class that a recipe is made from.
        (EmbeddingRecipe(), {"rotation": 181}, "rotation=181.0: it must be from 0 to 180"),
        (EmbeddingRecipe(), {"lr_max": 1e30}, r"lr_max=1e\+30: it must be from 0 to 10"),
        (EmbeddingRecipe(), {"lr_max": 1e-6}, "lower lr_min"),
        (triplets.KERNEL.recipe, {"networks": 101}, "networks=101: it must be from 0 to 100"),
        (triplets.KERNEL.recipe, {"kernel_size": 16}, "kernel_size=16: it must be from 1 to 15"),
        (classes.KERNEL.recipe, {"l2": 1.1}, "l2=1.1: it must be from 0 to 1"),
        (margin.KERNEL.recipe, {"pooling": "averag"}, "pooling=averag: did you mean average"),
        (margin.KERNEL.recipe, {"preprocessing": "x"}, "preprocessing=x: known are backbone, 1/2"),
    ],
)
def test_a_field_out_of_its_range_is_one_line(
    recipe: Any, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        override(recipe, settings)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("batch_size", "pictures_per_class"), [(16, 3), (6, 4), (16, 1), (16, 0), (16, 4), (16, 16)]
)
def test_a_batch_is_of_whole_classes_or_of_pictures_as_they_come(
    loss: str, batch_size: int, pictures_per_class: int
) -> None:
    settings = {"batch_size": batch_size, "pictures_per_class": pictures_per_class}
    whole = pictures_per_class > 1 and batch_size % pictures_per_class == 0
    if whole or (loss not in METRIC_LOSSES and not pictures_per_class):
        assert EmbeddingRecipe(loss=loss, **settings).batch_size == batch_size
        return
    with pytest.raises(UserError, match="a batch is of whole classes") as caught:
        EmbeddingRecipe(loss=loss, **settings)
    assert ("or 0 for pictures as they come" in str(caught.value)) == (loss not in METRIC_LOSSES)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_soft_margin_is_of_triplets(loss: str) -> None:
    if loss in ("triplet", "softmax"):
        assert EmbeddingRecipe(loss=loss, margin=None).margin is None
    else:
        with pytest.raises(UserError, match=f"margin=none: loss={loss} needs a number"):
            EmbeddingRecipe(loss=loss, margin=None)


@pytest.mark.parametrize(
    ("recipe", "setting"),
    [
        (supermodel.KERNEL.recipe, {"rotation": 15}),
        (supermodel.KERNEL.recipe, {"image_size": 64}),
        (supermodel.KERNEL.recipe, {"batchnorm_momentum": 0.9}),
        (triplets.KERNEL.recipe, {"backbone": "MobileNet"}),
        (classes.KERNEL.recipe, {"weights": "imagenet"}),
        (submodel.KERNEL.recipe, {"freeze_backbone": True}),
    ],
)
def test_a_field_that_would_do_nothing_is_refused(recipe: Any, setting: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"unknown setting '{next(iter(setting))}'"):
        override(recipe, setting)


def test_a_head_and_a_network_have_what_is_learnt_in_common() -> None:
    head, network = (set(field_types(r)) for r in (supermodel.KERNEL.recipe, EmbeddingRecipe()))
    assert head - network == {"hidden", "dropout"}
    assert {"loss", "margin", "patience", "lr_max", "ema"} < head

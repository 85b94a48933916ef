"""Recipes change by name; what a field cannot be, or what does not fit, is refused with a hint."""

from dataclasses import dataclass
from typing import Any

import pytest

from common.errors import UserError
from common.parameters import Parameters
from common.recipe import field_types, nearest, override, split_setting, typed
from common.recipes.classifier import ClassifierRecipe
from common.recipes.embedding import LOSSES, METRIC_LOSSES, EmbeddingRecipe
from competitions.painter_by_numbers import classes, margin, submodel, supermodel, triplets


@dataclass(frozen=True)
class Recipe:
    epochs: int = 25
    learning_rate: float = 5e-5
    refit: bool = True
    weights: str | None = "imagenet"
    momentum: float | None = None


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"epochs": "3"}, "epochs", 3),
        ({"learning_rate": "1e-3"}, "learning_rate", 1e-3),
        ({"learning_rate": 2}, "learning_rate", 2.0),
        ({"refit": "off"}, "refit", False),
        ({"refit": True}, "refit", True),
        ({"weights": "none"}, "weights", None),
        ({"weights": "noisy-student"}, "weights", "noisy-student"),
        ({"momentum": "0.8"}, "momentum", 0.8),
        ({"momentum": None}, "momentum", None),
    ],
)
def test_a_setting_takes_its_fields_type(settings: dict, field: str, value: object) -> None:
    changed = getattr(override(Recipe(), settings), field)
    assert changed == value
    assert type(changed) is type(value)


SUPERMODEL, TRIPLETS = supermodel.KERNEL.recipe, triplets.KERNEL.recipe
SUBMODEL, CLASSES, MARGIN = submodel.KERNEL.recipe, classes.KERNEL.recipe, margin.KERNEL.recipe


FITTED = ClassifierRecipe(head="logistic", freeze_backbone=True, crop_margin=0)


@pytest.mark.parametrize(
    ("recipe", "settings", "said"),
    [
        (Recipe(), {"epoch": "3"}, "unknown setting 'epoch': did you mean epochs?"),
        (Recipe(), {"zzz": "3"}, "known are epochs, learning_rate, refit, weights, momentum"),
        (Recipe(), {"epochs": "three"}, "epochs=three: give a whole number"),
        (Recipe(), {"epochs": "2.5"}, "epochs=2.5: give a whole number"),
        (Recipe(), {"refit": "maybe"}, "refit=maybe: give yes or no"),
        (Recipe(), {"momentum": "fast"}, "momentum=fast: give a number or none"),
        (Recipe(), {"epochs": "none"}, "epochs=none: give a whole number"),
        (Recipe(), {"learning_rate": "nan"}, "learning_rate=nan"),
        (Recipe(), {"learning_rate": "inf"}, "learning_rate=inf"),
        # Out of its range, of each class that a recipe is made from.
        (EmbeddingRecipe(), {"loss": "triplets"}, "loss=triplets: did you mean triplet"),
        (EmbeddingRecipe(), {"miner": "batch_hard"}, "miner=batch_hard: did you mean batch-hard"),
        (EmbeddingRecipe(), {"margin": -0.1}, "margin=-0.1: it must be from 0 to 100"),
        (EmbeddingRecipe(), {"patience": -1}, "patience=-1: it must be at least 0"),
        (EmbeddingRecipe(), {"rotation": 181}, "rotation=181.0: it must be from 0 to 180"),
        (EmbeddingRecipe(), {"lr_max": 1e30}, r"lr_max=1e\+30: it must be from 0 to 10"),
        (TRIPLETS, {"networks": 101}, "networks=101: it must be from 0 to 100"),
        (TRIPLETS, {"kernel_size": 16}, "kernel_size=16: it must be from 1 to 15"),
        (CLASSES, {"l2": 1.1}, "l2=1.1: it must be from 0 to 1"),
        (MARGIN, {"pooling": "averag"}, "pooling=averag: did you mean average"),
        (MARGIN, {"preprocessing": "x"}, "preprocessing=x: known are backbone, 1/2"),
        (ClassifierRecipe(), {"lr_decay": 8.0}, "lr_decay=8.0: it must be from 0 to 1"),
        (ClassifierRecipe(), {"schedule": "cosin"}, "schedule=cosin: did you mean cosine"),
        (SUBMODEL, {"parts": 0}, "parts=0: it must be from 1"),
        # What does not fit.
        (EmbeddingRecipe(), {"lr_max": 1e-6}, "lower lr_min"),
        (EmbeddingRecipe(), {"loss": "arcface", "margin": 1.5}, "margin=1.5: arcface takes less"),
        (ClassifierRecipe(), {"lr_min": 1e-3}, "settings lr_min=0.001 lr_max=5e-05: lower lr_min"),
        (ClassifierRecipe(), {"lr_max": 0.0}, "setting lr_max=0: nothing would be learned"),
        (ClassifierRecipe(), {"schedule": "piecewise"}, "lr_rates='': '' is no EPOCH: RATE: write"),
        (ClassifierRecipe(), {"lr_rates": "0: 1e-3, 4"}, "'4' is no EPOCH: RATE"),
        (ClassifierRecipe(), {"lr_rates": "0: fast"}, "'0: fast' is no EPOCH: RATE"),
        (ClassifierRecipe(), {"lr_rates": "1: 1e-3"}, "epochs rise, and the first is 0"),
        (ClassifierRecipe(), {"lr_rates": "-1: 1e-3"}, "epochs rise, and the first is 0"),
        (ClassifierRecipe(), {"lr_rates": "0: 1e-3, 0: 1e-4"}, "epochs rise"),
        (ClassifierRecipe(), {"lr_rates": "0: 1e-3, 4: 1e-4, 3: 1e-5"}, "epochs rise"),
        (ClassifierRecipe(), {"lr_rates": "0: 1e-3, 4: 0"}, "a rate is above 0, and at most 10"),
        (ClassifierRecipe(), {"lr_rates": "0: 10.1"}, "a rate is above 0, and at most 10"),
        (ClassifierRecipe(), {"lr_rates": "0: nan"}, "a rate is above 0, and at most 10"),
        (ClassifierRecipe(), {"balance": "copy"}, "balance=copy: did you mean copies?"),
        (ClassifierRecipe(), {"balance": "augmented", "crop_margin": 0}, "nothing augments the"),
        (ClassifierRecipe(), {"balance": "augmented", "cutmix": 1}, "cutmix=1: it mixes all"),
        (ClassifierRecipe(), {"balance": "copies", "logit_adjustment": 1}, "of one size already"),
        (ClassifierRecipe(), {"loss": "focall"}, "loss=focall: did you mean focal?"),
        (ClassifierRecipe(), {"loss": "focal", "logit_adjustment": 1}, "is of loss=crossentropy"),
        (ClassifierRecipe(), {"loss": "hinge", "label_smoothing": 0.1}, "loss=hinge label_smooth"),
        (ClassifierRecipe(), {"split": "random", "folds": 3}, "split=random: folds are of train"),
        (ClassifierRecipe(), {"fold": 3}, "settings folds=0 fold=3"),
        (ClassifierRecipe(), {"folds": 3, "fold": 3}, "settings folds=3 fold=3"),
        (
            ClassifierRecipe(),
            {"folds": 3, "fold": 6, "repeats": 2},
            "folds=3 fold=6: folds",
        ),
        (ClassifierRecipe(), {"repeats": 2}, "setting repeats=2: there are no folds to repeat"),
        (ClassifierRecipe(), {"folds": 1}, "settings folds=1 fold=0: folds are 2 or more"),
        (ClassifierRecipe(), {"tta": 16, "crop_margin": 0}, "without a crop_margin there are 8"),
        # A head that is fitted at once.
        (
            FITTED,
            {"head_layers": "average, dense 9"},
            "settings head=logistic head_layers=average, dense 9: it is fitted on what the backb",
        ),
        (
            FITTED,
            {"head_layers": "flatten, dropout 0.1"},
            "without dropout between: take head=dense",
        ),
        (
            FITTED,
            {"head_layers": "average, dense 9", "freeze_backbone": False},
            "without dense between: take head=dense",
        ),
        (
            FITTED,
            {"head_layers": "average, batchnorm", "unfreeze": "mixed9.."},
            "without batchnorm between",
        ),
        (TRIPLETS, {"networks": 3, "network": 3}, "networks=3 network=3: they count from 0"),
        (SUBMODEL, {"part": 10}, "parts=10 part=10: they count from 0"),
        (SUBMODEL, {"artists": 19}, "parts=10 artists=19: a batch of 10 artists, and a part has 1"),
        (SUBMODEL, {"artists": 50}, "artists, and a part has 5: lower parts, or batch_size to 20"),
        # What would do nothing.
        (SUPERMODEL, {"rotation": 15}, "unknown setting 'rotation'"),
        (SUPERMODEL, {"batchnorm_momentum": 0.9}, "unknown setting 'batchnorm_momentum'"),
        (TRIPLETS, {"backbone": "MobileNet"}, "unknown setting 'backbone'"),
        (CLASSES, {"weights": "imagenet"}, "unknown setting 'weights'"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(recipe: Any, settings: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        override(recipe, settings)
    assert "\n" not in str(caught.value)


def test_a_head_is_fitted_at_once_where_nothing_else_is_trained() -> None:
    assert FITTED.trains_on_features
    assert override(FITTED, {"head_layers": "max, flatten"}).folds_together
    dropped = {"head_layers": "average, dropout 0.2", "horizontal_flip": 0.5}
    for whole in ({"freeze_backbone": False}, {"unfreeze": "mixed9.."}):
        begins = override(FITTED, {**dropped, **whole})
        assert not begins.trains_on_features
        assert not begins.folds_together


@pytest.mark.parametrize("text", ["epochs", "=3", ""])
def test_a_setting_needs_a_key_and_a_value(text: str) -> None:
    with pytest.raises(UserError, match="KEY=VALUE"):
        split_setting(text)
    assert split_setting("weights = a=b") == ("weights", "a=b")


def test_an_unknown_setting_names_the_nearest_or_where_all_are_listed() -> None:
    for key, said in (
        ("C", "unknown setting 'C': docs/reference.md lists all of them"),
        ("Epoch", "did you mean epochs? docs/reference.md lists"),
        ("lr", "did you mean lr_"),
        ("size", "did you mean batch_size or image_size?"),
    ):
        with pytest.raises(UserError) as caught:
            override(ClassifierRecipe(), {key: "1"})
        assert said in str(caught.value)
        assert "total_parameters" not in str(caught.value)
    assert nearest("x", map(str, range(20))).endswith(", 14, 15, and 4 more")


def test_parameters_go_round_and_hold_only_what_differs() -> None:
    parameters = Parameters("densenet201", nonce="n", full_size={"epochs": 3}, sources={"a": "b/c"})
    assert set(parameters.to_dict()) == {"kernel", "nonce", "full_size", "sources"}
    assert Parameters.from_dict(parameters.to_dict()) == parameters
    with pytest.raises(UserError, match="unknown kernel parameter 'sed': did you mean seed"):
        Parameters.from_dict({"sed": 1})


def test_settings_get_their_types_without_having_to_fit_the_recipe() -> None:
    assert typed(ClassifierRecipe(), {"fold": "3"}) == {"fold": 3}
    with pytest.raises(UserError, match="fold=x: give a whole number"):
        typed(ClassifierRecipe(), {"fold": "x"})


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("batch_size", "pictures_per_class"), [(16, 3), (6, 4), (16, 1), (16, 0), (16, 4), (16, 16)]
)
def test_a_batch_is_of_whole_classes_or_of_pictures_as_they_come(
    loss: Any, batch_size: int, pictures_per_class: int
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
def test_the_soft_margin_is_of_triplets(loss: Any) -> None:
    if loss in ("triplet", "softmax"):
        assert EmbeddingRecipe(loss=loss, margin=None).margin is None
    else:
        with pytest.raises(UserError, match=f"margin=none: loss={loss} needs a number"):
            EmbeddingRecipe(loss=loss, margin=None)


def test_a_head_and_a_network_have_what_is_learnt_in_common() -> None:
    head, network = (set(field_types(recipe)) for recipe in (SUPERMODEL, EmbeddingRecipe()))
    assert head - network == {"hidden", "dropout"}
    assert {"loss", "margin", "patience", "lr_max", "ema"} < head

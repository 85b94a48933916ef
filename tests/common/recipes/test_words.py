"""A recipe in words and in plain values."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from common.data.dealing import stratified_folds
from common.errors import UserError
from common.recipe import field_types, override
from common.recipes.classifier import ClassifierRecipe
from common.recipes.embedding import LOSSES, EmbeddingRecipe
from common.recipes.hours import scaled_hours
from common.recipes.unused import check_used, unused_settings
from common.recipes.words import describe_recipe, recipe_facts, training_pictures
from common.tasks.multilabel import MultiLabel
from competitions.labeled_faces import twin
from competitions.painter_by_numbers import lite, submodel, triplets
from competitions.petals_to_metal import densenet201, efficientnetlite0


@dataclass(frozen=True)
class Forest:
    trees: int = 100


def test_a_recipe_without_the_pictures_has_no_steps() -> None:
    loss = MultiLabel(("round", "red")).loss_in_words
    assert (
        describe_recipe(densenet201.KERNEL.recipe, 8, loss=loss).items()
        >= {
            "size": "331 x 331 pixels",
            "parameters": "18,521,768 in all, 18,292,712 trainable",
            "loss": "binary cross-entropy",
            "epochs": "25 on train",
            "refit": "25 epochs of a new network on train + val",
        }.items()
    )


def test_what_is_seen_of_a_picture_is_said() -> None:
    faces = override(lite.KERNEL.recipe, {"crop_share": 0.6, "fit": "crop"})
    assert (
        describe_recipe(faces)["square"] == "the middle 60% of each side; the centre of a picture"
    )
    assert "square" not in describe_recipe(lite.KERNEL.recipe)


def test_a_twins_tower_is_said() -> None:
    recipe = override(twin.KERNEL.recipe, {"dropouts": "0.1, 0.8, 0.8"})
    said = "grey pictures, BatchNormalization, dropouts 0.1, 0.8, 0.8, L2 penalty 0.001"
    assert describe_recipe(recipe)["tower"] == said
    plain = override(recipe, {"grey": False, "batchnorm": False, "dropouts": "", "l2": 0.0})
    assert describe_recipe(plain)["tower"] == "pictures in colour"
    other = override(recipe, {"backbone": "MobileNet", "weights": "imagenet"})
    assert "tower" not in describe_recipe(other)


def test_one_of_several_networks_says_so() -> None:
    assert describe_recipe(submodel.KERNEL.recipe)["parts"] == "one of 10"
    several = override(triplets.KERNEL.recipe, {"networks": 3})
    assert describe_recipe(several)["networks"] == "one of 3"
    small = override(triplets.KERNEL.recipe, {"networks": 1, "miniature": True})
    assert "networks" not in describe_recipe(small)
    assert describe_recipe(small)["parameters"] == "those of a miniature of the network"


def test_an_embedding_waits_for_the_auc_of_pairs() -> None:
    rows = describe_recipe(triplets.KERNEL.recipe, 2)
    assert "whenever 4 epochs brought no higher AUC of validation's pairs" in rows["schedule"]
    assert rows["patience"] == "12 epochs without a higher AUC of validation's pairs"
    assert rows["batch"] == "160 = 80 x 2 replicas"


@pytest.mark.parametrize("schedule", ["ramp", "cosine"])
@pytest.mark.parametrize(("epochs", "ramp"), [(3, 3), (3, 9), (1, 5)])
def test_a_ramp_that_is_longer_than_the_training_is_said(
    schedule: str, epochs: int, ramp: int
) -> None:
    changes = {"schedule": schedule, "epochs": epochs, "lr_ramp_epochs": ramp}
    said = f"; its ramp of {ramp} epochs does not come to lr_max"
    assert describe_recipe(override(ClassifierRecipe(), changes))["schedule"].endswith(said)
    shorter = override(ClassifierRecipe(), {**changes, "lr_ramp_epochs": epochs - 1})
    assert "does not come" not in describe_recipe(shorter)["schedule"]


def test_a_schedule_without_a_ramp_begins_at_its_highest_rate() -> None:
    falling = override(ClassifierRecipe(), {"schedule": "cosine", "lr_max": 1e-3, "epochs": 6})
    assert describe_recipe(falling)["schedule"].startswith(
        "cosine, lr_max 0.001 x 1: 0.001 in the first epoch, "
    )
    assert " in epoch " not in describe_recipe(falling)["schedule"]


@pytest.mark.parametrize("kernel", [densenet201.KERNEL, submodel.KERNEL, triplets.KERNEL])
def test_any_value_of_a_setting_is_planned_or_refused_in_one_line(kernel: Any) -> None:
    numbers = ("-1", "0", "1", "2", "nan", "inf", "-inf", "1e308", "1e-320", "0x10", "9" * 200)
    refused = []
    for key in field_types(kernel.recipe):
        for value in (*numbers, "", "none", "true", "é\x1b[31m", "x" * 200):
            try:
                recipe = override(kernel.recipe, {key: value})
                words = describe_recipe(recipe, 8, {"train": 100, "val": 10})
                json.dumps([words, recipe_facts(recipe), scaled_hours(1.0, recipe, recipe)])
            except UserError as error:
                refused.append(str(error))
    assert [said for said in refused if len(said.splitlines()) > 1 or len(said) > 999] == []


def test_any_dataclass_is_a_recipe() -> None:
    assert describe_recipe(Forest()) == recipe_facts(Forest()) == {}


def test_a_recipe_in_plain_values() -> None:
    facts = recipe_facts(override(densenet201.KERNEL.recipe, {"epochs": 2, "folds": 3, "fold": 1}))
    assert facts == {
        **{"image_size": 331, "batch_size": 16, "epochs": 2, "folds": 3, "fold": 1},
        **{"total_parameters": 18_521_768, "trainable_parameters": 18_292_712},
        "learning_rates": pytest.approx([1e-5, 1.8e-5]),
    }
    assert recipe_facts(densenet201.KERNEL.resolve(small=True))["miniature"] is True
    assert recipe_facts(densenet201.KERNEL.recipe)["refit_epochs"] == 25


def test_what_is_fitted_at_once_has_a_refit_without_epochs() -> None:
    frozen = lite.KERNEL.recipe
    assert describe_recipe(frozen)["refit"] == "once more on train + val"
    assert describe_recipe(override(frozen, {"refit": False}))["refit"] == "none"


def test_settings_that_a_loss_does_not_use_are_named() -> None:
    unused = {loss: unused_settings({"loss": loss}) for loss in LOSSES}
    assert unused["triplet"] == {"scale": "loss=triplet"}
    assert set(unused["contrastive"]) == {"miner", "scale"}
    assert set(unused["arcface"]) == set(unused["cosface"]) == {"distance", "miner"}
    assert set(unused["softmax"]) <= set(vars(EmbeddingRecipe()))
    assert unused_settings({"epochs": 3}) == {}


def test_a_setting_that_changes_nothing_is_refused() -> None:
    logistic = efficientnetlite0.KERNEL.recipe
    dense, ramp = override(logistic, {"head": "dense"}), densenet201.KERNEL.recipe
    for settings, recipe, said in (
        ({"epochs": 3}, logistic, "--set epochs=3 changes nothing: it has head=logistic; leave it"),
        ({"label_smoothing": 0.1}, logistic, "it has head=logistic"),
        ({"loss": "focal"}, logistic, "it has head=logistic"),
        ({"lr_patience": 2}, ramp, "it has schedule=ramp"),
        ({"lr_min": 0}, override(ramp, {"schedule": "constant"}), "it has schedule=constant"),
        ({"lr_start": 0}, override(ramp, {"schedule": "step"}), "it has schedule=step"),
        ({"padding": "edge"}, ramp, "it has fit=squash"),
        ({"miner": "batch-all"}, override(triplets.KERNEL.recipe, {"loss": "arcface", "margin": 1}),
         "it has loss=arcface"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            check_used(settings, [("it", recipe)])
    check_used({"epochs": 3}, [("it", logistic), ("another", dense)])
    with pytest.raises(UserError, match=r"^epochs=3 changes nothing: it has head=logistic"):
        check_used({"epochs": 3}, [("it", logistic)], "")
    # Every field of a schedule that another one does not use changes what its own draws.
    changed = {"lr_start": 2e-5, "lr_min": 2e-5, "lr_ramp_epochs": 2, "lr_sustain_epochs": 4}
    changed |= {"lr_decay": 0.5, "lr_patience": 1, "lr_max": 1e-4, "lr_rates": "0: 1e-3, 9: 2e-3"}
    for schedule in ("ramp", "constant", "cosine", "step", "plateau", "piecewise"):
        recipe = ClassifierRecipe(schedule=schedule, lr_rates="0: 1e-3", lr_ramp_epochs=1)
        unused = unused_settings(vars(recipe))
        for field, value in changed.items():
            rates = [
                [one.learning_rate(epoch, 1, [1.0] * epoch) for epoch in range(20)]
                for one in (recipe, override(recipe, {field: value}))
            ]
            assert (rates[0] == rates[1]) == (field in unused), (schedule, field)


def test_the_rates_of_a_piecewise_schedule_are_said_with_epochs_from_1() -> None:
    recipe = ClassifierRecipe(schedule="piecewise", lr_rates="0: 5e-4, 4: 2e-4, 25: 1")
    words = describe_recipe(recipe, 8)["schedule"]
    assert words == "piecewise x 8: 0.0005 from epoch 1, 0.0002 from epoch 5"


@pytest.mark.parametrize("split", ["random", "grouped"])
def test_a_split_of_all_pictures_is_said(split: Any) -> None:
    recipe = ClassifierRecipe(split=split, batch_size=10)
    words = describe_recipe(recipe, 1, {"train": 600, "val": 100, "test": 300})
    assert words["split"].startswith("all labelled pictures 70/15/15")
    assert words["epochs"] == "25 on train, 70 steps each"
    assert words["refit"].endswith("on train + val, 85 steps each")
    others = ClassifierRecipe(split="random-validation", batch_size=10)
    words = describe_recipe(others, 1, {"train": 600, "val": 100, "test": 300})
    assert words["split"] == "train and validation 85/15 at random, groups on both sides"
    assert words["epochs"] == "25 on train, 60 steps each"
    assert words["refit"].endswith("on train + val, 70 steps each")
    given = describe_recipe(ClassifierRecipe(), 1, {"train": 600, "val": 100})
    assert "split" not in given
    unused = {one: unused_settings({"folds": 0, "split": one}) for one in ("given", split)}
    assert "near_duplicates" in unused["given"]
    assert ("near_duplicates" in unused[split]) == (split == "random")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (ClassifierRecipe(), "a fifth by patient"),
        (ClassifierRecipe(split="random"), "all labelled pictures 70/15/15 at random"),
        (ClassifierRecipe(folds=5), None),  # folds say it themselves
        (Forest(), None),
    ],
)
def test_how_a_competition_makes_validation_is_said(recipe: Any, said: str | None) -> None:
    assert describe_recipe(recipe, validation="a fifth by patient").get("split") == said


def test_the_loss_of_a_recipe_is_said_and_changes_no_network() -> None:
    recipe = densenet201.KERNEL.resolve(settings={"loss": "focal", "label_smoothing": 0.1})
    words = describe_recipe(recipe, loss="cross-entropy")
    assert words["loss"] == "focal loss, gamma 2, label_smoothing 0.1"
    assert words["parameters"].startswith("18,521,768 in all")


@pytest.mark.parametrize(
    ("how", "said"),
    [("copies", "at least 3 steps"), ("augmented", "at least 3"), ("undersample", "at most 3"),
     ("weights", ", 3 steps"), ("none", ", 3 steps")],
)  # fmt: skip
def test_what_is_done_to_small_classes_is_said(how: Any, said: str) -> None:
    words = describe_recipe(ClassifierRecipe(balance=how), 1, {"train": 33, "val": 10})
    assert said in words["epochs"]
    assert ("balance" in words) == (how != "none")
    assert ("largest" in words.get("balance", "")) == (how in ("copies", "augmented"))


def test_a_logistic_head_of_a_network_that_is_trained_has_epochs() -> None:
    assert "epochs" in unused_settings({"head": "logistic", "freeze_backbone": True})
    assert unused_settings({"head": "logistic", "freeze_backbone": False}) == {}


def test_repeated_folds_count_on() -> None:
    changes = {"folds": 3, "fold": 7, "repeats": 4}
    recipe = override(densenet201.KERNEL.recipe, changes)
    words = describe_recipe(recipe, 1, {"train": 100, "val": 10})
    assert words["folds"] == "one of 3 parts is kept for validation, split 3 of 4"
    assert "on train + val but fold 1 of 3" in words["epochs"]
    facts = recipe_facts(recipe)
    assert {name: facts[name] for name in changes} == changes


def test_all_folds_of_one_kernel_are_said() -> None:
    changes = {"folds": 3, "fold": None, "repeats": 4}
    recipe = override(efficientnetlite0.KERNEL.recipe, changes)
    said = "each of 3 parts of 4 splits is validation once, in this kernel"
    assert describe_recipe(recipe, 1, {"train": 100, "val": 10})["folds"] == said
    facts = recipe_facts(recipe)
    assert (facts["folds"], facts["repeats"], "fold" in facts) == (3, 4, False)


@pytest.mark.parametrize(("train", "val", "folds"), [(24, 9, 3), (1, 1, 2), (97, 8, 20), (5, 6, 4)])
def test_folds_are_counted_as_they_are_dealt(train: int, val: int, folds: int) -> None:
    dealt = stratified_folds(np.arange(train + val) % 7, folds, 0)
    for fold in range(folds):
        recipe = ClassifierRecipe(folds=folds, fold=fold)
        counted = training_pictures(recipe, {"train": train, "val": val})
        assert counted == np.count_nonzero(dealt != fold)


def test_hours_are_those_of_the_network_that_was_stated() -> None:
    published = ClassifierRecipe()

    def hours(**settings: object) -> float | None:
        return scaled_hours(4.0, override(published, settings), published)

    assert hours() == 4.0
    assert hours(epochs=50) == 8.0
    assert hours(refit_epochs=0) == hours(refit=False) == hours(folds=5) == 2.0
    assert hours(image_size=662, crop_margin=0) == 16.0
    for other in ({"backbone": "Xception"}, {"freeze_backbone": True}, {"miniature": True}):
        assert hours(**other) is None
    assert scaled_hours(None, published, published) is None

"""The kernel scripts' recipes and networks."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import competitions
from common.errors import UserError
from common.recipe import override
from common.training.classifier_training import ClassifierKernel
from competitions.petals_to_metal import COMPETITION, densenet201, xception

pytestmark = pytest.mark.slow
KERNELS: dict[str, ClassifierKernel] = {
    name: kernel
    for name in competitions.kernel_scripts(COMPETITION)
    if isinstance(kernel := competitions.load_kernel(COMPETITION, name), ClassifierKernel)
}
PUBLISHED_COUNTS = {
    "xception": (21_974_160, 1_107_560),
    "densenet201": (18_521_768, 18_292_712),
    "efficientnetb7": (64_364_024, 64_053_304),
}


@pytest.mark.parametrize("name", KERNELS)
def test_the_full_size_network_has_the_published_parameters(name: str) -> None:
    import keras

    from common.networks.full_size import check_full_size, parameter_counts

    recipe = KERNELS[name].recipe
    model = KERNELS[name].network(recipe)
    assert model.input_shape == (None, 331, 331, 3)
    assert model.output_shape == (None, 104)
    assert model.layers[-1].compute_dtype == "float32"
    counted = parameter_counts(model)
    assert recipe.backbone.lower() == name
    assert tuple(counted.values()) == (recipe.total_parameters, recipe.trainable_parameters)
    if name in PUBLISHED_COUNTS:
        assert tuple(counted.values()) == PUBLISHED_COUNTS[name]
    keras.backend.clear_session()
    if name == "xception":  # the quickest: the check that --full-size makes says the same
        assert check_full_size(KERNELS[name]) == counted


def test_another_backbone_is_one_setting_and_its_counts_are_only_told() -> None:
    from common.networks.full_size import check_full_size, parameter_counts

    settings = {"backbone": "MobileNet", "image_size": "64"}
    recipe = override(densenet201.KERNEL.recipe, settings)
    model = densenet201.build_model(None, recipe)
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 104))
    assert "conv_pw_13" in [layer.name for layer in model.layers]
    counted = check_full_size(densenet201.KERNEL, "MobileNet")
    assert counted == parameter_counts(model)


def test_a_frozen_backbone_leaves_the_head_to_be_trained() -> None:
    settings = {"freeze_backbone": True, "backbone": "EfficientNetB0", "image_size": 32}
    for kernel in KERNELS.values():
        model = kernel.network(kernel.resolve(settings=settings))
        assert {weight.path.split("/")[0].split("_")[0] for weight in model.trainable_weights} <= {
            "dense",
            "batch",
        }


def test_a_count_that_differs_from_the_recipes_is_refused() -> None:
    import dataclasses

    from common.networks.full_size import check_full_size

    recipe = override(xception.KERNEL.recipe, {"total_parameters": 21_974_161})
    kernel = dataclasses.replace(xception.KERNEL, recipe=recipe)
    with pytest.raises(UserError, match=r"has 21,974,160 total_parameters, not 21,974,161"):
        check_full_size(kernel)


def test_the_published_settings() -> None:
    for kernel in KERNELS.values():
        recipe = kernel.recipe
        assert (recipe.image_size, recipe.crop_margin, recipe.batch_size) == (331, 30, 16)
        assert (recipe.epochs, recipe.refit, recipe.refit_fresh) == (25, True, True)
        assert (recipe.interpolation, recipe.evaluation) == ("nearest", "whole")
        assert recipe.preprocessing == "1/255"
        assert (recipe.horizontal_flip, recipe.vertical_flip) == (0.5, 0.5)
        # Of training and of the refit, on eight replicas.
        assert recipe.pictures_per_epoch == 12_753 // 128 * 128 == 99 * 128
        rates = [recipe.learning_rate(epoch, 8) for epoch in (0, 5, 24)]
        assert rates == pytest.approx([1e-5, 4e-4, 1.562e-5], rel=1e-3)
    assert xception.KERNEL.recipe.freeze_backbone
    assert xception.KERNEL.recipe.optimizer == "rmsprop"


def test_ours_differs_from_the_published_recipe_where_it_says_so() -> None:
    for kernel in KERNELS.values():
        ours = kernel.resolve(best=True)
        assert (ours.schedule, ours.tta) == ("cosine", 8)
        assert (ours.preprocessing, ours.pictures_per_epoch) == ("backbone", None)
        assert (ours.schedule, ours.tta, ours.evaluation) == ("cosine", 8, "centre")


@pytest.mark.parametrize("name", KERNELS)
def test_a_dry_run_is_a_miniature_and_the_users_settings_win(name: str) -> None:
    kernel = KERNELS[name]
    recipe = kernel.resolve(small=True, settings={"epochs": "2"})
    assert recipe.miniature
    assert recipe.weights is None
    assert recipe.epochs == 2
    assert kernel.network(recipe).count_params() < 300_000

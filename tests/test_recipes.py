"""The kernel scripts' recipes and networks."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import competitions
from common.classifier import ClassifierKernel, ClassifierRecipe, chosen_recipe
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import field_types, override
from competitions.petals_to_metal import COMPETITION, densenet201, xception
from kernels.request import script_module

ROOT = Path(__file__).parent.parent
SCRIPTS = {
    name: module
    for name in competitions.kernel_scripts(COMPETITION)
    if hasattr(module := script_module(COMPETITION, name), "KERNEL")
}
KERNELS: dict[str, ClassifierKernel] = {name: s.KERNEL for name, s in SCRIPTS.items()}
PUBLISHED_COUNTS = {
    "xception": (21_974_160, 1_107_560),
    "densenet201": (18_521_768, 18_292_712),
    "efficientnetb7": (64_364_024, 64_053_304),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_full_size_network_has_the_published_parameters(name: str) -> None:
    import keras

    from common.full_size import check_full_size, parameter_counts

    model = SCRIPTS[name].build_model(weights=None)
    assert model.input_shape == (None, 331, 331, 3)
    assert model.output_shape == (None, 104)
    assert model.layers[-1].compute_dtype == "float32"
    counted = parameter_counts(model)
    recipe = SCRIPTS[name].RECIPE
    assert recipe.backbone.lower() == name
    assert tuple(counted.values()) == (recipe.total_parameters, recipe.trainable_parameters)
    if name in PUBLISHED_COUNTS:
        assert tuple(counted.values()) == PUBLISHED_COUNTS[name]
    keras.backend.clear_session()
    if name == "xception":  # the quickest: the check that --full-size makes says the same
        assert check_full_size(KERNELS[name]) == counted


def test_another_backbone_is_one_setting_and_its_counts_are_only_told() -> None:
    from common.full_size import check_full_size, parameter_counts

    settings = {"backbone": "MobileNet", "image_size": "64"}
    recipe = override(densenet201.RECIPE, settings)
    model = densenet201.build_model(None, recipe)
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 104))
    assert "conv_pw_13" in [layer.name for layer in model.layers]
    counted = check_full_size(densenet201.KERNEL, "MobileNet")
    assert counted == parameter_counts(model)


def test_a_frozen_backbone_leaves_the_head_to_be_trained() -> None:
    for script in SCRIPTS.values():
        recipe = override(script.RECIPE, {"freeze_backbone": True, "backbone": "EfficientNetB0"})
        model = script.build_model(None, override(recipe, {"image_size": 32}))
        assert {weight.path.split("/")[0].split("_")[0] for weight in model.trainable_weights} <= {
            "dense",
            "batch",
        }


def test_a_count_that_differs_from_the_recipes_is_refused() -> None:
    import dataclasses

    from common.full_size import check_full_size

    recipe = override(xception.RECIPE, {"total_parameters": 21_974_161})
    kernel = dataclasses.replace(xception.KERNEL, recipe=recipe)
    with pytest.raises(UserError, match=r"has 21,974,160 total_parameters, not 21,974,161"):
        check_full_size(kernel)


def test_the_published_settings() -> None:
    for kernel in KERNELS.values():
        recipe = kernel.recipe
        assert (recipe.image_size, recipe.crop_margin, recipe.batch_size) == (331, 30, 16)
        assert (recipe.epochs, recipe.refit, recipe.refit_fresh) == (25, True, True)
    assert xception.RECIPE.freeze_backbone
    assert xception.RECIPE.learning_rate(9, 8) == 5e-4


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_dry_run_is_a_miniature_and_the_users_settings_win(name: str) -> None:
    parameters = Parameters(dry_run=True, settings={"epochs": "2"})
    kernel = KERNELS[name]
    recipe = chosen_recipe(kernel.recipe, kernel.best, kernel.dry_run, parameters)
    assert recipe.miniature
    assert recipe.weights is None
    assert recipe.epochs == 2
    assert SCRIPTS[name].build_model(None, recipe).count_params() < 300_000


def test_the_miniatures_see_raw_pictures_and_run_on_jax() -> None:
    code = f"""
import os
os.environ |= {{"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=0"}}
import keras, numpy as np
from competitions.petals_to_metal import {", ".join(SCRIPTS)}
from common.recipe import override
pixels = np.stack([np.full((32, 32, 3), shade, np.uint8) for shade in (0, 80, 160, 255)])
for script in ({", ".join(SCRIPTS)}):
    model = script.build_model(None, override(script.RECIPE, script.DRY_RUN))
    seen = np.concatenate([model(pixels), model(pixels.astype("float32"))])
    print(keras.config.backend(), model.name, np.ptp(seen[:4], axis=0).max() > 1e-6)
    np.testing.assert_array_equal(seen[:4], seen[4:])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [word for name in SCRIPTS for word in ("jax", name, "True")]


def test_every_field_of_a_recipe_can_be_set_and_is_documented() -> None:
    recipe = ClassifierRecipe()
    values = {name: str(getattr(recipe, name)) for name in field_types(recipe)}
    assert override(recipe, values) == recipe
    for name in values:
        assert name in (ClassifierRecipe.__doc__ or "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_and_reads_as_a_recipe(name: str) -> None:
    path = competitions.kernel_scripts(COMPETITION)[name]
    text = path.read_text("utf-8")
    assert "\nPARAMETERS: dict = {}\n" in text
    docstring = ast.get_docstring(ast.parse(text)) or ""
    for part in ("published", f"python submit.py petals --model {name}"):
        assert part in docstring
    assert len(text.splitlines()) < 110


def test_scripts_are_imported_without_keras() -> None:
    modules = ", ".join(f"competitions.petals_to_metal.{name}" for name in SCRIPTS)
    heavy = "{'keras', 'tensorflow', 'jax', 'matplotlib', 'efficientnet'}"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

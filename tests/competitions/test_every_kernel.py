"""The checks that every training kernel of every competition passes, and the published settings."""

import ast
import dataclasses
import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from common.accelerator import REPLICAS
from common.errors import UserError
from common.recipe import field_types, override
from common.recipes.training import TrainingRecipe
from common.training.model import check_full_size, parameter_counts
from competitions.painter_by_numbers import classes, margin, submodel, triplets
from competitions.petals_to_metal import densenet201, efficientnetb7, xception
from kernels.plan import find
from support import ROOT
from support.every_kernel import KERNELS, MODELS, NAMES, NETWORKS, PATHS, small

pytestmark = pytest.mark.slow
PUBLISHED = {
    "image_size": 331, "crop_margin": 30, "batch_size": 16, "epochs": 25, "refit": True,
    "refit_fresh": True, "interpolation": "nearest", "evaluation": "whole",
    "preprocessing": "1/255", "horizontal_flip": 0.5, "vertical_flip": 0.5,
    "pictures_per_epoch": 12_753 // 128 * 128,
}  # fmt: skip
OURS = {
    "schedule": "cosine", "tta": 8, "evaluation": "centre", "preprocessing": "backbone",
    "pictures_per_epoch": None,
}  # fmt: skip
VARIED = {
    "kernel_size": 5, "batchnorm": "yes", "dropout": 0.3, "dense_dropout": 0.4, "final_relu": "no"
}  # fmt: skip
SMALL = {"miniature": True, "image_size": 32, "embedding": 16}


@pytest.mark.parametrize("name", PATHS)
def test_a_script_reads_as_a_recipe_with_documented_fields(name: str) -> None:
    text, recipe = PATHS[name].read_text("utf-8"), KERNELS[name].recipe
    docstring, stated, parameters, *_ = ast.parse(text).body
    assert isinstance(docstring, ast.Expr)
    lines = text.splitlines()
    assert lines[stated.lineno - 1] == "RECIPE: dict = dict("
    assert lines[parameters.lineno - 1] == "PARAMETERS: dict = {}"
    assert isinstance(stated, ast.AnnAssign)
    assert isinstance(stated.value, ast.Call)
    assert {keyword.arg for keyword in stated.value.keywords} <= set(field_types(recipe))
    assert text.endswith('if __name__ == "__main__":\n    KERNEL.main(PARAMETERS)\n')
    values = {field: str(getattr(recipe, field)) for field in field_types(recipe)}
    assert override(recipe, values) == recipe
    kinds = type(recipe).__mro__[:-1]
    sources = [text, *map(inspect.getsource, kinds)]
    described = [line for source in sources for line in source.splitlines() if "  # " in line]
    documented = " ".join([*described, *(kind.__doc__ or "" for kind in kinds)])
    assert [field for field in values if field not in documented] == []
    reference = (ROOT / "docs" / "reference.md").read_text("utf-8")
    # What a plan sets, what options set, and what is compared with the network.
    others = {"part", "network", "method", "calibrate", "total_parameters", "trainable_parameters"}
    assert [field for field in {*values} - others if f"`{field}`" not in reference] == []


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_short_and_says_how_it_is_trained(name: str) -> None:
    competition, _, script = name.partition("/")
    text = PATHS[name].read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    command = f"From a clone of the repository: python submit.py {competition} --model {script}"
    assert command in docstring
    assert len(text.splitlines()) <= 160
    shown = text.partition("\nPARAMETERS")[0]
    recipe = KERNELS[name].recipe
    epochs = isinstance(recipe, TrainingRecipe) and getattr(recipe, "head", "") != "logistic"
    trained = ("epochs", "schedule", "lr_max", "optimizer") if epochs else ()
    for field in ("batch_size", *trained):
        assert f"    {field}=" in shown


@pytest.mark.parametrize("name", NETWORKS)
def test_its_network_is_counted_and_has_a_small_relative(name: str) -> None:
    kernel = KERNELS[name]
    has_miniature = "miniature" in kernel.dry_run
    for few in (False, True):
        assert kernel.resolve(best=True, small=few).miniature is (few and has_miniature)
    counted = check_full_size(kernel)
    # What the recipe states, and does not leave at 0: --full-size then checks it.
    assert 0 < kernel.recipe.trainable_parameters <= kernel.recipe.total_parameters
    assert counted == {field: getattr(kernel.recipe, field) for field in counted}
    if has_miniature:
        assert small(name).count_params() < (300_000 if name.startswith("petals") else 3_000_000)
    else:  # it trains as it is
        assert kernel.dry_run == {}


def python(code: str) -> str:
    """What a new Python prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_small_networks_see_raw_pictures_and_run_on_jax() -> None:
    printed = python("""
import os
os.environ |= {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
import sys
sys.path[:0] = [".", "tests"]
import keras, numpy as np
drawn = lambda self, shape, dtype=None: np.random.default_rng(0).normal(0, 0.1, shape)
keras.initializers.VarianceScaling.__call__ = drawn  # its own is compiled for each shape
from support.every_kernel import NETWORKS, small
for name in NETWORKS:
    model = small(name)
    shape = model.input_shape[1:]
    pixels = np.stack([np.full(shape, shade, np.uint8) for shade in (0, 80, 160, 255)])
    if len(shape) == 4:  # of a pair the second one differs
        pixels[:, 1] = 40
    seen = np.concatenate([model(pixels), model(pixels.astype("float32"))])
    print(keras.config.backend(), name, np.ptp(seen[:4], axis=0).max() > 1e-6)
    np.testing.assert_array_equal(seen[:4], seen[4:])
""")
    assert printed.split() == [word for name in NETWORKS for word in ("jax", name, "True")]


def test_scripts_are_imported_without_keras() -> None:
    modules = ", ".join(f"competitions.{p.parent.name}.{p.stem}" for p in PATHS.values())
    heavy = "{'keras', 'tensorflow', 'jax', 'matplotlib', 'efficientnet', 'polars', 'PIL'}"
    printed = python(f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))")
    assert printed.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_an_ensemble_is_of_models_and_a_setting_of_one_type_in_all_recipes(name: str) -> None:
    competition = find.find_competition(name)
    assert competition.ensemble
    assert {f"{name}/{script}" for script in competition.ensemble} <= set(MODELS)
    found: dict[str, set[str]] = {}
    for script in find.kernel_scripts(competition):
        for field, kind in field_types(KERNELS[f"{name}/{script}"].recipe).items():
            found.setdefault(field, set()).add(str(kind))
    assert {field: kinds for field, kinds in found.items() if len(kinds) > 1} == {}


def fields(recipe: Any, names: Any) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in names}


def layers(model: Any, *names: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ in names]


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, 32, 32, 3)).astype(np.float32)


def built(script: Any, **settings: object) -> Any:
    """The script's small network, always with the same weights."""
    import keras

    keras.utils.set_random_seed(0)
    return script.KERNEL.network(script.KERNEL.resolve(settings={**SMALL, **settings}))


@pytest.mark.parametrize(
    ("script", "total", "trainable", "optimizer"),
    [
        (xception, 21_974_160, 1_107_560, "rmsprop"),
        (densenet201, 18_521_768, 18_292_712, "adam"),
        (efficientnetb7, 64_364_024, 64_053_304, "adam"),
    ],
    ids=["xception", "densenet", "b7"],
)
def test_petals_published_settings_and_where_ours_differ(
    script: Any, total: int, trainable: int, optimizer: str
) -> None:
    kernel = script.KERNEL
    recipe, ours = kernel.recipe, kernel.resolve(best=True)
    assert (recipe.total_parameters, recipe.trainable_parameters) == (total, trainable)
    assert fields(recipe, PUBLISHED) == PUBLISHED
    rates = [recipe.learning_rate(epoch, 8) for epoch in (0, 5, 24)]
    assert rates == pytest.approx([1e-5, 4e-4, 1.562e-5], rel=1e-3)
    assert (recipe.freeze_backbone, recipe.optimizer) == (script is xception, optimizer)
    assert fields(ours, OURS) == OURS
    small = kernel.resolve(small=True, settings={"epochs": "2"})
    assert (small.miniature, small.weights, small.epochs) == (True, None, 2)
    settings = {"freeze_backbone": True, "backbone": "EfficientNetB0", "image_size": 32}
    model = kernel.network(kernel.resolve(settings=settings))
    assert model.output_shape == (None, 104)
    assert model.layers[-1].compute_dtype == "float32"
    trained = {weight.path.split("/")[0].split("_")[0] for weight in model.trainable_weights}
    assert trained <= {"dense", "batch"}


def test_another_backbone_is_one_setting_and_a_wrong_count_is_refused() -> None:
    kernel = densenet201.KERNEL
    settings: dict = {"backbone": "MobileNet", "image_size": "64"}
    model = densenet201.build_model(None, override(kernel.recipe, settings))
    assert (model.input_shape, model.output_shape) == ((None, 64, 64, 3), (None, 104))
    assert "conv_pw_13" in [layer.name for layer in model.layers]
    settings |= {"total_parameters": 0, "trainable_parameters": 0}  # of another: not stated
    stated = dataclasses.replace(kernel, recipe=override(kernel.recipe, settings))
    assert check_full_size(stated) == parameter_counts(model)
    wrong = override(kernel.recipe, {**settings, "total_parameters": 21_974_161})
    with pytest.raises(UserError, match=r"at full size has [0-9,]+ total_parameters, not 21,974"):
        check_full_size(dataclasses.replace(kernel, recipe=wrong))


def test_the_winners_batch_and_rate_run_on_the_first_accelerator() -> None:
    recipe, replicas = classes.KERNEL.recipe, REPLICAS[classes.KERNEL.accelerators[0]]
    assert recipe.batch_size * replicas == 96
    assert recipe.learning_rate(0, replicas) == pytest.approx(7.4e-5)


def test_all_of_the_winners_layers_begin_with_he_and_have_l2() -> None:
    model = built(classes, image_size=64, l2=0.25)
    kernels = [np.asarray(layer.kernel) for layer in layers(model, "Conv2D", "Dense")]
    assert [kernel.shape[-1] for kernel in kernels][-2:] == [256, 1584]
    wanted = sum(0.25 * float(np.square(kernel).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(wanted, rel=1e-4)
    for kernel in kernels[1:]:  # the first one is too small to measure
        fan_in = kernel.size / kernel.shape[-1]
        assert float(kernel.std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.1)


@pytest.mark.parametrize("script", [triplets, submodel], ids=["triplets", "submodel"])
def test_what_the_publication_varied_of_the_small_network_is_a_field_each(script: Any) -> None:
    for model, size, normalized, rates, relu in (
        (built(script), 3, 0, [0.1] * 4 + [0.2], True),
        (built(script, **VARIED), 5, 4, [0.3] * 4 + [0.4], False),
    ):
        assert {layer.kernel_size for layer in layers(model, "Conv2D")} == {(size, size)}
        assert len(layers(model, "BatchNormalization")) == normalized
        assert [layer.rate for layer in layers(model, "Dropout")] == rates
        rows = np.asarray(model(noise(9)))
        assert (rows.min() >= 0) == relu
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_margins_pooling_is_chosen() -> None:
    import keras

    off, parameters = {}, {}
    for pooling in ("gem", "average"):
        model = built(margin, pooling=pooling)
        (dense,) = layers(model, "Dense")
        maps = model.layers[model.layers.index(dense) - 2].output
        found, maps = keras.Model(model.input, [dense.input, maps])(noise(3))
        off[pooling] = np.asarray(found) - np.asarray(maps).mean(axis=(1, 2))
        parameters[pooling] = model.count_params()
    assert parameters["gem"] == parameters["average"] + 1  # its exponent
    np.testing.assert_allclose(off["average"], 0, atol=1e-6)
    assert (off["gem"] > 1e-3).mean() > 0.5  # nearer to the maximum

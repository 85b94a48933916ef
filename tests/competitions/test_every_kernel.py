"""The checks that every training kernel of every competition passes."""

import ast
import subprocess
import sys

import pytest

from common.recipe import field_types, override
from common.training.model import check_full_size
from kernels.plan import find
from support import ROOT
from support.every_kernel import KERNELS, MODELS, NAMES, NETWORKS, PATHS, small

pytestmark = pytest.mark.slow


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
    documented = " ".join(kind.__doc__ or "" for kind in type(recipe).__mro__)
    assert [field for field in values if field not in documented] == []


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_short_and_says_how_it_is_trained(name: str) -> None:
    competition, _, script = name.partition("/")
    text = PATHS[name].read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    command = f"From a clone of the repository: python submit.py {competition} --model {script}"
    assert command in docstring
    assert len(text.splitlines()) <= 160
    shown = text.partition("\nPARAMETERS")[0]
    for field in ("batch_size", "epochs", "schedule", "lr_max", "optimizer"):
        assert f"    {field}=" in shown


@pytest.mark.parametrize("name", NETWORKS)
def test_its_network_is_counted_and_has_a_small_relative(name: str) -> None:
    kernel = KERNELS[name]
    for miniature in (False, True):
        assert kernel.resolve(best=True, small=miniature).miniature is miniature
    counted = check_full_size(kernel)
    # What the recipe states, and does not leave at 0: --full-size then checks it.
    assert 0 < kernel.recipe.trainable_parameters <= kernel.recipe.total_parameters
    assert counted == {field: getattr(kernel.recipe, field) for field in counted}
    assert small(name).count_params() < (300_000 if name.startswith("petals") else 3_000_000)


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
    side = model.input_shape[1]
    pixels = np.stack([np.full((side, side, 3), shade, np.uint8) for shade in (0, 80, 160, 255)])
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

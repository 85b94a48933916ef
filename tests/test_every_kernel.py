"""The checks that every training kernel of every competition passes."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import competitions
from common.parameters import Parameters
from common.recipe import field_types, override
from common.recipes.classifier import chosen_recipe
from kernels.request import script_module

ROOT = Path(__file__).parent.parent
NAMES = ("petals", "painter")
SCRIPTS = {
    f"{name}/{script}": module
    for name in NAMES
    for script in competitions.kernel_scripts(competitions.find_competition(name))
    if hasattr(module := script_module(competitions.find_competition(name), script), "KERNEL")
}
# Those that see pictures; others, such as a head, see what these have made of them.
NETWORKS = [name for name, script in SCRIPTS.items() if hasattr(script.KERNEL, "network")]


def path_of(name: str) -> Path:
    return Path(inspect.getfile(SCRIPTS[name]))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_and_reads_as_a_recipe(name: str) -> None:
    competition, _, script = name.partition("/")
    text = path_of(name).read_text("utf-8")
    assert "\nPARAMETERS: dict = {}\n" in text
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert f"python submit.py {competition} --model {script}" in docstring
    assert len(text.splitlines()) <= 160


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_field_of_a_recipe_can_be_set_and_is_documented(name: str) -> None:
    recipe = SCRIPTS[name].RECIPE
    values = {field: str(getattr(recipe, field)) for field in field_types(recipe)}
    assert override(recipe, values) == recipe
    documented = " ".join(kind.__doc__ or "" for kind in type(recipe).__mro__)
    assert [field for field in values if field not in documented] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_its_best_and_dry_run_settings_fit_its_recipe(name: str) -> None:
    kernel = SCRIPTS[name].KERNEL
    for parameters in (Parameters(recipe="best"), Parameters(dry_run=True, recipe="best")):
        recipe = chosen_recipe(kernel.recipe, kernel.best, kernel.dry_run, parameters)
        assert recipe.miniature is parameters.dry_run
    assert kernel.accelerators == SCRIPTS[name].ACCELERATORS


@pytest.mark.parametrize("name", NETWORKS)
def test_the_full_size_network_takes_pictures_and_is_counted(name: str) -> None:
    import keras

    from common.networks.full_size import check_full_size

    kernel = SCRIPTS[name].KERNEL
    counted = check_full_size(kernel)
    # What the recipe states, and does not leave at 0: --full-size then holds it.
    assert 0 < kernel.recipe.trainable_parameters <= kernel.recipe.total_parameters
    assert counted == {field: getattr(kernel.recipe, field) for field in counted}
    keras.backend.clear_session()


def small(name: str) -> Any:
    """The dry run's network."""
    kernel = SCRIPTS[name].KERNEL
    parameters = Parameters(dry_run=True)
    return kernel.network(chosen_recipe(kernel.recipe, kernel.best, kernel.dry_run, parameters))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_dry_run_is_small(name: str) -> None:
    assert small(name).count_params() < 3_000_000


def test_the_small_networks_see_raw_pictures_and_run_on_jax() -> None:
    code = """
import os
os.environ |= {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
import sys
sys.path.insert(0, "tests")
import keras, numpy as np
from test_every_kernel import NETWORKS, small
for name in NETWORKS:
    model = small(name)
    side = model.input_shape[1]
    pixels = np.stack([np.full((side, side, 3), shade, np.uint8) for shade in (0, 80, 160, 255)])
    seen = np.concatenate([model(pixels), model(pixels.astype("float32"))])
    print(keras.config.backend(), name, np.ptp(seen[:4], axis=0).max() > 1e-6)
    np.testing.assert_array_equal(seen[:4], seen[4:])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [word for name in NETWORKS for word in ("jax", name, "True")]


def test_scripts_are_imported_without_keras() -> None:
    modules = ", ".join(script.__name__ for script in SCRIPTS.values())
    heavy = "{'keras', 'tensorflow', 'jax', 'matplotlib', 'efficientnet', 'polars', 'PIL'}"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_what_the_ensemble_trains_is_a_model(name: str) -> None:
    competition = competitions.find_competition(name)
    assert competition.ensemble
    assert {f"{name}/{script}" for script in competition.ensemble} <= set(SCRIPTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_is_of_one_type_in_all_recipes(name: str) -> None:
    competition = competitions.find_competition(name)
    found: dict[str, dict[str, str]] = {}
    for script in competitions.kernel_scripts(competition):
        for field, kind in field_types(script_module(competition, script).RECIPE).items():
            found.setdefault(field, {})[script] = str(kind)
    assert {f: kinds for f, kinds in found.items() if len(set(kinds.values())) > 1} == {}

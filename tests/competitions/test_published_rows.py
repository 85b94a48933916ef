"""What the scripts of celebrities and X-rays say of published rows: their settings and counts."""

import re
import shlex

import pytest

from common.accelerator import REPLICAS
from common.recipe import split_setting
from common.recipes.unused import check_used
from common.training.model import parameter_counts
from support.every_kernel import KERNELS, MODELS, PATHS

SCRIPTS = [name for name in MODELS if re.match("(celebrities|pneumonia)/(?!efficientnet)", name)]
CONVOLUTION = "head_layers=dense 10, dropout 0.2, flatten"
COUNTED = {  # rows whose network is another than the script's own
    ("celebrities/densenet201", "head_layers=average, dropout 0.5, dense 512, dropout 0.3"):
        (19_312_718, 19_083_662),
    ("celebrities/mobilenet", "head_layers=average, flatten"): (3_243_214, 3_221_326),
    ("pneumonia/inceptionv3", CONVOLUTION + "; unfreeze=input+7..input+11"): (21_823_996, 44_828),
    ("pneumonia/inceptionv3", CONVOLUTION + "; unfreeze=mixed9+20..mixed9+22"):
        (21_823_996, 414_748),
    ("pneumonia/inceptionv3", "head_layers=dense 10, dropout 0.2, dense 6, dropout 0.2, flatten"):
        (21_823_774, 20_990),
    ("pneumonia/densenet121", "head_layers=dense 8, dropout 0.2, dense 5, dropout 0.2, flatten"):
        (7_046_391, 8_887),
}  # fmt: skip

RATES = {  # from which epoch on; of the others Keras' own, which is taken where none is published
    "celebrities/densenet201": {0: 1e-4},
    "celebrities/densenet121": {0: 1e-4},
    "celebrities/resnet50": {0: 3e-5},
    "celebrities/mobilenet": {0: 5e-4, 4: 2e-4, 8: 1e-4, 12: 5e-5, 16: 2e-5, 20: 1e-5},
}


def rows(name: str) -> list[dict[str, str]]:
    """The settings of each row of a script's docstring."""
    text = PATHS[name].read_text("utf-8").split('"""')[1]
    said = re.findall(r"(?:--set\s+(?:\"[^\"]+\"|\S+)\s*)+", text)
    words = [shlex.split(row.rstrip(" .,\n")) for row in said]
    return [dict(split_setting(word) for word in row if word != "--set") for row in words]


def test_there_is_a_script_for_each_published_network() -> None:
    assert {name.partition("/")[2] for name in SCRIPTS} == {
        *("densenet201", "densenet121", "resnet50", "mobilenet", "cnn", "inceptionv3"),
    }
    assert len(SCRIPTS) == 8


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_settings_that_a_script_names_change_its_recipe(name: str) -> None:
    kernel = KERNELS[name]
    for settings in rows(name):
        changed = kernel.resolve(settings=settings)
        assert changed != kernel.recipe
        check_used(settings, [(name, changed)])
        kernel.resolve(small=True, settings=settings)


@pytest.mark.parametrize("name", SCRIPTS)
def test_batches_and_rates_on_the_first_accelerator_are_the_published_ones(name: str) -> None:
    recipe, replicas = KERNELS[name].recipe, REPLICAS[KERNELS[name].accelerators[0]]
    faces = name.startswith("celebrities")
    assert recipe.batch_size * replicas == (16 if faces else 64)
    changes = {"rotation": 10, "zoom": 0.1, "shift": 0.1, "horizontal_flip": 0.5}
    assert {n: getattr(recipe, n) for n in recipe.augmentations} == (changes if faces else {})
    published = RATES.get(name, {0: 1e-3})
    rates = [recipe.learning_rate(epoch, replicas) for epoch in range(recipe.epochs)]
    first = [max(n for n in published if n <= epoch) for epoch in range(recipe.epochs)]
    assert rates == pytest.approx([published[n] for n in first])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "row"), COUNTED)
def test_the_network_of_a_row_has_the_published_parameters(name: str, row: str) -> None:
    wanted = dict(split_setting(words) for words in row.split("; "))
    (settings,) = [one for one in rows(name) if wanted.items() <= one.items()]
    kernel = KERNELS[name]
    recipe = kernel.resolve(settings=settings)
    assert recipe.total_parameters == recipe.trainable_parameters == 0  # of another network
    assert tuple(parameter_counts(kernel.network(recipe)).values()) == COUNTED[name, row]

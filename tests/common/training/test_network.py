"""The weights that a training leaves: they predict the same again, and others begin with them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from common.files.network import read_network
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.networks.classifier import build_classifier
from common.parameters import Parameters
from common.tasks.classification import Classification
from common.training.network import trained_on
from support import predict_again, small_classifier, small_embedding, twin_weights
from support.warm import case, run_on_jax

pytestmark = pytest.mark.slow
Train = Callable[..., str]
SMALL = {small_classifier: {"ema": 0.5, "refit_fresh": False}, small_embedding: {"epochs": 2}}


@pytest.fixture(scope="module")
def left(train: Train, tmp_path_factory: pytest.TempPathFactory) -> dict[ModuleType, Path]:
    """What each of the small kernels leaves."""
    folders = {}
    for module, settings in SMALL.items():
        folders[module] = tmp_path_factory.mktemp("left")
        assert "stage=done" in train(module.KERNEL, folders[module], settings=settings)
    return folders


@pytest.fixture
def published(inputs: Path, left: dict[ModuleType, Path]) -> Path:
    """A mounted data set ``alice/weights`` with what the classifier left."""
    folder = inputs / "datasets" / "alice" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    for path in left[small_classifier].glob("small.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("module", SMALL)
def test_the_weights_predict_again_what_the_kernel_has_predicted(
    left: dict[ModuleType, Path], inputs: Path, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    assert predict_again.difference(module, left[module]) < 1e-5


def test_they_predict_the_same_on_the_other_backend(
    left: dict[ModuleType, Path], inputs: Path, tmp_path: Path
) -> None:
    mounted = {"KAGGLE_CACHE_MOUNT_FOLDER": str(inputs)}
    script = predict_again.__file__
    half = {**mounted, "SMALL_POLICY": "mixed_bfloat16"}
    name, name_of_vectors = "small_classifier", "small_embedding"
    twin_weights.main("save", tmp_path)
    said = run_on_jax(
        {
            "efficientnet": case(tmp_path, twin_weights.__file__, "load", str(tmp_path)),
            "classes": case(tmp_path, script, name, str(left[small_classifier]), **mounted),
            "vectors": case(
                tmp_path, script, name_of_vectors, str(left[small_embedding]), **mounted
            ),
            "half": case(tmp_path, script, name_of_vectors, str(left[small_embedding]), **half),
        }
    )
    found = {name: float(text.split()[-1]) for name, text in said.items()}
    assert found["classes"] < 1e-5
    assert found["vectors"] < 1e-5
    assert found["efficientnet"] < 1e-5  # of a package there, of Keras here
    assert 1e-5 < found["half"] < 0.05


def test_a_kernel_says_what_its_weights_are(left: dict[ModuleType, Path]) -> None:
    folder = left[small_classifier]
    manifest = read_manifest(folder, "small", "")
    network = read_network(folder / "small.network.json")
    assert manifest["stays"] == ["*.weights.h5"]
    assert manifest["files"][network.file] == {"bytes": network.bytes, "sha256": network.sha256}
    assert network.classes == list(small_classifier.CLASSES)
    assert network.trained_on == "train and validation"
    assert (network.network, network.image_size, network.outputs) == ("DenseNet201", 16, 3)
    assert network.recipe["ema"] == 0.5
    counts = manifest["parameters"]
    assert network.parameters == counts["total_parameters"] > counts["trainable_parameters"] > 0
    assert read_network(left[small_embedding] / "small.network.json").trained_on == "train"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "train"),
        ({"folds": 5, "fold": 2}, "train and validation but fold 2 of 5 (seed 3)"),
        (
            {"folds": 5, "repeats": 2, "fold": 7},
            "train and validation but fold 2 of 5 (seed 3, split 2)",
        ),
    ],
)
def test_what_a_network_has_seen_is_said_in_words(settings: dict[str, int], words: str) -> None:
    recipe = replace(small_classifier.RECIPE, **settings)
    assert trained_on(KernelRun(Parameters(seed=3), recipe)) == words


def begin(
    train: Train, folder: Path, kernel: Any = small_classifier.KERNEL, **settings: Any
) -> str:
    """Train from what is published."""
    settings = {"refit": False, **settings}
    return train(kernel, folder, weights_source="alice/weights", settings=settings)


def first_loss(folder: Path) -> float:
    return float(pd.read_csv(folder / "history.csv")["val_loss"][0])


def test_a_training_begins_with_published_weights(
    train: Train, published: Path, left: dict[ModuleType, Path], tmp_path: Path
) -> None:
    few = {"epochs": 1, "lr_max": 1e-9}
    said = begin(train, tmp_path / "from", **few)
    assert "stage=weights source=alice/weights of=small layers=3/3 random=none" in said
    warning = "small began with weights that have learnt from its validation pictures: its validat"
    assert f"warning='{warning}" in said
    train(small_classifier.KERNEL, tmp_path / "random", settings={"refit": False, **few})
    last = pd.read_csv(left[small_classifier] / "history.csv")["val_loss"].dropna().iloc[-1]
    assert first_loss(tmp_path / "from") < 1.05 * last < first_loss(tmp_path / "random")
    manifest = read_manifest(tmp_path / "from", "small", "")
    assert sum(one.startswith(warning) for one in manifest["warnings"]) == 1
    facts = manifest["begins_with"]
    assert (facts["kernel"], facts["random"], facts["saw_validation"]) == ("small", [], True)
    # It has learnt from validation in the run before, if not in this one.
    again = read_network(tmp_path / "from" / "small.network.json")
    assert again.trained_on == "train and validation"


OTHER_CLASSES = replace(
    small_classifier.COMPETITION, slug="other", task=Classification(("a", "b", "c", "d"))
)


def build_four(weights: str | None, recipe: Any) -> Any:
    import keras

    model = small_classifier.build_model(weights, recipe)
    head = keras.layers.Dense(4, activation="softmax", name="four")
    return keras.Model(model.input, head(model.layers[-2].output))


def build_wider(weights: str | None, recipe: Any) -> Any:
    import keras

    model = small_classifier.build_model(weights, recipe)
    x = keras.layers.Conv2D(16, 3)(model.layers[1].output)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(model.input, keras.layers.Dense(3, activation="softmax")(x), name="wider")


def test_a_head_of_other_classes_stays_random(
    train: Train, published: Path, tmp_path: Path
) -> None:
    kernel = replace(small_classifier.KERNEL, competition=OTHER_CLASSES, build_model=build_four)
    said = begin(train, tmp_path / "four", kernel, epochs=1)
    assert "layers=2/3 random=four" in said
    assert "began with weights" not in said  # another competition's pictures
    assert read_manifest(tmp_path / "four", "small", "")["begins_with"]["random"] == ["four"]
    assert read_network(tmp_path / "four" / "small.network.json").trained_on == "train"


def test_an_embedding_begins_with_published_weights(
    train: Train, left: dict[ModuleType, Path], inputs: Path, tmp_path: Path
) -> None:
    folder = inputs / "datasets" / "alice" / "vectors"
    folder.mkdir(parents=True)
    for path in left[small_embedding].glob("small.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    settings = {"epochs": 1, "lr_max": 1e-9}
    said = train(
        small_embedding.KERNEL, tmp_path, weights_source="alice/vectors", settings=settings
    )
    assert "source=alice/vectors of=small layers=3/3 random=none" in said
    assert "began with weights" not in said  # there is no refit
    ours, theirs = (pd.read_csv(run / "history.csv") for run in (tmp_path, left[small_embedding]))
    assert ours["val_auc"][0] == pytest.approx(theirs["val_auc"].iloc[-1], abs=0.02)


def change(published: Path, **changes: Any) -> None:
    path = published / "small.network.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "settings", "said"),
    [
        (
            lambda folder: None,
            {"backbone": "Xception", "image_size": 71},
            "weights source alice/weights has no weights of this kernel's network, Xception, but "
            "of small (DenseNet201): name another --weights-source, or train these",
        ),
        (
            lambda folder: (folder / "small.weights.h5").write_bytes(b"x"),
            {},
            r"small.weights.h5 is not the file that was published \(1 bytes, and \d+ expected\)",
        ),
        (
            lambda folder: (folder / "small.weights.h5").unlink(),
            {},
            "weights source alice/weights describes small.weights.h5 and has no such file",
        ),
        (
            lambda folder: change(folder, bytes="many"),
            {},
            "small.network.json is damaged, or describes no network",
        ),
        (
            lambda folder: change(folder, format=2),
            {},
            "small.network.json has format 2, and 1 is read here: update this clone",
        ),
    ],
)
def test_other_weights_are_refused_before_the_data_are_read(
    train: Train,
    published: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    settings: dict[str, Any],
    said: str,
) -> None:
    spoil(published)
    heard = begin(train, tmp_path / "work", **settings)
    assert said in heard or re.search(said, heard)
    assert not (tmp_path / "work" / "history.csv").exists()


def test_weights_that_do_not_fit_the_network_are_refused(
    train: Train, published: Path, tmp_path: Path
) -> None:
    kernel = replace(small_classifier.KERNEL, build_model=build_wider)
    said = begin(train, tmp_path / "wider", kernel)
    assert "small.weights.h5 is of another network than this wider: 1 of 2 layers do not" in said


@pytest.mark.parametrize(
    ("saved", "built", "random"),
    [
        ("average", "dense 4, flatten", {"dense", "dense_1"}),
        ("dense 4, flatten", "average", {"dense"}),
        ("average, dense 4", "average, batchnorm, dense 4", {"batch_normalization"}),
    ],
)
def test_weights_with_other_layers_on_the_same_backbone_are_taken_up_to_there(
    tmp_path: Path, saved: str, built: str, random: set[str]
) -> None:
    import keras

    from common.training.network import _fill

    def network(layers: str) -> Any:
        keras.backend.clear_session()
        recipe = replace(small_classifier.RECIPE, head_layers=layers, image_size=32)
        head = Classification(small_classifier.CLASSES).output_layer()
        return build_classifier(head, None, replace(recipe, backbone="MobileNet", crop_margin=0))

    network(saved).save_weights(tmp_path / "net.weights.h5")
    found, layers = _fill(network(built), tmp_path / "net.weights.h5")
    assert set(found) == random
    assert layers > 50


def test_what_does_not_fit_is_left_as_it_was(left: dict[ModuleType, Path]) -> None:
    import keras

    from common.training.network import _fill

    recipe = small_classifier.RECIPE
    keras.utils.set_random_seed(1)
    model = build_four(None, recipe)
    before = [variable.numpy() for variable in model.weights]
    path = left[small_classifier] / "small.weights.h5"
    assert _fill(model, path) == (["four"], 3)
    same = [np.array_equal(v.numpy(), old) for v, old in zip(model.weights, before, strict=True)]
    assert same == [False] * 5 + [True] * 2

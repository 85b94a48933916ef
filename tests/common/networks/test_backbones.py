"""Networks by name: raw pictures in, the features of the plain network out; their weights."""

import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.backbones import BACKBONES, build_backbone, preprocessed, weights_files
from common.networks.weights import fill_by_name, resolve_weights, weights_explained
from common.parameters import Parameters
from support import ROOT, legacy_weights

pytestmark = pytest.mark.slow
FILES = {"imagenet": "net_notop.h5"}
MODULES = {
    "ConvNeXt": "convnext",
    "DenseNet": "densenet",
    "EfficientNetV2": "efficientnet_v2",
    "Inception": "inception_v3",
    "MobileNet": "mobilenet",
    "ResNet": "resnet",
    "Xception": "xception",
}
KERAS = [name for name in BACKBONES if not BACKBONES[name].package]
INSIDE = [name for name in BACKBONES if BACKBONES[name].bare]  # have their preprocessing inside
PACKAGE = [name for name in BACKBONES if BACKBONES[name].filled_by_name]


@pytest.fixture(scope="module", autouse=True)
def _shallow() -> Iterator[None]:
    """One block of each kind in networks with preprocessing of their own."""
    from keras.src.applications import convnext, efficientnet_v2

    with pytest.MonkeyPatch.context() as patch:
        for name, blocks in efficientnet_v2.DEFAULT_BLOCKS_ARGS.items():
            shallow = [block | {"num_repeat": 1} for block in blocks]
            patch.setitem(efficientnet_v2.DEFAULT_BLOCKS_ARGS, name, shallow)
        for config in convnext.MODEL_CONFIGS.values():
            patch.setitem(config, "depths", [1, 1, 1, 1])
        yield


def module_of(name: str) -> Any:
    if name in PACKAGE:
        return pytest.importorskip("efficientnet.tfkeras")
    family = next(family for family in MODULES if name.startswith(family))
    return importlib.import_module(f"keras.applications.{MODULES[family]}")


def reference(name: str, size: int) -> tuple[Any, Callable[[Any], Any]]:
    """The plain network with drawn weights, and the preprocessing that its makers give it."""
    import keras

    module = module_of(name)
    build = getattr(module if name in PACKAGE else keras.applications, name)
    keras.utils.set_random_seed(0)
    plain = build(include_top=False, weights=None, input_shape=(size, size, 3))
    legacy_weights.randomise(plain)
    return plain, lambda pictures: module.preprocess_input(np.array(pictures, "float32"))


def pictures(size: int) -> np.ndarray:
    picture = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return np.stack([picture, 255 - picture])


def agree(ours: np.ndarray, expected: np.ndarray) -> None:
    """To 1e-4, and to a thousandth of what sets the first picture apart from the second."""
    apart = np.abs(expected[0] - expected[1]).max()
    assert np.isfinite(expected).all()
    assert apart > 0
    np.testing.assert_allclose(ours, expected, 0, min(1e-4 * np.abs(expected).max(), apart / 1000))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", [name for name in KERAS if name not in INSIDE])
def test_pixels_are_what_the_makers_of_the_weights_prepare(name: str, policy: str) -> None:
    import keras

    raw, before = pictures(9).astype("float32"), keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)  # which does not round pixels
    try:
        inputs = keras.Input((9, 9, 3))
        ours = keras.Model(inputs, preprocessed(inputs, BACKBONES[name].pixels))(raw)
    finally:
        keras.config.set_dtype_policy(before)
    agree(np.asarray(ours), module_of(name).preprocess_input(raw.copy()))


@pytest.mark.parametrize("name", [*INSIDE, "EfficientNetB0"])
def test_raw_pictures_give_what_the_plain_network_makes_of_them(name: str, tmp_path: Path) -> None:
    plain, preprocess = reference(name, 33)  # odd: the padding of a stride differs
    if name in PACKAGE:
        path = tmp_path / weights_files(name)["noisy-student"]
        legacy_weights.write_legacy(plain, path)
        ours = build_backbone(name, str(path), 33)
    else:
        ours = build_backbone(name, None, 33)
        ours.set_weights(plain.get_weights())
    raw = pictures(33)
    assert ours.output_shape == plain.output_shape
    assert ours.count_params() == plain.count_params()
    agree(ours(raw, training=False).numpy(), plain(preprocess(raw), training=False).numpy())


def test_pixels_may_be_divided_by_255_whatever_the_weights_expect() -> None:
    import keras

    network, raw = build_backbone("MobileNet", None, 33, "1/255"), pictures(33)
    seen = keras.Model(network.input, network.get_layer("preprocessing").output)(raw)
    np.testing.assert_allclose(seen, raw / 255, atol=1e-6)


@pytest.mark.parametrize("name", [n for n in KERAS if not BACKBONES[n].origins])
def test_the_usual_file_and_the_smallest_picture_are_those_of_keras(name: str) -> None:
    import keras

    build = getattr(keras.applications, name)
    file = weights_files(name)["imagenet"]
    own_name = inspect.signature(build).parameters["name"].default
    source = inspect.getsource(sys.modules[build.__module__])
    assert file.startswith(own_name)
    assert file.removeprefix(own_name) in source
    assert re.findall(r"min_size=(\d+)", source) == [str(BACKBONES[name].smallest)]


@pytest.mark.parametrize("name", PACKAGE)
def test_the_efficientnet_files_are_those_of_their_package(name: str) -> None:
    package = pytest.importorskip("efficientnet.weights")
    size, origins = f"efficientnet-{name[-2:].lower()}", BACKBONES[name].origins
    hashes = {
        "noisy-student": (package.NS_WEIGHTS_PATH, package.NS_WEIGHTS_HASHES),
        "imagenet": (package.IMAGENET_WEIGHTS_PATH, package.IMAGENET_WEIGHTS_HASHES),
    }
    for kind, (folder, known) in hashes.items():
        assert origins[kind] == (folder.removesuffix("/"), known[size][1])
    # As the functions of the package put its files' names together.
    assert weights_files(name) == {
        "noisy-student": f"{size}_noisy-student_notop.h5",
        "imagenet": f"{size}_weights_tf_dim_ordering_tf_kernels_autoaugment_notop.h5",
    }


def test_noisy_student_weights_give_the_same_features_on_jax(tmp_path: Path) -> None:
    plain, preprocess = reference("EfficientNetB0", 33)
    legacy_weights.write_legacy(plain, tmp_path / "net.h5")
    np.save(tmp_path / "raw.npy", pictures(33))
    code = """
import sys
import numpy as np
from common.networks.backbones import build_backbone
import keras
assert keras.config.backend() == "jax"
# Drawing initial weights is compiled for each shape; the file fills in every one of them.
keras.initializers.VarianceScaling.__call__ = lambda self, shape, dtype=None: np.zeros(shape, dtype)
model = build_backbone("EfficientNetB0", "net.h5", 33)
np.save("features.npy", model.predict(np.load("raw.npy"), verbose=0))
"""
    quick = "--xla_backend_optimization_level=0"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": quick}
    environment["PYTHONPATH"] = str(ROOT)
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    expected = plain(preprocess(pictures(33)), training=False).numpy()
    agree(np.load(tmp_path / "features.npy"), expected)


def test_a_file_that_is_not_of_this_network_is_refused(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((8, 8, 3))

    def network(channels: int, last: str) -> Any:
        x = keras.layers.Conv2D(channels, 3, name="stem")(inputs)
        return keras.Model(inputs, keras.layers.Conv2D(2, 1, name=last)(x))

    path = tmp_path / "net.h5"
    legacy_weights.write_legacy(network(32, "head"), path)
    for other, said in (
        (network(32, "top"), r"it lacks 1 layers, such as top"),
        (network(64, "head"), ".*stem.*"),
        (
            keras.Model(inputs, keras.layers.Conv2D(32, 3, name="stem")(inputs)),
            ".* more, such as head",
        ),
    ):
        with pytest.raises(UserError, match=rf"net.h5 is not of this network \({said}\): attach"):
            fill_by_name(other, str(path))


KIND = {
    "page": (b"<!DOCTYPE html>", "is a web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer instead of"),
    "empty": (b"", "is an empty file"),
    "text": (b"weights", "is no HDF5 file"),
    "keras": (None, "is a model in Keras 3's format (.keras)"),
    "weights": (None, "has weights in Keras 3's format"),
    "cut": (None, "is cut short or damaged ("),
    "other": (None, "is no weights file of Keras"),
}


@pytest.mark.parametrize("kind", KIND)
def test_a_file_of_another_kind_is_named_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import h5py
    import keras

    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    path = tmp_path / "datasets" / "alice" / "nets" / FILES["imagenet"]
    path.parent.mkdir(parents=True)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="stem")])
    content, said = KIND[kind]
    if kind == "keras":
        network.save(made := tmp_path / "net.keras")
    elif kind == "weights":
        network.save_weights(made := tmp_path / "net.weights.h5")
    elif kind == "cut":
        legacy_weights.write_legacy(network, made := tmp_path / "net.h5")
        content = made.read_bytes()[:-500]
    elif kind == "other":
        with h5py.File(made := tmp_path / "net.h5", "w") as file:
            file["x"] = [1]
    path.write_bytes(made.read_bytes() if content is None else content)
    with pytest.raises(UserError) as caught:
        resolve_weights("imagenet", FILES, Parameters(internet=False, weights_source="alice/nets"))
    assert str(caught.value).startswith(f"{path} {said}")
    assert str(caught.value).endswith("HDF5 file of Keras 2, without its top: attach that")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"include_top": True}, "has a top (conv_preds) (Layer count mismatch"),
        ({"alpha": 0.5}, "is of another network (Shape mismatch in layer #0"),
        ({"depth_multiplier": 2, "alpha": 0.25}, "is of another network (Shape mismatch"),
    ],
)
def test_weights_of_another_network_or_with_a_top_are_named(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    import keras

    options = {"include_top": False, "input_shape": (32, 32, 3), **options}
    legacy_weights.write_legacy(
        keras.applications.MobileNet(weights=None, **options), path := tmp_path / "net.h5"
    )
    with pytest.raises(UserError) as caught, weights_explained(str(path)):
        build_backbone("MobileNet", str(path), 32)
    assert str(caught.value).startswith(f"{path} {said}")


def test_an_unknown_network_names_the_nearest_and_too_small_pictures_are_refused() -> None:
    for ask in (weights_files, lambda name: build_backbone(name, None, 32)):
        with pytest.raises(UserError, match="unknown backbone 'DenseNet211': did you mean DenseN"):
            ask("DenseNet211")
    with pytest.raises(UserError, match="image_size=70: Xception takes pictures of 71 or more"):
        build_backbone("Xception", None, 70)


def test_no_weights_and_downloaded_weights() -> None:
    assert resolve_weights(None, FILES, Parameters(internet=False)) is None
    assert resolve_weights("imagenet", FILES, Parameters()) == "imagenet"


@pytest.mark.parametrize(
    ("weights", "parameters", "said"),
    [
        ("clip", {}, "weights=clip: this network has imagenet and none"),
        ("imagenet", {"internet": False}, r"internet is off .* net_notop.h5 .* --weights-source"),
        # What the source holds is said.
        (
            "imagenet",
            {"weights_source": "alice/nets"},
            "alice/nets: no file net_notop.h5; .* has other.h5",
        ),
    ],
)
def test_weights_that_cannot_be_found_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, parameters: Any, said: str
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    (tmp_path / "datasets" / "alice" / "nets").mkdir(parents=True)
    (tmp_path / "datasets" / "alice" / "nets" / "other.h5").touch()
    with pytest.raises(UserError, match=said):
        resolve_weights(weights, FILES, Parameters(**parameters))


def test_an_attached_file_is_what_the_network_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    folder = tmp_path / "datasets" / "alice" / "nets" / "keras"
    folder.mkdir(parents=True)
    saved = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    files = weights_files("MobileNet")
    saved.save(folder / files["imagenet"])  # whole-model HDF5, as Keras's own
    parameters = Parameters(internet=False, weights_source="alice/nets")
    weights = resolve_weights("imagenet", files, parameters)
    model = build_backbone("MobileNet", weights, 32)
    for name in ("conv1", "conv_pw_13"):
        kept, loaded = saved.get_layer(name).weights, model.get_layer(name).weights
        np.testing.assert_array_equal(kept[0].numpy(), loaded[0].numpy())


@pytest.mark.parametrize("fault", ["unreachable", "another hash", "broken"])
def test_weights_that_cannot_be_read_say_the_way_out(tmp_path: Path, fault: str) -> None:
    import keras

    path, weights = tmp_path / "net.h5", "imagenet"
    path.write_bytes(b"half of it")
    said = "imagenet could not be downloaded .*name it with --weights-source"
    if fault == "broken":
        weights, said = str(path), f"{path} is no HDF5 file; expected is"
    nowhere, get_file = "http://127.0.0.1:9/x.h5", keras.utils.get_file
    fetch = {
        "unreachable": lambda: get_file("x.h5", nowhere, cache_dir=tmp_path),
        "another hash": lambda: get_file(
            "x.h5", path.as_uri(), file_hash="0" * 32, cache_dir=tmp_path
        ),
        "broken": lambda: build_backbone("MobileNet", weights, 32),
    }
    with pytest.raises(UserError, match=said), weights_explained(weights):
        fetch[fault]()

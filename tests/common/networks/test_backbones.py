"""Networks by name: raw pictures in, the features of the plain network out."""

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.backbones import (
    BACKBONES,
    CAFFE,
    HALF,
    TF,
    TORCH,
    Pixels,
    build_backbone,
    preprocessed,
    weights_files,
)
from common.networks.weights import fill_by_name
from support import ROOT, legacy_weights

pytestmark = pytest.mark.slow
# As the functions of the ``efficientnet`` package put its files' names together.
FILES_OF_THE_PACKAGE = (
    "{size}_noisy-student_notop.h5 {size}_weights_tf_dim_ordering_tf_kernels_autoaugment_notop.h5"
)
# Deeper networks of the same builder, compared through the smaller one: seconds each.
SIBLINGS = {
    "ConvNeXtSmall": "ConvNeXtTiny",
    "DenseNet201": "DenseNet121",
    "EfficientNetB7": "EfficientNetB0",
}
MODULES = {
    "ConvNeXt": "convnext",
    "DenseNet": "densenet",
    "EfficientNetV2": "efficientnet_v2",
    "Inception": "inception_v3",
    "MobileNet": "mobilenet",
    "ResNet": "resnet",
    "Xception": "xception",
}


@pytest.fixture(scope="module", autouse=True)
def _shallow() -> Iterator[None]:
    """One block of each kind in the larger EfficientNetV2, whose preprocessing is its own."""
    from keras.src.applications import efficientnet_v2

    blocks = efficientnet_v2.DEFAULT_BLOCKS_ARGS
    shallow = [block | {"num_repeat": 1} for block in blocks["efficientnetv2-s"]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(blocks, "efficientnetv2-s", shallow)
        yield


@cache
def reference(name: str, size: int) -> tuple[Any, Callable[[Any], Any]]:
    """The plain network with drawn weights, and the preprocessing that its makers give it."""
    import keras

    if BACKBONES[name].filled_by_name:
        module: Any = pytest.importorskip("efficientnet.tfkeras")
        build = getattr(module, name)
    else:
        family = next(family for family in MODULES if name.startswith(family))
        module = importlib.import_module(f"keras.applications.{MODULES[family]}")
        build = getattr(keras.applications, name)
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


@pytest.mark.parametrize("name", [name for name in BACKBONES if name not in SIBLINGS])
def test_raw_pictures_give_what_the_plain_network_makes_of_preprocessed_ones(
    name: str, tmp_path: Path
) -> None:
    size = max(33, BACKBONES[name].smallest)  # odd: the padding of a stride differs
    plain, preprocess = reference(name, size)
    if BACKBONES[name].filled_by_name:
        path = tmp_path / weights_files(name)["noisy-student"]
        legacy_weights.write_legacy(plain, path)
        ours = build_backbone(name, str(path), size)
    else:
        ours = build_backbone(name, None, size)
        ours.set_weights(plain.get_weights())
    raw = pictures(size)
    assert ours.output_shape == plain.output_shape
    assert ours.count_params() == plain.count_params()
    agree(ours(raw, training=False).numpy(), plain(preprocess(raw), training=False).numpy())


def test_pixels_may_be_divided_by_255_whatever_the_weights_expect() -> None:
    plain, preprocess = reference("MobileNet", 33)
    ours = build_backbone("MobileNet", None, 33, "1/255")
    ours.set_weights(plain.get_weights())
    raw = pictures(33)
    wanted = plain(raw.astype("float32") / 255, training=False).numpy()
    other = plain(preprocess(raw), training=False).numpy()
    apart = np.abs(wanted - other).max()
    assert apart > 0
    np.testing.assert_allclose(ours(raw, training=False).numpy(), wanted, 0, apart / 100)


def test_a_larger_network_takes_the_pixels_of_its_smaller_sibling() -> None:
    for larger, smaller in SIBLINGS.items():
        assert BACKBONES[larger].pixels == BACKBONES[smaller].pixels
        assert BACKBONES[larger].options == BACKBONES[smaller].options
        assert BACKBONES[larger].filled_by_name == BACKBONES[smaller].filled_by_name


@pytest.mark.parametrize("name", [n for n in BACKBONES if not BACKBONES[n].origins])
def test_the_usual_file_is_the_one_that_keras_downloads(name: str) -> None:
    import keras

    build = getattr(keras.applications, name)
    file = weights_files(name)["imagenet"]
    own_name = inspect.signature(build).parameters["name"].default
    assert file.startswith(own_name)
    assert file.removeprefix(own_name) in inspect.getsource(sys.modules[build.__module__])


def test_the_efficientnet_files_are_those_of_their_package() -> None:
    package = pytest.importorskip("efficientnet.weights")
    for name in ("EfficientNetB0", "EfficientNetB7"):
        size = f"efficientnet-{name[-2:].lower()}"
        backbone = BACKBONES[name]
        student, imagenet = backbone.origins["noisy-student"], backbone.origins["imagenet"]
        assert student.folder + "/" == package.NS_WEIGHTS_PATH
        assert student.file_hash == package.NS_WEIGHTS_HASHES[size][1]
        assert imagenet.folder + "/" == package.IMAGENET_WEIGHTS_PATH
        assert imagenet.file_hash == package.IMAGENET_WEIGHTS_HASHES[size][1]
        for file in backbone.files.values():
            assert file in FILES_OF_THE_PACKAGE.format(size=size)


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


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A legacy file of an EfficientNetB0, and the network that it was written of."""
    folder = tmp_path_factory.mktemp("student")
    plain = build_backbone("EfficientNetB0", None, 32).get_layer("efficientnetb0_net")
    # The package's own, not its twin of keras.applications.
    assert "FixedDropout" in {type(layer).__name__ for layer in plain.layers}
    legacy_weights.write_legacy(plain, folder / "net.h5")
    legacy_weights.write_legacy(plain, folder / "gap.h5", without="block4b_se_reduce")
    return folder, plain


def test_a_layer_that_the_file_lacks_is_named_and_nothing_is_filled(
    student: tuple[Path, Any],
) -> None:
    folder, plain = student
    before = plain.get_weights()
    with pytest.raises(
        UserError,
        match=r"gap.h5 is not of this network: 2 of its 309 weights are missing .*"
        r"block4b_se_reduce/kernel \(1, 1, 480, 20\): attach the network's own file",
    ):
        fill_by_name(plain, str(folder / "gap.h5"))
    for kept, value in zip(plain.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, value)


def test_a_file_of_another_size_of_network_is_refused(student: tuple[Path, Any]) -> None:
    import keras

    folder, _ = student
    stem = keras.layers.Conv2D(64, 3, name="stem_conv", use_bias=False)  # B7's; B0 has 32
    network = keras.Sequential([keras.Input((32, 32, 3)), stem])
    with pytest.raises(UserError, match=r"1 of its 1 weights .* stem_conv/kernel \(3, 3, 3, 64\)"):
        fill_by_name(network, str(folder / "net.h5"))


def test_an_unknown_network_names_the_nearest() -> None:
    for ask in (weights_files, lambda name: build_backbone(name, None, 32)):
        with pytest.raises(UserError, match="unknown backbone 'DenseNet211': did you mean DenseN"):
            ask("DenseNet211")


def test_too_small_pictures_are_refused() -> None:
    with pytest.raises(UserError, match="image_size=70: Xception takes pictures of 71 or more"):
        build_backbone("Xception", None, 70)


@pytest.mark.parametrize("pixels", [TORCH, TF, CAFFE, HALF])
def test_mixed_precision_does_not_round_pixels(pixels: Pixels) -> None:
    import keras

    raw = np.linspace(0, 255, 8 * 8 * 3, dtype=np.float32).reshape(1, 8, 8, 3)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inputs = keras.Input((8, 8, 3))
        model = keras.Model(inputs, preprocessed(inputs, pixels))
        found = keras.ops.convert_to_numpy(model(raw))
    finally:
        keras.config.set_dtype_policy(before)
    ordered = raw[..., ::-1] if pixels.bgr else raw
    expected = (ordered - np.array(pixels.mean)) / np.array(pixels.spread)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, 0, 1e-4)
    assert model.count_params() == 0


def test_the_table_is_read_without_keras() -> None:
    code = "import sys, common.networks.backbones; "
    code += "print({'keras', 'tensorflow', 'h5py'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"

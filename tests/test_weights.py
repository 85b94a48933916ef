"""Pretrained weights and packages that Kaggle's image lacks."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.packages import ensure_package
from common.parameters import Parameters
from common.recipe import override
from common.weights import resolve_weights, weights_explained
from competitions.petals_to_metal import xception

FILES = {"imagenet": "net_notop.h5"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "kaggle" / "input"
    folder.mkdir(parents=True)
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(folder))
    return folder


def test_no_weights_and_downloaded_weights() -> None:
    assert resolve_weights(None, FILES, Parameters(internet=False)) is None
    assert resolve_weights("imagenet", FILES, Parameters()) == "imagenet"


def test_weights_that_a_network_does_not_have_are_refused() -> None:
    with pytest.raises(UserError, match="weights=clip: this network has imagenet and none"):
        resolve_weights("clip", FILES, Parameters())


def test_offline_without_a_source_is_refused() -> None:
    with pytest.raises(UserError, match=r"internet is off .* net_notop.h5 .* --weights-source"):
        resolve_weights("imagenet", FILES, Parameters(internet=False))


def test_a_source_without_the_file_says_what_it_holds(root: Path) -> None:
    (root / "datasets" / "alice" / "nets").mkdir(parents=True)
    (root / "datasets" / "alice" / "nets" / "other.h5").touch()
    with pytest.raises(UserError, match=r"alice/nets: no file net_notop.h5; .* holds other.h5"):
        resolve_weights("imagenet", FILES, Parameters(weights_source="alice/nets"))


# Keras saves variables in a way that NumPy 2.4 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_an_attached_file_is_what_the_network_starts_from(root: Path) -> None:
    import keras

    folder = root / "datasets" / "alice" / "nets" / "keras"
    folder.mkdir(parents=True)
    saved = keras.applications.Xception(include_top=False, weights=None, input_shape=(96, 96, 3))
    saved.save(folder / xception.WEIGHTS_FILES["imagenet"])  # whole-model HDF5, as Keras's own
    parameters = Parameters(internet=False, weights_source="alice/nets")
    weights = resolve_weights("imagenet", xception.WEIGHTS_FILES, parameters)
    model = xception.build_model(weights, override(xception.RECIPE, {"image_size": 96}))
    for name in ("block1_conv1", "block14_sepconv2"):
        kept, loaded = saved.get_layer(name).weights, model.get_layer(name).weights
        np.testing.assert_array_equal(kept[0].numpy(), loaded[0].numpy())


def test_a_failed_download_of_weights_says_the_way_out(tmp_path: Path) -> None:
    import keras

    with (
        pytest.raises(UserError, match=r"imagenet could not be downloaded .*--weights-source"),
        weights_explained("imagenet"),
    ):
        keras.utils.get_file("nothing.h5", "http://127.0.0.1:9/nothing.h5", cache_dir=tmp_path)


def test_a_broken_weights_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / xception.WEIGHTS_FILES["imagenet"]
    path.write_bytes(b"not hdf5")
    recipe = override(xception.RECIPE, {"image_size": 96})
    with (
        pytest.raises(UserError, match=f"{path} is not a readable weights file"),
        weights_explained(str(path)),
    ):
        xception.build_model(str(path), recipe)


def wheel(folder: Path, name: str, version: str) -> Path:
    """A wheel of one empty module."""
    folder.mkdir(parents=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "FLOWERS = 104\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_package_that_is_there_is_left_alone(root: Path) -> None:
    ensure_package("numpy", "0.0.1", internet=False)


def test_offline_a_package_comes_from_a_wheel_among_the_sources(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(root / "datasets" / "alice" / "wheels", "petalwheel", "1.2")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    ensure_package("petalwheel", "1.2", internet=False)
    import petalwheel  # type: ignore[import-not-found]

    assert petalwheel.FLOWERS == 104


def test_offline_without_a_wheel_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"petalnone 1.0 .* no petalnone-1.0-\*.whl"):
        ensure_package("petalnone", "1.0", internet=False)


def test_a_broken_wheel_shows_pips_last_line(root: Path) -> None:
    folder = root / "wheels"
    folder.mkdir()
    (folder / "petalbroken-1.0-py3-none-any.whl").write_bytes(b"no archive")
    with pytest.raises(UserError, match="pip install .*petalbroken==1.0 failed: "):
        ensure_package("petalbroken", "1.0", internet=False)

"""Where pretrained weights come from, and what is said when they do not."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.errors import UserError
from common.networks.backbones import weights_files
from common.networks.weights import resolve_weights, weights_explained
from common.parameters import Parameters
from common.recipe import override
from competitions.petals_to_metal import xception

FILES = {"imagenet": "net_notop.h5"}
FILE = weights_files("Xception")["imagenet"]


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
    with pytest.raises(UserError, match=r"alice/nets: no file net_notop.h5; .* has other.h5"):
        resolve_weights("imagenet", FILES, Parameters(weights_source="alice/nets"))


def test_an_attached_file_is_what_the_network_starts_from(root: Path) -> None:
    import keras

    folder = root / "datasets" / "alice" / "nets" / "keras"
    folder.mkdir(parents=True)
    saved = keras.applications.Xception(include_top=False, weights=None, input_shape=(96, 96, 3))
    saved.save(folder / FILE)  # whole-model HDF5, as Keras's own
    parameters = Parameters(internet=False, weights_source="alice/nets")
    weights = resolve_weights("imagenet", weights_files("Xception"), parameters)
    model = xception.build_model(weights, override(xception.KERNEL.recipe, {"image_size": 96}))
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


def test_a_download_with_another_hash_says_the_way_out(tmp_path: Path) -> None:
    import keras

    source = tmp_path / "net.h5"
    source.write_bytes(b"half of it")
    address = source.as_uri()
    with (
        pytest.raises(UserError, match=r"imagenet could not be downloaded \(Incomplete .*attach"),
        weights_explained("imagenet"),
    ):
        keras.utils.get_file("x.h5", address, file_hash="0" * 32, cache_dir=tmp_path / "cache")


def test_a_broken_weights_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"not hdf5")
    recipe = override(xception.KERNEL.recipe, {"image_size": 96})
    with (
        pytest.raises(UserError, match=f"{path} is not a readable weights file"),
        weights_explained(str(path)),
    ):
        xception.build_model(str(path), recipe)

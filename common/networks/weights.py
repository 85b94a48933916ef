"""Where pretrained weights come from, and what a file of them is that does not fit."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from common.content import nature
from common.errors import UserError
from common.inputs import as_given, dataset_folder, find_file, listing
from common.networks.packaged import WeightsPackage, find_packaged
from common.parameters import Parameters

_EXPECTED = "expected is the network's own HDF5 file of Keras 2, without its top"
_LABELS = (1000, 21841, 21843)  # of ImageNet: what the last layer of a whole network gives


def resolve_weights(
    weights: str | None,
    files: Mapping[str, str],
    parameters: Parameters,
    package: WeightsPackage | None = None,
) -> str | None:
    """What to hand to a network's builder as ``weights``: None, a name, or a file's path.

    ``files`` gives the usual file name of each kind of weights that the network has, as
    ``common.networks.backbones.weights_files``. With ``parameters.weights_source`` that file
    is looked for in the mounted data set or model; without one, the builder downloads it. That of a
    ``package`` is where ``find_packaged`` finds it. Raises UserError for unknown weights, a source
    without the file, a file of another kind, and no source offline.
    """
    if weights is None or weights == "none":
        return None
    if weights not in files:
        raise UserError(f"weights={weights}: this network has {', '.join(files)} and none")
    if package:
        return str(find_packaged(package, parameters))
    if not parameters.weights_source:
        if not parameters.internet:
            raise UserError(
                f"internet is off and no weights source is given: attach a data set or model with "
                f"{files[weights]} and name it with --weights-source"
            )
        return weights
    folder = dataset_folder(parameters.weights_source, parameters.internet)
    path = find_file(files[weights], [folder])
    if path is None:
        raise UserError(
            f"weights source {parameters.weights_source}: no file {files[weights]}; "
            f"{listing(folder)}"
        )
    stored_layers(path)
    return str(path)


def stored_layers(path: Path) -> dict[str, list[tuple[int, ...]]]:
    """Return the layers of a legacy Keras HDF5 file that have weights, and their shapes.

    Raises UserError for a file of another kind, saying of which.
    """
    import h5py

    fault = ""
    try:
        with h5py.File(path, "r") as file:
            stored = file.get("model_weights", file)  # a whole model's file has them one step down
            if names := _names(stored):
                shapes = {name: _shapes(stored[name]) for name in names if name in stored}
                return {name: shapes[name] for name in names if shapes.get(name)}
            keras3 = "layers" in file or "_layer_checkpoint_dependencies" in file
            fault = "has weights in Keras 3's format" if keras3 else "is no weights file of Keras"
    except (OSError, RuntimeError, KeyError) as error:
        what = _kind(path)
        fault = f"is {what}" if what else f"is cut short or damaged ({str(error).splitlines()[0]})"
    raise UserError(f"{as_given(path)} {fault}; {_EXPECTED}: attach that")


def _names(stored: Any) -> list[str]:
    """The layers in their order; Keras writes a long list in parts."""
    parts = [key for key in stored.attrs if key.startswith("layer_names")]
    parts.sort(key=lambda key: (len(key), key))
    names = [name for part in parts for name in stored.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _shapes(group: Any) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    group.visititems(lambda _, item: found.append(item.shape) if hasattr(item, "shape") else None)
    return found


def _kind(path: Path) -> str:
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        if "model.weights.h5" in archive.namelist():
            return "a model in Keras 3's format (.keras)"
    with open(path, "rb") as file:
        what = nature(file.read(64))
    return "" if what == "an HDF5 file" else what or "no HDF5 file"


def misfit(layers: Mapping[str, list[tuple[int, ...]]]) -> str:
    """Return what weights with these layers are, that are not those of a network without top."""
    last, shapes = list(layers.items())[-1] if layers else ("", [])
    if any(shape[-1:] and shape[-1] in _LABELS for shape in shapes):
        return f"has a top ({last})"
    return "is of another network"


def fill_by_name(model: Any, path: str) -> None:
    """Fill every layer of ``model`` from the layer of its name in a legacy Keras HDF5 file.

    The file may have a top besides. Raises UserError when it lacks a layer, has it in another shape
    or has further convolutions, and as ``stored_layers``.
    """
    stored = stored_layers(Path(path))
    own = {layer.name for layer in model.layers if layer.weights}
    lacking = sorted(own - stored.keys())
    kernels = {name for name, shapes in stored.items() if any(len(shape) > 2 for shape in shapes)}
    further = sorted(kernels - own)  # a top or a normalisation has none
    try:
        if lacking:
            raise ValueError(f"it lacks {len(lacking)} layers, such as {lacking[0]}")
        if further:
            raise ValueError(f"it has {len(further)} layers more, such as {further[0]}")
        model.load_weights(path, by_name=True)
    except ValueError as error:
        said = str(error).splitlines()[0]
        raise UserError(
            f"{as_given(Path(path))} is not of this network ({said}): attach the network's own file"
        ) from None


@contextmanager
def weights_explained(weights: str | None) -> Iterator[None]:
    """Turn a builder's failure to fetch or read ``weights`` into a UserError with the way out.

    Keras raises a bare Exception for a failed download and a ValueError for one with another
    hash; a broken file is an OSError, and one that does not fit a ValueError.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        fetching = any(words in str(error) for words in ("URL fetch", "corrupted file"))
        loading = isinstance(error, ValueError) and "mismatch" in str(error)
        if weights is None or not (isinstance(error, OSError) or fetching or loading):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        if weights.endswith(".h5"):
            layers = stored_layers(Path(weights))
            wrong = f"{as_given(Path(weights))} {misfit(layers)} ({said}); {_EXPECTED}: attach that"
        else:
            wrong = (
                f"weights {weights} could not be downloaded ({said}): try again, or attach a data "
                f"set that has the file and name it with --weights-source"
            )
        raise UserError(wrong) from error

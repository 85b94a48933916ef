"""Where pretrained weights come from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from common.inputs import dataset_folder, find_file, listing
from common.parameters import Parameters


def resolve_weights(
    weights: str | None, files: Mapping[str, str], parameters: Parameters
) -> str | None:
    """What to hand to a network's builder as ``weights``: None, a name, or a file's path.

    ``files`` gives the usual file name of each kind of weights that the network has, as
    ``common.networks.backbones.weights_files``. With ``parameters.weights_source`` that file
    is looked for in the mounted data set or model; without one, the builder downloads it.
    Raises UserError for unknown weights, a source without the file, and no source offline.
    """
    if weights is None or weights == "none":
        return None
    if weights not in files:
        raise UserError(f"weights={weights}: this network has {', '.join(files)} and none")
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
    return str(path)


@dataclass(frozen=True)
class Origin:
    """Where a weights file is downloaded from: a folder's address, and its hash (MD5, SHA-256)."""

    folder: str
    file_hash: str | None = None


def downloaded(file: str, origin: Origin) -> str:
    """The path of a weights file in Keras's cache, downloaded unless it is there.

    Raises what ``keras.utils.get_file`` raises (see ``weights_explained``).
    """
    import keras

    address = f"{origin.folder}/{file}"
    path = keras.utils.get_file(file, address, cache_subdir="models", file_hash=origin.file_hash)
    return str(path)


def fill_by_name(model: Any, path: str) -> None:
    """Fill every layer of ``model`` from the layer of its name in a legacy Keras HDF5 file.

    The file may have further layers. Raises UserError when it lacks a weight or has it in another
    shape (nothing is filled then), and OSError when it cannot be read.
    """
    import h5py

    with h5py.File(path, "r") as file:
        layers = file.get("model_weights", file)  # a whole model's file has them one step down
        stored = [
            (layer.name, weight, _stored(layers, layer.name, weight.name))
            for layer in model.layers
            for weight in layer.weights
        ]
        lacking = [
            f"{layer}/{weight.name} {tuple(weight.shape)}"
            for layer, weight, values in stored
            if values is None or values.shape != tuple(weight.shape)
        ]
        if lacking:
            raise UserError(
                f"{path} is not of this network: {len(lacking)} of its {len(stored)} weights are "
                f"missing or of another shape, such as {lacking[0]}: attach the network's own file"
            )
        for _, weight, values in stored:
            weight.assign(values[()])


def _stored(layers: Any, layer: str, weight: str) -> Any:
    """The data set of a weight, whose older name may be longer (``depthwise_kernel:0``)."""
    group = layers.get(layer)
    for name in () if group is None else group.attrs.get("weight_names", ()):
        name = name.decode() if isinstance(name, bytes) else name
        if name.split(":")[0].endswith(weight):
            return group[name]
    return None


@contextmanager
def weights_explained(weights: str | None) -> Iterator[None]:
    """Turn a builder's failure to fetch or read ``weights`` into a UserError with the way out.

    Keras raises a bare Exception for a failed download and a ValueError for one with another
    hash; a broken file is an OSError.
    """
    try:
        yield
    except Exception as error:
        fetching = any(words in str(error) for words in ("URL fetch", "corrupted file"))
        if weights is None or not (isinstance(error, OSError) or fetching):
            raise
        said = str(error).splitlines()[0]
        if weights.endswith(".h5"):
            raise UserError(
                f"{weights} is not a readable weights file ({said}): upload it again"
            ) from error
        raise UserError(
            f"weights {weights} could not be downloaded ({said}): try again, or attach a data set "
            f"that has the file and name it with --weights-source"
        ) from error

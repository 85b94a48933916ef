"""Where pretrained weights come from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


def fill_by_name(model: Any, path: str) -> None:
    """Fill every layer of ``model`` from the layer of its name in a legacy Keras HDF5 file.

    The file may have further layers. Raises UserError when it lacks one or has it in another
    shape, and OSError when it cannot be read.
    """
    import h5py

    with h5py.File(path, "r") as file:
        stored = file.get("model_weights", file)  # a whole model's file has them one step down
        lacking = [
            layer.name for layer in model.layers if layer.weights and layer.name not in stored
        ]
    try:
        if lacking:
            raise ValueError(f"it lacks {len(lacking)} layers, such as {lacking[0]}")
        model.load_weights(path, by_name=True)
    except ValueError as error:
        said = str(error).splitlines()[0]
        raise UserError(
            f"{path} is not of this network ({said}): attach the network's own file"
        ) from None


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
        wrong = f"{weights} is not a readable weights file ({said}): upload it again"
        if not weights.endswith(".h5"):
            wrong = (
                f"weights {weights} could not be downloaded ({said}): try again, or attach a data "
                f"set that has the file and name it with --weights-source"
            )
        raise UserError(wrong) from error

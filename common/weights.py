"""Where pretrained weights come from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from common.errors import UserError
from common.inputs import dataset_folder, find_file, listing
from common.parameters import Parameters


def resolve_weights(
    weights: str | None, files: Mapping[str, str], parameters: Parameters
) -> str | None:
    """What to hand to a network's builder as ``weights``: None, a name, or a file's path.

    ``files`` gives the standard file name of each kind of weights that the network has, such as
    ``{"imagenet": "xception_weights_..._notop.h5"}``. With ``parameters.weights_source`` that file
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


@contextmanager
def weights_explained(weights: str | None) -> Iterator[None]:
    """Turn a builder's failure to fetch or read ``weights`` into a UserError with the way out.

    Keras raises a bare Exception for a failed download; a broken file is an OSError.
    """
    try:
        yield
    except Exception as error:
        if weights is None or not (isinstance(error, OSError) or "URL fetch" in str(error)):
            raise
        said = str(error).splitlines()[0]
        if weights.endswith(".h5"):
            raise UserError(
                f"{weights} is not a readable weights file ({said}): upload it again"
            ) from error
        raise UserError(
            f"weights {weights} could not be downloaded ({said}): try again, or attach a data set "
            f"that holds the file and name it with --weights-source"
        ) from error

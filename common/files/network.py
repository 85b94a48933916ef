"""What a training leaves for later: ``KERNEL.weights.h5`` and ``KERNEL.network.json``.

The weights are in Keras' own format: the network is built from its recipe and takes them with
``load_weights``, on every backend and in every precision. They stay at Kaggle until they are asked
for. The description is small: it says of which network they are, and what that has learnt.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from common.errors import UserError
from common.manifest import file_sha256, write_json

WEIGHTS, DESCRIPTION = ".weights.h5", ".network.json"  # the ends of their names
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network.

    Attributes:
        kernel: that trained it, by its name within the run.
        competition, title: on whose data.
        task: the name of what it predicts.
        network: what ``network_name`` says.
        image_size: pixels; 0 of a network that sees no pictures.
        preprocessing: that it does itself; pictures are RGB in 0..255.
        classes: their names in the order of its outputs, where they have names.
        outputs: how many numbers it gives.
        trained_on: of the competition's pictures, in words.
        head_alone: whether its last layer alone has been trained, here and in what it began with.
        parameters: their number.
        recipe: what it was trained with.
        versions: of Python, Keras and others.
        file, bytes, sha256: its weights.
    """

    kernel: str
    competition: str
    title: str
    task: str
    network: str
    image_size: int
    preprocessing: str
    outputs: int
    trained_on: str
    parameters: int
    file: str
    bytes: int
    sha256: str
    head_alone: bool = False
    classes: list[str] = field(default_factory=list)
    recipe: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def network_name(recipe: Any, kernel: str) -> str:
    """What a kernel with this recipe trains: its backbone, or else the network of its script."""
    name = getattr(recipe, "backbone", "") or re.sub(r"-(fold|part|network)\d+$", "", kernel)
    return f"miniature of {name}" if getattr(recipe, "miniature", False) else name


def write_network(folder: Path, weights: Path, facts: Mapping[str, Any]) -> Network:
    """Describe ``weights``, a file in ``folder``; ``facts`` are a Network's without its file."""
    stored: dict[str, Any] = {"bytes": weights.stat().st_size, "sha256": file_sha256(weights)}
    network = Network(**facts, file=weights.name, **stored)
    write_json(folder / f"{network.kernel}{DESCRIPTION}", {"format": FORMAT, **asdict(network)})
    return network


def read_networks(folder: Path) -> dict[str, tuple[Network, Path]]:
    """Return the networks that are described at any depth below ``folder``, by kernel, in order.

    With each the path of its weights, which may not be there. Raises UserError for a description
    that cannot be read.
    """
    found = {}
    for path in sorted(folder.rglob(f"*{DESCRIPTION}")):
        network = read_network(path)
        found[network.kernel] = (network, path.with_name(network.file))
    return found


def read_network(path: Path) -> Network:
    """Read a description. Raises UserError for what is none, or of a later version."""
    try:
        values = dict(json.loads(path.read_text("utf-8")))
        known = values.pop("format")
        if known != FORMAT:
            raise UserError(
                f"{path} has format {known}, and {FORMAT} is read here: update this clone"
            )
        network = Network(**values)
        right = all(
            isinstance(getattr(network, name), get_origin(kind) or kind)
            for name, kind in get_type_hints(Network).items()
        )
        if not right or Path(network.file).name != network.file:
            raise ValueError
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise UserError(f"{path} is damaged, or describes no network") from None
    return network

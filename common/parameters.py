"""The parameters of a pushed kernel, besides its recipe.

A kernel on Kaggle gets no arguments, so the pipeline writes these into the pushed script's
``PARAMETERS = {...}`` line. On a workstation the line is empty, and the defaults below count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.recipe import by_name


@dataclass(frozen=True)
class Parameters:
    """The parameters of one pushed kernel."""

    kernel: str = ""  # its name within the run, e.g. ``densenet201``
    nonce: str = ""  # of the run that pushed it; a manifest with another nonce is stale
    shared: str = ""  # ``owner/slug`` of the utility script that has the shared code
    shared_hash: str = ""  # of the shared code that it was built with
    accelerator: str = ""  # ``tpu``, ``gpu`` or ``cpu``; empty takes what the machine has
    # The recipe's fields that differ at full size: the network is built with them too, and its
    # parameters are counted. Empty does not.
    full_size: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0  # of everything random
    internet: bool = True  # whether the kernel may download
    weights_source: str = ""  # ``owner/slug`` of a data set, or a model's handle, with weights
    # Member → ``owner/slug`` of the kernel whose output it reads, and the nonce that it must show.
    sources: Mapping[str, str] = field(default_factory=dict)
    source_nonces: Mapping[str, str] = field(default_factory=dict)
    time_limit: float = 0.0  # seconds from its start after which it must have ended; 0 is none
    resume: str = ""  # ``owner/slug`` of its own unfinished version; empty starts anew

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Parameters":
        """Parameters from a ``PARAMETERS`` line. Raises UserError for an unknown name."""
        for name in values:
            by_name("kernel parameter", name, vars(cls()))
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, for the ``PARAMETERS`` line."""
        default = vars(Parameters())
        return {name: value for name, value in vars(self).items() if value != default[name]}

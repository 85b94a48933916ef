"""The parameters of a pushed kernel, besides its recipe.

A kernel on Kaggle gets no arguments, so the pipeline writes these into the pushed script's
``PARAMETERS = {...}`` line. On a workstation the line is empty, and the defaults below count.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import UserError
from common.recipe import nearest


@dataclass(frozen=True)
class Parameters:
    """The parameters of one pushed kernel.

    Attributes:
        kernel: its name within the run, e.g. ``densenet201``.
        nonce: the run that pushed it; a manifest with another nonce is stale.
        shared: ``owner/slug`` of the utility script that has the shared code.
        shared_hash: hash of the shared code that it was built with.
        accelerator: ``tpu``, ``gpu`` or ``cpu``; empty takes what the machine has.
        full_size: the recipe's fields that differ at full size, for the network to be built with
            them too and its parameters counted; empty does not.
        seed: of everything random.
        internet: whether the kernel may download.
        weights_source: ``owner/slug`` of a data set, or a model's handle, that has weights.
        sources: member name → ``owner/slug`` of the kernels whose outputs it reads.
        source_nonces: member name → the nonce that its manifest must show; another is stale.
        time_limit: seconds from its start after which it must have ended; 0 is none.
        resume: ``owner/slug`` of its own earlier, unfinished version; empty starts anew.
    """

    kernel: str = ""
    nonce: str = ""
    shared: str = ""
    shared_hash: str = ""
    accelerator: str = ""
    full_size: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    internet: bool = True
    weights_source: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    source_nonces: Mapping[str, str] = field(default_factory=dict)
    time_limit: float = 0.0
    resume: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Parameters":
        """Parameters from a ``PARAMETERS`` line. Raises UserError for an unknown name."""
        known = [f.name for f in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise UserError(f"unknown kernel parameter {name!r}: {nearest(name, known)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults, for the ``PARAMETERS`` line."""
        default = Parameters()
        return {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if getattr(self, f.name) != getattr(default, f.name)
        }

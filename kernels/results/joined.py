"""Kernels that the ensemble has made one member of: folds, which it tells itself, and networks."""

import re
from collections.abc import Mapping
from typing import Any

KINDS = ("folds", "networks")
_NETWORK = re.compile(r"(.+)-network\d+")


def with_networks(blend: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """``blend`` with ``networks`` as with ``folds``: model → its kernels, each with its score.

    ``scores`` are of all kernels that trained. Without a blend none is joined.
    """
    found: dict[str, dict[str, Any]] = {}
    for kernel, score in scores.items():
        named = _NETWORK.fullmatch(kernel)
        if named and named[1] in blend.get("members", {}):
            found.setdefault(named[1], {})[kernel] = score
    return {**blend, **({"networks": found} if found else {})}


def joined(blend: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Model → ``folds`` or ``networks``, and its kernels with their scores."""
    return {
        model: (kind, kernels) for kind in KINDS for model, kernels in blend.get(kind, {}).items()
    }

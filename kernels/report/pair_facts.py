"""What kernels of a competition of pairs wrote for the page. Copes with whatever is missing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common.blending.members import join_networks
from common.errors import UserError
from common.files.classes import NAME as CLASSES
from common.files.classes import load_classes
from common.files.predictions import Vectors, load_vectors, row_order
from common.files.projection import Projection, load_projection
from common.pairs.validation import ScoredPairs, load_scored_pairs
from kernels.results.output import KernelOutput, read_or_note
from kernels.results.scores import as_mapping, read_number

Models = Mapping[str, Sequence[KernelOutput]]
Metrics = Mapping[str, Any]  # of a kernel, or of one of its channels


@dataclass(frozen=True)
class Channel:
    """What one model says of validation's pictures in one of its channels.

    Attributes:
        name: such as ``triplets/embedding``.
        ids, labels, seen: ``(n,)`` text, int64 the class, and bool whether train has it.
        vectors: ``(n, d)`` float32.
    """

    name: str
    ids: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class PairFacts:
    """What the page shows of a competition of pairs.

    Attributes:
        names: of classes by number, for people; one that is not here is called by its number.
        best: the channel with the best score on validation, if any can be read.
        embedding: of those with unit vectors the best one, if any can be read.
        projections: by model, those of the same pictures, the best model first.
        scored: validation's pairs as the blend scores them.
    """

    names: Mapping[int, str]
    best: Channel | None
    embedding: Channel | None
    projections: Mapping[str, Projection]
    scored: ScoredPairs | None


def gather_pairs(
    models: Models, ensemble: KernelOutput, kernels: Sequence[KernelOutput], notes: list[str]
) -> PairFacts:
    """Read what is there; what is not, or is broken, becomes a note."""
    best = embedding = None
    order = ranked(models, ensemble.metrics)
    for found in _channels(order, models, notes):
        best = best or found
        if np.allclose(np.linalg.norm(found.vectors, axis=1), 1.0, atol=1e-3):
            embedding = found
            break
    projections: dict[str, Projection] = {}
    for model in dict.fromkeys(model for model, _ in order):
        read = partial(_projection, model, models[model][0].folder, projections)
        if (projection := read_or_note(read, None, notes)) is not None:
            projections[model] = projection
    scored = read_or_note(partial(_scored, ensemble.folder), None, notes)
    names = read_or_note(partial(_names, kernels), None, notes)
    return PairFacts(names or {}, best, embedding, projections, scored)


def model_channels(model: str, ensemble: Metrics) -> Metrics:
    """Return the AUC of ``all``, ``seen`` and ``unseen`` pairs by channel, as measured.

    Where the ensemble measured none, one channel has no name and no AUC.
    """
    start, known = f"{model}/", as_mapping(ensemble.get("channels"))
    found = {name: auc for name, auc in known.items() if isinstance(auc, Mapping)}
    return {n.removeprefix(start): found[n] for n in found if n.startswith(start)} or {"": {}}


def ranked(models: Iterable[str], ensemble: Metrics) -> list[tuple[str, str]]:
    """Return model and channel of all, the best AUC of all pairs first, what is unknown last."""
    found = {
        (model, channel): read_number(auc.get("all")) or 0.0
        for model in models
        for channel, auc in model_channels(model, ensemble).items()
    }
    return sorted(found, key=lambda name: -found[name])


def _channels(
    order: Sequence[tuple[str, str]], models: Models, notes: list[str]
) -> Iterator[Channel]:
    """The channels that can be read, in this order; a file is read for one channel at a time."""
    for model, channel in order:
        found = read_or_note(partial(_vectors, models[model]), None, notes)
        if found is None:
            continue
        known = (found.validation_ids, found.validation_labels, found.validation_seen)
        for name, vectors in found.validation.items():
            if name == channel or not channel:
                yield Channel(f"{model}/{name}", *known, vectors)


def _vectors(kernels: Sequence[KernelOutput]) -> Vectors | None:
    return join_networks((k.name, load_vectors(k.folder, k.name)) for k in kernels)


def _projection(name: str, folder: Path, known: Mapping[str, Projection]) -> Projection:
    """A model's projection, its pictures in the order of the first of those ``known``."""
    found = load_projection(folder)
    if found is None or not found.points.size:
        raise UserError(f"{name} wrote no projection, so its embedding is not shown")
    first = next(iter(known), name)
    order = row_order(known.get(first, found).ids, found.ids, "projection", first, name)
    own = {key: getattr(found, key)[order] for key in ("ids", "labels", "seen")}
    return replace(found, **own, points=found.points[:, order])


def _scored(folder: Path) -> ScoredPairs:
    """The ensemble's pairs. Raises UserError where no curves can be drawn of them."""
    found = load_scored_pairs(folder)
    if found is None:
        raise UserError("The ensemble wrote no scored pairs: no curves and no mistakes are shown")
    if not 0 < np.count_nonzero(found.same) < len(found.first):
        raise UserError("Validation has not both same and different pairs: no curves are shown")
    return found


def _names(kernels: Sequence[KernelOutput]) -> dict[int, str]:
    """Names of classes by number, where ``classes.csv`` has more than a digest."""
    folder = next((k.folder for k in kernels if (k.folder / CLASSES).exists()), None)
    found = load_classes(folder) if folder else ()
    return {one.number: one.name for one in found if one.is_named}

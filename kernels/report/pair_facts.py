"""What kernels of a competition of pairs wrote for the page. Copes with whatever is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files.classes import NAME as CLASSES
from common.files.classes import PictureClass, load_classes
from common.files.predictions import NAME as PREDICTIONS
from common.files.projection import Projection, load_projection
from common.files.vectors import Vectors, load_vectors
from common.pairs.networks import join_networks
from common.pairs.scored import ScoredPairs, load_scored_pairs
from kernels.results.output import KernelOutput, read_or_note
from kernels.results.scores import as_mapping, read_number

Models = Mapping[str, Sequence[KernelOutput]]
Metrics = Mapping[str, Any]  # of a kernel, or of one of its channels


@dataclass(frozen=True)
class Channel:
    """What one model says of validation's pictures in one of its channels.

    Attributes:
        name: such as ``triplets/embedding``.
        ids: ``(n,)`` text.
        labels: ``(n,)`` int64, the class of each by number.
        seen: ``(n,)`` bool, whether train has that class.
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
    models: Models, ensemble: KernelOutput | None, kernels: Sequence[KernelOutput], notes: list[str]
) -> PairFacts:
    """Read what is there; what is not, or is broken, becomes a note."""
    lost = [k.name for own in models.values() for k in own if not (k.folder / PREDICTIONS).exists()]
    notes += [f"{name} wrote no {PREDICTIONS}." for name in lost]
    whole = {m: own for m, own in models.items() if not {k.name for k in own} & {*lost}}
    order = ranked(models, ensemble.metrics if ensemble else {})
    best: Channel | None = None
    unit: Channel | None = None
    for found in _channels(order, whole, notes):
        best = best or found
        if np.allclose(np.linalg.norm(found.vectors, axis=1), 1.0, atol=1e-3):
            unit = found
            break
    folders = {model: models[model][0].folder for model, _ in order}
    scored = _scored(ensemble, notes)
    return PairFacts(_names(kernels, notes), best, unit, _projections(folders, notes), scored)


def channel_scores(metrics: Metrics) -> dict[str, Metrics]:
    """Return channel → its AUC of ``all``, ``seen`` and ``unseen``, as a kernel wrote them."""
    channels = as_mapping(metrics.get("channels"))
    return {str(name): found for name, found in channels.items() if isinstance(found, Mapping)}


def model_channels(model: str, metrics: Metrics, ensemble: Metrics) -> dict[str, Metrics]:
    """Return each channel of a model with its AUC, as the ensemble or the model measured it."""
    start = f"{model}/"
    measured = channel_scores(ensemble)
    ours = {name.removeprefix(start): measured[name] for name in measured if name.startswith(start)}
    return ours or channel_scores(metrics)


def auc_of(scores: Metrics) -> float:
    """Return the AUC of all pairs; less than any if there is none."""
    found = read_number(scores.get("all"))
    return -1.0 if found is None else found


def ranked(models: Models, ensemble: Metrics) -> list[tuple[str, str]]:
    """Return model and channel of all, the best AUC of all pairs first.

    A model whose channels are not known comes with an empty one, by its score on validation.
    """
    found: dict[tuple[str, str], float] = {}
    for model, kernels in models.items():
        metrics = kernels[0].metrics
        channels = model_channels(model, metrics, ensemble)
        channels = channels or {"": {"all": metrics.get("validation_score")}}
        found.update({(model, channel): auc_of(scores) for channel, scores in channels.items()})
    return sorted(found, key=lambda name: -found[name])


def _channels(
    order: Sequence[tuple[str, str]], models: Models, notes: list[str]
) -> Iterator[Channel]:
    """The channels that can be read, in this order; a file is read for one channel at a time."""
    broken: set[str] = set()
    for model, channel in order:
        if model not in models or model in broken:
            continue
        found = read_or_note(partial(_vectors, models[model]), None, notes)
        if found is None:
            broken.add(model)
            continue
        facts = (found.validation_ids, found.validation_labels, found.validation_seen)
        for name in (channel,) if channel else found.validation:
            if name in found.validation:
                yield Channel(f"{model}/{name}", *facts, found.validation[name])


def _vectors(kernels: Sequence[KernelOutput]) -> Vectors | None:
    return join_networks(
        (kernel.name, load_vectors(kernel.folder, kernel.name)) for kernel in kernels
    )


def _projections(folders: Mapping[str, Path], notes: list[str]) -> dict[str, Projection]:
    """Those that are of the first one's pictures, in its order."""
    found: dict[str, Projection] = {}
    for name, folder in folders.items():
        known = len(notes)
        projection = read_or_note(partial(load_projection, folder), None, notes)
        if projection is None or not projection.points.size:
            if len(notes) == known:
                notes.append(f"{name} wrote no projection, so its embedding is not shown.")
            continue
        ids = next(iter(found.values()), projection).ids.tolist()
        rows = {picture: row for row, picture in enumerate(projection.ids.tolist())}
        if set(rows) != set(ids):
            notes.append(f"{name} wrote a projection of other pictures, which is not shown.")
            continue
        order = np.array([rows[picture] for picture in ids])
        own = {key: getattr(projection, key)[order] for key in ("ids", "labels", "seen")}
        found[name] = replace(projection, **own, points=projection.points[:, order])
    return found


def _scored(ensemble: KernelOutput | None, notes: list[str]) -> ScoredPairs | None:
    """The ensemble's pairs, if curves can be drawn of them."""
    try:
        found = load_scored_pairs(ensemble.folder) if ensemble else None
    except UserError as error:
        notes.append(f"{error}.")
        return None
    if found is None:
        notes.append("The ensemble wrote no scored pairs: no curves and no mistakes are shown.")
    elif not 0 < np.count_nonzero(found.same) < len(found.first):
        notes.append("Validation has not both same and different pairs: no curves are shown.")
        return None
    return found


def _names(kernels: Sequence[KernelOutput], notes: list[str]) -> dict[int, str]:
    """Names of classes by number, where ``classes.csv`` has more than a digest."""
    folder = next((k.folder for k in kernels if (k.folder / CLASSES).exists()), None)
    none: tuple[PictureClass, ...] = ()
    found = read_or_note(partial(load_classes, folder), none, notes) if folder else none
    return {one.number: one.name for one in found if one.is_named}

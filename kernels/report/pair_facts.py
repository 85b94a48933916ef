"""What kernels of a competition of pairs left for the report. Copes with whatever is missing."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError
from common.files.classes import NAME as CLASSES
from common.files.classes import load_classes
from common.files.predictions import NAME as PREDICTIONS
from common.files.projection import Projection, load_projection
from common.files.vectors import load_vectors
from common.pairs.networks import join_networks
from common.pairs.scored import ScoredPairs, load_scored_pairs

Model = tuple[Mapping[str, Path], Mapping[str, Any]]  # folders of its kernels, and its metrics


@dataclass(frozen=True)
class Channel:
    """What one model says of validation's pictures in one of its channels.

    Attributes:
        member, channel: its names, such as ``triplets`` and ``embedding``.
        ids: ``(n,)`` text.
        labels: ``(n,)`` int64, the class of each by number.
        seen: ``(n,)`` bool, whether train has that class.
        vectors: ``(n, d)`` float32.
    """

    member: str
    channel: str
    ids: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class PairFacts:
    """What the report shows of a competition of pairs.

    Attributes:
        names: of classes by number, for people; one that is not here is told by its number.
        best: the channel with the best score on validation, if any can be read.
        embedding: of those with unit vectors the best one, if any can be read.
        projections: by model, those of the same pictures, the best model first.
        scored: validation's pairs as the blend tells them.
    """

    names: Mapping[int, str]
    best: Channel | None
    embedding: Channel | None
    projections: Mapping[str, Projection]
    scored: ScoredPairs | None

    def told(self, labels: np.ndarray, one: str) -> np.ndarray:
        """Who or what they are, ``labels``' shape, text; ``one`` is what a class is called."""
        return np.array([self.names.get(n, f"{one} {n}") for n in labels.tolist()], np.str_)


def gather_pairs(
    models: Mapping[str, Model],
    ensemble: tuple[Path, Mapping[str, Any]],
    folders: Sequence[Path],
    notes: list[str],
) -> PairFacts:
    """Read what is there; what is not, or is broken, becomes a note.

    ``models`` are the folders of each model's kernels and its metrics, by name; ``ensemble`` is
    folder and metrics of the ensemble, ``folders`` those of all kernels.
    """
    lost = [
        kernel
        for kernels, _ in models.values()
        for kernel, folder in kernels.items()
        if not (folder / PREDICTIONS).exists()
    ]
    notes += [f"{kernel} left no {PREDICTIONS}." for kernel in lost]
    order = ranked({name: metrics for name, (_, metrics) in models.items()}, ensemble[1])
    whole = {name: kernels for name, (kernels, _) in models.items() if not {*kernels} & {*lost}}
    best, embedding = _best(order, whole, notes)
    paths = {name: next(iter(models[name][0].values())) for name, _ in order}
    return PairFacts(
        _names(folders, notes),
        best,
        embedding,
        _projections(paths, notes),
        _scored(ensemble[0], notes),
    )


def channel_scores(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Channel → its AUC of ``all``, ``seen`` and ``unseen``, as a kernel's metrics tell them."""
    told = metrics.get("channels")
    if not isinstance(told, Mapping):
        return {}
    return {str(name): found for name, found in told.items() if isinstance(found, Mapping)}


def model_channels(
    model: str, metrics: Mapping[str, Any], ensemble: Mapping[str, Any]
) -> dict[str, Mapping[str, Any]]:
    """Each channel of a model with its AUC, as the ensemble measured it or the model itself."""
    start = f"{model}/"
    measured = channel_scores(ensemble)
    ours = {name.removeprefix(start): measured[name] for name in measured if name.startswith(start)}
    return ours or channel_scores(metrics)


def auc_of(scores: Mapping[str, Any]) -> float:
    """The AUC of all pairs; less than any where there is none."""
    found = scores.get("all")
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else -1.0


def ranked(
    models: Mapping[str, Mapping[str, Any]], ensemble: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Model and channel of all, the best AUC of all pairs first.

    ``models`` are the metrics of each. One whose channels are not told comes with an empty one,
    by its score on validation.
    """
    found: dict[tuple[str, str], float] = {}
    for model, metrics in models.items():
        told = model_channels(model, metrics, ensemble)
        told = told or {"": {"all": metrics.get("validation_score")}}
        found.update({(model, channel): auc_of(scores) for channel, scores in told.items()})
    return sorted(found, key=lambda name: -found[name])


def _best(
    order: Sequence[tuple[str, str]], models: Mapping[str, Mapping[str, Path]], notes: list[str]
) -> tuple[Channel | None, Channel | None]:
    """The first channel that can be read, and the first of unit vectors."""
    best: Channel | None = None
    for found in _channels(order, models, notes):
        best = best or found
        if np.allclose(np.linalg.norm(found.vectors, axis=1), 1.0, atol=1e-3):
            return best, found
    return best, None


def _channels(
    order: Sequence[tuple[str, str]], models: Mapping[str, Mapping[str, Path]], notes: list[str]
) -> Iterator[Channel]:
    """The channels that can be read, in this order; a file is read for one channel at a time."""
    broken: set[str] = set()
    for model, channel in order:
        if model not in models or model in broken:
            continue
        try:
            found = join_networks((n, load_vectors(f, n)) for n, f in models[model].items())
        except UserError as error:
            notes.append(f"{error}.")
            broken.add(model)
            continue
        facts = (found.validation_ids, found.validation_labels, found.validation_seen)
        for name in (channel,) if channel else found.validation:
            if name in found.validation:
                yield Channel(model, name, *facts, found.validation[name])


def _projections(folders: Mapping[str, Path], notes: list[str]) -> dict[str, Projection]:
    """Those that are of the first one's pictures, in its order."""
    found: dict[str, Projection] = {}
    for name, folder in folders.items():
        try:
            projection = load_projection(folder)
        except UserError as error:
            notes.append(f"{error}.")
            continue
        if projection is None or not projection.points.size:
            notes.append(f"{name} left no projection, so its embedding is not shown.")
            continue
        first = next(iter(found.values()), projection)
        ordered = _in_order(first, projection)
        if ordered is None:
            notes.append(f"{name} left a projection of other pictures, which is not shown.")
        else:
            found[name] = ordered
    return found


def _in_order(first: Projection, other: Projection) -> Projection | None:
    """The other with its pictures in the first one's order; none where they differ."""
    rows = {picture: row for row, picture in enumerate(other.ids.tolist())}
    if set(rows) != set(first.ids.tolist()):
        return None
    order = np.array([rows[picture] for picture in first.ids.tolist()])
    points = other.points[:, order]
    return Projection(first.ids, first.labels, first.seen, other.epochs, points)


def _scored(folder: Path, notes: list[str]) -> ScoredPairs | None:
    """The ensemble's pairs, if curves can be drawn of them."""
    try:
        found = load_scored_pairs(folder)
    except UserError as error:
        notes.append(f"{error}.")
        return None
    if found is None:
        notes.append("The ensemble left no scored pairs: no curves and no mistakes are shown.")
    elif not 0 < np.count_nonzero(found.same) < len(found.first):
        notes.append("Validation has not both same and different pairs: no curves are shown.")
        found = None
    return found


def _names(folders: Sequence[Path], notes: list[str]) -> dict[int, str]:
    """Names of classes by number, where ``classes.csv`` tells more than a digest."""
    folder = next((folder for folder in folders if (folder / CLASSES).exists()), None)
    try:
        found = load_classes(folder) if folder else ()
    except UserError as error:
        notes.append(f"{error}.")
        return {}
    return {one.number: one.name for one in found if one.is_named}

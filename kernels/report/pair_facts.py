"""What kernels of a competition of pairs left for the report. Copes with whatever is missing."""

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
from common.pairs.scored import ScoredPairs, load_scored_pairs


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
        projections: by model, those of the same pictures, the best model first.
        scored: validation's pairs as the blend tells them.
    """

    names: Mapping[int, str]
    best: Channel | None
    projections: Mapping[str, Projection]
    scored: ScoredPairs | None

    def told(self, labels: np.ndarray, one: str) -> np.ndarray:
        """Who or what they are, ``labels``' shape, text; ``one`` is what a class is called."""
        return np.array([self.names.get(n, f"{one} {n}") for n in labels.tolist()], np.str_)


def gather_pairs(
    models: Mapping[str, tuple[Path, Mapping[str, Any]]],
    ensemble: Path,
    folders: Sequence[Path],
    notes: list[str],
) -> PairFacts:
    """Read what is there; what is not, or is broken, becomes a note.

    ``models`` are folder and metrics of each by name, ``folders`` those of all kernels.
    """
    order = sorted(models, key=lambda name: -score(models[name][1]))
    chosen = {name: models[name] for name in order}
    lost = [name for name, (folder, _) in chosen.items() if not (folder / PREDICTIONS).exists()]
    notes += [f"{name} left no {PREDICTIONS}." for name in lost]
    best = next(_channels({n: found for n, found in chosen.items() if n not in lost}, notes), None)
    paths = {name: folder for name, (folder, _) in chosen.items()}
    return PairFacts(
        _names(folders, notes), best, _projections(paths, notes), _scored(ensemble, notes)
    )


def score(metrics: Mapping[str, Any]) -> float:
    """A kernel's score on validation, less than any where it tells none."""
    told = metrics.get("validation_score")
    return float(told) if isinstance(told, int | float) else -1.0


def channel_scores(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Channel → its AUC of ``all``, ``seen`` and ``unseen``, as a kernel's metrics tell them."""
    told = metrics.get("channels")
    if not isinstance(told, Mapping):
        return {}
    return {str(name): found for name, found in told.items() if isinstance(found, Mapping)}


def _channels(
    models: Mapping[str, tuple[Path, Mapping[str, Any]]], notes: list[str]
) -> Iterator[Channel]:
    """The best channel of each model that can be read, one in memory at a time."""
    for name, (folder, metrics) in models.items():
        try:
            found = load_vectors(folder, name)
        except UserError as error:
            notes.append(f"{error}.")
            continue
        told = channel_scores(metrics)
        channel = max(
            found.validation,
            key=lambda channel: float(told.get(channel, {}).get("all", -1.0) or -1.0),
        )
        facts = (found.validation_ids, found.validation_labels, found.validation_seen)
        yield Channel(name, channel, *facts, found.validation[channel])


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

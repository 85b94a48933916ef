"""Reads what a run's kernels left behind for the report. Copes with whatever is missing."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import metrics
from common.blend import align
from common.competition import Competition
from common.errors import UserError
from common.manifest import NAME as MANIFEST
from common.predictions import NAME as PREDICTIONS
from common.predictions import Predictions, load_predictions
from common.thumbnails import load_thumbnails
from competitions import find_competition
from kernels.bundle import Bundle
from kernels.plan import ENSEMBLE, SHARED
from kernels.run import KernelState, Run, Sent

Row = dict[str, Any]


@dataclass(frozen=True)
class Left:
    """One kernel: where it stands in the run, and what it left.

    Attributes:
        name: within the run.
        sources: the kernels whose outputs it reads.
        known: its state, version and seconds.
        manifest, metrics: the JSON files; empty when missing.
        history: a row an epoch; numbers are float, empty fields are left out.
    """

    name: str
    sources: tuple[str, ...]
    known: KernelState
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: tuple[Row, ...]


@dataclass(frozen=True)
class Facts:
    """All that the report shows.

    Attributes:
        run: the run.
        competition: its competition.
        sent: the submission, if there is one.
        kernels: every kernel, sources first.
        blend: the ensemble's predictions; none where classes cannot be told from them.
        members: the members' predictions on the blend's pictures, in the same order.
        thumbnails: JPEG files by picture.
        notes: what could not be read, each a sentence.
    """

    run: Run
    competition: Competition
    sent: Sent | None
    kernels: tuple[Left, ...]
    blend: Predictions | None
    members: Mapping[str, Predictions]
    thumbnails: Mapping[str, bytes]
    notes: tuple[str, ...]

    @property
    def trained(self) -> tuple[Left, ...]:
        """The kernels that trained."""
        return tuple(left for left in self.kernels if left.name not in (SHARED, ENSEMBLE))

    @property
    def ensemble(self) -> Left | None:
        """The kernel that blended."""
        return next((left for left in self.kernels if left.name == ENSEMBLE), None)

    @property
    def metric(self) -> str:
        """The competition's metric, in words."""
        return {"macro_f1": "macro F1"}.get(
            self.competition.metric, self.competition.metric.replace("_", " ")
        )

    def score(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """The competition's metric of predicted classes."""
        return float(getattr(metrics, self.competition.metric)(labels, predicted))

    def class_name(self, number: int) -> str:
        """A class in words."""
        return self.competition.classes[number]


def gather(run: Run, bundles: tuple[Bundle, ...], sent: Sent | None) -> Facts:
    """Read everything. What is missing stays empty; what is broken becomes a note."""
    competition = find_competition(run.competition)
    kernels = tuple(_left(run, bundle) for bundle in bundles)
    notes: list[str] = []
    predictions: dict[str, Predictions] = {}
    thumbnails: dict[str, bytes] = {}
    for left in kernels:
        folder = run.output(left.name)
        try:
            if (folder / PREDICTIONS).exists():
                predictions[left.name] = load_predictions(folder, left.name)
            thumbnails = {**load_thumbnails(folder), **thumbnails}
        except UserError as error:
            notes.append(f"{error}.")
    blend = predictions.pop(ENSEMBLE, None)
    if blend is not None and not _tells_classes(blend, competition):
        notes.append("The predictions are not of one class each, so pictures are not shown.")
        blend = None
    members = _comparable(blend, predictions, notes)
    return Facts(run, competition, sent, kernels, blend, members, thumbnails, tuple(notes))


def _left(run: Run, bundle: Bundle) -> Left:
    folder, name = run.output(bundle.kernel.name), bundle.kernel.name
    return Left(
        name,
        tuple(bundle.kernel.sources),
        run.kernels.get(name, KernelState()),
        _json(folder / MANIFEST),
        _json(folder / "metrics.json"),
        _history(folder / "history.csv"),
    )


def _tells_classes(blend: Predictions, competition: Competition) -> bool:
    """Whether there are pictures, each with a label and a probability for each class."""
    labels, classes = blend.validation_labels, len(competition.classes)
    shaped = bool(len(labels)) and blend.validation.shape[1] == classes
    return shaped and bool((labels >= 0).all() and (labels < classes).all())


def _comparable(
    blend: Predictions | None, predictions: Mapping[str, Predictions], notes: list[str]
) -> dict[str, Predictions]:
    """The members that were validated on the blend's own pictures, in its order."""
    if blend is None:
        return {}
    found = {}
    for name, member in predictions.items():
        try:
            found[name] = align({"the blend": blend, name: member})[name]
        except UserError:
            notes.append(f"{name} was validated on other pictures than the blend.")
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _history(path: Path) -> tuple[Row, ...]:
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return tuple(_row(row) for row in csv.DictReader(file))
    except (OSError, ValueError, TypeError):
        return ()


def _row(row: Mapping[str, str]) -> Row:
    numbers = {key: float(value) for key, value in row.items() if key != "stage" and value}
    kept = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return {"stage": row.get("stage", ""), **kept}

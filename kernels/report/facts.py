"""Reads what a run's kernels left behind for the report. Copes with whatever is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from common.blending.folds import fold_groups
from common.competition import Competition
from common.errors import UserError
from common.files.predictions import NAME as PREDICTIONS
from common.files.predictions import Predictions, load_predictions
from common.files.thumbnails import load_thumbnails
from common.manifest import NAME as MANIFEST
from common.pairs.networks import network_groups
from common.tasks.task import Task
from competitions import find_competition
from kernels.bundle.build import Bundle
from kernels.plan.planned import SHARED
from kernels.plan.request import AUDIT, ENSEMBLE, VARIANT
from kernels.report.files import Row, read_history, read_json
from kernels.report.models import (
    comparable,
    group_kernels,
    join_members,
    of_the_task,
    temper,
)
from kernels.report.pair_facts import PairFacts, gather_pairs
from kernels.results.audit import read_audit
from kernels.results.scores import Score, read_interval, read_number, read_score
from kernels.run.state import KernelRecord, Run, Submission


@dataclass(frozen=True)
class Left:
    """One kernel: where it stands in the run, and what it left.

    Attributes:
        name: within the run.
        sources: the kernels whose outputs it reads.
        known: its state, version and seconds.
        manifest, metrics: the JSON files; empty when missing.
        history: a row an epoch; numbers are float, empty fields are left out.
        blended: whether it is there for the blend, and not for other kernels alone.
    """

    name: str
    sources: tuple[str, ...]
    known: KernelRecord
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: tuple[Row, ...]
    blended: bool = True


@dataclass(frozen=True)
class Facts:
    """All that the report shows.

    Attributes:
        run: the run.
        competition: its competition.
        sent: the submission, if there is one.
        kernels: every kernel, sources first.
        blend: the ensemble's predictions; none where they are not of the competition's task.
        folds: the kernels of each model, by model; one, or its folds or networks in their order.
        members: the models' predictions on the blend's pictures, in the same order; folds are
            joined and probabilities tempered as the blend found them.
        thumbnails: JPEG files by picture.
        notes: what could not be read, and what the audit warns of, each a sentence.
        pairs: what there is to show where pairs are scored; none where pictures are.
    """

    run: Run
    competition: Competition
    sent: Submission | None
    kernels: tuple[Left, ...]
    blend: Predictions | None
    folds: Mapping[str, tuple[str, ...]]
    members: Mapping[str, Predictions]
    thumbnails: Mapping[str, bytes]
    notes: tuple[str, ...]
    pairs: PairFacts | None = None

    @property
    def trained(self) -> tuple[Left, ...]:
        """The kernels that trained."""
        return _trained(self.kernels)

    @property
    def models(self) -> dict[str, tuple[Left, ...]]:
        """The kernels that trained, by model: one, or its folds or networks."""
        trained = {left.name: left for left in self.trained}
        return {
            model: tuple(trained[name] for name in names) for model, names in self.folds.items()
        }

    @property
    def others(self) -> dict[str, tuple[Left, ...]]:
        """The kernels that are there for others alone, by script: one, or its parts."""
        found: dict[str, tuple[Left, ...]] = {}
        for left in self.trained:
            if not left.blended:
                script = VARIANT.sub("", left.name)
                found[script] = (*found.get(script, ()), left)
        return found

    @property
    def ensemble(self) -> Left | None:
        """The kernel that blended."""
        return next((left for left in self.kernels if left.name == ENSEMBLE), None)

    @property
    def task(self) -> Task:
        """The competition's task."""
        return self.competition.task

    @property
    def metric(self) -> str:
        """The competition's metric, in words."""
        return self.competition.scoring.title

    @property
    def blended(self) -> Mapping[str, Any]:
        """The ensemble's metrics; empty where there is none."""
        return self.ensemble.metrics if self.ensemble else {}

    @property
    def thresholds(self) -> np.ndarray | None:
        """Those of the blend, as the ensemble wrote them; None where labels need none."""
        found = self.blended.get("thresholds")
        return np.array(found, float) if isinstance(found, list) else None

    @property
    def temperatures(self) -> dict[str, dict[str, float]]:
        """Model → ``temperature``, ``nll_before``, ``nll_after``; empty where none is tempered."""
        found = self.blended.get("calibration")
        return dict(found) if isinstance(found, dict) else {}

    def decide(self, predictions: Predictions) -> np.ndarray:
        """Labels on validation: the blend's at its thresholds, a member's at its own best ones."""
        thresholds = self.thresholds
        if predictions is not self.blend and thresholds is not None:
            truth = predictions.validation_labels
            thresholds = self.competition.find_thresholds(truth, predictions.validation)
        return self.task.decide(predictions.validation, thresholds)

    def member_score(self, model: str) -> Score:
        """A model's score: as the ensemble measured it, else as its one kernel did."""
        kernels = self.models.get(model, ())
        own = read_score(kernels[0].metrics) if len(kernels) == 1 else Score()
        scores, intervals = (self.blended.get(name) for name in ("members", "intervals"))
        value = read_number(scores.get(model)) if isinstance(scores, dict) else None
        if value is None:
            return own
        ends = read_interval(intervals, model) if isinstance(intervals, dict) else None
        return Score(value, ends or own.interval, read_score(self.blended).n or own.n)

    def class_name(self, number: int) -> str:
        """A class in words."""
        return self.task.classes[number]


def kind_of(kernel: str) -> str:
    """What a kernel's name counts: ``fold``, ``part`` or ``network``; nothing where it does not."""
    found = VARIANT.search(kernel)
    return found[1] if found else ""


def gather(run: Run, bundles: tuple[Bundle, ...], sent: Submission | None) -> Facts:
    """Read everything. What is missing stays empty; what is broken becomes a note."""
    competition = find_competition(run.competition)
    kernels = tuple(_left(run, bundle, bundles) for bundle in bundles)
    audit = read_audit(run)
    notes = [f"Audit: {warning}." for warning in (audit.warnings if audit else ())]
    if "channels" in competition.task.sections:
        return _of_pairs(Facts(run, competition, sent, kernels, None, {}, {}, {}, ()), notes)
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
    blend = of_the_task(blend, competition, notes)
    folds = group_kernels(_blended(kernels), fold_groups, "Folds", notes)
    members = comparable(blend, join_members(folds, predictions, notes), notes)
    facts = Facts(run, competition, sent, kernels, blend, folds, {}, thumbnails, tuple(notes))
    return replace(facts, members=temper(members, facts.temperatures))


def _of_pairs(facts: Facts, notes: list[str]) -> Facts:
    """The facts of a competition whose kernels score pairs."""
    folders = {left.name: facts.run.output(left.name) for left in facts.kernels}
    networks = group_kernels(_blended(facts.kernels), network_groups, "Networks", notes)
    metrics = {left.name: left.metrics for left in facts.kernels}
    models = {
        model: ({name: folders[name] for name in names}, metrics[names[0]])
        for model, names in networks.items()
    }
    thumbnails: dict[str, bytes] = {}
    for folder in folders.values():
        try:
            thumbnails = {**load_thumbnails(folder), **thumbnails}
        except UserError as error:
            notes.append(f"{error}.")
    ensemble = (facts.run.output(ENSEMBLE), metrics.get(ENSEMBLE, {}))
    pairs = gather_pairs(models, ensemble, tuple(folders.values()), notes) if models else None
    if models and not thumbnails:
        notes.append("The kernels left no thumbnails: pictures are told by their ids.")
    return replace(facts, folds=networks, thumbnails=thumbnails, notes=tuple(notes), pairs=pairs)


def _blended(kernels: Sequence[Left]) -> dict[str, Mapping[str, Any]]:
    """The manifests of the kernels that the ensemble blends."""
    return {left.name: left.manifest for left in _trained(kernels) if left.blended}


def _trained(kernels: Sequence[Left]) -> tuple[Left, ...]:
    return tuple(left for left in kernels if left.name not in (SHARED, AUDIT, ENSEMBLE))


def _left(run: Run, bundle: Bundle, bundles: tuple[Bundle, ...]) -> Left:
    folder, name = run.output(bundle.kernel.name), bundle.kernel.name
    return Left(
        name,
        tuple(bundle.kernel.sources),
        run.kernels.get(name, KernelRecord()),
        read_json(folder / MANIFEST),
        read_json(folder / "metrics.json"),
        read_history(folder / "history.csv"),
        _is_blended(run, bundle, bundles),
    )


def _is_blended(run: Run, bundle: Bundle, bundles: tuple[Bundle, ...]) -> bool:
    """Whether the ensemble blends a kernel: one that others alone read it does not."""
    name = bundle.kernel.name
    kernel = bundle.kernel.declared
    readers = {other.kernel.name for other in bundles if name in other.kernel.sources}
    return bool(kernel and kernel.predicts) and (not readers or ENSEMBLE in readers)

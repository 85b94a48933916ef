"""All that the page shows of a run. What is missing stays empty; what is broken becomes a note."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from common.blending.calibration import at_temperature
from common.blending.members import join_folds, kernels_of_models, repeats_of
from common.blending.recipe import with_threshold
from common.competition import Competition, Published
from common.errors import UserError
from common.files.predictions import Predictions, align
from common.tasks.task import Task
from kernels.bundle.build import Bundle
from kernels.plan.find import find_competition
from kernels.plan.request import ENSEMBLE
from kernels.report.pair_facts import PairFacts, gather_pairs
from kernels.results.output import KernelOutput, read_json, read_or_note, read_output
from kernels.results.result import read_audit
from kernels.results.scores import Validated, as_mapping, model_score, read_number
from kernels.results.sweep import NAME as SWEEP
from kernels.results.sweep import SweepResult, sweep_of
from kernels.run.state import Run, Submission

Models = Mapping[str, tuple[KernelOutput, ...]]


@dataclass(frozen=True)
class Words:
    """A line below a picture: whose it is, its text, and its class; ``sure`` is before a tick."""

    text: str
    look: str = ""
    who: str = ""
    sure: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture: its true class in words, whether train has that class, and its thumbnail."""

    id: str
    name: str
    jpeg: bytes | None
    label: int = 0
    seen: bool = True
    lines: tuple[Words, ...] = ()


@dataclass
class Facts:
    """All that the report shows.

    Attributes:
        run, competition: the run and its competition, which decides as its ensemble did.
        sent: the submission, if there is one.
        kernels: every kernel, sources first.
        models: the kernels of each model: one, or its folds or networks in their order; of a sweep
            those of each cell.
        notes: what could not be read, and what audit and trainings warn of, each a sentence.
        thumbnails: JPEG files by picture.
        blend: the ensemble's predictions; empty if there are none of the competition's task.
        members: the models' predictions on the blend's pictures, in the same order; folds are
            joined and probabilities tempered as the blend found them.
        pairs: what there is to show where pairs are scored; None where pictures are.
        sweep: what a run compares instead of a blend, if it does.
    """

    run: Run
    competition: Competition
    sent: Submission | None
    kernels: tuple[KernelOutput, ...]
    models: Models
    notes: list[str]
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    blend: Predictions = field(default_factory=lambda: Predictions(*[np.empty(0)] * 5))
    members: Mapping[str, Predictions] = field(default_factory=dict)
    pairs: PairFacts | None = None
    sweep: SweepResult | None = None

    @property
    def groups(self) -> Models:
        """The models, and by script the kernels that only other kernels read."""
        others: dict[str, tuple[KernelOutput, ...]] = {}
        for kernel in self.kernels:
            if kernel.trained and not kernel.blended:
                others[kernel.script] = (*others.get(kernel.script, ()), kernel)
        return {**self.models, **others}

    @property
    def has_miniatures(self) -> bool:
        """Whether a kernel has trained a miniature of its network."""
        return any(kernel.facts("recipe").get("miniature") for kernel in self.kernels)

    @property
    def published(self) -> Published | None:
        """What others have reached, unless a kernel's network is a miniature of its recipe's."""
        small = any(kernel.is_miniature for kernel in self.kernels)
        return None if small else self.competition.published

    @property
    def ensemble(self) -> KernelOutput | None:
        """The kernel that blended."""
        return next((kernel for kernel in self.kernels if kernel.name == ENSEMBLE), None)

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
        """The ensemble's metrics; empty if there is none."""
        return self.ensemble.metrics if self.ensemble else {}

    @property
    def weights(self) -> dict[str, float]:
        """The blend's weights by member; empty if there is no blend."""
        found = as_mapping(self.blended.get("weights"))
        return {str(name): float(weight) for name, weight in found.items()}

    @property
    def thresholds(self) -> np.ndarray | None:
        """Those of the blend, as the ensemble wrote them; None where labels need none."""
        found = self.blended.get("thresholds")
        numbers = isinstance(found, list) and all(read_number(one) is not None for one in found)
        return np.array(found, float) if numbers and found else None

    def thresholds_of(self, predictions: Predictions) -> np.ndarray | None:
        """Those that decide labels: the blend's, or a member's own best ones; None for none."""
        thresholds = self.thresholds
        if predictions is not self.blend and thresholds is not None:
            truth = predictions.validation_labels
            thresholds = self.competition.find_thresholds(truth, predictions.validation)
        return thresholds

    def decide(self, predictions: Predictions) -> np.ndarray:
        """Decide labels on validation, at ``thresholds_of``."""
        return self.task.decide(predictions.validation, self.thresholds_of(predictions))

    def model_score(self, model: str) -> Validated:
        """Return a model's score: as the ensemble measured it, else as its one kernel did."""
        kernels = self.models.get(model, ())
        return model_score(self.blended, model, kernels[0].score if len(kernels) == 1 else None)

    def picture(self, row: int, *lines: Words) -> Picture:
        """Return one of the blend's pictures, with lines below it."""
        name = str(self.blend.validation_ids[row])
        truth = self.task.describe(self.blend.validation_labels[row])
        return Picture(name, truth, self.thumbnails.get(name), lines=lines)

    def pictures(self, ids: np.ndarray, labels: np.ndarray, seen: np.ndarray) -> list[Picture]:
        """Return pictures whose pairs are scored; a class without a name is called by its number.

        ``(n,)`` each: text, int64 and bool.
        """
        names, one = self.pairs.names if self.pairs else {}, self.task.class_word
        rows = zip(ids.tolist(), labels.tolist(), seen.tolist(), strict=True)
        return [
            Picture(id_, names.get(label, f"{one} {label}"), self.thumbnails.get(id_), label, known)
            for id_, label, known in rows
        ]

    def figure(self, name: str) -> bytes | None:
        """Read a figure that the ensemble has drawn; None if there is none."""
        return self.ensemble.figure(name) if self.ensemble else None


def gather(run: Run, bundles: tuple[Bundle, ...], sent: Submission | None) -> Facts:
    """Read what the kernels of a run wrote; those of ``bundles`` in their order."""
    competition, audit = find_competition(run.competition), read_audit(run)
    kernels = tuple(read_output(run, b.kernel.name, tuple(b.kernel.sources)) for b in bundles)
    notes = [f"Audit: {warning}." for warning in (audit["warnings"] if audit else ())]
    for kernel in kernels:
        notes += [f"{warning[:1].upper()}{warning[1:]}." for warning in kernel.warnings]
    cells = {bundle.kernel.name: bundle.kernel.cell for bundle in bundles if bundle.kernel.cell}
    models = _cells(kernels, cells) if cells else _models(kernels, notes)
    facts = Facts(run, competition, sent, kernels, models, notes)
    facts.sweep = sweep_of(read_json(run.folder / SWEEP)) if cells else None
    for kernel in kernels:
        facts.thumbnails = {**read_or_note(kernel.thumbnails, {}, notes), **facts.thumbnails}
    if facts.ensemble:
        recipe = facts.ensemble.facts("recipe")
        asked = str(recipe.get("threshold", "half")), read_number(recipe.get("recall"))
        decided = partial(with_threshold, competition, *asked)
        facts.competition = read_or_note(decided, competition, notes)
    if facts.models and not facts.thumbnails:
        notes.append("The kernels wrote no thumbnails: pictures are named by their ids.")
    if facts.task.name == "pairs" and facts.models and facts.ensemble:
        facts.pairs = gather_pairs(facts.models, facts.ensemble, kernels, notes)
    elif facts.ensemble and (
        blend := read_or_note(partial(_blend, facts.ensemble, facts.task), None, notes)
    ):
        facts.blend = blend
        read = {m: read_or_note(partial(_member, facts, m), None, notes) for m in facts.models}
        facts.members = {model: member for model, member in read.items() if member}
    # The page may be given to others: it says nothing of this machine's folders.
    facts.notes = [note.replace(f"{run.folder}/", "") for note in notes]
    return facts


def _cells(kernels: tuple[KernelOutput, ...], cells: Mapping[str, str]) -> Models:
    """The kernels of each cell of a sweep, given by kernel."""
    models: dict[str, tuple[KernelOutput, ...]] = {}
    for kernel in kernels:
        if cell := cells.get(kernel.name):
            models[cell] = (*models.get(cell, ()), kernel)
    return models


def _models(kernels: tuple[KernelOutput, ...], notes: list[str]) -> Models:
    """The kernels of each model; where their manifests do not say so, each is its own."""
    blended = {kernel.name: kernel for kernel in kernels if kernel.trained and kernel.blended}
    try:
        names = kernels_of_models({name: k.facts("recipe") for name, k in blended.items()})
    except (UserError, KeyError, TypeError) as error:
        notes.append(f"Kernels of one model are not joined: {error}.")
        names = {name: (name,) for name in blended}
    return {model: tuple(blended[name] for name in own) for model, own in names.items()}


def _blend(ensemble: KernelOutput, task: Task) -> Predictions | None:
    """The blend, if it wrote predictions. Raises UserError where they are not of the task."""
    blend = ensemble.predictions()
    if blend is None:
        return None
    task.check_labels(blend.validation_labels, "the blend, which is not shown")
    task.check_predictions(blend.validation, "the blend, which is not shown")
    return blend


def _member(facts: Facts, model: str) -> Predictions | None:
    """A model as it was blended. Raises UserError where its pictures are not the blend's."""
    parts = {kernel.name: kernel.predictions() for kernel in facts.models[model]}
    known = {name: part for name, part in parts.items() if part is not None}
    if len(known) < len(parts):
        return None
    repeats = repeats_of(facts.models[model][0].facts("recipe"))
    member = align({"the blend": facts.blend, model: join_folds(known, repeats)})[model]
    at = as_mapping(facts.blended.get("calibration")).get(model)
    return at_temperature(member, at["temperature"]) if at else member

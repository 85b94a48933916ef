"""Reads what a run's kernels left behind for the report. Copes with whatever is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from common.blending.blend import align
from common.blending.calibration import at_temperature
from common.blending.folds import fold_groups, join_folds
from common.competition import Competition
from common.errors import UserError
from common.files.predictions import NAME as PREDICTIONS
from common.files.predictions import Predictions, load_predictions
from common.files.thumbnails import load_thumbnails
from common.manifest import NAME as MANIFEST
from common.metrics import classification
from common.pairs.networks import network_groups
from common.variants import Recipes
from competitions import find_competition
from kernels.audit import read_audit
from kernels.bundle import Bundle
from kernels.plan import SHARED
from kernels.report.files import Row, read_history, read_json
from kernels.report.pair_facts import PairFacts, gather_pairs
from kernels.request import AUDIT, ENSEMBLE, VARIANT
from kernels.run import KernelState, Run, Sent


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
    known: KernelState
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
        blend: the ensemble's predictions; none where classes cannot be told from them.
        folds: the kernels of each model, by model; one, or its folds or networks in their order.
        members: the models' predictions on the blend's pictures, in the same order; folds are
            joined and probabilities tempered as the blend found them.
        thumbnails: JPEG files by picture.
        notes: what could not be read, and what the audit warns of, each a sentence.
        pairs: what there is to show where pairs are scored; none where classes are.
    """

    run: Run
    competition: Competition
    sent: Sent | None
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
    def metric(self) -> str:
        """The competition's metric, in words."""
        names = {"macro_f1": "macro F1", "roc_auc": "ROC AUC"}
        return names.get(self.competition.metric, self.competition.metric.replace("_", " "))

    def score(self, labels: np.ndarray, predicted: np.ndarray) -> float:
        """The competition's metric of predicted classes."""
        return float(getattr(classification, self.competition.metric)(labels, predicted))

    def class_name(self, number: int) -> str:
        """A class in words."""
        return self.competition.classes[number]


def kind_of(kernel: str) -> str:
    """What a kernel's name counts: ``fold``, ``part`` or ``network``; nothing where it does not."""
    found = VARIANT.search(kernel)
    return found[1] if found else ""


def gather(run: Run, bundles: tuple[Bundle, ...], sent: Sent | None) -> Facts:
    """Read everything. What is missing stays empty; what is broken becomes a note."""
    competition = find_competition(run.competition)
    kernels = tuple(_left(run, bundle, bundles) for bundle in bundles)
    audit = read_audit(run)
    notes = [f"Audit: {warning}." for warning in (audit.warnings if audit else ())]
    if not competition.classes:
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
    if blend is not None and not _tells_classes(blend, competition):
        notes.append("The predictions are not of one class each, so pictures are not shown.")
        blend = None
    folds = _alike(_blended(kernels), fold_groups, "Folds", notes)
    members = _comparable(blend, _joined(folds, predictions, notes), notes)
    members = _tempered(members, next((k for k in kernels if k.name == ENSEMBLE), None))
    return Facts(run, competition, sent, kernels, blend, folds, members, thumbnails, tuple(notes))


def _of_pairs(facts: Facts, notes: list[str]) -> Facts:
    """The facts of a competition whose kernels score pairs."""
    folders = {left.name: facts.run.output(left.name) for left in facts.kernels}
    networks = _alike(_blended(facts.kernels), network_groups, "Networks", notes)
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


def _blended(kernels: Sequence[Left]) -> tuple[Left, ...]:
    return tuple(left for left in _trained(kernels) if left.blended)


def _trained(kernels: Sequence[Left]) -> tuple[Left, ...]:
    return tuple(left for left in kernels if left.name not in (SHARED, AUDIT, ENSEMBLE))


def _alike(
    trained: Sequence[Left],
    groups: Callable[[Recipes], dict[str, tuple[str, ...]]],
    kind: str,
    notes: list[str],
) -> dict[str, tuple[str, ...]]:
    """The kernels of each model; where their manifests do not say so, each is its own."""
    recipes = {left.name: left.manifest.get("recipe") or {} for left in trained}
    try:
        return groups(recipes)
    except (UserError, AttributeError, KeyError, TypeError) as error:
        notes.append(f"{kind} are not joined: {error}.")
        return {name: (name,) for name in recipes}


def _joined(
    folds: Mapping[str, tuple[str, ...]], predictions: Mapping[str, Predictions], notes: list[str]
) -> dict[str, Predictions]:
    """The predictions of each model that has all of its own."""
    found = {}
    for model, names in folds.items():
        if not all(name in predictions for name in names):
            continue
        try:
            found[model] = join_folds({name: predictions[name] for name in names})
        except UserError as error:
            notes.append(f"{error}.")
    return found


def _tempered(members: Mapping[str, Predictions], ensemble: Left | None) -> dict[str, Predictions]:
    """The members as they were blended: at the temperatures that the ensemble tells, if any."""
    told = temperatures(ensemble)
    return {
        name: at_temperature(member, told[name]["temperature"]) if name in told else member
        for name, member in members.items()
    }


def temperatures(ensemble: Left | None) -> dict[str, dict[str, float]]:
    """Model → ``temperature``, ``nll_before`` and ``nll_after``; empty where none was tempered."""
    told = ensemble.metrics.get("calibration") if ensemble else None
    return dict(told) if isinstance(told, dict) else {}


def _left(run: Run, bundle: Bundle, bundles: tuple[Bundle, ...]) -> Left:
    folder, name = run.output(bundle.kernel.name), bundle.kernel.name
    return Left(
        name,
        tuple(bundle.kernel.sources),
        run.kernels.get(name, KernelState()),
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

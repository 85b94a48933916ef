"""Measures a sweep from what its kernels have predicted for validation; test is not looked at.

Each seed, and each split into folds, is scored by itself, and the scores are averaged: what several
networks say of a picture on average would score better than one. Cells that were validated on the
same pictures are scored on the same draws of them, so that a difference is of the same pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np

from common.blending.members import join_folds, repeats_of, splits_of
from common.competition import Competition
from common.data.tables import write_table
from common.errors import UserError
from common.files.predictions import Predictions
from common.manifest import write_json
from common.metrics.bootstrap import Drawn, compare_means, mean_interval
from common.metrics.metric import find_metric
from common.outputs import check_predictions, score_models
from kernels.kaggle.states import KernelState
from kernels.plan.planned import PlannedKernel
from kernels.plan.sweeps import ChosenSweep
from kernels.results.output import KernelOutput, read_output
from kernels.results.scores import as_mapping, read_number
from kernels.results.sweep import NAME, TABLE, CellResult, SweepResult
from kernels.results.sweep_axis import find_axis
from kernels.run.state import Run

RESAMPLES = 1000  # of validation, for the intervals
_COUNTS = ("total_parameters", "trainable_parameters")

Trainings = Mapping[str, Mapping[int, list[KernelOutput]]]  # cell → seed → kernel, or folds
Training = tuple[int, int]  # seed and split: 0 is the only one without repeated folds
Found = Mapping[str, Mapping[Training, Predictions]]


def gather_sweep(
    run: Run,
    competition: Competition,
    chosen: ChosenSweep,
    kernels: Sequence[PlannedKernel],
    failed: Mapping[str, str],
) -> SweepResult:
    """Measure a run's sweep, as far as its kernels came; write ``sweep.json`` and ``sweep.csv``.

    ``failed`` are the kernels that failed, and why.
    """
    own = [kernel for kernel in kernels if kernel.cell]
    trainings: dict[str, dict[int, list[KernelOutput]]] = {}
    for kernel in own:
        seeds = trainings.setdefault(kernel.cell, {})
        seeds.setdefault(kernel.parameters.seed, []).append(read_output(run, kernel.name))
    recipes = {kernel.cell: (kernel.script, kernel.recipe) for kernel in reversed(own)}
    axis = find_axis([recipes[name] for name in chosen.sweep.cells])
    found, broken = _read(competition, trainings)
    cells, grouped = _cells(competition, chosen, trainings, found, axis[1] if axis else None)
    folds, splits = _folds(own[0].recipe)
    result = SweepResult(
        name=chosen.name,
        title=chosen.sweep.title,
        source=chosen.sweep.source,
        metric=competition.metric,
        greater_is_better=competition.scoring.greater_is_better,
        seeds=list(chosen.seeds),
        folds=folds * splits,
        splits=splits,
        counts=sorted({len(p.validation_ids) for own in found.values() for p in own.values()}),
        grouped=grouped,
        small=any(getattr(recipe, "miniature", False) for _, recipe in recipes.values()),
        axis=axis[0] if axis else "",
        cells=cells,
        failed={**broken, **failed},
    )
    write_json(run.folder / NAME, asdict(result))
    _write_table(run, result)
    return result


def _folds(recipe: Any) -> tuple[int, int]:
    """How many folds a split has, 0 without, and how many splits there are."""
    return int(getattr(recipe, "folds", 0)), int(getattr(recipe, "repeats", 1))


def _by_seed(own: Mapping[Training, Drawn]) -> dict[str, float]:
    """The score of each seed, the mean over its splits."""
    scores: dict[str, list[float]] = {}
    for (seed, _), one in own.items():
        scores.setdefault(str(seed), []).append(one.score)
    return {seed: fmean(found) for seed, found in scores.items()}


def _read(competition: Competition, trainings: Trainings) -> tuple[Found, dict[str, str]]:
    """The predictions for validation, pictures in the order of their ids; what is broken, and why.

    Those of the folds of a split are joined.
    """
    found: dict[str, dict[Training, Predictions]] = {cell: {} for cell in trainings}
    broken: dict[str, str] = {}
    for cell, seeds in trainings.items():
        for seed, outputs in seeds.items():
            if any(output.state.state is not KernelState.COMPLETE for output in outputs):
                continue
            try:
                splits = _splits(competition, outputs)
            except UserError as error:
                broken[outputs[0].name] = str(error)
                continue
            found[cell].update({(seed, number): one for number, one in enumerate(splits)})
    return found, broken


def _splits(competition: Competition, outputs: Sequence[KernelOutput]) -> list[Predictions]:
    """What a training, one kernel or one for each fold, predicts of validation, by split."""
    first, repeats = outputs[0], repeats_of(outputs[0].facts("recipe"))
    if len(outputs) > 1:
        parts = {output.name: _predictions(competition, output) for output in outputs}
        found = [join_folds(split) for split in splits_of(parts, repeats)]
    elif repeats > 1:
        found = first.split_predictions(repeats)
    else:
        found = [_predictions(competition, first)]
    return [one.take(np.argsort(one.validation_ids), np.arange(0)) for one in found]


def _predictions(competition: Competition, output: KernelOutput) -> Predictions:
    predictions = output.predictions()
    if predictions is None or not len(predictions.validation_ids):
        raise UserError(f"{output.name} has predicted no validation: it cannot be compared")
    check_predictions(competition, predictions, output.name)
    return predictions


def _cells(
    competition: Competition,
    chosen: ChosenSweep,
    trainings: Trainings,
    found: Found,
    xs: Sequence[float] | None,
) -> tuple[list[CellResult], bool]:
    """Each cell's result, in their order, and whether whole groups of pictures were drawn."""
    metric, cells = competition.scoring, chosen.sweep.cells
    drawn, pictures = _draw(competition, found)
    published = dict.fromkeys(name for cell in cells.values() for name in cell.published)
    base, results = next(iter(cells)), []
    for place, (name, cell) in enumerate(cells.items()):
        own, outputs = drawn[name], [one for kernels in trainings[name].values() for one in kernels]
        ends = mean_interval(own.values(), metric.lowest, metric.highest) if own else None
        same = all(pictures[base].get(one, group) == group for one, group in pictures[name].items())
        change = compare_means(base, own, drawn[base], metric.sign) if name != base else None
        counts = {len(one.validation_ids) for one in found[name].values()}
        result = CellResult(
            name=name,
            model=chosen.sweep.models[place],
            settings=dict(cell.settings),
            published=dict(cell.published),
            kernels=[output.name for output in outputs],
            validation_score=fmean(one.score for one in own.values()) if own else None,
            interval=None if ends is None else (ends[0], ends[1]),
            n=counts.pop() if len(counts) == 1 else None,
            seeds=_by_seed(own),
            splits=[one.score for one in own.values()] if len({n for _, n in own}) > 1 else [],
            change=change or {},
            paired=same,
            alike=_alike(competition, published, found[name]),
            x=None if xs is None else xs[place],
            **_facts(trainings[name]),
        )
        results.append(result)
    grouped = any(one.size.groups for own in drawn.values() for one in own.values())
    return results, grouped


def _draw(
    competition: Competition, found: Found
) -> tuple[dict[str, dict[Training, Drawn]], dict[str, dict[Training, int]]]:
    """Each training's score and its scores on the draws, by cell; and the number of its pictures.

    Those with one number have the same pictures, and the same draws. Others must not have draws
    that agree by chance: theirs are moved on.
    """
    alike: dict[Any, dict[str, tuple[str, Training]]] = {}
    for cell, trainings in found.items():
        for training, one in trainings.items():
            groups = one.validation_groups
            known = None if groups is None else tuple(groups.tolist())
            same = (tuple(one.validation_ids.tolist()), one.validation_labels.tobytes(), known)
            alike.setdefault(same, {})[f"{cell} {training}"] = (cell, training)
    drawn: dict[str, dict[Training, Drawn]] = {cell: {} for cell in found}
    pictures: dict[str, dict[Training, int]] = {cell: {} for cell in found}
    for number, group in enumerate(alike.values()):
        models = {name: found[cell][training] for name, (cell, training) in group.items()}
        scores = score_models(competition, models, RESAMPLES)
        for name, (cell, training) in group.items():
            draws = np.roll(scores.drawn[name], number)
            drawn[cell][training] = Drawn(scores.scores[name], draws, scores.size)
            pictures[cell][training] = number
    return drawn, pictures


def _alike(
    competition: Competition,
    names: Iterator[str] | Mapping[str, None],
    found: Mapping[Training, Predictions],
) -> dict[str, float]:
    """A cell's means over its trainings by the metrics ``names``, as far as they are defined."""
    means = {}
    for name in names:
        metric, scores = find_metric(name), []
        for one in found.values():
            labels, thresholds = one.validation_labels, None
            if metric.kind == "labels":
                thresholds = competition.find_thresholds(labels, one.validation)
            predicted = competition.of_kind(metric.kind, one.validation, thresholds)
            try:
                scores.append(metric.score(labels, predicted, competition.task.classes))
            except UserError:  # not defined on these pictures
                break
        if scores and len(scores) == len(found):
            means[name] = fmean(scores)
    return means


def _facts(seeds: Mapping[int, Sequence[KernelOutput]]) -> dict[str, Any]:
    """What a cell's kernels say of its network and of their time."""
    outputs = [one for kernels in seeds.values() for one in kernels if one.manifest]
    counted = as_mapping(outputs[0].manifest.get("parameters")) if outputs else {}
    counts = {name: read_number(counted.get(name)) for name in _COUNTS}
    epochs = [sum(row["stage"] == "training" for row in one.history) for one in outputs]
    spent = [
        sum(sum(map(float, one.facts("seconds").values())) for one in kernels)
        for kernels in seeds.values()
        if all(one.manifest for one in kernels)
    ]
    return {
        **{name: None if count is None else int(count) for name, count in counts.items()},
        "epochs": fmean(epochs) if any(epochs) else None,
        "seconds": round(fmean(spent), 1) if spent else None,
    }


def _write_table(run: Run, result: SweepResult) -> None:
    """Write ``sweep.csv``, a row a cell."""
    fields = list(dict.fromkeys(field for cell in result.cells for field in cell.settings))
    seeds = [str(seed) for seed in result.seeds]
    header = [
        *("cell", "model", *fields, "n", "score", "low", "high"),
        *("difference", "difference_low", "difference_high", "verdict"),
        *(*_COUNTS, "epochs", "seconds"),
        *(f"score_seed{seed}" for seed in seeds),
        *(f"{of}_{name}" for name in result.published for of in ("published", "ours")),
    ]
    rows = [
        [
            *(cell.name, cell.model, *(cell.settings.get(field) for field in fields), cell.n),
            *(cell.value, *(cell.interval or (None, None))),
            *(cell.difference.value, *(cell.change_ends or (None, None)), result.verdict(cell)),
            *(cell.total_parameters, cell.trainable_parameters, cell.epochs, cell.seconds),
            *(cell.seeds.get(seed) for seed in seeds),
            *(one.get(name) for name in result.published for one in (cell.published, cell.alike)),
        ]
        for cell in result.cells
    ]
    write_table(run.folder / TABLE, header, rows)

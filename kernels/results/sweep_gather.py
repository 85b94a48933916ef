"""Gathers a sweep from what its kernels have predicted for validation, and writes it down.

Test is not looked at, unless the sweep itself says that it is measured, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np

from common.blending.members import join_folds, repeats_of, splits_of
from common.competition import Competition
from common.data.tables import write_table
from common.errors import UserError
from common.files.predictions import PARTS, Predictions
from common.manifest import write_json
from common.metrics.bootstrap import Size
from common.outputs import check_predictions
from kernels.kaggle.states import KernelState
from kernels.plan.planned import PlannedKernel
from kernels.plan.sweeps import ChosenSweep
from kernels.results.output import KernelOutput, read_output
from kernels.results.scores import as_mapping, read_number
from kernels.results.sweep import NAME, TABLE, CellResult, SweepResult
from kernels.results.sweep_axis import find_axis
from kernels.results.sweep_measure import Found, Training, alike, measure, measure_parts
from kernels.run.state import Run

_COLUMNS = (  # of a metric of a part, where test is measured
    *("", "_low", "_high", "_difference", "_difference_low", "_difference_high", "_published"),
)
_COUNTS = ("total_parameters", "trainable_parameters")

Trainings = Mapping[str, Mapping[int, list[KernelOutput]]]  # cell → seed → kernel, or folds


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
    found, broken = _read(competition, trainings, chosen.sweep.test)
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
        grouped=any(_groups(competition, one) for own in found.values() for one in own.values()),
        small=any(getattr(recipe, "miniature", False) for _, recipe in recipes.values()),
        axis=axis[0] if axis else "",
        cells=_cells(competition, chosen, trainings, found, axis[1] if axis else None),
        failed={**broken, **failed},
        test=chosen.sweep.test,
        row_word=competition.task.row_word,
    )
    write_json(run.folder / NAME, asdict(result))
    _write_table(run, result)
    return result


def _groups(competition: Competition, one: Predictions) -> int | None:
    """How many groups of validation's pictures are drawn; None where each is drawn by itself."""
    strata = competition.task.resampling_strata(one.validation_labels)
    return Size.of(strata, one.validation_groups).groups


def _folds(recipe: Any) -> tuple[int, int]:
    """How many folds a split has, 0 without, and how many splits there are."""
    return int(getattr(recipe, "folds", 0)), int(getattr(recipe, "repeats", 1))


def _read(
    competition: Competition, trainings: Trainings, test: bool
) -> tuple[Found, dict[str, str]]:
    """The predictions for validation, pictures in the order of their ids; what is broken, and why.

    Those of the folds of a split are joined. Those for test are there where it is measured.
    """
    found: dict[str, dict[Training, Predictions]] = {cell: {} for cell in trainings}
    broken: dict[str, str] = {}
    for cell, seeds in trainings.items():
        for seed, outputs in seeds.items():
            if any(output.state.state is not KernelState.COMPLETE for output in outputs):
                continue
            try:
                splits = _splits(competition, outputs, test)
            except UserError as error:
                broken[outputs[0].name] = str(error)
                continue
            found[cell].update({(seed, number): one for number, one in enumerate(splits)})
    return found, broken


def _splits(
    competition: Competition, outputs: Sequence[KernelOutput], test: bool
) -> list[Predictions]:
    """What a training, one kernel or one for each fold, predicts of validation, by split."""
    first, repeats = outputs[0], repeats_of(outputs[0].facts("recipe"))
    if len(outputs) > 1:
        parts = {output.name: _predictions(competition, output) for output in outputs}
        found = [join_folds(split) for split in splits_of(parts, repeats)]
    elif repeats > 1:
        found = first.split_predictions(repeats)
    else:
        found = [_predictions(competition, first)]
    none = np.arange(0)
    return [
        one.take(np.argsort(one.validation_ids), np.argsort(one.test_ids) if test else none)
        for one in found
    ]


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
) -> list[CellResult]:
    """Each cell's result, in their order."""
    cells, results = chosen.sweep.cells, []
    penalties = {name: _penalties(trainings[name], found[name]) for name in cells}
    scores = measure(competition, found)
    parts = measure_parts(competition, chosen.sweep, found, penalties) if chosen.sweep.test else {}
    published = dict.fromkeys(name for cell in cells.values() for name in cell.published)
    for place, (name, cell) in enumerate(cells.items()):
        result = CellResult(
            **vars(scores[name]),
            name=name,
            model=chosen.sweep.models[place],
            settings=dict(cell.settings),
            published=dict(cell.published),
            published_test=dict(cell.published_test),
            kernels=[one.name for kernels in trainings[name].values() for one in kernels],
            alike=alike(competition, published, found[name], penalties[name]),
            parts=parts.get(name, {}),
            x=None if xs is None else xs[place],
            **_facts(trainings[name]),
        )
        results.append(result)
    return results


def _penalties(
    seeds: Mapping[int, Sequence[KernelOutput]], found: Mapping[Training, Predictions]
) -> dict[Training, float]:
    """The penalties on weights in the loss of each training, the mean over its folds."""
    own = {
        seed: fmean(one.number("penalty") or 0.0 for one in outputs)
        for seed, outputs in seeds.items()
    }
    return {training: own[training[0]] for training in found}


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
    measured = [(part, name) for part in PARTS for name in result.measured]
    header = [
        *("cell", "model", *fields, "n", "score", "low", "high"),
        *("difference", "difference_low", "difference_high", "verdict"),
        *(*_COUNTS, "epochs", "seconds"),
        *(f"score_seed{seed}" for seed in seeds),
        *(f"{of}_{name}" for name in result.published for of in ("published", "ours")),
        *(f"{part}_{name}{of}" for part, name in measured for of in _COLUMNS),
    ]
    rows = [
        [
            *(cell.name, cell.model, *(cell.settings.get(field) for field in fields), cell.n),
            *(cell.value, *(cell.interval or (None, None))),
            *(cell.difference.value, *(cell.change_ends or (None, None)), result.verdict(cell)),
            *(cell.total_parameters, cell.trainable_parameters, cell.epochs, cell.seconds),
            *(cell.seeds.get(seed) for seed in seeds),
            *(one.get(name) for name in result.published for one in (cell.published, cell.alike)),
            *(value for one in measured for value in _measured(cell, *one)),
        ]
        for cell in result.cells
    ]
    write_table(run.folder / TABLE, header, rows)


def _measured(cell: CellResult, part: str, name: str) -> list[float | None]:
    """What ``_COLUMNS`` have of a cell."""
    one, none = cell.of_part(part, name), (None, None)
    ends = (*(one.interval or none), one.difference.value, *(one.change_ends or none))
    return [one.value, *ends, cell.published_of(part, name)]

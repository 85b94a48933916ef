"""Small competitions of every task, metric and form that fit, and a solution's cells for each."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas

from common.competition import Competition
from common.errors import UserError
from common.forms import (
    BestLabels,
    Form,
    LabelColumn,
    LabelList,
    NumberColumn,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.metrics.metric import METRICS
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.pairs import Pairs
from common.tasks.task import Task

FLOWERS = ("daisy", "rose", "sun flower", "tulip")
RANKED = ("map@1", "map@3", "map@5", "top1_error", "top3_error", "top5_error")
TASKS: tuple[Task, ...] = (
    Classification(("cat", "dog")),
    Classification(FLOWERS),
    MultiLabel(FLOWERS),
    MultiLabel(FLOWERS, at_least_one=False),
    Number(-1.3, 0.3),
    Grades(("none", "mild", "moderate", "severe", "worst")),
    Pairs(),
)
FORMS: tuple[Form, ...] = (
    LabelColumn("target"),
    LabelColumn("target", text=True),
    ProbabilityColumn("target"),
    ProbabilityColumn("target", positive=0),
    ProbabilityColumns(),
    ProbabilityColumns(names=("d", "c", "b", "a")),
    NumberColumn("target", "Id"),
    LabelList("target", separator=","),
    LabelList("target", separator=",", none="nothing"),
    *(BestLabels("target", k=k, separator="; ") for k in (1, 3, 5)),
)


def make(task: Task, metric: str, form: Form) -> Competition:
    """A competition that has nothing else."""
    return Competition("a", "a-slug", "A", task, metric, form, (), "")


def fitting() -> Iterator[Competition]:
    """Every combination that ``Competition.check`` accepts."""
    for task, metric, form in itertools.product(TASKS, (*METRICS, *RANKED), FORMS):
        competition = make(task, metric, form)
        try:
            competition.check()
        except UserError:
            continue
        yield competition


def true_cells(competition: Competition, labels: np.ndarray) -> dict[str, list[object]]:
    """What a solution has for ``labels`` ``(rows, …)``: column → cells."""
    task, form = competition.task, competition.submission
    names = form.columns(task)
    if isinstance(form, ProbabilityColumns):
        table = labels if labels.ndim == 2 else np.eye(task.units, dtype=int)[labels]
        return {name: table[:, n].tolist() for n, name in enumerate(names)}
    if isinstance(form, LabelList):
        rows = [[task.classes[n] for n in np.flatnonzero(row)] for row in labels]
        return {names[0]: [form.separator.join(row) or form.none for row in rows]}
    if isinstance(form, BestLabels) or getattr(form, "text", False):
        return {names[0]: [task.classes[n] for n in labels]}
    if isinstance(form, ProbabilityColumn) and form.positive == 0:
        return {names[0]: (1 - labels).tolist()}
    return {names[0]: labels.tolist()}


def write_solution(
    path: Path,
    competition: Competition,
    ids: Sequence[str],
    labels: np.ndarray,
    usage: Sequence[str],
) -> Path:
    """A solution file; returns its path."""
    columns = true_cells(competition, labels)
    id_column = competition.submission.id_column
    pandas.DataFrame({id_column: list(ids), **columns, "Usage": usage}).to_csv(path, index=False)
    return path


def random_labels(generator: np.random.Generator, task: Task, rows: int) -> np.ndarray:
    """Labels of the task, of ``rows`` pictures."""
    if isinstance(task, Grades | Classification):
        return generator.integers(0, len(task.classes), rows)
    if isinstance(task, MultiLabel):
        labels = generator.integers(0, 2, (rows, task.units))
        if task.at_least_one:
            labels[:, 0] |= ~labels.any(axis=1)
        return labels
    if isinstance(task, Number):
        return generator.uniform(task.lowest, task.highest, rows).round(4)
    return generator.integers(0, 2, rows)


def random_predictions(generator: np.random.Generator, task: Task, rows: int) -> np.ndarray:
    """As kernels write them, float32; often with equal ones, and at their bounds."""
    if isinstance(task, Number):
        outputs = generator.uniform(-0.2, 1.2, (rows, 1)).clip(0, 1).astype(np.float32)
        return task.predictions(outputs)
    shape = (rows, task.units) if task.units else rows
    shares = generator.uniform(0.01, 1, shape)
    if isinstance(task, Classification):
        shares /= shares.sum(axis=1, keepdims=True)
    return shares.round(generator.integers(1, 8)).astype(np.float32)


def random_thresholds(generator: np.random.Generator, task: Task) -> np.ndarray | None:
    """Thresholds as validation may find them; None where the task has none."""
    if isinstance(task, Grades):
        return np.sort(generator.uniform(0, 4, 4))
    return generator.uniform(0, 1, task.units) if isinstance(task, MultiLabel) else None

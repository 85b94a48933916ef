"""Small data for any tiny competition of pictures that are three numbers: made from what it says.

``train.csv`` and ``test.csv`` have ``id,x0,x1,x2``; train, and the hidden solution, have the
submission's columns with the true answers.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition

LAYOUTS = (  # of every such competition
    "train.csv, test.csv and sample_submission.csv",
    "train.csv, test.csv and pairs.csv",
)
FEATURES = ("x0", "x1", "x2")
TRAIN, TEST = 90, 40


def write_data(competition: Competition, folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write the data folder and the solution; returns both."""
    data, solution = folder / "data", folder / "solution.csv"
    data.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    if competition.task.name == "pairs":
        return write_pairs(competition, data, solution, generator)
    form, number = competition.submission, TRAIN + TEST
    features = generator.normal(size=(number, 3))
    answers = answer_cells(competition, features, generator)
    columns = list(form.columns(competition.task))
    ids = [f"{'train' if row < TRAIN else 'test'}_{row}" for row in range(number)]
    rows = [(name, *cells) for name, cells in zip(ids, features.round(4).tolist(), strict=True)]
    usage = ["Public" if row % 3 else "Private" for row in range(TEST)]
    head, numbers = form.id_column, ("id", *FEATURES)
    _write(
        data / "train.csv",
        (*numbers, *columns),
        [(*r, *a) for r, a in zip(rows, answers, strict=True)][:TRAIN],
    )
    _write(data / "test.csv", numbers, rows[TRAIN:])
    # Columns in another order than the classes, as Kaggle's samples may have them.
    turned = columns[1:] + columns[:1]
    blank = [answers[0][columns.index(name)] for name in turned]
    _write(data / "sample_submission.csv", (head, *turned), [(i, *blank) for i in ids[TRAIN:]])
    hidden = [(i, *a, u) for i, a, u in zip(ids[TRAIN:], answers[TRAIN:], usage, strict=True)]
    _write(solution, (head, *columns, "Usage"), hidden)
    return data, solution


def write_pairs(
    competition: Competition, data: Path, solution: Path, generator: np.random.Generator
) -> tuple[Path, Path]:
    """Nine classes of points, and 300 pairs of those of test."""
    labels = np.arange(TRAIN + TEST) % 9
    centres = np.random.default_rng(7).normal(0, 1.5, (9, 3))
    points = (centres[labels] + generator.normal(size=(len(labels), 3))).round(4).tolist()
    ids = [f"p{row}" for row in range(len(labels))]
    rows = [(name, *cells) for name, cells in zip(ids, points, strict=True)]
    numbers = ("id", *FEATURES)
    known = [(*row, label) for row, label in zip(rows, labels.tolist(), strict=True)]
    _write(data / "train.csv", (*numbers, "label"), known[:TRAIN])
    _write(data / "test.csv", numbers, rows[TRAIN:])
    first, second = np.triu_indices(TEST, 1)
    chosen = generator.permutation(len(first))[:300]
    first, second = first[chosen] + TRAIN, second[chosen] + TRAIN
    pairs = list(zip(range(300), [ids[n] for n in first], [ids[n] for n in second], strict=True))
    form = competition.submission
    _write(data / competition.sample, (form.id_column, "image1", "image2"), pairs)
    same = (labels[first] == labels[second]).astype(int).tolist()
    hidden = [(n, answer, "Public" if n % 3 else "Private") for n, answer in enumerate(same)]
    _write(solution, (form.id_column, *form.columns(competition.task), "Usage"), hidden)
    return data, solution


def answer_cells(
    competition: Competition, features: np.ndarray, generator: np.random.Generator
) -> list[tuple[Any, ...]]:
    """The true answers in the columns of the competition's submission, a tuple a row."""
    task, kind = competition.task, type(competition.submission).__name__
    noisy = features + generator.normal(0, 0.6, features.shape)
    if task.name == "number":
        share = 1 / (1 + np.exp(-noisy.sum(axis=1)))
        low, high = task.lowest, task.highest  # type: ignore[attr-defined]
        return [(round(float(low + (high - low) * s), 2),) for s in share]
    if task.name == "grades":
        return [(int(g),) for g in (noisy.sum(axis=1) / 1.2 + 1).round().clip(0, task.highest)]  # type: ignore[attr-defined]
    if task.name == "multilabel":
        several = noisy[:, : len(task.classes)] > 0.2
        several[np.arange(len(several)), noisy.argmax(axis=1)] = True
        if kind == "LabelList":
            return [(" ".join(np.asarray(task.classes)[row]),) for row in several]
        return [tuple(row) for row in several.astype(int).tolist()]
    directions = np.random.default_rng(7).normal(size=(3, len(task.classes)))
    directions /= np.linalg.norm(directions, axis=0)  # so that all classes are about as large
    labels = (noisy @ directions).argmax(axis=1).tolist()
    if kind == "ProbabilityColumns":
        return [tuple(int(n == label) for n in range(task.units)) for label in labels]
    text = kind == "BestLabels" or getattr(competition.submission, "text", False)
    return [(task.classes[label] if text else label,) for label in labels]


def _write(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])

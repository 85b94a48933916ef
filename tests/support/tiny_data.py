"""Small data for the tiny competitions whose pictures are three numbers: made from what they say.

``train.csv`` and ``test.csv`` have ``id,x0,x1,x2``, and train the labels as its task has them; the
hidden solution has the submission's columns with the true answers.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from common.competition import Competition
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.task import Task
from support.scored import true_cells, write_solution

TRAIN, TEST = 90, 40
NUMBERS = ["x0", "x1", "x2"]


def write_data(competition: Competition, folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write the data folder and the solution; returns both."""
    data, solution, task = folder / "data", folder / "solution.csv", competition.task
    data.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(generator.normal(size=(TRAIN + TEST, 3)), columns=NUMBERS)
    table.insert(0, "id", [f"{'train' if n < TRAIN else 'test'}_{n}" for n in range(len(table))])
    pairs = task.name == "pairs"
    if pairs:  # nine classes of points
        labels = np.arange(len(table)) % 9
        table[NUMBERS] += np.random.default_rng(7).normal(0, 1.5, (9, 3))[labels]
    else:
        labels = draw_labels(task, table[NUMBERS].to_numpy(), generator)
    known = pd.DataFrame(labels).add_prefix("label")
    pd.concat([table, known], axis=1)[:TRAIN].to_csv(data / "train.csv", index=False)
    table[TRAIN:].to_csv(data / "test.csv", index=False)
    ids = table["id"][TRAIN:].tolist()
    answers = labels[TRAIN:]
    if pairs:
        first, second = generator.permutation(np.triu_indices(TEST, 1), axis=1)[:, :300]
        named = [np.array(ids)[rows] for rows in (first, second)]
        sample = pd.DataFrame(dict(zip(("image1", "image2"), named, strict=True)))
        ids, answers = sample.index.tolist(), (answers[first] == answers[second]).astype(int)
    else:  # columns in another order than the classes, as Kaggle's samples may have them
        columns = list(true_cells(competition, answers).items())
        sample = pd.DataFrame({name: cells[0] for name, cells in columns[1:] + columns[:1]}, ids)
    sample.to_csv(data / competition.sample, index_label=competition.submission.id_column)
    usage = ["Public" if n % 3 else "Private" for n in range(len(ids))]
    return data, write_solution(solution, competition, ids, answers, usage)


def draw_labels(task: Task, numbers: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Labels that a linear model can learn, with noise."""
    noisy = numbers + generator.normal(0, 0.6, numbers.shape)
    if isinstance(task, Grades):
        return (noisy.sum(axis=1) / 1.2 + 1).round().clip(0, task.highest).astype(int)
    if isinstance(task, Number):
        share = 1 / (1 + np.exp(-noisy.sum(axis=1)))
        return (task.lowest + (task.highest - task.lowest) * share).round(2)
    if isinstance(task, MultiLabel):
        several = noisy > 0.2
        several[np.arange(len(several)), noisy.argmax(axis=1)] = True
        return several.astype(int)
    directions = np.random.default_rng(7).normal(size=(3, len(task.classes)))
    directions /= np.linalg.norm(directions, axis=0)  # so that all classes are about as large
    return (noisy @ directions).argmax(axis=1)

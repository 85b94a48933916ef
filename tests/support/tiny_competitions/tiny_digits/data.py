"""Reads the tiny competition's files."""

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.data.splits import stratified_folds
from common.errors import UserError
from common.files.predictions import Predictions, save_predictions
from common.inputs import kernel_output_folder
from common.kernel import KernelRun, OutOfTimeError
from common.manifest import write_json
from common.progress import report
from competitions.tiny_digits import COMPETITION


@dataclass(frozen=True)
class TinyRecipe:
    sharpness: float = 1.0
    epochs: int = 2
    misbehave: str = ""
    sessions: int = 1
    folds: int = 0
    fold: int = 0


def check_folder(folder: Path) -> None:
    if not (folder / "val.csv").is_file():
        raise UserError(f"{folder}: looked for val.csv")


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    ids = np.array([row["id"] for row in rows])
    values = np.array([float(row["value"]) for row in rows])
    labels = np.array([int(row.get("label", 0)) for row in rows])
    return ids, values, labels


def probabilities(values: np.ndarray, sharpness: float) -> np.ndarray:
    scores = -sharpness * (values[:, None] - np.arange(3)) ** 2
    weights = np.exp(scores)
    return weights / weights.sum(axis=1, keepdims=True)


def behave(how: str) -> None:
    """What goes wrong in the middle of the work."""
    if how == "raise":
        raise ValueError("the loss went to the moon")
    if how == "sleep":
        Path("started").touch()
        time.sleep(600)
    if how == "wait":
        Path("started").touch()
        while not Path("go").exists():
            time.sleep(0.05)
    if how == "network":
        code = "import socket; socket.getaddrinfo('kaggle.invalid', 443)"
        child = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        print(child.stderr)
    if how == "vanish":
        os._exit(0)


def stop_early(run: KernelRun, sessions: int) -> None:
    """Stop unfinished, as at a time limit, until this is the last of ``sessions``."""
    resume = run.parameters.resume
    path = kernel_output_folder(resume) / "part.json" if resume else None
    part = 1 + (json.loads(path.read_text())["part"] if path else 0)
    if part < sessions:
        write_json(run.folder / "part.json", {"part": part})
        raise OutOfTimeError("training", part, sessions)


def train(run: KernelRun) -> None:
    recipe, how = run.recipe, run.recipe.misbehave
    folder = COMPETITION.data_folder()
    for epoch in range(recipe.epochs):
        report("training", epoch=f"{epoch + 1}/{recipe.epochs}")
    behave(how)
    stop_early(run, recipe.sessions)
    ids, numbers, labels = read(folder / "val.csv")
    if recipe.folds:
        mine = stratified_folds(labels, recipe.folds, run.parameters.seed) == recipe.fold
        ids, numbers, labels = ids[mine], numbers[mine], labels[mine]
    test_ids, test_numbers, _ = read(folder / "test.csv")
    predicted = probabilities(numbers, recipe.sharpness)
    tested = probabilities(test_numbers, recipe.sharpness)
    if how == "nan":
        tested[1] = np.nan
    save_predictions(
        run.folder, Predictions(ids, labels, predicted, test_ids, tested), run.parameters.kernel
    )
    write_json(run.folder / "metrics.json", {"validation_score": 0.5})

"""Reads the tiny competition's files."""

import csv
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from common.data.dealing import stratified_folds
from common.errors import UserError
from common.files.network import WEIGHTS, write_network
from common.files.predictions import Predictions, save_predictions
from common.inputs import kernel_output_folder
from common.kernel import KernelRun, OutOfTimeError, installed_versions
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
    repeats: int = 1


def check_folder(folder: Path) -> None:
    if not (folder / "val.csv").is_file():
        raise UserError(f"{folder}: looked for val.csv")


def predict(folder: Path, sharpness: float) -> Predictions:
    """Predict both tables by the distance of each value to the labels."""
    val, test = (
        list(csv.DictReader((folder / f"{name}.csv").read_text().splitlines()))
        for name in ("val", "test")
    )

    def probabilities(rows: list[dict[str, str]]) -> np.ndarray:
        values = np.array([[float(row["value"])] for row in rows])
        weights = np.exp(-sharpness * (values - np.arange(3)) ** 2)
        return weights / weights.sum(axis=1, keepdims=True)

    labels = np.array([int(row["label"]) for row in val])
    ids = [np.array([row["id"] for row in rows]) for rows in (val, test)]
    return Predictions(ids[0], labels, probabilities(val), ids[1], probabilities(test))


def save(run: KernelRun, predictions: Predictions) -> None:
    save_predictions(run.folder, predictions, run.parameters.kernel)
    write_json(run.folder / "metrics.json", {"validation_score": 0.5})


def leave_network(run: KernelRun) -> None:
    """Leave weights as a training does; these are none of Keras."""
    weights = run.folder / f"{run.parameters.kernel}{WEIGHTS}"
    weights.write_bytes(run.parameters.kernel.encode() * 1000)
    facts = {
        **{"kernel": run.parameters.kernel, "competition": COMPETITION.slug, "network": "tiny"},
        **{"title": COMPETITION.title, "task": "classification", "preprocessing": ""},
        **{"image_size": 32, "outputs": 3, "trained_on": "train", "parameters": 1000},
        **{"classes": list(COMPETITION.task.classes), "recipe": asdict(run.recipe)},
        "versions": installed_versions(),
    }
    write_network(run.folder, weights, facts)
    run.facts["stays"] = [f"*{WEIGHTS}"]


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
    predictions = predict(folder, recipe.sharpness)
    if recipe.folds:
        repeat, fold = divmod(recipe.fold, recipe.folds)
        seed = run.parameters.seed + repeat
        folds = stratified_folds(predictions.validation_labels, recipe.folds, seed)
        names = ("validation_ids", "validation_labels", "validation")
        mine = {name: getattr(predictions, name)[folds == fold] for name in names}
        predictions = replace(predictions, **mine)
    if how == "nan":
        predictions.test[1] = np.nan
    save(run, predictions)
    leave_network(run)

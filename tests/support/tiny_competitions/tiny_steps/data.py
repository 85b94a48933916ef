"""What its kernels do."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.predictions import Predictions, load_predictions, save_predictions
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import read_manifest, write_json
from competitions.tiny_steps import COMPETITION


@dataclass(frozen=True)
class StepRecipe:
    bias: float = 0.0


@dataclass(frozen=True)
class HalfRecipe(StepRecipe):
    parts: int = 2
    part: int = 0


def check_folder(folder: Path) -> None:
    if not (folder / "val.csv").is_file():
        raise UserError(f"{folder}: looked for val.csv")


def data_folder() -> Path:
    return COMPETITION.data_folder()


def source_folders(run: KernelRun) -> dict[str, Path]:
    sources = {}
    for name, source in run.parameters.sources.items():
        sources[name] = kernel_output_folder(source)
        read_manifest(sources[name], name, run.parameters.source_nonces[name])
    return sources


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    values = np.array([float(row["value"]) for row in rows])
    labels = np.array([int(row.get("label", 0)) for row in rows])
    return np.array([row["id"] for row in rows]), values, labels


def probabilities(values: np.ndarray) -> np.ndarray:
    weights = np.exp(-((values[:, None] - np.arange(3)) ** 2))
    return weights / weights.sum(axis=1, keepdims=True)


def save(run: KernelRun, predictions: Predictions, score: float) -> None:
    save_predictions(run.folder, predictions, run.parameters.kernel)
    write_json(run.folder / "metrics.json", {"validation_score": score})


def load(sources: dict, *names: str) -> list[Predictions]:
    return [load_predictions(sources[name], name) for name in names]

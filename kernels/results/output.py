"""What the kernels of a run wrote, read once. What is missing or broken is empty."""

import csv
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from common.errors import UserError
from common.files.grad_cam import Explained, load_explained
from common.files.predictions import NAME as PREDICTIONS
from common.files.predictions import Predictions, load_predictions, split_folder
from common.files.thumbnails import load_thumbnails
from common.manifest import NAME as MANIFEST
from kernels.plan.planned import SHARED
from kernels.plan.request import AUDIT, ENSEMBLE, split_name
from kernels.results.scores import Validated, as_mapping, read_number, read_score
from kernels.run.state import KernelRecord, Run

METRICS, HISTORY = "metrics.json", "history.csv"
# The forms of facts that are shown; ``(form,)`` is an object of such facts by name.
_FORMS: Mapping[str, Any] = {
    **dict.fromkeys(("metric", "method", "chosen_on", "scale", "validation", "setting"), str),
    **dict.fromkeys(("validation_accuracy", "validation_balanced_accuracy"), float),
    **dict.fromkeys(("validation_recall", "validation_specificity"), float),
    **dict.fromkeys(("weights", "members", "same_pairs", "seconds", "parameters"), (float,)),
    **dict.fromkeys(("folds", "repeats", "channels", "calibration"), ((float,),)),
    "versions": (str,),
    **dict.fromkeys(("stays", "warnings"), list),
}
Row = dict[str, Any]
Read = TypeVar("Read")


@dataclass(frozen=True)
class KernelOutput:
    """One kernel of a run: how far it came, and the files that it wrote."""

    name: str  # within the run
    folder: Path  # of its output
    state: KernelRecord
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]
    sources: tuple[str, ...]  # the kernels whose outputs it reads, where the caller knows them
    blended: bool  # whether the ensemble reads it; False if only other kernels do

    @property
    def trained(self) -> bool:
        """Whether it is neither the shared code, nor the audit, nor the ensemble."""
        return self.name not in (SHARED, AUDIT, ENSEMBLE)

    @property
    def script(self) -> str:
        """Its script: the name without the number of a fold, part or network."""
        return split_name(self.name)[0]

    @property
    def kind(self) -> str:
        """What its name counts: ``fold``, ``part`` or ``network``; empty if nothing."""
        return split_name(self.name)[1]

    @property
    def accelerator(self) -> str:
        """What it saw: ``cpu``, ``gpu`` or ``tpu``; empty if it did not say."""
        return str(self.facts("accelerator").get("seen", ""))

    @property
    def is_miniature(self) -> bool:
        """Whether it trained another, smaller network than its recipe's.

        The network of some recipes is small enough for a dry run as it is.
        """
        recipe, own = self.facts("recipe"), self.facts("parameters").get("total_parameters")
        return bool(recipe.get("miniature")) and recipe.get("total_parameters") != own

    @property
    def score(self) -> Validated:
        """Its score on validation."""
        return read_score(self.metrics)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it warns of, a line each."""
        return tuple(map(str, self.manifest.get("warnings", ())))

    def facts(self, name: str) -> Mapping[str, Any]:
        """Return an object of the manifest, such as ``recipe``; empty if it is none."""
        return as_mapping(self.manifest.get(name))

    def number(self, name: str) -> float | None:
        """Return a number of the metrics."""
        return read_number(self.metrics.get(name))

    @cached_property
    def history(self) -> tuple[Row, ...]:
        """``history.csv``, a row an epoch; numbers are float, what is not finite is left out."""
        try:
            with open(self.folder / HISTORY, newline="", encoding="utf-8") as file:
                return tuple(_row(row) for row in csv.DictReader(file))
        except (OSError, ValueError, TypeError):
            return ()

    def figure(self, name: str) -> bytes | None:
        """Read a figure that it has drawn; None if there is none."""
        path = self.folder / name
        return path.read_bytes() if path.is_file() else None

    def predictions(self) -> Predictions | None:
        """Read ``predictions.npz``; None if there is none. Raises UserError if it is broken."""
        if not (self.folder / PREDICTIONS).exists():
            return None
        return load_predictions(self.folder, self.name)

    def split_predictions(self, splits: int) -> list[Predictions]:
        """Read what a kernel with all folds says of validation, by split.

        Raises UserError if one is missing or broken.
        """
        return [load_predictions(split_folder(self.folder, n), self.name) for n in range(splits)]

    def explained(self) -> list[Explained]:
        """Read the pictures with Grad-CAM. Raises UserError if they are broken."""
        return load_explained(self.folder)

    def thumbnails(self) -> dict[str, bytes]:
        """Read the JPEG file of each picture. Raises UserError if they are broken."""
        return load_thumbnails(self.folder)


def read_output(run: Run, name: str, sources: tuple[str, ...] = ()) -> KernelOutput:
    """Read the output of one kernel of a run, as far as there is one."""
    folder, asked = run.output(name), run.request.get("members")
    return KernelOutput(
        name=name,
        folder=folder,
        state=run.kernel(name),
        manifest=read_facts(folder / MANIFEST),
        metrics=read_facts(folder / METRICS),
        sources=sources,
        blended=asked is None or _model(name) in {_model(one) for one in asked},
    )


def _model(name: str) -> str:
    """Return a kernel's name without the numbers of fold and seed."""
    while split_name(name)[1]:
        name = split_name(name)[0]
    return name


def read_or_note(read: Callable[[], Read], otherwise: Read, notes: list[str]) -> Read:
    """Read something; if it is broken, add a sentence to ``notes`` and return ``otherwise``."""
    try:
        return read()
    except UserError as error:
        notes.append(f"{error}.")
        return otherwise


def read_facts(path: Path) -> dict[str, Any]:
    """Read the metrics or the manifest of a kernel without facts that are not of their form."""
    facts = read_json(path)
    return {name: fact for name, fact in facts.items() if _fits(fact, _FORMS.get(name, object))}


def _fits(fact: object, form: Any) -> bool:
    if isinstance(form, tuple):  # by any name
        return isinstance(fact, dict) and all(_fits(one, form[0]) for one in fact.values())
    return read_number(fact) is not None if form is float else isinstance(fact, form)


def read_json(path: Path) -> dict[str, Any]:
    """Read an object of JSON; empty if there is none."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _row(row: Mapping[str, str]) -> Row:
    numbers = {key: float(value) for key, value in row.items() if key != "stage" and value}
    kept = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return {"stage": row.get("stage", ""), **kept}

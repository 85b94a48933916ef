"""A sweep's run as if its kernels had run: they have written what a test says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.files.predictions import Predictions, save_predictions
from common.manifest import write_json
from kernels.bundle.build import Bundle, build_bundles
from kernels.kaggle.states import KernelState
from kernels.plan.find import find_competition
from kernels.plan.plan import plan_kernels
from kernels.plan.request import Request
from kernels.plan.sweeps import ChosenSweep, choose_sweep
from kernels.run.state import KernelRecord, Run

HISTORY = "stage,epoch,learning_rate,loss,val_loss\n" + "".join(
    f"training,{epoch},0.001,{2 / epoch},{2.2 / epoch}\n" for epoch in (1, 2, 3)
)


def chosen(*asked: str, model: str = "", **options: Any) -> ChosenSweep:
    """The tiny competition's sweep that is asked for."""
    return choose_sweep(find_competition("tiny"), asked, [model] if model else [], **options)


def sweep_bundles(sweep: ChosenSweep, **options: Any) -> tuple[Bundle, ...]:
    """Its kernels, ready to be pushed by alice."""
    competition = find_competition("tiny")
    models = tuple(dict.fromkeys(sweep.sweep.models))
    request = Request(competition, models, sweep=sweep, accelerator="cpu", **options)
    return build_bundles(competition, plan_kernels(request), "alice")


def guesses(labels: np.ndarray, seed: int, sure: float, classes: int = 3) -> np.ndarray:
    """Probabilities that are right more often the larger ``sure`` is."""
    noise = np.random.default_rng(seed).normal(size=(len(labels), classes))
    powers = np.exp(noise + sure * np.eye(classes)[labels])
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def predicted(labels: np.ndarray, probabilities: np.ndarray, prefix: str = "p") -> Predictions:
    """Predictions of as many pictures, and of one of test."""
    ids = np.array([f"{prefix}{row}" for row in range(len(labels))])
    return Predictions(ids, labels, probabilities, np.array(["t"]), probabilities[:1])


def sweep_run(
    folder: Path, bundles: tuple[Bundle, ...], found: Mapping[str, Predictions | None]
) -> Run:
    """A run of which each kernel has written what it is ``found`` to predict; None failed."""
    run = Run(folder, "tiny", False, "n1", request={"sweep": "it", "members": list(found)})
    for bundle in bundles:
        name, out = bundle.kernel.name, run.output(bundle.kernel.name)
        predictions = found.get(name)
        ended = KernelState.COMPLETE if predictions else KernelState.ERROR
        run.kernels[name] = KernelRecord(1, ended, seconds=70.0)
        out.mkdir(parents=True)
        if predictions is None:
            continue
        save_predictions(out, predictions, name)
        recipe = vars(bundle.kernel.recipe)
        counts = {"total_parameters": 26_247_758, "trainable_parameters": 26_018_702}
        facts = {"recipe": recipe, "seconds": {"training": 60.0}, "parameters": counts}
        write_json(out / "manifest.json", facts)
        (out / "history.csv").write_text(HISTORY)
    return run

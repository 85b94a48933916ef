"""A run for the report: what its kernels would leave, and what a browser shows of it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import Predictions, save_predictions
from common.files.thumbnails import save_thumbnails
from common.manifest import write_json
from competitions import find_competition
from kernels.bundle.build import Bundle, build_bundles
from kernels.kaggle.states import KernelState
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request
from kernels.run.state import KernelRecord, Run
from support import browser

needs_browser = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())


def bundles(competition: str, *names: str) -> tuple[Bundle, ...]:
    found = find_competition(competition)
    kernels = plan_kernels(Request(found, names, accelerator="cpu"))
    return build_bundles(found, kernels, "alice", "n1")


def a_run(folder: Path, competition: str, *names: str) -> Run:
    known = {
        name: KernelRecord(1, KernelState.COMPLETE, seconds=60.0 + 600 * place)
        for place, name in enumerate(("shared", *names, "ensemble"))
    }
    return Run(folder, competition, False, "n1", "complete", kernels=known)


def small_jpeg(seed: int, side: int = 16) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=80)
    return written.getvalue()


def noisy(rng: np.random.Generator, labels: np.ndarray, classes: int, sure: float) -> np.ndarray:
    """Probabilities that are right more often the larger ``sure`` is."""
    scores = rng.normal(size=(len(labels), classes)) + sure * np.eye(classes)[labels]
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def leave(
    folder: Path, names: tuple[str, ...], labels: np.ndarray, classes: int, side: int = 16
) -> None:
    """What the members' and the ensemble's kernels would leave of ``labels``, below ``folder``."""
    rng = np.random.default_rng(3)
    ids = np.array([f"picture{number}" for number in range(len(labels))])
    guesses = {name: noisy(rng, labels, classes, 1.2) for name in names}
    blend = np.mean(list(guesses.values()), axis=0)
    score = {"validation_score": 0.5}
    weights = {"method": "mean", "weights": {name: 1 / len(names) for name in names}}
    for name, values in {**guesses, "ensemble": blend}.items():
        out = folder / "outputs" / name
        out.mkdir(parents=True, exist_ok=True)
        predictions = Predictions(ids, labels, values, np.array(["hidden1"]), values[:1])
        save_predictions(out, predictions, name)
        write_json(out / "metrics.json", {**score, **(weights if name == "ensemble" else {})})
        stages = {"training": 40.0, "figures": 3.0}
        facts = {"seconds": stages, "recipe": {"epochs": 3}, "versions": {"numpy": "2"}}
        write_json(out / "manifest.json", facts)
        if name != "ensemble":
            write_history(out / "history.csv")
            jpegs = [small_jpeg(number, side) for number in range(len(labels))]
            save_thumbnails(out, ids.tolist(), jpegs)


def write_history(path: Path) -> None:
    heads = "stage,epoch,learning_rate,loss,accuracy,val_loss,val_accuracy"
    rows = [
        f"training,{e},{1e-5 * e},{2 / e},{1 - 0.5 / e},{2.2 / e},{1 - 0.6 / e}" for e in (1, 2)
    ]
    path.write_text("\n".join([heads, *rows, "refit,1,0.00001,1.5,0.8,,", ""]))


def texts(driver: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    return list(driver.execute_script(script, selector))


def console(driver: Any) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser")]

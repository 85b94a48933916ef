"""Which settings help: a small network on flowers from random weights, one change at a time.

Each row is the base recipe with one change, trained with every seed. Validation pictures that are
in train too (as the audit finds them) do not count, and test is not touched. Rows with the same
seed share order and first weights, so a row's change against the base is paired by seed.

    python benchmarks/ablation.py FOLDER [--seeds 3] [--rows base,ema,...] [--out ablation.json]

FOLDER is data in the layout of tpu-getting-started. About 20 s a training on two idle cores.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path[:0] = [str(Path(__file__).parents[1])]

from common.accelerator import choose, clear_session
from common.audit.records import Split, read_pictures
from common.audit.run import AuditRecipe, compare
from common.blending.calibration import apply_temperature, fit_temperature
from common.errors import UserError, shown_in_one_line
from common.kernel import KernelRun
from common.metrics.metric import find_metric, log_loss
from common.parameters import Parameters
from common.recipe import nearest, override
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel, picture_trainer, read_parts
from competitions.petals_to_metal import CLASSES, COMPETITION, data

BASE = ClassifierRecipe(
    image_size=72,
    crop_margin=7,  # as 331 to 361
    batch_size=16,
    epochs=24,
    lr_start=1e-3,
    lr_max=4e-3,
    lr_min=1e-5,
    lr_ramp_epochs=5,
    lr_decay=0.82,
    weights=None,
    batchnorm_momentum=0.9,
    cache="memory",
)
PLAIN = {
    "rot90_probability": 0.0,
    "horizontal_flip": 0.0,
    "vertical_flip": 0.0,
    "transpose_probability": 0.0,
}
ROWS: dict[str, dict[str, Any]] = {
    "base": {},
    "constant": {"schedule": "constant"},
    "constant, a quarter": {"schedule": "constant", "lr_max": 1e-3},
    "cosine": {"schedule": "cosine"},
    "step": {"schedule": "step", "lr_patience": 8, "lr_decay": 0.3},
    "plateau": {"schedule": "plateau", "lr_patience": 3, "lr_decay": 0.4},
    "no crop, turn or flip": {**PLAIN, "crop_margin": 0},
    "whole pictures": {"evaluation": "whole"},
    "colour_jitter 0.2": {"colour_jitter": 0.2},
    "mixup 0.2": {"mixup": 0.2},
    "cutmix 1": {"cutmix": 1.0},
    "mixup 0.2 and cutmix 1": {"mixup": 0.2, "cutmix": 1.0},
    "label_smoothing 0.1": {"label_smoothing": 0.1},
    "class_weight balanced": {"class_weight": "balanced"},
    "logit_adjustment 1": {"logit_adjustment": 1.0},
    "ema 0.99": {"ema": 0.99},
    "adamw": {"optimizer": "adamw"},
    "cosine and ema 0.99": {"schedule": "cosine", "ema": 0.99},
}
VIEWS = (2, 4, 8, 16)


def build_model(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """A stem and six 3 x 3 convolutions from 32 to 128 channels; 0.3 million weights."""
    import keras
    from keras import layers

    def convolved(x: Any, filters: int, kernel: int, strides: int) -> Any:
        x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    inputs = keras.Input((recipe.image_size, recipe.image_size, 3))
    x = convolved(layers.Rescaling(1 / 127.5, -1.0)(inputs), 16, 5, 2)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for filters, strides in ((32, 1), (64, 2), (128, 2)):
        x = convolved(convolved(x, filters, 3, strides), filters, 3, 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(len(CLASSES), activation="softmax")(x), name="ablation")


def clean_validation(folder: Path) -> set[str]:
    """The ids of validation that are not in train."""
    parts = [data.check_folder(folder, BASE.image_size) / name for name in ("train", "val")]
    splits = [Split(part.name, tuple(sorted(part.glob("*.tfrec"))), True) for part in parts]
    pictures, broken = read_pictures(splits, len(CLASSES))
    found = compare(splits, pictures, broken, AuditRecipe(), CLASSES)
    in_train = {n for n, picture in enumerate(pictures) if picture.split == "train"}
    leaked = set().union(*(group for group in found.groups if in_train & set(group)))
    return {p.id for n, p in enumerate(pictures) if p.split == "val" and n not in leaked}


def train(folder: Path, recipe: ClassifierRecipe, seed: int, clean: set[str]) -> dict[str, Any]:
    """Scores on clean validation, by views of test-time augmentation, and the seconds it took."""
    kernel = ClassifierKernel(
        COMPETITION,
        recipe,
        load=lambda size, _: data.load_from(folder, size),
        build_model=build_model,
    )
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        run = KernelRun(Parameters(seed=seed), recipe, Path(name))
        accelerator = choose("cpu")
        parts = read_parts(kernel, run, accelerator)
        train_part, validation, _ = parts
        trainer = picture_trainer(kernel, run, accelerator, parts, kernel.pretrained(run))
        model = trainer.new_model([train_part])
        trainer.fit(model, "training", [train_part], recipe.epochs, validation)
        kept = np.isin(validation.records.ids, sorted(clean))
        labels = validation.labels[kept]
        scores = {}
        for views in (1, *VIEWS):
            scores[views] = score(labels, trainer.predict(model, validation, views)[kept])
    clear_session()
    return {"scores": scores, "seconds": time.perf_counter() - began}


def score(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Macro F1, accuracy, NLL, and the NLL with a temperature found on the other half."""
    halves = np.arange(len(labels)) % 2 == 0
    tempered = np.empty_like(predicted)
    for half in (halves, ~halves):
        tempered[half] = apply_temperature(
            predicted[half], fit_temperature(labels[~half], predicted[~half])
        )
    classes = predicted.argmax(axis=1)
    return {
        "macro_f1": find_metric("macro_f1").score(labels, classes),
        "accuracy": find_metric("accuracy").score(labels, classes),
        "nll": log_loss(labels, predicted),
        "nll_tempered": log_loss(labels, tempered),
    }


def run_rows(
    folder: Path, rows: Mapping[str, Mapping[str, Any]], seeds: int
) -> Iterator[dict[str, Any]]:
    """Every row with every seed, seed by seed, so that what is cut short is still paired."""
    clean = clean_validation(folder)
    print(f"{len(clean)} clean validation pictures", flush=True)
    for seed in range(seeds):
        for name, changes in rows.items():
            found = train(folder, override(BASE, changes), seed, clean)
            one = found["scores"][1]
            print(
                f"seed {seed}  {name:<26} F1 {one['macro_f1']:.4f}  NLL {one['nll']:.4f}  "
                f"{found['seconds']:.0f} s",
                flush=True,
            )
            yield {"row": name, "seed": seed, "changes": dict(changes), **found}


def table(results: list[dict[str, Any]]) -> str:
    """Mean and range over seeds, and the mean change against the base with the same seed."""
    lines = ["| | macro F1 | range | against base | NLL | against base | seconds |"]
    lines.append("|---" * 7 + "|")
    scores = pd.DataFrame(
        {"row": r["row"], "seed": r["seed"], "views": views, "seconds": r["seconds"], **found}
        for r in results
        for views, found in r["scores"].items()
    ).set_index("seed")
    plain = scores[scores["views"] == 1]
    base = plain[plain["row"] == "base"]
    groups = [*plain.groupby("row", sort=False)]
    for views, rows in scores[scores["row"] == "base"].groupby("views"):
        groups += [(f"base, tta {views}", rows)] if views > 1 else []
    for name, rows in groups:
        f1, nll = rows["macro_f1"], rows["nll"]
        lines.append(
            f"| {name} | {f1.mean():.3f} | {f1.min():.3f} to {f1.max():.3f} | "
            f"{(f1 - base['macro_f1']).mean():+.3f} | {nll.mean():.3f} | "
            f"{(nll - base['nll']).mean():+.3f} | {rows['seconds'].median():.0f} |"
        )
    before, after = base["nll"].mean(), base["nll_tempered"].mean()
    lines.append(f"\nTemperature scaling of base: NLL {before:.3f}, then {after:.3f}.")
    return "\n".join(lines)


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", default="", help="some of the rows, with commas between")
    parser.add_argument("--epochs", type=int, default=BASE.epochs)
    parser.add_argument("--out", type=Path, help="all scores, as JSON")
    arguments = parser.parse_args()
    names = arguments.rows.split(",") if arguments.rows else list(ROWS)
    for name in names:
        if name not in ROWS:
            raise UserError(f"--rows {name}: {nearest(name, ROWS)}")
    rows = {name: {"epochs": arguments.epochs, **ROWS[name]} for name in names}
    results = []
    for result in run_rows(arguments.folder, rows, arguments.seeds):
        results.append(result)
        if arguments.out:
            arguments.out.write_text(json.dumps(results, indent=1))
    print(dataclasses.asdict(BASE))
    print(table(results))


if __name__ == "__main__":
    main()

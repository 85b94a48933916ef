"""Which recipe, and which threshold, suits chest X-rays that were taken otherwise than train.

The official test of ``pneumonia`` is of another kind than train, and is not for choosing. In its
place a fifth of train's patients is set aside, and their X-rays are distorted, each twice: scaled,
turned, moved, with another gamma, contrast and brightness, blurred, noisy (``distort``). Each row
is the recipe of ``competitions/chest_xray/efficientnetlite0.py`` with some other fields, trained by
``common.training`` on four fifths of the other patients and validated on the rest. Seeds are of the
training and of its validation; who is set aside and how X-rays are distorted stays the same.

A row's balanced accuracy on the distorted X-rays is at 1/2, at the threshold that is best on
validation, at the one that is best on ``VIEWS`` views of each picture of validation, augmented as
the row's train is, and at the best of all for the distorted, which nobody can know: a limit.

    python benchmarks/distorted_xrays.py FOLDER [--rows frozen,views-6] [--seeds 3] [--epochs 6]
                                         [--accelerator gpu] [--save DIR] [--json]

FOLDER is ``chest_xray`` of the data set. ``--save`` keeps each training's predictions as
``ROW-seedN.npz``, of official test too, which is not measured here; what is there already is not
trained again, so that rows can be trained by several processes and then shown by one. ``--epochs``
are of the rows that train the whole network. With ``--json`` the last line has the figures.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.distorted_table import Found, measure, table
from common.accelerator import choose, clear_session
from common.data.augment import augment
from common.data.dealing import stratified_folds
from common.data.layouts.files import image_files
from common.data.pictures import Pictures
from common.data.records import Records, join
from common.data.splits import hold_out
from common.data.squares import Square
from common.errors import UserError, shown_in_one_line
from common.kernel import KernelRun
from common.parameters import Parameters
from common.recipe import nearest, override
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel, picture_trainer, read_parts
from common.training.feature_training import train_on_features
from common.training.stages import train_in_stages
from competitions.chest_xray import COMPETITION, data, efficientnetlite0

VIEWS = 4  # of a picture of validation, augmented
DISTORTED = 2  # of a picture that is set aside
BASE = dataclasses.replace(ClassifierRecipe(**efficientnetlite0.RECIPE), refit=False)
PLAIN = {
    **{"augmented_views": 0, "rotation": 0.0, "zoom": 0.0, "shift": 0.0, "colour_jitter": 0.0},
    **{"horizontal_flip": 0.0, "balance": "none"},
}
WEIGHTS = {"balance": "weights"}
LIGHT = {"rotation": 15.0, "zoom": 0.25, "shift": 0.1, "colour_jitter": 1.0}
TUNED = {  # the base of ``studies.py``
    **PLAIN,
    **{"freeze_backbone": False, "head": "dense", "batchnorm_momentum": 0.9, "epochs": 5},
    **{"schedule": "cosine", "lr_max": 1e-3, "lr_min": 1e-5, "lr_ramp_epochs": 0},
    "horizontal_flip": 0.5,
}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "frozen": PLAIN,
    "weights": {**PLAIN, **WEIGHTS},
    "views-4": {"augmented_views": 4, "colour_jitter": 0.8},
    "views-6": {},
    "tuned": TUNED,
    "tuned-weights": {**TUNED, **WEIGHTS},
    "tuned-moves": {**TUNED, **WEIGHTS, **LIGHT, "zoom": 0.2, "colour_jitter": 0.4},
    "tuned-light": {**TUNED, **WEIGHTS, **LIGHT, "epochs": 6},
}

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def distort(picture: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Take an X-ray otherwise: ``(size, size, 3)`` uint8, grey, and so is the result."""
    import cv2

    size, uniform = picture.shape[0], generator.uniform
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), uniform(-10, 10), uniform(0.8, 1.2))
    matrix[:, 2] += size * uniform(-0.06, 0.06, 2)
    grey = cv2.warpAffine(picture, matrix, (size, size))[..., 0].astype(np.float32) / 255
    grey = grey ** uniform(0.6, 1.7)
    grey = grey.mean() + uniform(0.7, 1.3) * (grey - grey.mean()) + uniform(-0.1, 0.1)
    if generator.random() < 0.5:
        grey = cv2.GaussianBlur(grey, (0, 0), uniform(0.4, 1.4))
    noisy = 255 * grey + uniform(0, 6) * generator.standard_normal(grey.shape)
    return np.repeat(np.rint(noisy).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def written(
    folder: Path, records: Records, recipe: ClassifierRecipe, change: Change, times: int
) -> Records:
    """Each picture changed ``times``, as files of ``folder``: all of them, then all again, …"""
    import cv2

    size = recipe.image_size + recipe.crop_margin
    pictures = Pictures(records, size, square=Square.of(recipe))
    folder.mkdir()

    def write(number: int) -> Path:
        row = number % len(records)
        changed = change(pictures[row], np.random.default_rng((4, number)))
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.ascontiguousarray(changed[..., ::-1]))
        return path

    numbers = range(times * len(records))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = list(pool.map(write, numbers))
    ids = [f"{folder.name}/{number}" for number in numbers]
    return image_files(folder.name, paths, ids, np.tile(labels_of(records), times))


def labels_of(records: Records) -> np.ndarray:
    """The labels, ``(pictures,)``."""
    assert records.labels is not None
    return records.labels


@dataclasses.dataclass
class XRays:
    """The parts of a training: ``load`` is a kernel's. ``parts`` are those that it predicts."""

    folder: Path
    scratch: Path
    recipe: ClassifierRecipe
    seed: int
    parts: dict[str, Records] = dataclasses.field(default_factory=dict)

    def load(self, size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
        """Train, validation, and in place of test all that is to be predicted, without labels."""
        everyone, _, official = data.read_parts(self.folder)
        patients = np.unique(everyone.groups, return_inverse=True)[1]
        chosen = stratified_folds(labels_of(everyone), 5, 1, patients) == 0
        aside = everyone.take(chosen)
        train, validation = hold_out(everyone.take(~chosen), COMPETITION.task, 0.2, self.seed)
        distorted = written(self.scratch / "distorted", aside, self.recipe, distort, DISTORTED)
        self.parts = {"validation": validation, "aside": aside, "test": official}
        predicted = {"aside": aside, "test": official, "distorted": distorted}
        if self.recipe.augmentations:
            change = partial(augment, recipe=self.recipe)
            made = written(self.scratch / "augmented", validation, self.recipe, change, VIEWS)
            predicted["augmented"] = made
        whole = None
        for name, part in predicted.items():
            own = dataclasses.replace(part, ids=np.char.add(f"{name}/", part.ids), groups=None)
            whole = own if whole is None else join("test", whole, own)
        assert whole is not None
        return train, validation, dataclasses.replace(whole, name="test", labels=None)


def train(
    folder: Path, recipe: ClassifierRecipe, seed: int, accelerator_asked: str
) -> dict[str, np.ndarray]:
    """Probabilities of PNEUMONIA of each part, ``(n,)`` float32, with its labels and patients.

    Those of ``augmented`` and ``distorted`` are ``(views, n)``, of validation and of ``aside``.
    """
    with tempfile.TemporaryDirectory() as name:
        xrays = XRays(folder, Path(name), recipe, seed)
        kernel = ClassifierKernel(COMPETITION, recipe, load=xrays.load)
        run = KernelRun(Parameters(seed=seed), recipe, Path(name))
        accelerator = choose(accelerator_asked, ("gpu", "cpu"))
        parts, weights = read_parts(kernel, run, accelerator), kernel.pretrained(run)
        trained = train_on_features(kernel, run, accelerator, parts, weights, _nothing)
        if trained is None:
            trainer = picture_trainer(kernel, run, accelerator, parts, weights)
            predictions, _ = train_in_stages(trainer, parts, COMPETITION.task, _nothing)
        else:
            predictions = trained.predictions
    clear_session()
    of_parts = np.char.partition(predictions.test_ids, "/")[:, 0]
    found = {part: predictions.test[of_parts == part, 1] for part in np.unique(of_parts)}
    found["validation"] = predictions.validation[:, 1]
    for part, whole in (("augmented", "validation"), ("distorted", "aside")):
        if part in found:
            found[part] = found[part].reshape(-1, len(xrays.parts[whole]))
    for part, records in xrays.parts.items():
        found[f"{part}_labels"] = labels_of(records)
        found[f"{part}_patients"] = np.array(records.groups)
    return found


def _nothing(*_: Any) -> dict[str, np.ndarray]:
    """No pictures of what the network looks at."""
    return {}


def carried_out(
    folder: Path, rows: Mapping[str, ClassifierRecipe], seeds: int, asked: str, saved: Path | None
) -> dict[str, list[Found]]:
    """What every row gives with every seed, trained or read."""
    found: dict[str, list[Found]] = {name: [] for name in rows}
    for seed in range(seeds):
        for name, recipe in rows.items():
            path = saved and saved / f"{name}-seed{seed}.npz"
            if path and path.exists():
                with np.load(path) as arrays:
                    found[name].append(dict(arrays))
                continue
            began = time.perf_counter()
            one = train(folder, recipe, seed, asked)
            print(f"seed {seed}  {name:<14} {time.perf_counter() - began:.0f} s", flush=True)
            if path:
                np.savez_compressed(path, **one)
            found[name].append(one)
    return found


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", default="", help="some of the rows, with commas between")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of rows that train the whole network")
    parser.add_argument("--accelerator", default="", choices=("", "gpu", "cpu"))
    parser.add_argument("--save", type=Path, help="a folder for each training's predictions")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    names = arguments.rows.split(",") if arguments.rows else list(ROWS)
    for name in names:
        if name not in ROWS:
            raise UserError(f"--rows {name}: {nearest(name, ROWS)}")
    rows = {name: override(BASE, ROWS[name]) for name in names}
    if arguments.epochs:
        longer = {"epochs": arguments.epochs}
        rows = {n: one if one.is_frozen else override(one, longer) for n, one in rows.items()}
    if arguments.save:
        arguments.save.mkdir(parents=True, exist_ok=True)
    found = carried_out(
        arguments.folder, rows, arguments.seeds, arguments.accelerator, arguments.save
    )
    measured = {name: [measure(one) for one in seeds] for name, seeds in found.items()}
    first = next(iter(found.values()))[0]
    print(f"{first['aside'].size} set aside, {first['distorted'].size} distorted")
    print(table(found, measured))
    if arguments.json:
        print(json.dumps(measured))


if __name__ == "__main__":
    main()

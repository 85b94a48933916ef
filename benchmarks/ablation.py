"""Which settings help on flowers, one change at a time: a study of random or of ImageNet weights.

Each row is the base recipe with one change, trained with every seed. Validation pictures that are
in train too (as the audit finds them) do not count, and test is not touched. Rows with the same
seed share order and first weights, so a row's change against the base is paired by seed; its
interval is of a bootstrap over pictures, of the mean over seeds.

    python benchmarks/ablation.py FOLDER [--study imagenet] [--seeds 3] [--rows base,ema,...]
                                  [--out ablation.json]

FOLDER is data in the layout of tpu-getting-started. On two idle cores a training from random
weights takes about 20 s, and one from ImageNet weights 100 s.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks.studies import STUDIES, Study, small_network
from common.accelerator import choose, clear_session
from common.audit.records import Split, read_pictures
from common.audit.run import AuditRecipe, compare
from common.blending.calibration import apply_temperature, fit_temperature
from common.errors import UserError, shown_in_one_line
from common.kernel import KernelRun
from common.metrics.bootstrap import Drawn, Size, compare_means, resampled_scores
from common.metrics.metric import find_metric, log_loss
from common.parameters import Parameters
from common.recipe import nearest, override
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel, picture_trainer, read_parts
from competitions.petals_to_metal import CLASSES, COMPETITION, data


def clean_validation(folder: Path, size: int) -> set[str]:
    """The ids of validation that are not in train."""
    parts = [data.check_folder(folder, size) / name for name in ("train", "val")]
    splits = [Split(part.name, tuple(sorted(part.glob("*.tfrec"))), True) for part in parts]
    pictures, broken = read_pictures(splits, len(CLASSES))
    found = compare(splits, pictures, broken, AuditRecipe(), CLASSES)
    in_train = {n for n, picture in enumerate(pictures) if picture.split == "train"}
    leaked = set().union(*(group for group in found.groups if in_train & set(group)))
    return {p.id for n, p in enumerate(pictures) if p.split == "val" and n not in leaked}


def train(folder: Path, study: Study, recipe: ClassifierRecipe, seed: int) -> dict[str, Any]:
    """Ids, labels and probabilities of validation by views, and the seconds it took."""
    network = None if recipe.weights else small_network
    kernel = ClassifierKernel(
        COMPETITION,
        recipe,
        load=lambda size, _: data.load_from(folder, size),
        build_model=network,
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
        found = {views: trainer.predict(model, validation, views) for views in study.views}
    clear_session()
    return {
        "ids": list(validation.records.ids),
        "labels": validation.labels.tolist(),
        "probabilities": {views: np.round(p, 6).tolist() for views, p in found.items()},
        "seconds": time.perf_counter() - began,
    }


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Macro F1 of the likeliest class."""
    return float(find_metric("macro_f1").score(labels, predicted.argmax(axis=1)))


def tempered_nll(labels: np.ndarray, predicted: np.ndarray) -> float:
    """NLL with a temperature that is found on the other half."""
    tempered, halves = np.empty_like(predicted), np.arange(len(labels)) % 2 == 0
    for half in (halves, ~halves):
        temperature = fit_temperature(labels[~half], predicted[~half])
        tempered[half] = apply_temperature(predicted[half], temperature)
    return float(log_loss(labels, tempered))


def run_rows(
    folder: Path, study: Study, rows: Mapping[str, Mapping[str, Any]], seeds: int, done: list[Any]
) -> Iterator[dict[str, Any]]:
    """Every row with every seed, seed by seed, so that what is cut short is still paired."""
    clean, known = clean_validation(folder, study.base.image_size), {}
    print(f"{len(clean)} clean validation pictures", flush=True)
    for result in done:
        known[result["row"], result["seed"], json.dumps(result["changes"])] = result
    for seed in range(seeds):
        for name, changes in rows.items():
            found = known.get((name, seed, json.dumps(changes)))
            if not found:
                found = train(folder, study, override(study.base, changes), seed)
                found |= {"row": name, "seed": seed, "changes": changes}
                kept = np.isin(found["ids"], sorted(clean))
                for views, p in found["probabilities"].items():
                    found["probabilities"][views] = np.asarray(p)[kept].tolist()
                found["labels"] = np.asarray(found["labels"])[kept].tolist()
                del found["ids"]
            print(f"seed {seed}  {name:<28} {found['seconds']:.0f} s", flush=True)
            yield found


def by_row(results: list[dict[str, Any]]) -> dict[str, dict[int, np.ndarray]]:
    """Probabilities by row and seed; those of the base's several views come last."""
    groups: dict[str, dict[int, np.ndarray]] = {}
    for result in results:
        for views, predicted in result["probabilities"].items():
            name = result["row"] if int(views) == 1 else f"{result['row']}, tta {views}"
            if int(views) == 1 or result["row"] == "base":
                groups.setdefault(name, {})[result["seed"]] = np.array(predicted)
    return dict(sorted(groups.items(), key=lambda group: "tta" in group[0]))


def table(results: list[dict[str, Any]]) -> str:
    """Mean and range over seeds, and the mean change against the base with the same seed."""
    labels, groups = np.array(results[0]["labels"]), by_row(results)
    scorers = {
        (metric.__name__, name, seed): partial(
            lambda metric, predicted, rows: metric(labels[rows], predicted[rows]), metric, predicted
        )
        for metric in (macro_f1, log_loss)
        for name, seeds in groups.items()
        for seed, predicted in seeds.items()
    }
    drawn, everything = resampled_scores(scorers, labels), np.arange(len(labels))

    def by_seed(metric: str, name: str) -> dict[int, Drawn]:
        keys = {seed: (metric, name, seed) for seed in groups[name]}
        return {
            seed: Drawn(scorers[key](everything), drawn[key], Size.of(labels))
            for seed, key in keys.items()
        }

    def against_base(metric: str, name: str) -> str:
        """The mean change, and its interval."""
        found = compare_means("base", by_seed(metric, name), by_seed(metric, "base"), 1)
        assert found
        shown = " to ".join(f"{end:+.3f}" for end in found["interval"] or ())
        return f"{found['difference']:+.3f} ({shown})"

    lines = ["| | macro F1 | range | against base | NLL | against base | seconds |"]
    lines.append("|---" * 7 + "|")
    for name, seeds in groups.items():
        f1, nll = (
            lambda name, seed, metric=metric: scorers[metric, name, seed](everything)
            for metric in ("macro_f1", "log_loss")
        )
        found = [f1(name, seed) for seed in seeds]
        mean_nll = np.mean([nll(name, seed) for seed in seeds])
        spent = [r["seconds"] for r in results if r["row"] == name.split(", tta")[0]]
        lines.append(
            f"| {name} | {np.mean(found):.3f} | {min(found):.3f} to {max(found):.3f} | "
            f"{against_base('macro_f1', name)} | {mean_nll:.3f} | "
            f"{against_base('log_loss', name)} | {np.median(spent):.0f} |"
        )
    before = np.mean([log_loss(labels, predicted) for predicted in groups["base"].values()])
    after = np.mean([tempered_nll(labels, predicted) for predicted in groups["base"].values()])
    lines.append(f"\nTemperature scaling of base: NLL {before:.3f}, then {after:.3f}.")
    return "\n".join(lines)


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", choices=STUDIES, default="random")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", default="", help="some of the rows, with commas between")
    parser.add_argument("--out", type=Path, help="all predictions, as JSON; gone on with if there")
    arguments = parser.parse_args()
    study, out = STUDIES[arguments.study], arguments.out
    names = arguments.rows.split(",") if arguments.rows else list(study.rows)
    for name in names:
        if name not in study.rows:
            raise UserError(f"--rows {name}: {nearest(name, study.rows)}")
    rows = {name: study.rows[name] for name in names}
    done = json.loads(out.read_text()) if out and out.exists() else []
    results = []
    for result in run_rows(arguments.folder, study, rows, arguments.seeds, done):
        results.append(result)
        if out:
            out.write_text(json.dumps(results))
    print(dataclasses.asdict(study.base))
    print(table(results))


if __name__ == "__main__":
    main()

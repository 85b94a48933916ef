"""What each way to compare paintings is worth: small networks from random weights.

Prepares FOLDER (data in the layout of painter-by-numbers) once, with all paintings of a fifth of
its artists in validation. Then trains each row's network with each seed and measures ROC AUC over
validation's pairs: all, of artists that train has (seen), and of others (unseen). Blends are of the
rows named, of the same seed, by the ensemble's own code. Test is not touched.

    python benchmarks/embeddings.py FOLDER [--seeds 2] [--rows 'batch-all;arcface'] [--out all.json]

About half a minute to two minutes a training on two idle cores.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from common.errors import PREFIX, UserError, shown_in_one_line
from common.files.predictions import Vectors, align, load_vectors
from common.pairs.blend import find_pair_blend
from common.pairs.ensemble import channels_of
from common.pairs.validation import channel_auc, pairs_of
from common.recipe import nearest


@dataclasses.dataclass(frozen=True)
class Row:
    """A kernel script of the competition, and what of its small settings differs."""

    script: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


TRIPLETS = {"epochs": 20, "patience": 0}
MARGIN = {"epochs": 20}
ROWS = {
    "contrastive": Row("triplets", {**TRIPLETS, "loss": "contrastive", "margin": 1.0}),
    "batch-hard": Row("triplets", {**TRIPLETS, "miner": "batch-hard"}),
    "batch-hard, soft": Row("triplets", {**TRIPLETS, "miner": "batch-hard", "margin": None}),
    "semi-hard": Row("triplets", {**TRIPLETS, "miner": "semi-hard"}),
    "batch-all": Row("triplets", TRIPLETS),
    "batch-all, no final ReLU": Row("triplets", {**TRIPLETS, "final_relu": False}),
    "batch-all, BatchNorm": Row(
        "triplets", {**TRIPLETS, "batchnorm": True, "batchnorm_momentum": 0.9}
    ),
    "batch-all, kernels of 5": Row("triplets", {**TRIPLETS, "kernel_size": 5}),
    "winner's classes": Row("classes", {"epochs": 20, "patience": 0}),
    "no margin": Row("margin", {**MARGIN, "margin": 0.0}),
    "arcface": Row("margin", MARGIN),
    "cosface": Row("margin", {**MARGIN, "loss": "cosface"}),
    "arcface, average pooling": Row("margin", {**MARGIN, "pooling": "average"}),
    "arcface, one view": Row("margin", {**MARGIN, "tta": 1}),
}
BLENDS = {
    "arcface: cosine and classes": ("arcface",),
    "batch-all, winner's classes, arcface": ("batch-all", "winner's classes", "arcface"),
}


def run(
    script: str,
    root: Path,
    folder: Path,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    small: bool,
) -> None:
    """A kernel script in a process of its own, in ``folder``. Raises UserError when it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    code = (
        f"from dataclasses import replace\n"
        f"from competitions.painter_by_numbers.{script} import KERNEL\n"
        f"recipe = KERNEL.resolve(small={small}, settings={dict(settings)!r})\n"
        f"replace(KERNEL, recipe=recipe).main({dict(parameters)!r}, [])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KAGGLE_CACHE_MOUNT_FOLDER": str(root)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1].removeprefix(PREFIX)
        raise UserError(f"{script}: {last}")


def prepare(data: Path, scratch: Path) -> None:
    """Mount ``data`` below ``scratch``, and the prepared pictures next to it. Raises UserError."""
    mounted = scratch / "competitions" / "painter-by-numbers"
    mounted.parent.mkdir()
    mounted.symlink_to(data.resolve(), target_is_directory=True)
    settings = {"size": 72, "artists_held_out": 0.2, "paintings_held_out": 0.15}
    values = {"kernel": "prepare", "internet": False}
    folder = scratch / "notebooks" / "me" / "prepare"
    run("prepare", scratch, folder, values, settings, small=False)


def train(name: str, row: Row, seed: int, scratch: Path) -> tuple[Vectors, float]:
    """What one row's kernel says of every picture, and the seconds it took."""
    folder = scratch / "runs" / f"{list(ROWS).index(name)}-{seed}"
    values = {
        "kernel": row.script,
        "seed": seed,
        "internet": False,
        "sources": {"prepare": "me/prepare"},
    }
    began = time.perf_counter()
    run(row.script, scratch, folder, values, row.settings, small=True)
    return load_vectors(folder, name), time.perf_counter() - began


def blend_auc(members: Mapping[str, Vectors]) -> dict[str, float | None]:
    """AUC of the weighted blend, whose weights are found on the same pairs."""
    aligned = align(members)
    pairs = pairs_of(next(iter(aligned.values())))
    channels = {name: pairs.scores(rows) for name, rows in channels_of(aligned, "validation")}
    _, total = find_pair_blend("weighted", "logit", pairs, channels)
    return pairs.auc(total)


def measure(names: list[str], seeds: int, scratch: Path) -> list[dict[str, Any]]:
    """AUC of each row's channels, and of the blends whose rows are all there, seed by seed."""
    results = []
    for seed in range(seeds):
        trained = {}
        for name in names:
            trained[name], seconds = train(name, ROWS[name], seed, scratch)
            for channel, auc in channel_auc(trained[name]).items():
                row = {"row": f"{name}: {channel}", "seed": seed, "auc": auc}
                results.append({**row, "seconds": round(seconds, 1)})
                print(json.dumps(results[-1]), flush=True)
        for name, rows in BLENDS.items():
            if set(rows) <= set(trained):
                auc = blend_auc({row: trained[row] for row in rows})
                results.append({"row": f"blend of {name}", "seed": seed, "auc": auc, "seconds": 0})
                print(json.dumps(results[-1]), flush=True)
    return results


def table(results: list[dict[str, Any]]) -> str:
    """Mean and range of each row's AUC over the seeds."""
    lines = ["| | all | range | seen | unseen | seconds |", "|---" * 6 + "|"]
    columns = [{"row": r["row"], "seconds": r["seconds"], **r["auc"]} for r in results]
    for name, rows in pd.DataFrame(columns).groupby("row", sort=False):
        every, seconds = rows["all"], rows["seconds"].median()
        lines.append(
            f"| {name} | {every.mean():.3f} | {every.min():.3f} to {every.max():.3f} | "
            f"{rows['seen'].mean():.3f} | {rows['unseen'].mean():.3f} | {seconds:.0f} |"
        )
    return "\n".join(lines)


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", default="", help="some of the rows, with semicolons between")
    parser.add_argument("--out", type=Path, help="all of it, as JSON")
    arguments = parser.parse_args()
    names = arguments.rows.split(";") if arguments.rows else list(ROWS)
    for name in names:
        if name not in ROWS:
            raise UserError(f"--rows {name}: {nearest(name, ROWS)}")
    if arguments.out:
        arguments.out.touch()  # a place that cannot be written ends it now, not after hours
    with tempfile.TemporaryDirectory() as scratch:
        prepare(arguments.folder, Path(scratch))
        results = measure(names, arguments.seeds, Path(scratch))
    print(table(results))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

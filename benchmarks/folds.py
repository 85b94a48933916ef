"""A sweep on one machine without a Kaggle: its trainings one after another in a few processes.

``submit.py --sweep`` starts a kernel for each training. Where the pictures are few, as in folds of
118 faces, starting it and compiling its network takes longer than the training. Here a process
carries out many, and what JAX has compiled is kept for all of them. The recipes, folds, predictions
and the table are those of the command, with a seed and a data set's folder; Grad-CAM, other figures
of a training and its weights are left out. What is there already is not trained again.

    python benchmarks/folds.py COMPETITION SWEEP FOLDER --out DIR [--folds 5] [--repeats 2]
                               [--seeds N] [--set KEY=VALUE] [--processes 4] [--accelerator gpu]
                               [--metric log_loss]

FOLDER is the data set as Kaggle mounts it. DIR then has ``sweep.json``, ``sweep.csv``, a figure and
the predictions. ``--processes 0`` trains nothing and measures what is there, for example by another
metric.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

sys.path[:0] = [str(ROOT)]

from common.accelerator import clear_session
from common.errors import UserError, shown_in_one_line
from common.kernel import KernelRun
from common.manifest import NAME as MANIFEST
from common.outputs import write_outputs
from common.recipe import split_setting
from common.training.checkpoint import remove_checkpoint
from common.training.classifier_training import picture_trainer, read_parts
from common.training.feature_training import train_on_features
from common.training.model import parameter_counts
from common.training.outputs import write_history
from common.training.prepare import take_accelerator
from common.training.stages import train_in_stages
from kernels.kaggle.states import KernelState
from kernels.plan.find import find_competition
from kernels.plan.plan import plan_kernels
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import Request, choose_models
from kernels.plan.sweeps import ChosenSweep, choose_sweep
from kernels.results.sweep_figure import draw_sweep
from kernels.results.sweep_gather import gather_sweep
from kernels.results.sweep_text import sweep_lines
from kernels.run.state import KernelRecord, Run


@dataclass(frozen=True)
class Asked:
    """A sweep and its trainings."""

    chosen: ChosenSweep
    kernels: tuple[PlannedKernel, ...]
    run: Run


def plan(arguments: argparse.Namespace) -> Asked:
    """What is asked for. Raises UserError as the command does."""
    competition = find_competition(arguments.competition)
    if not competition.is_dataset:
        raise UserError(f"{competition.name}: give one on a data set, such as celebrities")
    how: dict[str, Any] = {"folds": arguments.folds}
    chosen = choose_sweep(competition, [arguments.sweep], [], arguments.seeds, **how)
    models = choose_models(competition, list(dict.fromkeys(chosen.sweep.models)), False)
    how |= {"accelerator": arguments.accelerator, "sweep": chosen}
    how["settings"] = dict(map(split_setting, arguments.set))
    request = Request(competition, models, repeats=arguments.repeats, dry_run=True, **how)
    kernels = tuple(kernel for kernel in plan_kernels(request) if kernel.cell)
    return Asked(chosen, kernels, Run(arguments.out, competition.name, True, "folds"))


def train(kernel: PlannedKernel, folder: Path) -> None:
    """Train one, and write what a sweep reads."""
    declared: Any = kernel.declared
    competition, task = declared.competition, declared.competition.task
    folder.mkdir(parents=True, exist_ok=True)

    def no_figures(*_: object, **__: object) -> dict[str, Any]:
        return {}

    with KernelRun(kernel.parameters, kernel.recipe, folder) as run:
        accelerator, weights = take_accelerator(declared, run), declared.pretrained(run)
        parts = read_parts(declared, run, accelerator)
        of_features = train_on_features(declared, run, accelerator, parts, weights, no_figures)
        if of_features:
            model, predictions = of_features.model, of_features.predictions
            history = of_features.history
        else:
            trainer = picture_trainer(declared, run, accelerator, parts, weights)
            predictions, _ = train_in_stages(trainer, parts, task, no_figures)
            model, history = trainer.model, trainer.state.history
        write_outputs(folder, competition, predictions, kernel.name)
        write_history(folder, history)
        remove_checkpoint(folder)
        run.facts["parameters"] = parameter_counts(model)
    clear_session()


def carry_out(asked: Asked, share: int, processes: int) -> None:
    """Train every ``processes``-th that is not there yet, from number ``share`` on."""
    for kernel in asked.kernels[share::processes]:
        folder = asked.run.output(kernel.name)
        if not (folder / MANIFEST).exists():
            train(kernel, folder)


def in_processes(arguments: argparse.Namespace, folder: Path) -> int:
    """Start the processes, each with what JAX needs to share a card; return how many failed."""
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(arguments.out.resolve() / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        **os.environ,
        "KAGGLE_CACHE_MOUNT_FOLDER": str(folder),
    }
    command = [sys.executable, __file__, *sys.argv[1:]]
    started = [
        subprocess.Popen([*command, "--share", str(share)], env=environment)
        for share in range(arguments.processes)
    ]
    return sum(process.wait() != 0 for process in started)


def measure(asked: Asked, metric: str) -> None:
    """Write and show what the sweep came to by a metric, or by the competition's."""
    for kernel in asked.kernels:
        done = (asked.run.output(kernel.name) / MANIFEST).exists()
        ended = KernelState.COMPLETE if done else KernelState.ERROR
        asked.run.kernels[kernel.name] = KernelRecord(1, ended)
    competition = find_competition(asked.run.competition)
    competition = replace(competition, metric=metric or competition.metric)
    result = gather_sweep(asked.run, competition, asked.chosen, asked.kernels, {})
    draw_sweep(asked.run.folder / "figures", result)
    print("\n".join(sweep_lines(result)))


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("competition")
    parser.add_argument("sweep")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--accelerator", default="")
    parser.add_argument("--metric", default="", help="measure by another one, such as log_loss")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    asked = plan(arguments)
    if arguments.share is not None:
        carry_out(asked, arguments.share, arguments.processes)
        return
    with tempfile.TemporaryDirectory() as name:
        mounted = Path(name) / "datasets" / find_competition(arguments.competition).slug
        mounted.parent.mkdir(parents=True)
        mounted.symlink_to(arguments.folder.resolve(), target_is_directory=True)
        failed = in_processes(arguments, Path(name))
    measure(asked, arguments.metric)
    if failed:
        raise UserError("a process failed, as above: the same command goes on with what is missing")


if __name__ == "__main__":
    main()

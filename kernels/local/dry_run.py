"""The dry run's own part: a local Kaggle with generated data or the user's, no other network."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.competition import Competition
from common.data.names import nfc
from common.data.tables import find_table
from common.declaration import Kernel
from common.errors import PREFIX, UserError
from common.progress import parse
from common.submission import check_sample
from common.text import some, warn
from kernels.kaggle.signin import isolate
from kernels.local.confine import unconfined, users_secrets
from kernels.plan.find import ROOT, load_module, modules
from kernels.plan.planned import PlannedKernel

_LOOKED_AT = ("split", "near_duplicates", "folds", "repeats")  # fields of recipes


@contextmanager
def local_kaggle(
    competition: Competition,
    folder: Path,
    data: Path,
    solution: Path | None,
    say: Callable[[str], object],
) -> Iterator[str]:
    """Serve ``competition`` from a local Kaggle below ``folder``; yields its URL.

    What is published there stands next to the folder, for other dry runs. From here on this process
    can reach nothing but this machine. The end of the context ends the kernels that run.
    """
    private = users_secrets()
    isolate(folder / "home")
    from kernels.local import HostedCompetition, LocalKaggle

    if warning := unconfined():
        say(warning)
    hosted = HostedCompetition(competition, data, solution, max_daily_submissions=100)
    kept: dict[str, Any] = {"private": private, "published": folder.parent / "published"}
    with LocalKaggle(folder / "kaggle", [hosted], **kept) as server:
        os.environ["KAGGLE_KEY"] = server.key
        yield server.url


def check_data(
    competition: Competition, data: Path, solution: Path | None, scored: bool = True
) -> None:
    """Check a data folder and its hidden labels: layout, sample, ids, what can be scored.

    Without a solution nothing is submitted. Where nothing is ``scored`` an audit lists what is
    wrong with the folder. Raises UserError.
    """
    from kernels.local.scoring import check_parts, read_solution

    # What it needs besides the sample; a competition may have none.
    check_folder = getattr(load_module(competition, "data"), "check_folder", None)
    if solution is None:
        if check_folder and scored:
            check_folder(data)
        return
    if not scored:
        read_solution(competition, solution)
        return
    sample = find_table(data, competition.sample)
    ids = set(map(nfc, check_sample(sample, competition))) if sample else set()
    labels = read_solution(competition, solution)
    try:
        check_parts(competition, labels)
    except UserError as error:
        raise UserError(f"the solution {solution}: {error}") from None
    if check_folder:
        check_folder(data)
    if sample is None:
        raise UserError(f"{data}: no {competition.sample}, whose ids the solution answers")
    answered = set(labels.ids)
    for where, other, lacking in (
        (f"the solution {solution}", sample, sorted(ids - answered)),
        (sample, f"the solution {solution}", sorted(answered - ids)),
    ):
        if lacking:
            names = some(lacking, 3)
            raise UserError(
                f"{where} lacks {names}, which {other} has: both must have the same ids"
            )


def check_records(competition: Competition, kernels: Iterable[PlannedKernel], data: Path) -> None:
    """Read and split the records as training kernels will, and say what they would warn of.

    Of kernels that split them alike the first is asked. Raises UserError for what it refuses.

    In a process of its own, because that may import TensorFlow. Kernels that read other kernels'
    output, or have a ``work`` of their own, cannot be asked.
    """
    asked: dict[tuple[Any, ...], PlannedKernel] = {}
    for kernel in kernels:
        if kernel.declared and _reads_itself(kernel.declared):
            how = tuple(getattr(kernel.recipe, name, None) for name in _LOOKED_AT)
            asked.setdefault(how, kernel)
    for kernel in asked.values():
        _check_records_of(competition, kernel, data)


def _check_records_of(competition: Competition, kernel: PlannedKernel, data: Path) -> None:
    module = f"competitions.{competition.folder}.{kernel.script}"
    recipe, seed = json.dumps(asdict(kernel.recipe)), str(kernel.parameters.seed)
    with tempfile.TemporaryDirectory() as mounts:
        mount = Path(mounts) / competition.mount
        mount.parent.mkdir(parents=True)
        mount.symlink_to(data.resolve())
        environment = {
            **{n: value for n, value in os.environ.items() if not n.upper().startswith("KAGGLE")},
            "KAGGLE_CACHE_MOUNT_FOLDER": mounts,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        command = [sys.executable, "-m", "common.training.first_look", module, recipe, seed]
        code, errors = _run_reading(command, environment)
    if code:
        lines = errors.splitlines() or ["no message"]
        if lines[-1].startswith(PREFIX):
            raise UserError(lines[-1].removeprefix(PREFIX))
        raise UserError(
            f"the data cannot be read by competitions/{competition.folder}/data.py: {lines[-1]}",
            tuple(lines[-12:]),
        )


def _run_reading(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command that reads data; say how far it is, and its warnings.

    Return its code, and its standard error.
    """
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                facts = parse(line) or {}
                looked_at = facts.get("looked_at", "0/")  # for copies, which may take minutes
                if not looked_at.startswith("0/"):
                    warn(f"looking for copies: {looked_at} pictures")
                elif line.startswith("warning: "):
                    warn(line.rstrip())
        except BaseException:
            process.kill()
            raise
        code = process.wait()
        errors.seek(0)
        return code, errors.read()


def _reads_itself(kernel: Kernel) -> bool:
    return hasattr(kernel, "load") and not kernel.sources


def describe_data(data: Path | None, solution: Path | None) -> str:
    """The data of a dry run in words; other files or other contents read differently."""
    if data is None:
        return "generated pictures"
    files = [path for path in sorted(data.rglob("*")) if path.is_file()]
    stats = [(path.relative_to(data).as_posix(), path.stat()) for path in files]
    facts = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    answers = solution.read_bytes() if solution else b""
    digest = hashlib.sha256(repr((facts, answers)).encode()).hexdigest()
    named = f" and {solution.name}" if solution else ""
    return f"the data in {data.resolve()}{named} ({digest[:8]})"


def check_generated(competition: Competition) -> None:
    """Raise UserError when the competition cannot make pictures for a dry run."""
    if "generated" not in modules(competition):
        raise UserError(
            f"competitions/{competition.folder} has no generated.py to make pictures for a dry "
            f"run: give --data DIR, in the {competition.kind}'s layout"
            f"{', and --solution CSV' if competition.submission else ''}"
        )


def generated_data(
    competition: Competition, folder: Path, seed: int, say: Callable[[str], None]
) -> tuple[Path, Path | None]:
    """The competition's generated data and its solution in ``folder``, made on first use.

    There is no solution where nothing is submitted.

    Made by the competition's own ``generated`` module in a process of its own, because it
    imports TensorFlow and this one must not.
    """
    data, solution = folder / competition.slug, folder / "solution.csv"
    submits = competition.submission is not None
    if (solution if submits else data).exists():
        return data, solution if submits else None
    say(f"generating pictures for {competition.slug}")
    partial = data.with_name(f"{data.name}.partial")
    for leftover in (partial, data):  # of an earlier start that was broken off
        shutil.rmtree(leftover, ignore_errors=True)
    module = f"competitions.{competition.folder}.generated"
    made = folder / "solution.partial"
    command = [sys.executable, "-m", module, str(partial), str(made), "--seed", str(seed)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise UserError(
            f"the data for the dry run could not be generated by {module}",
            tuple(done.stderr.splitlines()[-12:]),
        )
    partial.rename(data)
    if not submits:
        return data, None
    made.rename(solution)
    return data, solution

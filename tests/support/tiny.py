"""``submit.py``, or ``kernels``, with the tiny competition: ``tiny.py [kernels] ARGS``."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "support" / "tiny_competitions"
KEY = "a-secret-of-alice"


def add_tiny() -> None:
    """Make ``competitions.tiny_digits`` and the others importable in this process."""
    import competitions

    for folder in (FOLDER, made_competitions()):
        if str(folder) not in competitions.__path__:
            competitions.__path__.append(str(folder))


def made_competitions() -> Path:
    """A folder with the competitions of ``made``, written once for all processes."""
    from support.made import MADE

    texts = {path.stem: path.read_text() for path in (ROOT / "tests/support/made").glob("*.py")}
    texts["other"] = texts["model"].replace("size=1.0", "size=0.1")
    digest = hashlib.sha256(repr(texts).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"made-competitions-{digest}"
    if not folder.exists():
        partial = Path(tempfile.mkdtemp())
        for name, competition in MADE.items():
            (partial / f"tiny_{name}").mkdir()
            pairs = "pairs_" if competition.task.name == "pairs" else ""
            for script in ("__init__", "ensemble", *competition.ensemble):
                text = texts.get(f"{pairs}{script}", texts[script])
                text = text.replace("tiny_made", f"tiny_{name}")
                (partial / f"tiny_{name}" / f"{script}.py").write_text(text)
        with contextlib.suppress(OSError):  # another process was first
            partial.rename(folder)
    return folder


def redeclare(monkeypatch: Any, competition: Any, script: str, **changes: Any) -> None:
    """Let a script declare something else for as long as a test lasts."""
    from kernels.plan.find import load_kernel

    kernel = dataclasses.replace(load_kernel(competition, script), **changes)
    module = sys.modules[f"competitions.{competition.folder}.{script}"]
    monkeypatch.setattr(module, "KERNEL", kernel)
    if "recipe" in changes:
        monkeypatch.setattr(module, "RECIPE", {})


def write_data(folder: Path) -> tuple[Path, Path]:
    """Data and solution of the tiny competition."""
    import pandas

    data, solution = folder / "data", folder / "solution.csv"
    data.mkdir(parents=True)
    labels = [n % 3 for n in range(24)]
    values = [label + (0.3 if n % 2 else -0.3) for n, label in enumerate(labels)]
    table = pandas.DataFrame({"value": values, "label": labels}, [f"r{n}" for n in range(24)])
    val, test = table[:12], table[12:]
    hidden = test[["label"]].assign(Usage=["Private", "Public"] * 6)
    tables = {"val": val, "test": test[["value"]], "sample_submission": test[["label"]] * 0}
    for name, rows in tables.items():
        rows.to_csv(data / f"{name}.csv", index_label="id")
    hidden.to_csv(solution, index_label="id")
    return data, solution


def command(*arguments: object) -> list[str]:
    """The command line that runs ``submit.py`` with the tiny competition."""
    return [sys.executable, str(Path(__file__)), *map(str, arguments)]


def submit(
    *arguments: object, env: dict[str, str] | None = None, cwd: Path = ROOT, keras: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; with ``keras`` its kernels find Keras imported, on TensorFlow."""
    from support import warm

    environment = {**os.environ, **(env or {})}
    return warm.run(Path(__file__), [*map(str, arguments)], environment, cwd, keras)


def interrupt(
    *arguments: object, at: Path, place: str, env: dict[str, str] | None = None, cwd: Path = ROOT
) -> str:
    """Run it until ``place``, a pattern below ``at``, is there; Ctrl-C; return what it said."""
    environment = {**os.environ, **(env or {})}
    environment.pop("WARM_SOCKET", None)
    process = subprocess.Popen(
        command(*arguments), stderr=subprocess.PIPE, text=True, env=environment, cwd=cwd
    )
    deadline = time.monotonic() + 60
    while not list(at.glob(place)):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    return str(said.splitlines()[-1])


def submit_here(capsys: Any, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it in this process: quicker, for what does not make this process a dry run's."""
    from submit import main

    capsys.readouterr()
    status = main(list(map(str, arguments)))
    said = capsys.readouterr()
    return subprocess.CompletedProcess(arguments, status, said.out, said.err)


def real_environment(url: str, home: Path) -> dict[str, str]:
    """What makes the command without ``--dry-run`` talk to the local Kaggle at ``url``."""
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_USERNAME": "alice",
        "KAGGLE_KEY": KEY,
        "HTTP_PROXY": url,
        "NO_PROXY": "",
        "no_proxy": "",
    }


@contextlib.contextmanager
def local_kaggle(folder: Path, data: tuple[Path, Path] | None = None, **options: Any) -> Any:
    """A local Kaggle with the tiny competition, and the environment of a command that uses it.

    ``layout`` and ``faults`` as in LocalKaggle, other options as in HostedCompetition.
    """
    from kernels.local import HostedCompetition, LocalKaggle
    from kernels.plan.find import find_competition

    server = {name: options.pop(name) for name in ("layout", "faults") if name in options}
    data = data or write_data(folder / "files")
    files = dict(zip(("data", "solution"), data, strict=True))
    hosted = HostedCompetition(find_competition("tiny"), **{**files, **options})
    with LocalKaggle(folder / "kaggle", [hosted], key=KEY, **server) as kaggle:
        yield kaggle, real_environment(kaggle.url, folder / "home")


def kill_at(save: str, end: Callable[[], None] | None = None) -> None:
    """Kill this process, or ``end`` it, at a save of a run's state: ``4:before`` or ``4:after``."""
    import kernels.run.state

    number, _, when = save.partition(":")
    write, counted = kernels.run.state.write_json, itertools.count(1)
    end = end or (lambda: os.kill(os.getpid(), signal.SIGKILL))

    def counting(path: Path, value: object) -> Path:
        at = when if next(counted) == int(number) else ""
        if at == "before":
            end()
        written = write(path, value)
        if at == "after":
            end()
        return written

    kernels.run.state.write_json = counting


def fill_disk(most: str) -> None:
    """Let no file of this process grow beyond ``most`` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), resource.RLIM_INFINITY))


def shift_clock(words: str) -> None:
    """Let this process's clock be wrong: ``3600:1.5`` is by an hour, from 1.5 s on."""
    seconds, _, start = words.partition(":")
    right, since = time.time, time.monotonic() + float(start)
    time.time = lambda: right() + (float(seconds) if time.monotonic() >= since else 0.0)


def limit_waits(seconds: str) -> None:
    """Wait only so long for a byte of Kaggle; do not wait for the disk."""
    from kernels.kaggle import decode, downloads

    os.fsync = lambda file: None
    decode.TIMEOUT, downloads._TIMEOUT = (5.0, float(seconds)), float(seconds)


def last_json(done: subprocess.CompletedProcess[str]) -> dict:
    """The JSON object on the last line of its output."""
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def start_kernels_warm() -> None:
    """Let the local Kaggle of this process fork its kernels."""
    import warm  # from this script's own folder

    warm.fork_kernels(SimpleNamespace(setattr=setattr, setenv=os.environ.__setitem__))


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    add_tiny()
    if "WARM_SOCKET" in os.environ:
        start_kernels_warm()
    import kernels.__main__
    import submit as command_line
    from kernels.kaggle import answers

    answers.PAUSE = 0.05
    befalls = {
        "TINY_KILL": kill_at,
        "TINY_DISK": fill_disk,
        "TINY_CLOCK": shift_clock,
        "TINY_WAITS": limit_waits,
    }
    for variable, befall in befalls.items():
        if variable in os.environ:
            befall(os.environ.pop(variable))
    if sys.argv[1:2] == ["kernels"]:
        sys.exit(kernels.__main__.main(sys.argv[2:]))
    sys.exit(command_line.main())

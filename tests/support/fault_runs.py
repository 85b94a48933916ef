"""Randomized runs of the whole state machine against a Kaggle that fails.

python tests/support/fault_runs.py --runs 200 --seed 0

Each run draws faults of Kaggle (``fault_draws``), what befalls the command (killed, interrupted, a
full disk, a wrong clock: ``fault_starts``) and its folder (copied, cut, damaged neighbours), and
gives the command again until it ends well, as a person who does what its error line says. It must
end as an undisturbed run: the right file, one submission at Kaggle, no kernel run twice without
need; and every start ends in one line or a score. The seed that is printed for a run repeats what
it draws.
"""

import argparse
import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PLACES = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
sys.path[:0] = PLACES

from support import tiny, warm  # noqa: E402 (found by the line above)

KERNELS = ("tinycommon", "tiny-left", "tiny-right", "tiny-ensemble")
NEIGHBOURS = "-20261101-"  # in the names of damaged runs
MOST_STARTS = 40
MOST_DISTURBED = 5


@dataclass(frozen=True)
class Outcome:
    """What one run came to: ``wrong`` is empty when it is the undisturbed run's end."""

    seed: int
    starts: tuple[str, ...]  # how each ended
    faults: tuple[str, ...]
    seconds: float
    wrong: str

    def __str__(self) -> str:
        starts = " ".join(f"{n}x {how}" for how, n in sorted(Counter(self.starts).items()))
        return (
            f"seed {self.seed}: {starts}; {len(self.faults)} faults, {self.seconds:.0f} s: "
            f"{self.wrong or 'the same end'}"
        )


@dataclass
class Place:
    """A run's folder (or, with ``runs``, the folder of runs) and what was asked to be added."""

    folder: Path
    runs: bool
    options: list[str] = field(default_factory=list)
    done: Any = None  # its good end

    @property
    def command(self) -> tuple[tuple[object, ...], Path]:
        """Options of the command, and where it is given."""
        if self.runs:
            return tuple(self.options), self.folder.parent
        return ("--run-dir", self.folder, *self.options), tiny.ROOT

    @property
    def state(self) -> Path | None:
        """The latest run's state."""
        if not self.runs:
            found = [self.folder / "state.json"]
        else:
            found = sorted(self.folder.glob("tiny-2*/state.json"))
            found = [path for path in found if NEIGHBOURS not in path.parent.name]
        return found[-1] if found and found[-1].is_file() else None


class FaultRun:
    """One run with its own Kaggle."""

    def __init__(self, seed: int, root: Path, begun: Path | None):
        from support.fault_draws import Disturbed

        self.seed, self.root, self.chance = seed, root, random.Random(seed)
        self.faults = Disturbed(self.chance)
        self.ends: list[str] = []
        self.wrong = ""
        self.disturbed = self.copied = 0
        self.early_copy = False
        runs = self.chance.random() < 0.3
        if self.chance.random() < 0.85 and begun:
            shutil.copytree(begun, root, symlinks=True, dirs_exist_ok=True)
        (root / "runs").mkdir(exist_ok=True)
        self.places = [Place(root / "runs" if runs else root / "runs" / "mine", runs)]
        # After so many starts; 99 is never.
        self.damage_at = self.chance.choice((1, 2, 3, 99, 99, 99))
        self.copy_at = self.chance.choice((1, 2, 3, 4, 99, 99, 99, 99))
        self.first_without_sending = self.chance.random() < 0.2
        if self.first_without_sending:
            self.places[0].options.append("--no-submit")

    def go(self) -> Outcome:
        """Give the command until it ends well in every place."""
        began = time.monotonic()
        files = self.root / "files"
        data = files / "data", files / "solution.csv"
        if not files.exists():
            tiny.write_data(files)
        with tiny.local_kaggle(self.root, data, faults=self.faults) as (self.server, env):
            self.env = {**os.environ, **env, "TINY_WAITS": "1.2"}
            self.env.pop(warm.ADDRESS, None)
            if self.chance.random() < 0.3:
                add_neighbours(self.root / "runs", self.chance)
            while not self.wrong and not all(place.done for place in self.places):
                self._round()
            self.faults.wait()
            self.wrong = self.wrong or self.what_is_wrong(data[1])
        injected = tuple(f"{fault} {call}" for call, fault in self.faults.injected)
        seconds = time.monotonic() - began
        return Outcome(self.seed, tuple(self.ends), injected, seconds, self.wrong)

    def _round(self) -> None:
        """One start in a place, or in two at once; perhaps the folder is copied or cut first."""
        number = len(self.ends)
        open_places = [place for place in self.places if not place.done]
        if number == self.copy_at and not self.copied:
            self._copy()
        elif number == self.damage_at:
            self._damage(open_places[0])
        elif len(open_places) == 2 and self.chance.random() < 0.4:
            starts = [self._start(place, quiet=True) for place in open_places]
            for place, start in zip(open_places, starts, strict=True):
                self._end(place, start)
        else:
            place = self.chance.choice(open_places)
            twin = self.chance.random() < 0.05
            start = self._start(place)
            if twin:  # the same command at once
                time.sleep(self.chance.random())
                other = self._start(place, quiet=True)
                self._end(place, other)
            self._end(place, start)
        if len(self.ends) > MOST_STARTS and not self.wrong:
            self.wrong = "it does not end"

    def _start(self, place: Place, quiet: bool = False) -> Any:
        from support import fault_starts
        from support.fault_draws import CHANGES

        options, cwd = place.command
        drawn: dict[str, Any] = {"how": "not", "env": self.env}
        if not quiet and self.disturbed < MOST_DISTURBED:
            drawn = fault_starts.draw_how(self.chance, self.env, (*CHANGES, "GetSubmission"))
            self.disturbed += drawn["how"] != "not"
        self.faults.moment = drawn.pop("moment", ("", ""))
        self.faults.hold = drawn.pop("hold", 0.0)
        start = fault_starts.Start(options=options, cwd=cwd, **drawn)
        if not quiet:
            self.faults.end = start.send
        return start

    def _end(self, place: Place, start: Any) -> None:
        """Wait for a start's end, check it, and do what a person would do then."""
        end = start.wait()
        self._note(place, start, end)
        self.wrong = self.wrong or (end.wrong and f"{end.wrong} (start {len(self.ends)})")
        place.options = [one for one in place.options if one == "--no-submit"]
        if end.code == 0 and "--no-submit" in start.options:
            place.options = []
        elif end.code == 0:
            place.done = end
        elif "--submit-again sends it" in end.error:  # a person looks at Kaggle's page first
            self.faults.wait()
            if not self.sent:
                place.options.append("--submit-again")
        elif re.search(r"--rerun runs \w+ again, --fresh", end.error):  # of a copy
            place.options.append("--rerun")
        elif found := re.search(r"or move (\S+) away", end.error):
            with contextlib.suppress(FileNotFoundError):  # moved already
                (place.command[1] / found[1]).rename(self.root / f"away-{len(self.ends)}")

    def _note(self, place: Place, start: Any, end: Any) -> None:
        words = f"{end.how} {end.code}"
        self.ends.append(words if end.code != 1 else f"{end.how} line")
        with open(self.root / "transcript.txt", "a") as file:
            print(f"--- start {len(self.ends)} in {place.folder}: {words}", file=file)
            print(*start.options, {n: v for n, v in start.env.items() if "TINY" in n}, file=file)
            print(end.err, end.out[-200:], file=file)

    @property
    def sent(self) -> list[Path]:
        """What Kaggle has taken."""
        return [*self.server.store.root.glob("submissions/*.json")]

    @property
    def pushed(self) -> dict[str, int]:
        """How many versions each kernel has."""
        return {name: len(self.server.store.versions(f"alice/{name}")) for name in KERNELS}

    def _copy(self) -> None:
        """Copy the run's folder: from now on there are two."""
        self.copy_at, state = 99, self.places[0].state
        if not state:
            return
        where = self.chance.choice((self.root / "runs", self.root / "elsewhere"))
        shutil.copytree(state.parent, where / "copy")
        known = json.loads(state.read_text())["kernels"].values()
        self.early_copy = len(known) < 4 or any(one["state"] != "COMPLETE" for one in known)
        self.copied = 1
        self.places.append(Place(where / "copy", False))

    def _damage(self, place: Place) -> None:
        """Cut the run's own state: it must be refused, and nothing begun; then mend it."""
        self.damage_at, state = 99, place.state
        self.faults.wait()
        if not state or (place.runs and self.copied):  # the copy would be gone on with
            return
        before, good = (self.pushed, len(self.sent)), state.read_bytes()
        state.write_bytes(self.chance.choice(DAMAGES)(good))
        start = self._start(place, quiet=True)
        end = start.wait()
        self._note(place, start, end)
        state.write_bytes(good)
        if end.wrong or end.code != 1 or str(state.parent.name) not in end.error:
            self.wrong = f"a damaged state: {end.wrong or end.error}"
        elif (self.pushed, len(self.sent)) != before:
            self.wrong = "a damaged state: a run began anew"

    def what_is_wrong(self, solution: Path) -> str:
        """What is not as in the undisturbed run, or nothing."""
        if len(self.sent) != 1:
            return f"{len(self.sent)} submissions at Kaggle"
        most = 1 if not self.early_copy else 4
        if not all(1 <= number <= most for number in self.pushed.values()):
            return f"kernels were run more than once: {self.pushed}"
        with (
            open(solution, newline="") as file,
            open(self.sent[0].with_suffix(".submitted")) as submitted,
        ):
            if [row[:2] for row in csv.reader(file)] != list(csv.reader(submitted)):
                return "another file was submitted"
        for place in self.places:
            result = json.loads(place.done.out.splitlines()[-1])
            if (result["public_score"], result["submission_ref"]) != (1.0, 1):
                return f"another score: {result['public_score']}, {result['submission_ref']}"
            known = json.loads((Path(result["run_dir"]) / "state.json").read_text())["kernels"]
            seconds = {name: one["seconds"] for name, one in known.items()}
            if not all(0 <= one < 200 for one in seconds.values()):
                return f"wrong seconds: {seconds}"
        return ""


DAMAGES = (
    lambda text: text[: len(text) // 2],
    lambda text: b"",
    lambda text: text.replace(b'"format": 2', b'"format": 3'),
    lambda text: re.sub(rb'"started": "[^"]*"', b'"started": null', text),
    lambda text: re.sub(rb'"kernels": \{', b'"kernels": [], "others": {', text),
    lambda text: b"[" * 99_999,
    lambda text: b"\xff\xfe" + text,
)


def add_neighbours(runs: Path, chance: random.Random) -> None:
    """Put damaged runs and other things next to the run."""

    def state(name: str, text: str) -> None:
        (runs / name).mkdir()
        (runs / name / "state.json").write_text(text)

    petals = '{\n "format": 2,\n "competition": "petals",\n "dry_run": false'
    kinds = (
        lambda: state("petals-20261101-010203", petals[: chance.randint(0, len(petals))]),
        lambda: state("petals-20261101-010204", petals.replace("2", "7") + "}"),
        lambda: state("petals-20261101-010205", petals + ', "started": null}'),
        lambda: state("tiny-20261101-010206", ""),
        lambda: (runs / "tiny-20261101-010207").symlink_to("/nowhere"),
        lambda: (runs / "notes.txt").write_text("{"),
        lambda: (runs / "tiny-20261101-010208").write_text("a file"),
        lambda: (runs / "old" / "state.json").mkdir(parents=True),
        lambda: os.mkfifo(runs / "pipe"),
    )
    for kind in chance.sample(kinds, chance.randint(1, 3)):
        kind()


def begin(root: Path) -> None:
    """Run all kernels and submit nothing: most disturbed runs go on from there, at less cost."""
    from support import fault_starts

    with tiny.local_kaggle(root) as (_, env):
        env = {**os.environ, **env, "TINY_WAITS": "9"}
        env.pop(warm.ADDRESS, None)
        options = ("--run-dir", root / "runs" / "mine", "--no-submit")
        end = fault_starts.Start("not", options, env, tiny.ROOT).wait()
        assert end.code == 0, end.err


def run_once(seed: int, folder: Path | None = None, begun: Path | None = None) -> Outcome:
    """One disturbed run; its temporary folder stays if something is wrong."""
    tiny.add_tiny()
    root = folder or Path(tempfile.mkdtemp(prefix=f"fault-run-{seed}-"))
    run = FaultRun(seed, root, begun)
    try:
        outcome = run.go()
    except Exception:  # of this harness
        outcome = Outcome(seed, tuple(run.ends), (), 0.0, traceback.format_exc())
    if not folder and not outcome.wrong:
        shutil.rmtree(root, ignore_errors=True)
    return outcome


def start_worker() -> None:
    """Let this process's local Kaggles fork their kernels."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tiny.add_tiny()
    patch = SimpleNamespace(setattr=setattr, setenv=os.environ.__setitem__)
    warm.fork_kernels(patch, "quick_kernel")


def main() -> int:
    """Run them; the exit status is 1 when one ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; one more for each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    outcomes, seeds = [], range(args.seed, args.seed + args.runs)
    with (
        tempfile.TemporaryDirectory(prefix="fault-runs-") as begun,
        ProcessPoolExecutor(args.jobs, initializer=start_worker) as pool,
    ):
        pool.submit(begin, Path(begun)).result()
        for outcome in pool.map(partial(run_once, begun=Path(begun)), seeds):
            outcomes.append(outcome)
            print(f"{len(outcomes)}/{args.runs}  {outcome}", flush=True)
            if len(outcomes) in (*range(0, args.runs, 50), args.runs):
                show_counts(outcomes)
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def show_counts(outcomes: list[Outcome]) -> None:
    """Print how many starts ended how, and how many faults of each kind there were."""
    faults = Counter(words.split()[0] for outcome in outcomes for words in outcome.faults)
    ends = Counter(end for outcome in outcomes for end in outcome.starts)
    wrong = [outcome.seed for outcome in outcomes if outcome.wrong]
    print(f"{len(outcomes)} runs, {ends.total()} starts: {dict(ends)}; faults: {dict(faults)}")
    print(f"ended otherwise: {wrong or 'none'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Randomized runs of the whole state machine against a Kaggle that fails.

python tests/support/fault_runs.py --runs 200 --seed 0

Each run draws faults (refused, delayed, duplicated, lost and cut answers, wrong bytes, late lists)
and kills of the command, gives the same command again until it ends well, and is held against an
undisturbed run: the same submission file, one submission at Kaggle, no kernel run twice. The seed
that is printed for a run repeats its faults and kills.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from support import tiny  # noqa: E402 (found by the line above)

COMMAND = ("tiny", "--ensemble", "--accelerator", "cpu", "--json")
KERNELS = ("tinycommon", "tiny-left", "tiny-right", "tiny-ensemble")
MOST_STARTS = 25

_CHANGES = ("SaveKernel", "CreateSubmission", "StartSubmissionUpload", "upload")
_READS = (
    *("GetKernel", "GetKernelSessionStatus", "ListKernelSessionOutput", "GetCompetition"),
    *("GetSubmissionLimits", "GetSubmission", "ListSubmissions", "GetAcceleratorQuotaStatistics"),
    "DownloadDataFile",
)
# Fault → the calls that it is drawn for, and how often it may strike at most.
POOL: dict[str, tuple[tuple[str, ...], int]] = {
    "refuse": ((*_READS, *_CHANGES, "download", "log"), 3),
    "drop": ((*_READS, *_CHANGES, "download", "log"), 3),
    "lose": ((*_READS, *_CHANGES, "download"), 2),
    "cut": ((*_READS, *_CHANGES, "download", "log"), 2),
    "delay": ((*_READS, *_CHANGES, "download"), 2),
    "duplicate": (_READS[:3] + _READS[4:7], 2),
    "corrupt": (("download",), 2),
    "truncate": (("download",), 2),
    "session_limit": (("SaveKernel",), 3),
    "vanish": (("GetKernelSessionStatus", "GetKernel", "ListKernelSessionOutput"), 2),
    "stale": (("GetKernelSessionStatus",), 2),
    "unlisted": (("ListSubmissions",), 3),
    "pending": (("GetSubmission",), 3),
}


@dataclass(frozen=True)
class Outcome:
    """What one run came to: ``wrong`` is empty when it is the undisturbed run's end."""

    seed: int
    starts: int
    kills: int
    struck: tuple[str, ...]
    seconds: float
    wrong: str


def draw_rules(chance: random.Random) -> list[dict]:
    """From one to six rules, as they stand in a faults file."""
    rules = []
    for _ in range(chance.randint(1, 6)):
        fault = chance.choice(sorted(POOL))
        calls, most = POOL[fault]
        rule = {"call": chance.choice(calls), "fault": fault, "times": chance.randint(1, most)}
        rule["after"] = chance.randint(0, 3)
        if fault == "refuse":
            rule["code"] = chance.choice((429, 500, 502, 503))
            rule |= {"retry_after": 1} if rule["code"] == 429 else {}
        if fault in ("delay", "unlisted"):
            rule["seconds"] = 0.3
        rules.append(rule)
    return rules


def run_once(seed: int, expected: str | None, folder: Path) -> Outcome:
    """One disturbed run (undisturbed without ``expected``) with its own Kaggle."""
    from competitions import find_competition
    from kernels.local import HostedCompetition, LocalKaggle
    from kernels.local.faults import Faults, Rule

    tiny.add_tiny()
    chance, began = random.Random(seed), time.monotonic()
    rules = [Rule(**rule) for rule in draw_rules(chance)] if expected else []
    faults = Faults(rules, seed)
    hosted = HostedCompetition(find_competition("tiny"), *tiny.write_data(folder / "files"))
    with LocalKaggle(folder / "kaggle", [hosted], faults=faults) as server:
        env = {**os.environ, **tiny.real_environment(server.url, folder / "home")}
        starts, kills, said = 0, 0, None
        while starts < MOST_STARTS:
            starts += 1
            said = start(folder / "run", env, chance if expected and kills < 4 else None)
            kills += said.returncode == -signal.SIGKILL
            if said.returncode == 0:
                break
        wrong = judge(server, said, expected)
    struck = tuple(f"{fault} {call}" for call, fault in faults.injected)
    return Outcome(seed, starts, kills, struck, time.monotonic() - began, wrong)


def start(
    run: Path, env: dict[str, str], chance: random.Random | None
) -> subprocess.CompletedProcess[str]:
    """Give the command once; perhaps it is killed, at a save of its state or at any moment."""
    command = tiny.command(*COMMAND, "--run-dir", run)
    how = chance.choice(("save", "moment", "not", "not")) if chance else "not"
    if how == "save" and chance:
        at = f"{chance.randint(5, 24)}:{chance.choice(('before', 'after'))}"
        env = {**env, "TINY_KILL": at}
    limit = chance.uniform(0.8, 6.0) if how == "moment" and chance else 240.0
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tiny.ROOT
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def judge(server, said: subprocess.CompletedProcess[str] | None, expected: str | None) -> str:
    """What is not as in the undisturbed run, or nothing."""
    if said is None or said.returncode != 0:
        return f"it did not end well: {said and said.stderr.strip().splitlines()[-3:]}"
    told = json.loads(said.stdout.splitlines()[-1])
    sent = list(server.store.root.glob("submissions/*.json"))
    if len(sent) != 1 or told["submissions"] != 1:
        return f"{len(sent)} submissions at Kaggle, {told['submissions']} told"
    pushed = {name: len(server.store.versions(f"alice/{name}")) for name in KERNELS}
    if set(pushed.values()) != {1}:
        return f"kernels were run more than once: {pushed}"
    submitted = sent[0].with_suffix(".submitted").read_text()
    if expected is not None and submitted != expected:
        return "another file was submitted"
    if (told["public_score"], told["submission_ref"]) != (1.0, 1):
        return f"another score or reference: {told['public_score']}, {told['submission_ref']}"
    return ""


def one_of_many(seed: int, expected: str) -> Outcome:
    """A run in a folder of its own, which stays when something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix=f"fault-run-{seed}-"))
    outcome = run_once(seed, expected, folder)
    if not outcome.wrong:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def undisturbed(folder: Path) -> str:
    """The submission of a run without faults."""
    outcome = run_once(0, None, folder)
    assert not outcome.wrong, outcome.wrong
    return (folder / "kaggle/submissions/1.submitted").read_text()


def main() -> int:
    """Run them; the exit status is 1 when one ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; one more for each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    expected = undisturbed(Path(tempfile.mkdtemp(prefix="fault-run-")))
    counted: Counter[str] = Counter()
    wrong, kills, starts = [], 0, 0
    seeds = range(args.seed, args.seed + args.runs)
    with ProcessPoolExecutor(args.jobs) as pool:
        results = pool.map(partial(one_of_many, expected=expected), seeds)
        for number, outcome in zip(itertools.count(1), results, strict=False):
            verdict = outcome.wrong or "the same end"
            print(
                f"{number}/{args.runs}  seed {outcome.seed}: {outcome.starts} starts, "
                f"{outcome.kills} kills, {len(outcome.struck)} faults, {outcome.seconds:.0f} s: "
                f"{verdict}",
                flush=True,
            )
            counted.update(word.split()[0] for word in outcome.struck)
            kills, starts = kills + outcome.kills, starts + outcome.starts
            wrong += [outcome.seed] if outcome.wrong else []
    print(f"{args.runs} runs, {starts} starts, {kills} kills, faults: {dict(counted)}")
    print(f"ended otherwise: {wrong or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Randomized runs of the whole state machine against a Kaggle that fails.

python tests/support/fault_runs.py --runs 200 --seed 0

Each run draws faults (refused, delayed, duplicated, lost and cut answers, wrong bytes, late lists)
and kills of the command, and gives the same command again until it ends well. It must end as an
undisturbed run: the right file, one submission at Kaggle, no kernel run twice. The seed that is
printed for a run repeats its faults and kills.
"""

import argparse
import contextlib
import csv
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
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from support import tiny  # noqa: E402 (found by the line above)

COMMAND = ("tiny", "--ensemble", "--accelerator", "cpu", "--json")
KERNELS = ("tinycommon", "tiny-left", "tiny-right", "tiny-ensemble")
MOST_STARTS = 25
MOST_KILLS = 4

_CHANGES = ("SaveKernel", "CreateSubmission", "StartSubmissionUpload", "upload")
_READS = (
    *("GetKernel", "GetKernelSessionStatus", "ListKernelSessionOutput", "GetCompetition"),
    *("GetSubmissionLimits", "GetSubmission", "ListSubmissions", "GetAcceleratorQuotaStatistics"),
    "DownloadDataFile",
)
# Fault → the calls that it is drawn for, and how often it is injected at most.
POOL: dict[str, tuple[tuple[str, ...], int]] = {
    "refuse": ((*_READS, *_CHANGES, "download", "log"), 3),
    "drop": ((*_READS, *_CHANGES, "download", "log"), 3),
    "lose": ((*_READS, *_CHANGES, "download"), 2),
    "cut": ((*_READS, *_CHANGES, "download", "log"), 2),
    "late": (("SaveKernel", "CreateSubmission"), 1),
    "replace": ((*_READS, "SaveKernel", "CreateSubmission"), 2),
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


STATUSES = (200, 200, 302, 400, 408, 429, 500)
BODIES = (
    "",
    "{}",
    "[]",
    "null",
    "<html>",
    '{"error": "no"}',
    '{"error": {"message": 3}}',
    "[" * 9999,
)


@dataclass(frozen=True)
class Outcome:
    """What one run came to: ``wrong`` is empty when it is the undisturbed run's end."""

    seed: int
    starts: int
    kills: int
    faults: tuple[str, ...]
    seconds: float
    wrong: str

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.starts} starts, {self.kills} kills, {len(self.faults)} "
            f"faults, {self.seconds:.0f} s: {self.wrong or 'the same end'}"
        )


def draw_rules(chance: random.Random) -> list[dict]:
    """From one to six rules, as they are in a faults file."""
    rules = []
    for _ in range(chance.randint(1, 6)):
        fault = chance.choice(sorted(POOL))
        calls, most = POOL[fault]
        rule = {"call": chance.choice(calls), "fault": fault, "times": chance.randint(1, most)}
        rule["after"] = chance.randint(0, 3)
        if fault == "refuse":
            rule["code"] = chance.choice((429, 500, 502, 503))
            rule |= {"retry_after": 1} if rule["code"] == 429 else {}
        if fault in ("delay", "unlisted", "late"):
            rule["seconds"] = chance.choice((0.3, 1.5))
        if fault == "late":
            rule["code"] = chance.choice((408, 502, 504))
        if fault == "replace":
            rule |= {"status": chance.choice(STATUSES), "message": chance.choice(BODIES)}
        rules.append(rule)
    return rules


def run_once(seed: int, folder: Path | None = None) -> Outcome:
    """One disturbed run with its own Kaggle; its temporary folder stays if something is wrong."""
    from kernels.local.faults import Faults, Rule

    tiny.add_tiny()
    root = folder or Path(tempfile.mkdtemp(prefix=f"fault-run-{seed}-"))
    chance, began = random.Random(seed), time.monotonic()
    faults = Faults([Rule(**rule) for rule in draw_rules(chance)], seed)
    data = tiny.write_data(root / "files")
    with tiny.local_kaggle(root, data, faults=faults) as (server, env):
        env = {**os.environ, **env}
        kills, starts = 0, 0
        done = subprocess.CompletedProcess[str]([], 1)
        while done.returncode and starts < MOST_STARTS:
            # A person who was asked to looks at Kaggle's page first.
            asked = "--submit-again sends it" in (done.stderr or "")
            again = asked and not [*server.store.root.glob("submissions/*.json")]
            done = start(root / "run", env, chance if kills < MOST_KILLS else None, again)
            kills, starts = kills + (done.returncode == -signal.SIGKILL), starts + 1
        wrong = what_is_wrong(server, done, data[1])
    if not folder and not wrong:
        shutil.rmtree(root, ignore_errors=True)
    injected = tuple(f"{fault} {call}" for call, fault in faults.injected)
    return Outcome(seed, starts, kills, injected, time.monotonic() - began, wrong)


def start(
    run: Path, env: dict[str, str], chance: random.Random | None, again: bool
) -> subprocess.CompletedProcess[str]:
    """Give the command once; perhaps it is killed, at a save of its state or at any moment."""
    command, limit = tiny.command(*COMMAND, "--run-dir", run), 240.0
    command += ["--submit-again"] * again
    how = chance.choice(("save", "moment", "not", "not")) if chance else "not"
    if how == "save" and chance:
        at = f"{chance.randint(5, 24)}:{chance.choice(('before', 'after'))}"
        env = {**env, "TINY_KILL": at}
    if how == "moment" and chance:
        limit = chance.uniform(0.8, 6.0)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(
            command, env=env, capture_output=True, text=True, cwd=tiny.ROOT, timeout=limit
        )
    return subprocess.CompletedProcess(command, -signal.SIGKILL, "", "")


def what_is_wrong(server, done: subprocess.CompletedProcess[str], solution: Path) -> str:
    """What is not as in the undisturbed run, or nothing."""
    if done.returncode != 0:
        return f"it did not end well: {done.stderr.strip().splitlines()[-3:]}"
    result = json.loads(done.stdout.splitlines()[-1])
    sent = list(server.store.root.glob("submissions/*.json"))
    if len(sent) != 1 or result["submissions"] != 1:
        return f"{len(sent)} submissions at Kaggle, {result['submissions']} in the result"
    pushed = {name: len(server.store.versions(f"alice/{name}")) for name in KERNELS}
    if set(pushed.values()) != {1}:
        return f"kernels were run more than once: {pushed}"
    with open(solution, newline="") as file, open(sent[0].with_suffix(".submitted")) as submitted:
        if [row[:2] for row in csv.reader(file)] != list(csv.reader(submitted)):
            return "another file was submitted"
    if (result["public_score"], result["submission_ref"]) != (1.0, 1):
        return f"another score or reference: {result['public_score']}, {result['submission_ref']}"
    return ""


def main() -> int:
    """Run them; the exit status is 1 when one ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; one more for each")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    outcomes = []
    with ProcessPoolExecutor(args.jobs) as pool:
        for outcome in pool.map(run_once, range(args.seed, args.seed + args.runs)):
            outcomes.append(outcome)
            print(f"{len(outcomes)}/{args.runs}  {outcome}", flush=True)
    faults = Counter(words.split()[0] for outcome in outcomes for words in outcome.faults)
    starts, kills = (sum(getattr(o, name) for o in outcomes) for name in ("starts", "kills"))
    wrong = [outcome.seed for outcome in outcomes if outcome.wrong]
    print(f"{args.runs} runs, {starts} starts, {kills} kills, faults: {dict(faults)}")
    print(f"ended otherwise: {wrong or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""A real run survives: kills, second copies, lost versions; one submission, nothing run twice."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from competitions import find_competition
from kernels.local import HostedCompetition, LocalKaggle, accelerators
from kernels.local.faults import Faults, Rule
from support import tiny

COMMAND = ("tiny", "--ensemble", "--accelerator", "cpu", "--json")
KERNELS = ("tinycommon", "tiny-left", "tiny-right", "tiny-ensemble")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalKaggle]:
    """A local Kaggle that goes on when the command is killed, as the real one does."""
    hosted = HostedCompetition(find_competition("tiny"), *tiny.write_data(tmp_path / "files"))
    with LocalKaggle(tmp_path / "kaggle", [hosted]) as kaggle:
        yield kaggle


@pytest.fixture
def env(server: LocalKaggle, tmp_path: Path) -> dict[str, str]:
    return tiny.real_environment(server.url, tmp_path / "home")


def versions(server: LocalKaggle) -> dict[str, int]:
    """How many versions of each kernel were pushed."""
    found = {slug: len(server.store.versions(f"alice/{slug}")) for slug in KERNELS}
    return {slug: number for slug, number in found.items() if number}


def submissions(server: LocalKaggle) -> list[dict]:
    folder = server.store.root / "submissions"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def state(run: Path) -> dict:
    return dict(json.loads((run / "state.json").read_text()))


def wait_for(happened, process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.05)


def start(*arguments: object, env: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        tiny.command(*arguments), env=env, stderr=subprocess.PIPE, text=True, cwd=tiny.ROOT
    )


def test_killed_again_and_again_it_ends_with_one_submission(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    killed = 0
    for attempt in range(60):
        # Four saves begin every start; the kill comes at one of the next, before or after it.
        at = f"{5 + attempt % 3}:{('before', 'after')[attempt % 2]}"
        done = tiny.submit(*COMMAND, "--run-dir", run, env={**env, "TINY_KILL": at})
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
    assert killed > 8
    told = tiny.last_json(done)
    assert (told["state"], told["public_score"], told["submissions"]) == ("complete", 1.0, 1)
    assert all(member["seconds"] > 0 for member in told["members"])
    assert versions(server) == dict.fromkeys(KERNELS, 1)
    assert [record["ref"] for record in submissions(server)] == [told["submission_ref"]]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_around_the_submission_sends_it_once(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path, when: str
) -> None:
    run = tmp_path / "run"
    assert tiny.submit(*COMMAND, "--run-dir", run, "--no-submit", env=env).returncode == 0
    # The fifth save notes that it is about to be sent, the sixth Kaggle's reference.
    for at in ("5", "6"):
        done = tiny.submit(*COMMAND, "--run-dir", run, env={**env, "TINY_KILL": f"{at}:{when}"})
        assert done.returncode == -signal.SIGKILL, done.stderr
    if when == "before":  # Kaggle has it, and the run has no reference
        assert len(submissions(server)) == 1
        assert state(run)["submissions"][0]["ref"] == 0
    told = tiny.last_json(tiny.submit(*COMMAND, "--run-dir", run, env=env))
    assert told["submissions"] == len(submissions(server)) == 1
    assert versions(server) == dict.fromkeys(KERNELS, 1)


def test_two_copies_at_once_are_one_run(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    where = tmp_path / "desk"
    where.mkdir()
    pair = [
        subprocess.Popen(
            tiny.command(*COMMAND), env=env, stderr=subprocess.PIPE, text=True, cwd=where
        )
        for _ in range(2)
    ]
    said = {process.pid: process.communicate(timeout=120)[1] for process in pair}
    codes = sorted(process.returncode for process in pair)
    assert codes == [0, 1], said
    worked = next(process.pid for process in pair if process.returncode == 0)
    refused = next(said[process.pid] for process in pair if process.returncode == 1)
    assert f"is at work in process {worked}: wait for it" in refused.splitlines()[-1]
    assert len(list(where.glob("runs/*/state.json"))) == 1
    assert versions(server) == dict.fromkeys(KERNELS, 1)
    assert len(submissions(server)) == 1


def test_the_same_command_goes_on_and_a_later_run_uses_what_is_finished(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    where = tmp_path / "desk"
    where.mkdir()
    first = tiny.submit(*COMMAND, env={**env, "TINY_KILL": "12:after"}, cwd=where)
    assert first.returncode == -signal.SIGKILL
    second = tiny.submit(*COMMAND, env=env, cwd=where)
    assert "going on with" in second.stderr
    told = tiny.last_json(second)
    # Complete now: the same again is a new run, which needs neither accelerator nor submission.
    third = tiny.submit(*COMMAND, env=env, cwd=where)
    again = tiny.last_json(third)
    assert again["run_dir"] != told["run_dir"]
    assert third.stderr.count("used again from run") == 4
    assert (again["submission_ref"], again["submissions"]) == (told["submission_ref"], 0)
    assert again["public_score"] == told["public_score"]
    assert versions(server) == dict.fromkeys(KERNELS, 1)
    assert len(submissions(server)) == 1
    # Another blend trains nothing either; --fresh does it all again.
    blended = tiny.submit(*COMMAND, "--no-submit", "--blend", "greedy", env=env, cwd=where)
    assert blended.returncode == 0
    assert versions(server) == {**dict.fromkeys(KERNELS, 1), "tiny-ensemble": 2}
    # Other data are another matter.
    os.utime(tmp_path / "files" / "data" / "sample_submission.csv", (1, 1))
    other = tiny.submit(*COMMAND, "--no-submit", env=env, cwd=where)
    assert "used again" not in other.stderr.replace("shared: used again", "")
    assert versions(server) == {
        **dict.fromkeys(KERNELS, 2),
        "tinycommon": 1,
        "tiny-ensemble": 3,
    }
    fresh = tiny.submit(*COMMAND, "--no-submit", "--fresh", env=env, cwd=where)
    assert fresh.returncode == 0
    assert versions(server) == {**dict.fromkeys(KERNELS, 3), "tinycommon": 2, "tiny-ensemble": 4}


def test_a_run_sends_another_file_only_when_told_to(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--run-dir", tmp_path / "run")
    assert tiny.submit(*command, env=env).returncode == 0
    folder = tmp_path / "run"
    known = state(folder)
    known["submissions"][0]["sha256"] = "of another file"
    (folder / "state.json").write_text(json.dumps(known))
    kept = tiny.submit(*command, "--json", env=env)
    assert "this run has sent submission 1, of another file" in kept.stderr
    told = tiny.last_json(kept)  # no score stands beside a file that was not sent
    assert (told["public_score"], told["submission_ref"], told["submissions"]) == (None, None, 1)
    assert len(submissions(server)) == 1
    for _ in range(2):  # the same file is sent once all the same
        told = tiny.last_json(tiny.submit(*command, "--json", "--submit-again", env=env))
        assert (told["submission_ref"], told["submissions"]) == (2, 2)


def test_ctrl_c_detaches_and_the_kernels_go_on(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--run-dir", tmp_path / "run")
    waiting = (*command, "--set", "misbehave=wait")
    process = start(*waiting, env=env)
    wait_for(lambda: list(tmp_path.glob("kaggle/**/working/started")), process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    last = said.splitlines()[-1]
    assert "its kernels go on at Kaggle" in last
    assert last.endswith(f"goes on with: python submit.py {shlex.join(map(str, waiting))}")
    next(tmp_path.glob("kaggle/**/working/started")).with_name("go").touch()
    done = tiny.submit(*waiting, env=env)
    assert done.returncode == 0, done.stderr
    assert versions(server)["tiny-left"] == 1


def test_a_source_that_another_run_has_replaced_is_told_before_anything_is_pushed(
    tmp_path: Path, tiny_data: tuple[Path, Path]
) -> None:
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--no-submit", "--run-dir")
    first = (*command, tmp_path / "first")
    hosted = HostedCompetition(find_competition("tiny"), *tiny_data)
    refused_once = Rule("SaveKernel", "push_error", contains="tiny-ensemble")
    with LocalKaggle(tmp_path / "kaggle", [hosted], faults=Faults([refused_once])) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        stopped = tiny.submit(*first, env=env)
        assert "Kaggle refused kernel ensemble" in stopped.stderr.splitlines()[-1]
        other = tiny.submit(*command, tmp_path / "other", "--set", "sharpness=2", env=env)
        assert other.returncode == 0
        before = versions(server)
        refused = tiny.submit(*first, env=env)
        assert refused.returncode == 1
        assert "another run has pushed version 2 of kernel left" in refused.stderr.splitlines()[-1]
        assert versions(server) == before
        assert tiny.submit(*first, "--rerun", env=env).returncode == 0
        assert versions(server)["tiny-left"] == 3


def test_changed_options_do_not_spend_an_accelerator_unasked(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    command = ("tiny", "--model", "left", "--no-submit", "--run-dir", tmp_path / "run")
    assert tiny.submit(*command, env=env).returncode == 0
    refused = tiny.submit(*command, "--set", "epochs=5", env=env)
    assert refused.returncode == 1
    assert "kernel left has changed (settings, code" in refused.stderr.splitlines()[-1]
    assert versions(server)["tiny-left"] == 1
    assert tiny.submit(*command, "--set", "epochs=5", "--rerun", env=env).returncode == 0
    assert versions(server)["tiny-left"] == 2


def test_a_kernel_that_vanishes_is_told_apart(tmp_path: Path, tiny_data: tuple[Path, Path]) -> None:
    hosted = HostedCompetition(find_competition("tiny"), *tiny_data)
    gone = Rule("GetKernelSessionStatus", "vanish", times=None, after=1, contains="tiny-left")
    with LocalKaggle(tmp_path / "kaggle", [hosted], faults=Faults([gone])) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        command = ("tiny", "--model", "left", "--accelerator", "cpu", "--run-dir", tmp_path / "run")
        done = tiny.submit(*command, "--set", "misbehave=wait", env=env)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "kernel left has vanished: Kaggle no longer has version 1 of alice/tiny-left" in last
    assert state(tmp_path / "run")["kernels"]["left"]["state"] == "VANISHED"


def test_a_kernel_at_its_time_cap_is_told_apart(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--run-dir", tmp_path / "run")
    monkeypatch.setitem(accelerators.SESSION_HOURS, "CPU", 2 / 3600)
    done = tiny.submit(*command, "--set", "misbehave=wait", env=env)
    assert done.returncode == 1
    assert "kernel left was stopped at its time cap" in done.stderr.splitlines()[-1]
    monkeypatch.undo()
    assert tiny.submit(*command, env=env).returncode == 0


def test_a_kernel_that_stops_itself_goes_on_in_its_next_version(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--run-dir", tmp_path / "run")
    done = tiny.submit(*command, "--set", "sessions=3", "--json", env=env)
    assert tiny.last_json(done)["public_score"] == 1.0
    assert done.stderr.count("the next version goes on from there") == 2
    assert versions(server)["tiny-left"] == 3
    pushed = json.loads((tmp_path / "run/kernels/left/kernel-metadata.json").read_text())
    assert pushed["kernel_sources"] == ["alice/tinycommon", "alice/tiny-left"]
    long = tiny.submit(*command[:-1], tmp_path / "long", "--set", "sessions=9", env=env)
    assert long.returncode == 1
    assert "kernel left is not finished after 5 sessions" in long.stderr.splitlines()[-1]


def test_an_hour_without_kaggle_is_borne_and_a_session_is_waited_for(
    tmp_path: Path, tiny_data: tuple[Path, Path]
) -> None:
    hosted = HostedCompetition(find_competition("tiny"), *tiny_data)
    rules = (
        Rule("GetKernelSessionStatus", "drop", times=10, after=1),
        Rule("SaveKernel", "session_limit", times=2, after=1),
    )
    with LocalKaggle(tmp_path / "kaggle", [hosted], faults=Faults(rules)) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        done = tiny.submit(*COMMAND, "--run-dir", tmp_path / "run", env=env)
    assert tiny.last_json(done)["public_score"] == 1.0
    said = done.stderr.splitlines()
    assert sum("what runs there goes on; looking again" in line for line in said) == 1
    assert sum("waits until one is free" in line for line in said) in (1, 2)


def test_a_run_of_another_user_is_refused(
    server: LocalKaggle, env: dict[str, str], tmp_path: Path
) -> None:
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--run-dir", tmp_path / "run")
    assert tiny.submit(*command, "--no-submit", env=env).returncode == 0
    done = tiny.submit(*command, env={**env, "KAGGLE_USERNAME": "bob"})
    assert done.returncode == 1
    assert "is alice's, and you are signed in as bob" in done.stderr.splitlines()[-1]

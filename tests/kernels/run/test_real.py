"""The command without ``--dry-run``, with the raw client pointed at a local Kaggle from outside.

The local Kaggle goes on when the command is killed, as the real one does.
"""

import contextlib
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernels.local import LocalKaggle
from kernels.local.fault_kinds import Rule
from kernels.local.faults import Faults
from support import tiny, warm

pytestmark = pytest.mark.slow
COMMAND = ("tiny", "--ensemble", "--accelerator", "cpu", "--json", "--message", "night")
KERNELS = ("tinycommon", "tiny-left", "tiny-right", "tiny-ensemble")
ONCE = dict.fromkeys(KERNELS, 1)


@contextlib.contextmanager
def a_desk(folder: Path, **options: object) -> Iterator[SimpleNamespace]:
    """A folder to work in, and a Kaggle that forks its kernels."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tiny.local_kaggle(folder, **options) as (server, env),
    ):
        warm.fork_kernels(patch)
        yield SimpleNamespace(folder=folder, server=server, env=env)


def versions(server: LocalKaggle) -> dict[str, int]:
    """How many versions of each kernel were pushed."""
    return {slug: len(server.store.versions(f"alice/{slug}")) for slug in KERNELS}


def check_end(desk: SimpleNamespace, result: dict) -> None:
    """One run with one version a kernel, one submission and its score."""
    assert (result["state"], result["public_score"], result["submissions"]) == ("complete", 1.0, 1)
    assert all(member["seconds"] > 0 for member in result["members"])
    assert versions(desk.server) == ONCE
    [path] = (desk.server.store.root / "submissions").glob("*.json")
    record = json.loads(path.read_text())
    nonce = json.loads((Path(result["run_dir"]) / "state.json").read_text())["nonce"]
    assert record["description"].startswith(f"night [{nonce}-")
    assert record["ref"] == 1


def test_it_ends_with_one_submission_and_writes_no_credentials(tmp_path: Path) -> None:
    # Kaggle ends the sign-in again and again: the same one is good the next time.
    calls = ("SaveKernel", "GetKernelSessionStatus", "ListKernelSessionOutput", "CreateSubmission")
    refusals = Faults([Rule(call, "refuse", code=401, message="ended") for call in calls])
    with a_desk(tmp_path, faults=refusals) as desk:
        submit = partial(tiny.submit, *COMMAND, cwd=desk.folder)
        result = tiny.last_json(submit(env=desk.env))
        check_end(desk, result)
        bob = {**desk.env, "KAGGLE_USERNAME": "bob"}
        refused = submit("--run-dir", result["run_dir"], env=bob)
    assert "began with alice, and this is bob: sign in as" in refused.stderr.splitlines()[-1]
    run = Path(result["run_dir"])
    metadata = json.loads((run / "kernels" / "left" / "kernel-metadata.json").read_text())
    assert metadata["id"] == "alice/tiny-left"
    for path in run.rglob("*"):
        assert not path.is_file() or b"a-secret-of-alice" not in path.read_bytes()


def test_ctrl_c_detaches_and_the_kernels_go_on(tmp_path: Path) -> None:
    with a_desk(tmp_path) as desk:
        place, run = "kaggle/**/working/started", tmp_path / "waits"
        command = ("tiny", "--model", "left", "--accelerator", "cpu", "--no-submit")
        waiting = (*command, "--run-dir", run, "--set", "misbehave=wait")
        last = tiny.interrupt(*waiting, at=tmp_path, place=place, env=desk.env, cwd=tmp_path)
        assert "its kernels go on at Kaggle" in last
        assert last.endswith(f"goes on with: {shlex.join(tiny.command(*waiting))}")
        [started] = tmp_path.glob(place)
        started.with_name("go").touch()
        done = tiny.submit(*waiting, env=desk.env, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert versions(desk.server)["tiny-left"] == 1


def test_where_only_kernels_are_taken_two_copies_are_one_run_and_clean_deletes_its_kernels(
    tmp_path: Path,
) -> None:
    with a_desk(tmp_path, kernels_only=True) as desk:
        start = partial(subprocess.Popen, tiny.command(*COMMAND), cwd=desk.folder, text=True)
        pipe, env = subprocess.PIPE, {**os.environ, **desk.env}
        pair = [start(env=env, stdout=pipe, stderr=pipe) for _ in range(2)]
        said = {process.pid: process.communicate(timeout=120) for process in pair}
        good, refused = sorted(pair, key=lambda process: process.returncode)
        assert (good.returncode, refused.returncode) == (0, 1), said
        assert f"is at work in process {good.pid}: wait for it" in said[refused.pid][1]
        check_end(desk, json.loads(said[good.pid][0].splitlines()[-1]))
        check_clean(desk)


def check_clean(desk: SimpleNamespace) -> None:
    """The kernels of this tool are listed, and the chosen ones deleted."""
    store = desk.server.store
    request = store.latest("alice/tiny-left").request
    request.text = "print('my own')"
    store.add_version("alice/tiny-my-own", request, "CPU")

    def clean(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **desk.env}
        return warm.run(Path(tiny.__file__), ["kernels", "clean", *arguments], env, tiny.ROOT)

    listed = clean().stdout.splitlines()
    assert [line.split("/")[-1] for line in listed[:-1]] == sorted(KERNELS)
    assert "--delete NAME" in listed[-1]
    wrong = clean("tiny", "--delete", "tiny-left", "--delete", "tiny-my-own")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: --delete tiny-my-own: this tool has no such kernel")
    assert len(store.kernels()) == 5
    assert clean("tiny", "--delete", "tiny-left").returncode == 0
    assert "alice/tiny-left" not in store.kernels()
    assert clean("tiny", "--all").returncode == 0
    assert store.kernels() == ["alice/tiny-my-own"]
    assert "has no kernels of this tool" in clean().stdout

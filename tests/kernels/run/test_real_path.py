"""The command without ``--dry-run``, with the raw client pointed at a local Kaggle from outside."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from competitions import find_competition
from kernels.local import HostedCompetition, LocalKaggle
from support import tiny

COMMAND = ("tiny", "--ensemble", "--accelerator", "cpu", "--json")


@pytest.fixture(params=[False, True], ids=["file", "kernel"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_data: tuple[Path, Path]
) -> Iterator[LocalKaggle]:
    """A local Kaggle whose competition takes files, or kernels only."""
    hosted = HostedCompetition(
        find_competition("tiny"), *tiny_data, kernels_only=request.param, max_daily_submissions=1
    )
    with LocalKaggle(tmp_path / "kaggle", [hosted]) as kaggle:
        yield kaggle


def test_the_real_command_pushes_waits_submits_and_scores(
    server: LocalKaggle, tmp_path: Path
) -> None:
    env = tiny.real_environment(server.url, tmp_path / "home")
    run = tmp_path / "run"
    told = tiny.last_json(tiny.submit(*COMMAND, "--run-dir", run, "--message", "night", env=env))
    assert told["state"] == "complete"
    assert told["public_score"] == 1.0
    metadata = json.loads((run / "kernels" / "left" / "kernel-metadata.json").read_text())
    assert metadata["id"] == "alice/tiny-left"
    records = [json.loads(p.read_text()) for p in (tmp_path / "kaggle").glob("submissions/*.json")]
    nonce = json.loads((run / "state.json").read_text())["nonce"]
    assert [record["description"] for record in records] == [f"night [{nonce}-1]"]
    for path in run.rglob("*"):
        assert not path.is_file() or b"a-secret-of-alice" not in path.read_bytes()
    # Today's one submission is spent: another run does not start.
    again = tiny.submit(*COMMAND, "--run-dir", tmp_path / "second", env=env)
    assert again.returncode == 1
    assert "no submission left of 1 today" in again.stderr
    assert "left WAITING" not in again.stderr

"""The command without ``--dry-run``, with the raw client pointed at a local Kaggle from outside."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import tiny
from competitions import find_competition
from kernels.local import HostedCompetition, LocalKaggle

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


def environment(server: LocalKaggle, home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "KAGGLE_USERNAME": "alice",
        "KAGGLE_KEY": "a-secret-of-alice",
        "HTTP_PROXY": server.url,
        "NO_PROXY": "",
        "no_proxy": "",
    }


def test_the_real_command_pushes_waits_submits_and_scores(
    server: LocalKaggle, tmp_path: Path
) -> None:
    env = environment(server, tmp_path / "home")
    run = tmp_path / "run"
    told = tiny.last_json(tiny.submit(*COMMAND, "--run-dir", run, "--message", "night", env=env))
    assert told["state"] == "complete"
    assert told["public_score"] == 1.0
    metadata = json.loads((run / "kernels" / "left" / "kernel-metadata.json").read_text())
    assert metadata["id"] == "alice/tiny-left"
    records = [json.loads(p.read_text()) for p in (tmp_path / "kaggle").glob("submissions/*.json")]
    assert [record["description"] for record in records] == ["night"]
    for path in run.rglob("*"):
        assert not path.is_file() or b"a-secret-of-alice" not in path.read_bytes()
    # Today's one submission is spent: another run's is refused with Kaggle's own words.
    again = tiny.submit(*COMMAND, "--run-dir", tmp_path / "second", env=env)
    assert again.returncode == 1
    assert again.stderr.splitlines()[-1].startswith("error: Kaggle answered 400: ")

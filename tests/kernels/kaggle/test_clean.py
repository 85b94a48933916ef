"""``python -m kernels clean``: this tool's kernels at Kaggle, listed and deleted when chosen."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from competitions import find_competition
from kernels.local import HostedCompetition, LocalKaggle
from support import tiny


@pytest.fixture
def server(tmp_path: Path, tiny_data: tuple[Path, Path]) -> Iterator[LocalKaggle]:
    with LocalKaggle(
        tmp_path / "kaggle", [HostedCompetition(find_competition("tiny"), *tiny_data)]
    ) as kaggle:
        yield kaggle


def clean(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; sys.path[:0] = ['.', 'tests']; from support import tiny; tiny.add_tiny();"
        "from kernels.__main__ import main; sys.exit(main(['clean', *sys.argv[1:]]))"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=tiny.ROOT,
        env={**os.environ, **env},
    )


def test_kernels_are_listed_and_the_chosen_are_deleted(server: LocalKaggle, tmp_path: Path) -> None:
    env = tiny.real_environment(server.url, tmp_path / "home")
    assert "has no kernels of this tool" in clean(env).stdout
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--no-submit")
    assert tiny.submit(*command, "--run-dir", tmp_path / "run", env=env).returncode == 0
    request = server.store.latest("alice/tiny-left").request
    request.text = "print('my own')"
    server.store.add_version("alice/tiny-my-own", request, "CPU")
    names = ("tiny-ensemble", "tiny-left", "tinycommon")

    listed = clean(env)
    assert [line.split("/")[-1] for line in listed.stdout.splitlines()[:-1]] == list(names)
    assert "--delete NAME" in listed.stdout.splitlines()[-1]

    wrong = clean(env, "tiny", "--delete", "tiny-left", "--delete", "tiny-my-own")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: --delete tiny-my-own: this tool has no such kernel")
    assert len(server.store.kernels()) == 4

    assert clean(env, "tiny", "--delete", "tiny-left").returncode == 0
    assert "alice/tiny-left" not in server.store.kernels()
    assert clean(env, "tiny", "--all").returncode == 0
    assert server.store.kernels() == ["alice/tiny-my-own"]

"""A rehearsal shows what differs from what is believed of Kaggle, and submits nothing."""

import json
from pathlib import Path

import pytest

from kernels.local import HostedCompetition, LocalKaggle
from kernels.plan.find import find_competition
from support import tiny, warm

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_forked")]
COMMAND = ("tiny", "--model", "left", "--rehearse")


@pytest.fixture
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    warm.fork_kernels(monkeypatch)


def rehearse(
    tmp_path: Path, tiny_data: tuple[Path, Path], layout: str, *more: str
) -> tuple[str, dict[tuple[str, str], dict], list[str], int]:
    """What was said, the findings, the pushed kernels and the number of submissions."""
    hosted = HostedCompetition(find_competition("tiny"), *tiny_data)
    with LocalKaggle(tmp_path / "kaggle", [hosted], layout=layout) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        done = tiny.submit(*COMMAND, *more, "--run-dir", tmp_path / "run", env=env)
        pushed, sent = server.store.kernels(), list(server.store.root.glob("submissions/*.json"))
    assert done.returncode == 0, done.stderr
    findings = json.loads((tmp_path / "run" / "rehearsal.json").read_text())
    return done.stderr, {(f["kernel"], f["what"]): f for f in findings}, pushed, len(sent)


def test_it_runs_under_its_own_slugs_and_submits_nothing(
    tmp_path: Path, tiny_data: tuple[Path, Path]
) -> None:
    said, found, pushed, sent = rehearse(tmp_path, tiny_data, "2026", "--json")
    assert pushed == [
        "alice/tiny-rehearsal-ensemble",
        "alice/tiny-rehearsal-left",
        "alice/tinyrehearsalcommon",
    ]
    assert sent == 0
    for kernel, what in (
        ("left", "competition"),
        ("left", "utility script"),
        ("ensemble", "output of left"),
        ("left", "KAGGLE_KERNEL_RUN_TYPE"),
        ("ensemble", "the shared code and the work"),
    ):
        assert found[kernel, what]["right"], found[kernel, what]
    assert not found["left", "root"]["right"]  # the local Kaggle is not at /kaggle
    assert "beliefs about Kaggle are wrong:" in said
    assert "a-secret-of-alice" not in said


def test_another_layout_is_shown_with_what_is_there(
    tmp_path: Path, tiny_data: tuple[Path, Path]
) -> None:
    said, found, _, _ = rehearse(tmp_path, tiny_data, "2025")
    finding = found["left", "competition"]
    assert not finding["right"]
    assert finding["believed"].endswith("input/competitions/tiny-digits")
    assert finding["found"].endswith("input/tiny-digits")
    assert finding["found"] in said
    assert "--embed puts it into each kernel" in said


def test_embedded_code_needs_no_utility_script(
    tmp_path: Path, tiny_data: tuple[Path, Path]
) -> None:
    _, found, pushed, _ = rehearse(tmp_path, tiny_data, "2026", "--embed")
    assert pushed == ["alice/tiny-rehearsal-ensemble", "alice/tiny-rehearsal-left"]
    assert ("left", "utility script") not in found
    manifest = json.loads((tmp_path / "run/outputs/left/manifest.json").read_text())
    assert manifest["shared_hash"]["built"] == manifest["shared_hash"]["found"]


def test_one_that_does_not_start_finds_nothing_out(
    tmp_path: Path, tiny_data: tuple[Path, Path]
) -> None:
    hosted = HostedCompetition(find_competition("tiny"), *tiny_data, entered=False)
    with LocalKaggle(tmp_path / "kaggle", [hosted]) as server:
        env = tiny.real_environment(server.url, tmp_path / "home")
        done = tiny.submit(*COMMAND, "--run-dir", tmp_path / "run", env=env)
    assert done.returncode == 1
    assert "no kernel was pushed: nothing was found out about Kaggle" in done.stderr
    assert "are wrong" not in done.stderr

"""A rehearsal shows what differs from what is believed of Kaggle, and submits nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import tiny, warm

pytestmark = pytest.mark.slow
SLUGS = ["alice/tiny-rehearsal-ensemble", "alice/tiny-rehearsal-left", "alice/tinyrehearsalcommon"]


@pytest.fixture
def rehearse(
    tmp_path: Path, tiny_data: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, dict[tuple[str, str], dict], list[str]]]:
    """``rehearse("--embed")``: what was said, the findings, and the pushed kernels."""
    warm.fork_kernels(monkeypatch)

    def rehearse(*more: str, status: int = 0, **options: Any) -> Any:
        with tiny.local_kaggle(tmp_path, tiny_data, **options) as (server, env):
            command = ("tiny", "--model", "left", "--rehearse", *more)
            done = tiny.submit(*command, "--run-dir", tmp_path / "run", env=env)
        assert done.returncode == status, done.stderr
        assert not list(server.store.root.glob("submissions/*.json"))
        findings = json.loads((tmp_path / "run" / "rehearsal.json").read_text())
        found = {(one["kernel"], one["what"]): one for one in findings}
        return done.stderr, found, server.store.kernels()

    return rehearse


def test_it_runs_under_its_own_slugs(rehearse: Callable) -> None:
    said, found, pushed = rehearse("--json")
    assert pushed == SLUGS
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


def test_another_layout_is_shown_with_what_is_there(rehearse: Callable) -> None:
    said, found, _ = rehearse(layout="2025")
    finding = found["left", "competition"]
    assert not finding["right"]
    assert finding["believed"].endswith("input/competitions/tiny-digits")
    assert finding["found"].endswith("input/tiny-digits")
    assert finding["found"] in said
    assert "--embed puts it into each kernel" in said


def test_embedded_code_needs_no_utility_script(rehearse: Callable, tmp_path: Path) -> None:
    _, found, pushed = rehearse("--embed")
    assert pushed == SLUGS[:2]
    assert ("left", "utility script") not in found
    manifest = json.loads((tmp_path / "run/outputs/left/manifest.json").read_text())
    assert manifest["shared_hash"]["built"] == manifest["shared_hash"]["found"]


def test_one_that_does_not_start_finds_nothing_out(rehearse: Callable) -> None:
    said, _, pushed = rehearse(status=1, entered=False)
    assert pushed == []
    assert "no kernel was pushed: nothing was found out about Kaggle" in said

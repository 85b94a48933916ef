"""A kernel's manifest is the proof that its output is whole; its lines of progress."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.kernel import KernelRun
from common.manifest import read_manifest, write_json, write_manifest
from common.parameters import Parameters
from common.progress import parse, report


def test_what_stays_at_kaggle_may_be_missing_only_where_it_was_fetched(tmp_path: Path) -> None:
    for name in ("kept.txt", "parts/a.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, {"nonce": "n", "stays": ["parts/*"]})
    read_manifest(tmp_path, "k", "n")
    (tmp_path / "parts" / "a.bin").unlink()
    assert read_manifest(tmp_path, "k", "n", fetched=True)["stays"] == ["parts/*"]
    with pytest.raises(UserError, match="parts/a.bin"):
        read_manifest(tmp_path, "k", "n")
    (tmp_path / "kept.txt").unlink()
    with pytest.raises(UserError, match="kept.txt"):
        read_manifest(tmp_path, "k", "n", fetched=True)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The folder of a kernel that has ended, with one file and its manifest."""
    with KernelRun(Parameters("tiny", nonce="n1"), Parameters(), tmp_path) as run:
        with run.stage("writing"):
            (tmp_path / "metrics.json").write_text("{}")
    return tmp_path


def test_the_manifest_says_what_was_run(output: Path) -> None:
    manifest = read_manifest(output, "tiny", "n1")
    assert manifest["kernel"] == "tiny"
    assert manifest["files"]["metrics.json"]["bytes"] == 2
    assert set(manifest["seconds"]) == {"writing"}
    assert manifest["versions"]["numpy"] == np.__version__


def test_no_manifest_is_written_when_the_work_raises(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        with KernelRun(Parameters("tiny"), Parameters(), tmp_path):
            _ = 1 / 0
    with pytest.raises(UserError, match=r"kernel tiny: no manifest.json"):
        read_manifest(tmp_path, "tiny", "")


@pytest.mark.parametrize(
    ("limit", "enough", "too_much"), [(0.0, 1e9, None), (100.0, 80, 90.5), (36000.0, 35600, 35701)]
)
def test_work_begins_when_it_ends_before_the_limit_and_its_margin(
    limit: float, enough: float, too_much: float | None
) -> None:
    run = KernelRun(Parameters("tiny", time_limit=limit), Parameters())
    assert run.has_time(enough)
    assert too_much is None or not run.has_time(too_much)


def spoil_state(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]  # one of an earlier version has none
    write_json(path, {**manifest, **changes})


def alter(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"writing"', '"reading"'))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: spoil_state(f, nonce="old"), "stale, from run 'old' and not 'n1'"),
        (lambda f: spoil_state(f, state="unfinished"), "stopped 'unfinished'"),
        (lambda f: spoil_state(f, format=99), "format 99"),
        (lambda f: (f / "manifest.json").write_text("{"), "is not a manifest"),
        (lambda f: (f / "manifest.json").write_text("[]"), "is not a manifest"),
        (lambda f: spoil_state(f, files={"metrics.json": 3}), "is not a manifest"),
        (lambda f: spoil_state(f, stays=3), "is not a manifest"),
        (alter, "is not a manifest, or was altered"),
        (lambda f: (f / "metrics.json").unlink(), "metrics.json is in its manifest and not"),
        (lambda f: (f / "metrics.json").write_text("[]"), "is not the file that the kernel wrote"),
    ],
)
def test_a_manifest_that_does_not_match_is_refused(output: Path, spoil, said: str) -> None:
    spoil(output)
    with pytest.raises(UserError, match=said):
        read_manifest(output, "tiny", "n1")


def test_progress_lines_go_round(capsys: pytest.CaptureFixture[str]) -> None:
    report("training", epoch="3/12", loss=0.53124, note="two words")
    line = capsys.readouterr().out.strip()
    assert line == "progress stage=training epoch=3/12 loss=0.5312 note='two words'"
    assert parse(line) == {
        "stage": "training",
        "epoch": "3/12",
        "loss": "0.5312",
        "note": "two words",
    }


@pytest.mark.parametrize("line", ["", "progress", "Epoch 3/12", "progress stage='open"])
def test_other_lines_are_no_progress(line: str) -> None:
    assert parse(line) is None

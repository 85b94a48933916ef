"""What a kernel leaves behind: manifest and predictions, and how a wrong one is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import UserError
from common.files.predictions import Predictions, load_predictions, save_predictions
from common.kernel import KernelRun
from common.manifest import read_manifest, write_json
from common.parameters import Parameters
from common.progress import parse, report


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder that a kernel has left, with one file and its manifest."""
    with KernelRun(Parameters("tiny", nonce="n1"), Parameters(), tmp_path) as run:
        with run.stage("writing"):
            (tmp_path / "metrics.json").write_text("{}")
    return tmp_path


def test_the_manifest_says_what_was_run(left: Path) -> None:
    manifest = read_manifest(left, "tiny", "n1")
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
    write_json(path, {**json.loads(path.read_text()), **changes})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: spoil_state(f, nonce="old"), "stale, from run 'old' and not 'n1'"),
        (lambda f: spoil_state(f, state="unfinished"), "stopped 'unfinished'"),
        (lambda f: spoil_state(f, format=99), "format 99"),
        (lambda f: (f / "manifest.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "manifest.json").write_text("[]"), "is not a manifest"),
        (lambda f: (f / "metrics.json").unlink(), "metrics.json is in its manifest and not"),
        (lambda f: (f / "metrics.json").write_text("[]"), "is not the file that the kernel wrote"),
    ],
)
def test_a_manifest_that_does_not_match_is_refused(left: Path, spoil, said: str) -> None:
    spoil(left)
    with pytest.raises(UserError, match=said):
        read_manifest(left, "tiny", "n1")


def some(rows: int = 4) -> Predictions:
    values = np.full((rows, 3), 1 / 3, dtype=np.float32)
    ids = np.array([f"i{n}" for n in range(rows)])
    return Predictions(ids, np.zeros(rows, dtype=np.int64), values, ids, values.copy())


def test_predictions_go_round(tmp_path: Path) -> None:
    save_predictions(tmp_path, some(), "tiny")
    again = load_predictions(tmp_path, "tiny")
    assert again.test_ids.tolist() == ["i0", "i1", "i2", "i3"]
    assert again.validation.dtype == np.float32
    assert np.array_equal(again.test, some().test)


def test_nan_is_refused_with_the_first_id(tmp_path: Path) -> None:
    bad = some()
    bad.test[2, 1] = np.nan
    with pytest.raises(UserError, match="tiny: test predictions are NaN .* in 1 of 4 rows.*i2"):
        save_predictions(tmp_path, bad, "tiny")
    assert not list(tmp_path.iterdir())


def test_pickled_or_broken_predictions_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "predictions.npz", validation_ids=np.array([object()], dtype=object))
    with pytest.raises(UserError, match="tiny: .*cannot be read"):
        load_predictions(tmp_path, "tiny")
    (tmp_path / "predictions.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="cannot be read"):
        load_predictions(tmp_path, "tiny")


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

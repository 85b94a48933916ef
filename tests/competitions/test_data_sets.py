"""A folder on a data set: its run ends in metrics and a table, and sends nothing."""

import contextlib
import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from kernels.kaggle.answers import NoAnswerError
from kernels.kaggle.lookup import data_digest
from kernels.local import HostedCompetition, LocalKaggle
from kernels.local.fault_kinds import Rule
from kernels.local.faults import Faults
from kernels.plan.find import find_competition
from kernels.results.result import read_result
from kernels.results.scores import measured
from kernels.results.terminal import show_result
from kernels.run.state import read_run
from support import tiny
from support.report_run import anchors, check_fits, notes, plain, scrolled, section, written
from support.shapes import COUNTS, write_shapes

pytestmark = pytest.mark.slow
tiny.add_tiny()
SHAPES = find_competition("shapes")
NAMES = SHAPES.task.classes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes") / "data")


@pytest.fixture(scope="module")
def dry(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished dry run: its folder, and what the command said."""
    folder = tmp_path_factory.mktemp("dry") / "run"
    given = ("--dry-run", "--data", data, "--run-dir", folder, "--json", "--no-submit")
    return folder, tiny.submit("shapes", "--ensemble", *given)


def test_the_documented_example_is_the_one_that_runs_here() -> None:
    text = (tiny.ROOT / "docs/competitions.md").read_text("utf-8")
    for name in ("__init__", "data", "sweeps"):
        script = (tiny.FOLDER / "tiny_shapes" / f"{name}.py").read_text("utf-8")
        assert f"```py\n{script.replace('tiny_shapes', 'three_shapes')}```" in text


def test_a_documented_sweep_ends_in_a_table_and_looks_at_no_test(
    data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    given = ("--dry-run", "--data", data, "--run-dir", run, "--json")
    result = tiny.last_json(tiny.submit("shapes", "--sweep", "neighbours", *given))
    five, three, one = result["sweep"]["cells"]
    assert (five["n"], result["sweep"]["axis"]) == (3 * COUNTS["val"], "neighbours")
    assert [cell["x"] for cell in (five, three, one)] == [5, 3, 1]
    assert five["published"] == {"accuracy": 0.875}
    balanced = five["validation_score"]  # classes are as large as each other
    assert five["alike"] == {"accuracy": pytest.approx(balanced)}
    assert three["change"]["difference"] == pytest.approx(three["validation_score"] - balanced)
    assert (result["test_score"], result["test_metrics"], result["predictions"]) == (None, {}, None)
    assert anchors((run / "report.html").read_text("utf-8")) == ["sweep", "kernels", "settings"]


def rows_of(path: str) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_dry_run_ends_in_metrics_of_test_and_a_table(dry: Any) -> None:
    folder, done = dry
    result = tiny.last_json(done)
    assert result["submission"] is result["public_score"] is result["submission_ref"] is None
    assert not (folder / "outputs/ensemble/submission.csv").exists()
    tested = [row for row in rows_of(result["predictions"]) if row["part"] == "test"]
    assert len(tested) == result["test_n"] == 3 * COUNTS["test"]
    truth, given = ([row[name] for row in tested] for name in ("label", "predicted"))
    assert result["metric"] == "balanced_accuracy"
    assert result["test_score"] == pytest.approx(balanced_accuracy_score(truth, given))
    assert 0.5 < result["test_score"] < 1
    values = np.array([[row[name] for name in NAMES] for row in tested], float)
    assert [NAMES[n] for n in values.argmax(axis=1)] == given
    low, high = result["test_interval"]
    assert low < result["test_score"] < high
    assert result["gap"] == pytest.approx(
        result["test_score"] - result["validation_score"], abs=1e-5
    )
    assert result["test_metrics"]["accuracy"] == np.mean(np.array(truth) == given)
    counted = confusion_matrix(truth, given, labels=NAMES).tolist()
    assert result["test_metrics"]["confusion"] == counted
    assert result["published"] == {
        "scores": {"accuracy": 0.875},
        "source": "test, a page on shapes",
    }
    said = done.stderr
    assert re.search(r"\n  test +0\.\d+ \(0\.\d+ to [01]\.\d+, n 24\), looked at once\n", said)
    ours = measured(result["test_metrics"], "accuracy")
    line = f"accuracy 0.875 (ours {ours.short}, {ours.ends}); test, a page on shapes"
    assert f"\n  published        {line}\n" in said
    assert f"\n  on test          accuracy {ours.short} ({ours.ends})," in said
    assert re.search(r"\n  on validation    accuracy 0\.\d+ \(.*?log loss \d", said, re.DOTALL)
    assert "\n  predictions " in said
    assert "score   " not in said


def test_its_report_shows_test_and_fits_a_phone(dry: Any, driver: Any) -> None:
    folder, done = dry
    page, result = (folder / "report.html").read_text("utf-8"), tiny.last_json(done)
    assert anchors(page)[0] == "metrics"
    assert notes(page) == ["The kernels wrote no thumbnails: pictures are named by their ids."]
    words = plain(page)
    assert re.search(r"Test 0\.\d+ balanced accuracy, 95 %: .*?, n = 24, looked at once ", words)
    ours = measured(result["test_metrics"], "accuracy").short
    assert f"Published accuracy 0.875 ours is {ours}; test, a page on shapes" in words
    assert "https://www.kaggle.com/datasets/bob/three-shapes" in page
    shown = section(page, "metrics")
    assert "24 pictures were looked at once, after everything was trained" in " ".join(
        shown.split()
    )
    for name, row in zip(NAMES, result["test_metrics"]["confusion"], strict=True):
        assert f'<th scope="row">{name}</th>' in shown
        assert all(f">{count}</span>" in shown for count in row)
    for width in (1200, 390):
        check_fits(driver, folder / "report.html", width)
    assert [scrolled(driver, one) for one in ("#metrics", "#classes")] == [[], []]


def test_a_second_blend_looks_at_test_a_second_time(dry: Any, data: Path, tmp_path: Path) -> None:
    folder, first = dry
    shutil.copytree(folder, tmp_path / "run")
    given = ("--dry-run", "--data", data, "--run-dir", tmp_path / "run", "--json")
    # One member alone is the same in each way to blend; tempered it is another.
    done = tiny.submit("shapes", "--ensemble", "--blend", "greedy", "--calibrate", *given)
    assert tiny.last_json(done)["test_score"] == tiny.last_json(first)["test_score"]
    assert "looked at 2 times" in done.stderr
    assert re.search(r"tried +greedy, calibrated: validation .*, test 0\.\d", done.stderr)
    assert "looked at 2 times, once for each blend" in plain(
        (tmp_path / "run/report.html").read_text()
    )


def test_the_history_has_the_score_of_test(dry: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder, done = dry
    result = tiny.last_json(done)
    shown = tiny.submit_here(capsys, "--history", "shapes", "--run-dir", folder)
    head, line, words = shown.stdout.split("\n", 2)
    assert re.split(" {2,}", head)[2:] == ["test", "valid.", "gap", "kernel time"]
    assert float(re.split(" {2,}", line)[2]) == pytest.approx(result["test_score"], abs=0.06)
    assert "test 0." in " ".join(words.split())
    assert "looked at once" in " ".join(words.split())
    listed = tiny.submit_here(capsys, "--history", "--json", "--run-dir", folder)
    (found,) = tiny.last_json(listed)["runs"]
    assert {name: found[name] for name in found if name.startswith("test")} == {
        name: result[name] for name in result if name.startswith("test")
    }


ODD = (None, "<i>odd", -1, [], {}, [[1]], {"accuracy": "x"}, {"accuracy": 1e999}, True)


@pytest.mark.parametrize(
    "name", ["test_score", "test_interval", "test_n", "test_metrics", "per_class", "confusion"]
)
def test_metrics_of_the_wrong_kind_are_left_out(dry: Any, tmp_path: Path, name: str) -> None:
    shutil.copytree(dry[0], tmp_path / "run")
    run, path = read_run(tmp_path / "run"), tmp_path / "run/outputs/ensemble/metrics.json"
    facts = json.loads(path.read_text())
    for odd in ODD:
        inside = {**facts["test_metrics"], name: odd}
        changed = {"test_metrics": inside} if name in inside else {name: odd}
        path.write_text(json.dumps({**facts, **changed}))
        page = written(run, "neighbours")
        assert anchors(page)[0] == "metrics"
        assert "<i>odd" not in page
        assert "balanced accuracy" in show_result(read_result(run))


def test_intervals_of_groups_are_said_to_be(dry: Any, tmp_path: Path) -> None:
    shutil.copytree(dry[0], tmp_path / "run")
    run, path = read_run(tmp_path / "run"), tmp_path / "run/outputs/ensemble/metrics.json"
    facts = json.loads(path.read_text())
    for known, words in (
        ({}, (False, False, False)),
        ({"groups": 7}, (True, False, True)),
        ({"test_groups": 5}, (False, True, True)),
        ({"groups": "7", "test_groups": [5]}, (False, False, False)),
    ):
        path.write_text(json.dumps({**facts, **known}))
        said = show_result(read_result(run))
        assert ("95 % intervals in parentheses, by group\n" in said) == words[0]
        assert ("groups), by group, looked at once" in said) == words[1]
        page = plain(written(run, "neighbours"))
        assert ("by bootstrap, by group." in page) == words[2]
        assert ("(bootstrap, by group)" in page) == words[0]


def test_without_a_test_validation_is_all_and_folds_work(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", test=0)
    given = ("--dry-run", "--data", data, "--run-dir", tmp_path / "run", "--json")
    done = tiny.submit("shapes", "--ensemble", "--folds", "2", *given)
    result = tiny.last_json(done)
    assert (result["test_score"], result["test_n"], result["test_metrics"]) == (None, None, {})
    assert result["n"] == 3 * (COUNTS["train"] + COUNTS["val"])
    assert {row["part"] for row in rows_of(result["predictions"])} == {"validation"}
    assert "looked at" not in done.stderr
    page = plain((tmp_path / "run/report.html").read_text("utf-8"))
    assert "Every metric" in page
    assert "Test " not in page.split("Metrics")[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--solution", "x.csv"), "--solution: shapes submits nothing; leave it out"),
        (("--message", "mine"), "--message: shapes submits nothing; leave it out"),
        (("--submit-again",), "--submit-again: shapes submits nothing; leave it out"),
        (("--data", "nowhere"), "nowhere: no such folder"),
        (("--data", "DATA/train"), "DATA/train has no folder train: it should have train/CLASS/"),
        ((), "tiny_shapes has no generated.py to make pictures for a dry run: give --data DIR, in "
         "the data set's layout"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(
    arguments: tuple, said: str, data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = [word.replace("DATA", str(data)) for word in arguments]
    done = tiny.submit_here(
        capsys, "shapes", "--ensemble", "--dry-run", *given, "--run-dir", tmp_path / "run"
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said.replace("DATA", str(data)) in line
    assert not (tmp_path / "run").exists()


def test_another_version_is_other_data_and_none_is_asked_for_again() -> None:
    found = []
    for version in (1, 1, 2, 0):
        answer = mock.Mock(current_version_number=version)
        kaggle: Any = mock.Mock(owner="alice", ask=mock.Mock(return_value=answer))
        if version:
            found.append(data_digest(kaggle, "bob/three-shapes"))
    assert found[0] == found[1] != found[2]
    with pytest.raises(NoAnswerError, match="gives no version of bob/three-shapes"):
        data_digest(kaggle, "bob/three-shapes")


@contextlib.contextmanager
def served(folder: Path, data: Path, *rules: Rule, **options: Any) -> Iterator[dict[str, str]]:
    """The environment of a command whose Kaggle has the data set."""
    hosted = HostedCompetition(SHAPES, data, **options)
    faults = Faults(rules) if rules else None
    with LocalKaggle(folder / "kaggle", [hosted], key=tiny.KEY, faults=faults) as kaggle:
        yield tiny.real_environment(kaggle.url, folder / "home")


def test_a_real_run_asks_for_no_rules_and_is_used_again(data: Path, tmp_path: Path) -> None:
    with served(tmp_path, data) as env:
        shapes = ("shapes", "--ensemble", "--accelerator", "cpu", "--json")
        planned = tiny.submit(*shapes, "--plan", env=env, cwd=tmp_path)
        plan = json.loads(planned.stdout.splitlines()[-1])
        first = tiny.submit(*shapes, "--run-dir", tmp_path / "runs/one", env=env, cwd=tmp_path)
        again = tiny.submit(*shapes, "--run-dir", tmp_path / "runs/two", env=env, cwd=tmp_path)
        rehearsed = tiny.submit("shapes", "--ensemble", "--rehearse", env=env, cwd=tmp_path)
    assert [check["name"] for check in plan["checks"]] == [
        "credentials", "submission", "quota", "source", "machine shape", "names", "size",
    ]  # fmt: skip
    assert "ok   data set bob/three-shapes is ready" in planned.stderr
    assert "ok   nothing is submitted: the run ends in metrics" in planned.stderr
    kernels = {kernel["name"]: kernel for kernel in plan["kernels"]}
    assert kernels["neighbours"]["sources"] == ["shapescommon", "bob/three-shapes"]
    result, later = tiny.last_json(first), tiny.last_json(again)
    assert result["test_score"] == later["test_score"]
    assert later["members"][0]["reused"] == "one"
    state = json.loads((tmp_path / "runs/one/state.json").read_text())
    assert (state["submissions"], len(state["data"])) == ([], 64)
    metadata = tmp_path / "runs/one/kernels/neighbours/kernel-metadata.json"
    assert json.loads(metadata.read_text())["dataset_sources"] == ["bob/three-shapes"]
    assert json.loads(metadata.read_text())["competition_sources"] == []
    assert rehearsed.returncode == 0, rehearsed.stderr
    findings = json.loads(next((tmp_path / "runs").glob("*rehearsal*/rehearsal.json")).read_text())
    mounts = [one["found"] for one in findings if one["what"] == "data set"]
    assert len(mounts) == 2
    assert all(mount.endswith("/input/datasets/bob/three-shapes") for mount in mounts)


@pytest.mark.parametrize(
    ("user", "rules", "options", "line"),
    [
        ("alice", (), {"entered": False}, "NO   no data set bob/three-shapes: Kaggle answered 403"),
        ("alice", (Rule("GetDataset", "refuse", code=404, times=None),), {},
         "NO   no data set bob/three-shapes: Kaggle answered 404: "),
        ("bob", (Rule("GetDatasetStatus", "not_ready", contains="three-shapes", times=None),), {},
         "NO   data set bob/three-shapes is not ready: BLOBS_RECEIVED: wait until Kaggle has pr"),
        ("bob", (Rule("GetDatasetStatus", "not_ready", contains="other", times=None),), {},
         "ok   data set bob/three-shapes is ready"),
    ],
    ids=["private", "unknown", "own, not ready", "another not ready"],
)  # fmt: skip
def test_a_data_set_must_be_there_and_ready(
    user: str, rules: tuple, options: dict, line: str, data: Path, tmp_path: Path
) -> None:
    with served(tmp_path, data, *rules, **options) as env:
        given = ("shapes", "--ensemble", "--accelerator", "cpu", "--plan")
        done = tiny.submit(*given, env={**env, "KAGGLE_USERNAME": user}, cwd=tmp_path)
    found = [one for one in done.stdout.splitlines() if re.match("(ok|NO) .*three-shapes", one)]
    assert len(found) == 1
    assert found[0].startswith(line)
    assert done.returncode == (0 if line.startswith("ok") else 1)

"""Reports of other tasks than one class a picture, and what terminal and history say of them."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from common.blending.ensemble import blend_members
from common.blending.scores import Joined, write_metrics
from common.competition import Competition
from common.files.predictions import Predictions, save_predictions
from common.files.thumbnails import save_thumbnails
from common.forms import LabelColumn, LabelList, NumberColumn
from common.manifest import write_json
from common.outputs import write_outputs
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from kernels.report import write_report
from kernels.results.result import read_result, result_of
from kernels.results.scores import gain_words
from kernels.results.terminal import show_history, show_result
from kernels.run.state import Run, Submission
from support import browser
from support.report_run import a_run, bundles, needs_browser, small_jpeg, write_history

ROWS = 90
MEMBERS = ("left", "right")
LEVELS = ("none", "mild", "severe")
LEAVES = ("healthy", "rust", "scab", "frog_eye")
TASKS = {
    "labels": (MultiLabel(LEAVES), "samples_f1", LabelList("labels")),
    "number": (Number(1.0, 100.0), "rmse", NumberColumn("score")),
    "grades": (Grades(LEVELS), "quadratic_weighted_kappa", LabelColumn("level")),
    "classes": (Classification(LEVELS), "accuracy", LabelColumn("label")),
}


def a_competition(name: str) -> Competition:
    """The tiny competition with another task."""
    import competitions.tiny_digits as module

    task, metric, form = TASKS[name]
    return dataclasses.replace(module.COMPETITION, task=task, metric=metric, submission=form)


def drawn(name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Labels and each member's predictions, the second better than the first."""
    rng = np.random.default_rng(5)
    noise = {"left": 1.0, "right": 0.7}
    if name == "number":
        labels = rng.uniform(5, 95, ROWS)
        values = {n: labels + rng.normal(scale=20 * s, size=ROWS) for n, s in noise.items()}
        return labels, {n: v.clip(1, 100)[:, None] for n, v in values.items()}
    if name == "labels":
        labels = (rng.random((ROWS, len(LEAVES))) < (0.4, 0.3, 0.3, 0.1)).astype(np.uint8)
        logits = {
            n: 3 * labels - 1.5 + rng.normal(scale=2 * s, size=labels.shape)
            for n, s in noise.items()
        }
        return labels, {n: 1 / (1 + np.exp(-v)) for n, v in logits.items()}
    labels = rng.integers(0, 3, ROWS)
    if name == "grades":
        return labels, {
            n: labels[:, None] + rng.normal(scale=s, size=(ROWS, 1)) for n, s in noise.items()
        }
    logits = {
        n: 2 * np.eye(3)[labels] + rng.normal(scale=2 * s, size=(ROWS, 3)) for n, s in noise.items()
    }
    return labels, {n: np.exp(v) / np.exp(v).sum(axis=1, keepdims=True) for n, v in logits.items()}


def leave(folder: Path, competition: Competition, labels: np.ndarray, guesses: dict) -> None:
    """What the kernels of a run leave, written by their own code."""
    ids = np.array([f"picture{row}" for row in range(len(labels))])
    members = {}
    for name, values in guesses.items():
        out = folder / "outputs" / name
        out.mkdir(parents=True)
        found = Predictions(
            ids, labels, values.astype(np.float32), np.array(["hidden"]), values[:1]
        )
        write_outputs(out, competition, found, name)
        write_json(out / "manifest.json", {"recipe": {}, "seconds": {"training": 5.0}})
        write_history(out / "history.csv")
        save_thumbnails(out, ids.tolist(), [small_jpeg(row) for row in range(len(labels))])
        members[name] = found
    method = "mean" if competition.task.name in ("grades", "multilabel") else "weighted"
    blend, mixed = blend_members(competition, method, members)
    out = folder / "outputs" / "ensemble"
    out.mkdir()
    save_predictions(out, mixed, "blend")
    write_metrics(out, competition, blend, Joined(members, {}, {}), mixed, resamples=60)
    write_json(out / "manifest.json", {"recipe": {}, "seconds": {"blending": 5.0}})


@pytest.fixture
def competition(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Competition:
    import competitions.tiny_digits as module

    found = a_competition(request.param)
    found.check()
    monkeypatch.setattr(module, "COMPETITION", found)
    return found


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each task's run, as far as one was asked for."""
    return {"root": tmp_path_factory.mktemp("tasks")}


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    competition: Competition,
    outputs: dict[str, Path],
    tmp_path: Path,
) -> Run:
    name = request.node.callspec.params["competition"]
    if name not in outputs:
        outputs[name] = outputs["root"] / name
        leave(outputs[name], competition, *drawn(name))
    shutil.copytree(outputs[name], tmp_path / "run")
    return a_run(tmp_path / "run", "tiny", *MEMBERS)


def written(run: Run, sent: Submission | None = None) -> str:
    return write_report(run, bundles("tiny", *MEMBERS), sent).read_text("utf-8")


def plain(page: str) -> str:
    """The words of a page without its style and script."""
    body = re.sub(r"<(style|script)>.*?</\1>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def metrics(run: Run, kernel: str = "ensemble") -> dict:
    return dict(json.loads((run.output(kernel) / "metrics.json").read_text()))


SECTIONS = {
    "labels": ["kernels", "blend", "learning", "labels", "settings"],
    "number": ["kernels", "blend", "learning", "errors", "settings"],
    "grades": ["kernels", "blend", "learning", "classes", "confusions", "errors", "settings"],
}


@pytest.mark.parametrize("competition", SECTIONS, indirect=True)
def test_each_task_has_its_sections(run: Run, competition: Competition) -> None:
    page = written(run)
    [name] = [name for name, (task, *_) in TASKS.items() if task == competition.task]
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS[name]
    assert "hidden" not in re.sub(r"<(style|script)>.*?</\1>", " ", page, flags=re.S).replace(
        'aria-hidden="true"', ""
    )
    assert '<p class="note">' not in page
    found = metrics(run)
    title = competition.scoring.title
    low, high = found["interval"]
    around = f"95 %: {low:.3f} to {high:.3f}, n = {ROWS}"
    lower = "" if competition.scoring.greater_is_better else "lower is better, "
    assert f"Validation {found['validation_score']:.4f} {title}, {lower}{around}" in plain(page)


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_the_metrics_name_is_the_competitions(run: Run, tmp_path: Path) -> None:
    said = plain(written(run))
    score = metrics(run)["validation_score"]
    assert score == pytest.approx(metrics(run)["validation_accuracy"])
    assert "macro F1" not in said
    assert f"Validation {score:.4f} accuracy," in said
    assert "macro" not in show_result(read_result(run))


@pytest.mark.parametrize("competition", ["number"], indirect=True)
def test_of_errors_the_lower_is_the_better(run: Run) -> None:
    page, found = written(run), metrics(run)
    names = re.findall(r'<span class="name">(?:<strong>)?(\w+)', page.split('id="blend"')[1])
    assert names[:3] == ["right", "left", "blend"]  # the best member first
    assert found["members"]["right"] < found["members"]["left"]
    gain = found["gain"]
    assert gain["difference"] < 0
    said = gain_words(found).replace(" %", "\N{NO-BREAK SPACE}%")
    assert said.startswith("The blend is better than right by")
    assert " ".join(said.split()) in plain(page)
    lines = show_result(read_result(run)).splitlines()
    assert "  RMSE, lower is better; 95 % in brackets" in lines
    assert "on validation (lower is better) by weight" in plain(page)


@pytest.mark.parametrize("competition", ["number"], indirect=True)
def test_the_largest_errors_come_first_with_their_pictures(run: Run) -> None:
    page = written(run).split('id="errors"')[1]
    labels, _ = drawn("number")
    blend = np.load(run.output("ensemble") / "predictions.npz")
    errors = np.abs(blend["validation"][:, 0] - labels)
    cards = re.findall(r'<li title="picture(\d+)"><img', page)
    assert [int(card) for card in cards] == np.argsort(-errors)[: len(cards)].tolist()
    assert len(cards) == 24
    row = int(cards[0])
    assert f'<strong class="truth">{labels[row]:.4g}</strong>' in page
    counts = re.findall(r"<title>(\d+) pictures: ", page)
    assert sum(map(int, counts)) == ROWS
    [dots] = re.findall(r'<path d="([^"]*)" class="points one"', page)
    assert dots.count("M") == ROWS


@pytest.mark.parametrize("competition", ["labels"], indirect=True)
def test_each_label_tells_its_threshold_and_the_worst_pictures_follow(run: Run) -> None:
    from sklearn.metrics import f1_score

    whole, found = written(run), metrics(run)
    page = whole.split('id="labels"')[1]
    labels, _ = drawn("labels")
    blend = np.load(run.output("ensemble") / "predictions.npz")["validation"]
    task = TASKS["labels"][0]
    given = task.decide(blend, np.array(found["thresholds"]))
    scores = f1_score(labels, given, average=None)
    heads = re.findall(r'<tr><th data-value="?[^>]*|<th scope="row">([^<]*)</th>', page)
    rows = [name for name in heads if name in LEAVES]
    assert rows == [LEAVES[n] for n in np.argsort(scores, kind="stable")]
    for number, score in enumerate(scores):
        assert f"{score:.4f}" in page
        assert f"{LEAVES[number]}: {score:.4f} of {labels[:, number].sum()} pictures" in page
    wrong = (given != labels).sum(axis=1)
    cards = [int(row) for row in re.findall(r'<li title="picture(\d+)"><img', page)]
    assert wrong[cards].tolist() == sorted(wrong, reverse=True)[: len(cards)]
    assert wrong[cards[0]] == wrong.max() > 1
    assert f"{np.count_nonzero(wrong)} of {ROWS} pictures have a wrong label." in page
    right = (wrong == 0).mean()
    assert f"{right:.2%} of them right" in whole


@pytest.mark.parametrize("competition", ["grades"], indirect=True)
def test_grades_are_decided_at_the_thresholds_of_the_ensemble(run: Run) -> None:
    from sklearn.metrics import cohen_kappa_score

    labels, _ = drawn("grades")
    moved = {**metrics(run), "thresholds": [0.2, 1.9]}
    write_json(run.output("ensemble") / "metrics.json", moved)
    values = np.load(run.output("ensemble") / "predictions.npz")["validation"][:, 0]
    given = np.digitize(values, [0.2, 1.9])
    page = written(run)
    assert f"{(given == labels).mean():.2%} of them right" in page
    kappa = cohen_kappa_score(labels, given, weights="quadratic")
    assert f"{kappa:.4f} at the weight taken" in page
    assert page.count('class="step"') == 2


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_what_was_chosen_on_validation_is_said(run: Run) -> None:
    said = "eights chosen on the same pictures"
    assert f"W{said}" in written(run)
    assert f"w{said}" in show_result(read_result(run))
    plain_mean = {key: v for key, v in metrics(run).items() if key != "chosen_on"}
    write_json(run.output("ensemble") / "metrics.json", plain_mean)
    assert said not in written(run)
    assert said not in show_result(read_result(run))


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_a_run_of_before_without_intervals_is_told_as_far_as_it_is_known(run: Run) -> None:
    for name in (*MEMBERS, "ensemble"):
        known = ("validation_score", "members", "weights", "method")
        old = {key: value for key, value in metrics(run, name).items() if key in known}
        write_json(run.output(name) / "metrics.json", old)
    page = written(run)
    assert "95 %:" not in page
    assert f"{metrics(run)['validation_score']:.4f}" in page
    lines = show_result(read_result(run)).splitlines()
    assert any(f"validation {metrics(run)['validation_score']:.4f}" in x for x in lines)
    assert read_result(run).interval is None


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_a_score_that_kaggle_does_not_show_is_not_told(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = Submission("0" * 64, ref=7, private_score=0.81, scored=True)
    tile = 'Public score</dt><dd class="value">{}</dd>'
    assert tile.format("not given") in written(run, sent)
    waiting = dataclasses.replace(sent, scored=False, private_score=None)
    assert tile.format("not given") not in written(run, waiting)
    told = show_result(result_of(run, sent, 1))
    assert "  score            public not given   private 0.810" in told.splitlines()
    none = dataclasses.replace(sent, public_score=0.5, private_score=None)
    told = show_result(result_of(run, none, 1))
    assert "  score            public 0.500   private not given" in told.splitlines()
    run.submissions.append(sent)
    show_history([read_result(run)])
    assert "not given" in capsys.readouterr().out


@needs_browser
@pytest.mark.parametrize("competition", ["labels", "number"], indirect=True)
def test_ranges_and_errors_fit_a_phone(run: Run, tmp_path: Path) -> None:
    written(run)
    with browser.chromium(tmp_path / "profile") as driver:
        for width in (1280, 375):
            browser.resize(driver, width)
            driver.get((run.folder / "report.html").as_uri())
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width
            boxes = driver.execute_script(
                """return [...document.querySelectorAll(".ranges li > *, .ranges .whisker,"
                  + ".ranges .point")].map((e) => e.getBoundingClientRect()).map((b) =>
                  [b.left, b.right, b.width])"""
            )
            assert len(boxes) == 4 * 3 + 2 * 3
            assert all(left >= 0 and right <= width for left, right, _ in boxes)
        seen = driver.find_elements("css selector", "#blend .ranges .amount")
        assert [row.text.split()[0] for row in seen][
            -1
        ] == f"{metrics(run)['validation_score']:.4f}"
        assert all(" to " in row.text for row in seen)

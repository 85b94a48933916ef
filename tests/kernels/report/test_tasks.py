"""Reports of other tasks than one class a picture."""

import base64
import dataclasses
import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from common.competition import Competition
from common.files.grad_cam import FEATURE_MAPS, Explained, save_explained
from common.files.predictions import load_predictions, save_predictions
from common.forms import LabelColumn, LabelList, NumberColumn
from common.manifest import write_json
from common.metrics.figures import feature_maps
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from kernels.results.result import result_of
from kernels.results.scores import gain_words, read_score
from kernels.results.terminal import show_history, show_result
from kernels.run.state import Run, Submission
from support.report_run import (
    a_run,
    anchors,
    check_fits,
    noisy,
    notes,
    plain,
    section,
    small_jpeg,
    write_kernels,
    written,
)

ROWS = 90
MEMBERS = ("left", "right")
LEVELS = ("none", "mild", "severe")
LEAVES = ("healthy", "rust", "scab", "frog_eye")
TASKS = {
    "labels": (MultiLabel(LEAVES), "samples_f1", LabelList("labels")),
    "number": (Number(1.0, 100.0), "rmse", NumberColumn("score")),
    "grades": (Grades(LEVELS), "quadratic_weighted_kappa", LabelColumn("level")),
    "classes": (Classification(LEVELS), "accuracy", LabelColumn("label")),
    "two": (Classification(("no", "yes"), recall=0.98), "f1", LabelColumn("label")),
}
SECTIONS = {
    "labels": ["kernels", "blend", "learning", "labels", "settings"],
    "number": ["kernels", "blend", "learning", "errors", "settings"],
    "grades": ["kernels", "blend", "learning", "classes", "confusions", "errors", "settings"],
}


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
    labels = rng.integers(0, 2 if name == "two" else 3, ROWS)
    if name == "two":
        return labels, {n: noisy(rng, labels, 2, 1 / s) for n, s in noise.items()}
    if name == "grades":
        return labels, {
            n: labels[:, None] + rng.normal(scale=s, size=(ROWS, 1)) for n, s in noise.items()
        }
    return labels, {n: noisy(rng, labels, 3, 1 / s) for n, s in noise.items()}


@pytest.fixture
def competition(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Competition:
    """The tiny competition with another task."""
    import competitions.tiny_digits as module

    task, metric, form = TASKS[request.param]
    changes = {"task": task, "metric": metric, "submission": form}
    found = dataclasses.replace(module.COMPETITION, **changes)
    found.check()
    monkeypatch.setattr(module, "COMPETITION", found)
    return found


@pytest.fixture
def run(request: pytest.FixtureRequest, competition: Competition, tmp_path: Path) -> Run:
    name = request.node.callspec.params["competition"]
    method = "mean" if name in ("grades", "labels") else "weighted"
    write_kernels(tmp_path / "run", competition, *drawn(name), method, resamples=30)
    return a_run(tmp_path / "run", "tiny", *MEMBERS)


def metrics(run: Run, kernel: str = "ensemble") -> dict:
    return dict(json.loads((run.output(kernel) / "metrics.json").read_text()))


@pytest.mark.parametrize("competition", SECTIONS, indirect=True)
def test_each_task_has_its_sections(run: Run, competition: Competition) -> None:
    page = written(run, *MEMBERS)
    [name] = [name for name, (task, *_) in TASKS.items() if task == competition.task]
    assert anchors(page) == SECTIONS[name]
    assert notes(page) == []
    score, title = read_score(metrics(run)), competition.scoring.title
    lower = "" if competition.scoring.greater_is_better else "lower is better, "
    around = f"{title}, {lower}95 %: {score.ends}, n = {ROWS}"
    assert f"Validation {score.short} {around}" in plain(page)


@pytest.mark.parametrize("competition", ["number"], indirect=True)
def test_of_errors_the_lower_is_the_better_and_the_largest_come_first(run: Run) -> None:
    page, found = written(run, *MEMBERS), metrics(run)
    names = re.findall(r'<span class="name">(?:<strong>)?(\w+)', section(page, "blend"))
    assert names[:3] == ["right", "left", "blend"]  # the best member first
    assert found["members"]["right"] < found["members"]["left"]
    assert found["gain"]["difference"] < 0
    gain = gain_words(found)
    assert gain.startswith("The blend is better than right by")
    assert " ".join(gain.split()) in plain(page)
    errors_page, (labels, _) = section(page, "errors"), drawn("number")
    values = np.load(run.output("ensemble") / "predictions.npz")["validation"][:, 0]
    cards = [int(row) for row in re.findall(r'<li title="picture(\d+)"><img', errors_page)]
    assert cards == np.argsort(-np.abs(values - labels))[:24].tolist()
    assert f'<strong class="truth">{labels[cards[0]]:.4g}</strong>' in errors_page
    assert sum(map(int, re.findall(r"<title>(\d+) pictures: ", errors_page))) == ROWS
    [dots] = re.findall(r'<path class="points one" d="([^"]*)"', errors_page)
    assert dots.count("M") == ROWS


@pytest.mark.parametrize("competition", ["labels"], indirect=True)
def test_each_label_has_its_scores_and_the_worst_pictures_follow(run: Run) -> None:
    from sklearn.metrics import f1_score

    whole, found = written(run, *MEMBERS), metrics(run)
    page, (labels, _) = section(whole, "labels"), drawn("labels")
    blend = np.load(run.output("ensemble") / "predictions.npz")["validation"]
    given = TASKS["labels"][0].decide(blend, np.array(found["thresholds"]))
    scores = f1_score(labels, given, average=None)
    rows = re.findall(r'<tr><th scope="row">(\w+)</th>.*?</span>([\d.]+)</td>', page)
    order = np.argsort(scores, kind="stable")
    assert rows == [(LEAVES[n], f"{scores[n]:.3f}") for n in order]
    for number, score in enumerate(scores):
        assert f"{LEAVES[number]}: {score:.4f} of {labels[:, number].sum()} pictures" in page
    wrong = (given != labels).sum(axis=1)
    cards = [int(row) for row in re.findall(r'<li title="picture(\d+)"><img', page)]
    assert wrong[cards].tolist() == sorted(wrong, reverse=True)[: len(cards)]
    assert wrong[cards[0]] == wrong.max() > 1
    assert f"{np.count_nonzero(wrong)} of {ROWS} pictures have a wrong label." in page
    assert f"{(wrong == 0).mean():.1%} of them right" in whole


@pytest.mark.parametrize("competition", ["grades"], indirect=True)
def test_grades_are_decided_at_the_thresholds_of_the_ensemble(run: Run) -> None:
    moved = {**metrics(run), "thresholds": [0.2, 1.9]}
    write_json(run.output("ensemble") / "metrics.json", moved)
    values = np.load(run.output("ensemble") / "predictions.npz")["validation"][:, 0]
    page = written(run, *MEMBERS)
    right = (np.digitize(values, [0.2, 1.9]) == drawn("grades")[0]).mean()
    assert f"{right:.1%} of them right" in page
    assert page.count('class="step"') == 2


@pytest.mark.parametrize("competition", ["two"], indirect=True)
def test_the_threshold_of_two_classes_is_said_and_all_is_decided_at_it(run: Run) -> None:
    page, found = written(run, *MEMBERS), metrics(run)
    [at], (labels, _) = found["thresholds"], drawn("two")
    assert not 0.45 < at < 0.55  # nor is it half by chance
    shown = section(page, "threshold")
    assert f"is called yes from a probability of {at:.3f} on: the highest" in plain(shown)
    values = np.load(run.output("ensemble") / "predictions.npz")["validation"][:, 1]
    called = values >= at
    taken = re.findall(r"<tr><th scope=.row.>taken</th>(.*?)</tr>", shown)[0]
    assert re.findall(r">([\d.]+)</td>", taken) == [
        f"{value:.3f}"
        for value in (
            at,
            called[labels == 1].mean(),
            1 - called[labels == 0].mean(),
            labels[called].mean(),
        )
    ]
    assert f"{(called == labels).mean():.1%} of them right" in page
    wrong = [int(row) for row in np.flatnonzero(called != labels)]
    taken_for = re.findall(r'<li title="picture(\d+)">(?:(?!</li>).)*taken for', page, re.DOTALL)
    assert sorted(map(int, taken_for)) == wrong[: len(taken_for)]
    said = show_result(result_of(run, None))
    assert f"\n  threshold        {at:.3f}: recall {found['validation_recall']:.3f}, spec" in said


@pytest.mark.parametrize("competition", ["two", "classes"], indirect=True)
def test_every_wrong_picture_of_both_parts_is_named(run: Run) -> None:
    task, found = TASKS["two" if metrics(run).get("thresholds") else "classes"][0], metrics(run)
    blend = load_predictions(run.output("ensemble"), "blend")
    at = found.get("thresholds")
    hidden = np.array([f"hidden<{n}>" for n in range(400)])
    test = np.tile(blend.validation, (5, 1))[:400]
    labels = 1 - np.tile(blend.validation_labels, 5)[:400] % 2
    both = dataclasses.replace(blend, test_ids=hidden, test=test, test_labels=labels)
    save_predictions(run.output("ensemble"), both, "blend")
    page = section(written(run, *MEMBERS), "misclassified")
    for part, rest in zip(("Validation", "Test"), page.split("<details")[1:], strict=True):
        name = part.lower()
        values, truth, ids = (getattr(both, f"{name}{end}") for end in ("", "_labels", "_ids"))
        decided = task.decide(values, None if at is None else np.array(at))
        wrong = np.flatnonzero(decided != truth)
        assert f"{part}: {len(wrong)} of {len(truth)} pictures are labelled wrong" in rest
        assert (len(wrong) <= 30) is ("open" in rest[:6])
        rows = re.findall(r'<span class="id">(.*?)</span>.*?<td>(.*?)</td><td>(.*?) <', rest)
        known = {ids[n]: (task.classes[truth[n]], task.classes[decided[n]]) for n in wrong}
        assert len(rows) == min(len(wrong), 300)
        assert all(known[html.unescape(one)] == (true, taken) for one, true, taken in rows)
        shares = [float(one) for one in re.findall(r'<span class="soft">([\d.]+)</span>', rest)]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] == pytest.approx(values[wrong, decided[wrong]].max(), abs=6e-4)


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_heatmaps_of_hits_and_mistakes_are_shown_and_fit_a_phone(run: Run, driver: object) -> None:
    assert "heatmaps" not in anchors(written(run, *MEMBERS))
    one = small_jpeg(1, 192)
    hit = Explained("a/<1>.jpeg", 1, 1, 0.987, one, small_jpeg(2, 192))
    mistake = Explained("x" * 90, 2, 0, 0.5, one, small_jpeg(3, 192), small_jpeg(4, 192))
    odd = dataclasses.replace(hit, label=7)
    folder = run.output("right")
    save_explained(folder, [hit, mistake, odd])
    layers = [(f"{n} · 3x3 conv, 8 x 8 x 4", np.random.rand(8, 8, 8)) for n in (1, 12, 130)]
    picture = np.full((96, 96, 3), 200, np.uint8)
    feature_maps(picture, "x" * 90, layers, folder / FEATURE_MAPS)
    page = section(whole := written(run, *MEMBERS), "heatmaps")
    assert notes(whole) == []
    words = plain(page)
    assert "The surest hits the picture for mild mild right, 0.99 The surest mistakes" in words
    assert "the picture for none for severe severe taken for none, 0.50 Feature maps" in words
    shown = [base64.b64decode(one) for one in re.findall(r'base64,([^"]+)"', page)]
    files = [*[hit.picture, hit.map], *[mistake.picture, mistake.map, mistake.true_map]]
    assert shown == [*files, (folder / FEATURE_MAPS).read_bytes()]
    for width in (1200, 390):
        check_fits(driver, run.folder / "report.html", width)
    (folder / "grad_cam.npz").write_bytes(b"broken")
    page = written(run, *MEMBERS)
    assert "heatmaps" not in anchors(page)
    assert "grad_cam.npz cannot be read" in notes(page)[0]


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_three_classes_have_no_threshold(run: Run) -> None:
    assert "threshold" not in anchors(written(run, *MEMBERS))


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_what_was_chosen_on_validation_is_said(run: Run) -> None:
    for there in (True, False):
        found = written(run, *MEMBERS), show_result(result_of(run, None))
        assert [("eights chosen on the same pictures" in one) for one in found] == [there, there]
        known = {key: value for key, value in metrics(run).items() if key != "chosen_on"}
        write_json(run.output("ensemble") / "metrics.json", known)


@pytest.mark.parametrize("competition", ["classes"], indirect=True)
def test_a_score_that_kaggle_does_not_show_is_not_given(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = Submission("0" * 64, ref=7, private_score=0.81, scored=True)
    tile = 'Public score</dt><dd class="value">not given</dd>'
    assert tile in written(run, *MEMBERS, sent=sent)
    waiting = dataclasses.replace(sent, scored=False, private_score=None)
    assert tile not in written(run, *MEMBERS, sent=waiting)
    run.submissions.append(sent)
    show_history([result_of(run, sent)])
    assert "not given" in capsys.readouterr().out
    assert "public not given   private 0.8" in show_result(result_of(run, sent))


@pytest.mark.parametrize("competition", ["labels", "number"], indirect=True)
def test_ranges_and_errors_fit_a_phone(run: Run, driver: object) -> None:
    written(run, *MEMBERS)
    check_fits(driver, run.folder / "report.html", 375)
    seen = driver.find_elements("css selector", "#blend .ranges .amount")
    assert seen[-1].text.split()[0] == read_score(metrics(run)).short
    assert all(" to " in row.text for row in seen)

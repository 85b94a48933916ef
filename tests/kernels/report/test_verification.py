"""The report of listed pairs: their curves, and galleries of who is taken for whom."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import load_predictions, save_predictions
from common.metrics.metric import find_metric
from common.tasks.verification import Verification
from kernels.report.verification import SHOWN
from kernels.results.pair_text import chance_words, far_words
from kernels.results.result import read_result
from kernels.results.terminal import show_result
from kernels.run.state import Run
from support.report_run import (
    a_run,
    anchors,
    check_fits,
    noisy,
    plain,
    section,
    write_kernels,
    written,
)

ROWS = 120
SURE = {"left": 1.0, "right": 2.0}
MEMBERS = tuple(SURE)
LABELS = np.arange(ROWS) % 2
IDS = np.array([f"Ann_Lee_{n:04d} | <Bo>_{n:04d}" for n in range(ROWS)])
NONE = "TAR at FAR 1e-3: none of the {} different pairs may be accepted."
TITLES = {"False matches": 0, "False rejections": 1, "Right matches": 1, "Right rejections": 0}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of two members, whose blend has labels of test, too: more pairs, surer ones."""
    import competitions.tiny_digits as module

    changes: dict[str, Any] = {"task": Verification(), "metric": "accuracy", "submission": None}
    competition = dataclasses.replace(module.COMPETITION, **changes)
    competition.check()
    monkeypatch.setattr(module, "COMPETITION", competition)
    rng, folder = np.random.default_rng(3), tmp_path / "run"
    guesses = {name: noisy(rng, LABELS, 2, sure) for name, sure in SURE.items()}
    write_kernels(folder, competition, LABELS, guesses, resamples=30, ids=IDS)
    labels, ids = np.arange(400) % 2, np.array([f"hidden{n}" for n in range(400)])
    test = noisy(rng, labels, 2, 3.0).astype(np.float32)
    for name in (*MEMBERS, "ensemble"):
        own = load_predictions(folder / "outputs" / name, name)
        own = dataclasses.replace(own, test_ids=ids, test=test, test_labels=labels)
        save_predictions(folder / "outputs" / name, own, name)
    return a_run(folder, "tiny", *MEMBERS)


def test_galleries_have_the_surest_of_each_kind_and_say_how_many_there_are(run: Run) -> None:
    page = written(run, *MEMBERS)
    blend = load_predictions(run.output("ensemble"), "blend")
    same = blend.validation[:, 1]
    called = same >= 0.5
    shown = re.split("<h3>", section(page, "galleries"))[1:]
    assert len(shown) == len(TITLES)
    for one, (title, truth) in zip(shown, TITLES.items(), strict=True):
        taken = title.endswith("matches")
        rows = np.flatnonzero((truth == LABELS) & (called == taken))
        kind = "same" if truth else "different"
        assert one.startswith(f"{title}: {len(rows)} of 60 {kind} pairs</h3>")
        order = rows[np.argsort(-same[rows] if taken else same[rows])][:SHOWN]
        numbers = [f"{n:04d}" for n in order]
        assert re.findall(r"Ann_<wbr>Lee_<wbr>(\d+)</span>", one) == numbers
        assert re.findall(r"&lt;Bo&gt;_<wbr>(\d+)</span>", one) == numbers
        assert re.findall(r">same ([\d.]+)<", one) == [f"{same[n]:.3f}" for n in order]
        assert one.count('class="pair" width="128"') == len(order)
        assert (f"The first 12 of {len(rows)}." in one) is (len(rows) > 12)
    assert "hidden" not in section(page, "galleries")


def test_curves_and_histograms_are_of_validation_and_of_test(run: Run) -> None:
    page = written(run, *MEMBERS)
    assert anchors(page) == [
        *("metrics", "verification", "galleries", "misclassified", "kernels", "blend", "learning"),
        *("members", "calibration", "settings"),
    ]
    drawn = section(page, "verification")
    blend = load_predictions(run.output("ensemble"), "blend")
    for part in ("validation", "test"):
        truth, values = getattr(blend, f"{part}_labels"), getattr(blend, part)
        area, error, tar = (
            find_metric(name).score(truth, values)
            for name in ("roc_auc", "equal_error_rate", "tar_at_1e-2")
        )
        assert f"{part}: AUC {area:.3f}" in drawn
        assert f"<title>{part}: equal error rate {error:.3f}</title>" in drawn
        assert f"<title>{part}: TAR {tar:.3f} at FAR 0.01</title>" in drawn
    words = plain(drawn)
    assert "Validation : 60 same and 60 different pairs, ROC AUC 0." in words
    assert re.search(r"equal error rate 0\.\d+ \(0\.\d+ to 0\.\d+\)", words)
    assert "called same from a probability of 0.500 on" in words
    table = plain(section(page, "metrics"))
    assert "Validation: TAR at FAR 1e-2 and TAR at FAR 1e-3: none of the 60 different" in table


def test_folds_of_a_list_and_the_setting_are_said(run: Run) -> None:
    def write(folds: Any, setting: Any) -> None:
        for name, facts in (("left", {"fold_scores": folds}), ("ensemble", {"setting": setting})):
            path = run.output(name) / "metrics.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))

    write({"mean": 0.81234, "standard_error": 0.01, "folds": [0.8, 0.82]}, "unrestricted, <none>")
    said = "0.8123 ± 0.0100, mean of 2 folds and its standard error: 0.800, 0.820"
    shown = show_result(read_result(run))
    assert said in " ".join(shown.split())
    assert "  setting          unrestricted, <none>\n" in shown
    words = section(written(run, *MEMBERS), "metrics")
    assert "Setting: unrestricted, &lt;none&gt;." in words
    assert f"left: {said}." in plain(words)
    for odd in (None, [1], {"mean": "x"}, {"mean": 1, "standard_error": 1, "folds": [[]]}):
        write(odd, odd)
        assert "standard error" not in show_result(read_result(run))
        assert "standard error" not in written(run, *MEMBERS)
        assert "Setting" not in section(written(run, *MEMBERS), "metrics")


def test_rows_are_called_pairs(run: Run) -> None:
    page = plain(written(run, *MEMBERS))
    assert "Validation pairs 120" in page
    assert "120 pictures" not in page
    assert "pairs are labelled wrong" in page
    said = " ".join(show_result(read_result(run)).split())
    assert "equal error rate 0." in said
    assert NONE.format(60) in said
    assert "Always the more frequent class: accuracy 0.500." in said
    assert "Always the more frequent class: accuracy 0.500." in page


@pytest.mark.parametrize(
    ("different", "said"),
    [
        (1000, ""),
        (999, NONE.format(999)),
        (
            99,
            "TAR at FAR 1e-2 and TAR at FAR 1e-3: none of the 99 different pairs may be accepted.",
        ),
    ],
)
def test_it_is_said_where_a_rate_allows_no_false_accept(different: int, said: str) -> None:
    found = {"accuracy": 1.0, "tar_at_1e-2": 0.5, "tar_at_1e-3": 0.0, "of_another_version": 1}
    assert far_words({**found, "confusion": [[different, 0], [3, 4]]}) == said
    assert far_words({"accuracy": 1.0, "confusion": [[different, 0], [3, 4]]}) == ""
    assert far_words({**found, "confusion": json.loads("[[null], 3]")}) == ""


def test_chance_is_the_more_frequent_class_of_pairs() -> None:
    found = {"equal_error_rate": 0.1, "confusion": [[20, 10], [3, 7]]}
    assert chance_words(found) == "Always the more frequent class: accuracy 0.750."
    assert chance_words({**found, "confusion": [[0, 0], None]}) == ""
    assert chance_words({"confusion": [[20, 10], [3, 7]]}) == ""  # of pictures


def test_the_page_of_pairs_fits_its_screen(run: Run, driver: Any) -> None:
    written(run, *MEMBERS)
    for width in (1200, 390):
        check_fits(driver, run.folder / "report.html", width)
    wide = """return [...document.querySelectorAll('img.pair')].map((e) =>
      e.getBoundingClientRect()).map((box) => box.width / box.height)"""
    ratios = driver.execute_script(wide)
    assert ratios
    assert all(ratio == pytest.approx(2, abs=0.05) for ratio in ratios)

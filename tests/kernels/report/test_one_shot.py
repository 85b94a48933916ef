"""One-shot trials in the report: ours next to what learns nothing and to what is published."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.pairs.one_shot import Run as OneShotRun
from common.pairs.one_shot import one_shot_facts
from competitions.omniglot import COMPETITION, ONE_SHOT
from kernels.results.result import read_result
from kernels.results.terminal import show_result
from kernels.run.state import Run
from support.report_run import a_run, check_fits, noisy, plain, section, write_kernels, written


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A finished run of the twin, whose trials are 60 % right, 30 % without learning."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    write_kernels(tmp_path / "run", COMPETITION, labels, {"twin": noisy(rng, labels, 2, 2.0)})
    runs = [OneShotRun("a", np.arange(20), np.arange(20))] * 10
    hits = {
        name: [(rng.random(20) < share).astype(float) for _ in runs]
        for name, share in (("network", 0.6), ("nearest pixels", 0.3))
    }
    facts = {part: one_shot_facts(runs, hits, 100) for part in ("val", "test")}
    change(tmp_path / "run", lambda one: {**one, "one_shot": {**facts, "published": ONE_SHOT}})
    return a_run(tmp_path / "run", "omniglot", "twin")


def change(folder: Path, edit: Any) -> None:
    path = folder / "outputs" / "twin" / "metrics.json"
    path.write_text(json.dumps(edit(json.loads(path.read_text()))))


def test_a_run_shows_its_trials_next_to_baselines_and_what_is_published(run: Run) -> None:
    page = section(written(run, "twin"), "one_shot")
    found = json.loads((run.output("twin") / "metrics.json").read_text())["one_shot"]["test"]
    shown = re.findall(r'<span class="name">([^<]+)</span>.*?<strong>([\d.]+)</strong>', page, re.S)
    ours = found["accuracy"]
    assert [name for name, _ in shown] == ["twin", "nearest pixels", *ONE_SHOT]
    assert float(shown[0][1]) == pytest.approx(ours["network"], abs=0.01)
    assert [float(value) for _, value in shown[2:]] == pytest.approx([*ONE_SHOT.values()], abs=0.01)
    words = plain(page)
    assert "Which of 20 drawings" in words
    assert "200 trials in 10 runs" in words
    [gain] = found["gains"]
    said = re.findall(r"twin is better than nearest pixels by (0\.\d+) \(95 %", words)
    assert [float(one) for one in said] == pytest.approx([gain["difference"]], abs=0.01)
    assert "surely better" in words
    assert page.count('class="whisker"') == 2  # what is published has none


def test_the_trials_are_in_the_terminal_and_in_the_result(run: Run) -> None:
    result = read_result(run)
    found = result.one_shot["twin"]["test"]
    words = " ".join(show_result(result).split())
    ours = round(found["accuracy"]["network"], 2)
    assert re.search(rf"one-shot right of test's trials: twin {ours:.2f}\d* \(0\.", words)
    assert re.search(r"n 200\), nearest pixels 0\.", words)
    change(run.folder, lambda one: {**one, "one_shot": None})
    assert read_result(run).one_shot == {}
    assert "one-shot" not in show_result(read_result(run))


def test_a_miniature_is_not_compared_with_what_is_published(run: Run) -> None:
    path, shown = run.output("twin") / "manifest.json", []
    for total in (1_000, 2_000):
        facts = {
            "recipe": {"miniature": True, "total_parameters": total},
            "parameters": {"total_parameters": 1_000},
        }
        path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))
        page = written(run, "twin")
        words = plain(section(page, "one_shot")) + plain(section(page, "metrics"))
        parts = (words, plain(page[: page.index("<section")]))
        shown.append(["ublished" in part for part in parts])
    assert shown == [[True, True], [False, False]]


def test_a_run_without_trials_has_no_such_section_and_a_broken_file_breaks_no_page(
    run: Run,
) -> None:
    for broken in (
        {"test": {"accuracy": {"network": 0.5}, "gains": 1}},
        {"test": {"accuracy": {"network": "x"}}},
        {"test": 3},
        5,
        None,
    ):
        change(run.folder, lambda one, broken=broken: {**one, "one_shot": broken})
        assert '<section id="metrics"' in written(run, "twin")
    assert '<section id="one_shot"' not in written(run, "twin")


@pytest.mark.slow
def test_it_fits_a_telephone(run: Run, driver: Any) -> None:
    written(run, "twin")
    for width in (390, 1200):
        check_fits(driver, run.folder / "report.html", width)

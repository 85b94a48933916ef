"""A sweep in the report and in the terminal: what its figure and its table say, on any screen."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.sweep import Cell, Sweep
from kernels.plan.find import find_competition
from kernels.report import write_report
from kernels.report.sweep import APART
from kernels.results.layout import WIDE
from kernels.results.result import read_result
from kernels.results.sweep_gather import gather_sweep
from kernels.results.terminal import show_history, show_result
from support import browser
from support.report_run import anchors, check_fits, console, plain, section
from support.sweep_run import chosen, guesses, predicted, sweep_bundles, sweep_run

LABELS = np.arange(90) % 3
ENDS = r"[-+]?[01]\.\d+ to [-+]?[01]\.\d+"  # of an interval
RATES = ("1e-5", "3e-5", "1e-4", "3e-4", "1e-3", "3e-3", "1e-2")
SURES = (2.6, 2.7, 3.4, 1.2, 2.2, 3.0, 2.9)  # how right each cell is
NAMES = (
    "ramp, as DenseNet's",
    "six steps from 5e-4",
    "constant",
    "<b>",
    "of four epochs",
    "e",
    "f",
)
ON_AXIS = Sweep("Rates", "left", {n: Cell({"sharpness": n}) for n in RATES}, 3)
IN_ROWS = Sweep(
    "Ramp against steps",
    "left",
    {
        name: Cell({"sharpness": n + 1.0, "misbehave": f"way {n}"}, published=published)
        for n, (name, published) in enumerate(
            zip(NAMES, [{}, {"macro_f1": 0.7656, "accuracy": 0.7}, *[{}] * 5], strict=True)
        )
    },
    3,
    "a publication's table",
)


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``report(sweep, failing)``: a run of a sweep, some of whose kernels failed, with its page.

    Test is labelled, and predicted as validation is.
    """

    def report(sweep: Sweep, *failing: str) -> Any:
        from competitions.tiny_digits import sweeps

        monkeypatch.setattr(sweeps, "SWEEPS", {"made": sweep})
        asked = chosen("made")
        bundles, cells = sweep_bundles(asked), list(sweep.cells)
        found = {
            b.kernel.name: predicted(
                LABELS,
                guesses(LABELS, b.kernel.parameters.seed, SURES[cells.index(b.kernel.cell)]),
            )
            for b in bundles
            if b.kernel.cell and b.kernel.name not in failing
        }
        found = {
            name: replace(p, test_ids=p.validation_ids, test=p.validation, test_labels=LABELS)
            for name, p in found.items()
        }
        run = sweep_run(tmp_path, bundles, found)
        whys = {name: f"kernel {name} fell: see {tmp_path}/logs/it.log" for name in failing}
        kernels = [bundle.kernel for bundle in bundles]
        gather_sweep(run, find_competition("tiny"), asked, kernels, whys)
        write_report(run, bundles, None)
        run.update(state="failed" if failing else "complete")
        return run

    return report


def page(run: Any) -> str:
    return (run.folder / "report.html").read_text("utf-8")


def test_a_number_that_differs_is_on_the_axis(report: Callable) -> None:
    text = page(report(ON_AXIS))
    assert anchors(text) == ["sweep", "kernels", "learning", "settings"]
    drawn = section(text, "sweep")
    assert drawn.count('class="dot seed"') == 7 * 3
    looks = re.findall(r'class="dot (rest|one|good|bad)"', drawn)
    assert looks == ["rest", "one", "good", "bad", "bad", "good", "good"]
    assert re.findall(r'class="line reach (\w+)"', drawn) == looks[1:]
    assert re.findall(r'text-anchor="middle" class="tick">([^<]+)<', drawn) == [
        "1e-5", "3e-5", "0.0001", "0.0003", "0.001", "0.003", "0.01"
    ]  # fmt: skip
    assert "Chosen on validation, n = 90" in plain(drawn)
    table = plain(drawn.split("<table")[1])
    score, seeds = rf"0\.985 {ENDS}", "0.967 to 1.000"
    assert re.search(rf"1e-4 {score} {seeds} \+0\.052 \({ENDS}\) surely better", table)
    assert "26,247,758 26,018,702 3 1 min 00 s" in table


def test_numbers_of_the_axis_lie_apart(report: Callable) -> None:
    near = {f"{n}": Cell({"sharpness": float(n)}) for n in (100, 101, 102, 200, 201, 210, 320)}
    drawn = section(page(report(Sweep("Near", "left", near))), "sweep")
    ticks = re.findall(r'<text x="([\d.]+)" y="\d+" text-anchor="middle" class="tick">', drawn)
    at = [float(tick) for tick in ticks]
    assert len(at) == 3
    assert min(b - a for a, b in itertools.pairwise(at)) >= APART
    assert drawn.count('class="dot seed"') == 0  # of one seed the dot is all


def test_other_cells_are_rows_and_what_failed_is_said(report: Callable, tmp_path: Path) -> None:
    lost = "left-made-six-steps-from-5e-4-seed2"
    run = report(IN_ROWS, lost)
    text = page(run)
    drawn = section(text, "sweep")
    assert "<svg" not in drawn
    names = re.findall(r'<span class="name">([^<]+)</span><span class="range"', drawn)
    assert names == ["ramp, as DenseNet&#39;s", *NAMES[1:3], "&lt;b&gt;", *NAMES[4:]]
    assert drawn.count('class="ring"') == 7 * 3 - 1
    assert drawn.count('class="ring published"') == 1
    assert "may be chance, 2 of 3 seeds" in plain(drawn)
    assert "Published: a publication&#39;s table." in drawn
    assert "our accuracy" in drawn
    assert f"kernel {lost} fell: see logs/it.log" in plain(drawn)
    assert str(tmp_path) not in text


def test_test_stands_next_to_validation_where_it_is_measured(report: Callable) -> None:
    cells = {**IN_ROWS.cells, "e": replace(IN_ROWS.cells["e"], published_test={"log_loss": 0.25})}
    text = page(report(replace(IN_ROWS, cells=cells, test=True)))
    drawn = section(text, "sweep").partition("<h3>Validation and test</h3>")[2]
    names = re.findall(r'<span class="name">([^<]+)</span><span class="range"', drawn)
    each = [f"{name}, {part}" for name in NAMES for part in ("validation", "test")]
    assert [n.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'") for n in names] == (
        each * 2
    )
    assert drawn.count('class="ring published"') == 2  # macro F1 of validation, log loss of test
    table = plain(drawn.split("<table")[1])
    assert re.search(rf"constant 0\.985 {ENDS} .*0\.985 {ENDS}", table)
    assert "published test log loss" in table
    assert "published test macro F1" not in table
    assert "surely better" in table


def test_the_terminal_has_the_same_table(
    report: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    run = report(IN_ROWS, "left-made-six-steps-from-5e-4-seed2")
    result = read_result(run)
    said = show_result(result)
    assert max(map(len, said.splitlines())) <= WIDE
    words = " ".join(said.split())
    assert "Ramp against steps: 7 cells x 3 seeds of left; a publication's table" in words
    row = rf"constant 0\.985 \({ENDS}\) \+0\.052 \({ENDS}\) surely better"
    assert re.search(row, words)
    assert "2 of 3 seeds; seeds 0.966, 0.933; 26,247,758 parameters, 26,018,702 train" in words
    assert "trainable; 3 epochs; 60 s; published macro F1" in words
    assert "published macro F1 0.7656; published accuracy 0.7 (ours 0.950)" in words
    assert "Chosen on validation, n = 90: the best of 7 cells scores" in words
    for name in ("sweep.csv", "sweep.json"):
        assert str(run.folder / name) in words
        assert (run.folder / name).is_file()
    capsys.readouterr()
    show_history([result])
    history = " ".join(capsys.readouterr().out.split())
    assert "(failed); sweep made: 7 of 7 cells, best constant 0.985 (surely better)" in history


def test_long_names_have_lines_of_their_own(report: Callable) -> None:
    long = {f"{name}, {'a' * 60}": Cell({"sharpness": float(n)}) for n, name in enumerate("ab", 1)}
    said = show_result(read_result(report(Sweep("Long", "left", long, 3))))
    assert max(map(len, said.splitlines())) <= WIDE
    change = rf"0\.945 \({ENDS}\) \+0\.011 \({ENDS}\) may be chance"
    assert re.search(rf"\n  b, a{{60}}\n {{19}}{change}\n", said)


def test_a_sweep_without_any_score_has_a_page(report: Callable) -> None:
    names = [f"left-made-{name}-seed{seed}" for name in ("1", "2") for seed in (0, 1, 2)]
    two = Sweep("Two", "left", {n: Cell({"sharpness": float(n)}) for n in ("1", "2")}, 3)
    run = report(two, *names)
    assert anchors(page(run)) == ["kernels", "settings"]
    assert "no cell has a result" in page(run)
    assert "no result" in show_result(read_result(run))


@pytest.mark.parametrize(
    "sweep", [ON_AXIS, replace(IN_ROWS, test=True)], ids=["axis", "rows and test"]
)
def test_the_page_fits_its_screen(report: Callable, driver: Any, sweep: Sweep) -> None:
    run = report(sweep)
    for width in (1200, 390):
        check_fits(driver, run.folder / "report.html", width)
    browser.prefer(driver, "dark")
    assert console(driver) == []
    # On a phone each row's name and numbers are above its line, and are not cut.
    script = """return [...document.querySelectorAll('#sweep .ranges li:has(.range)')].map((li) =>
      [...li.children].map((e) => Math.round(e.getBoundingClientRect().top)))"""
    rows = driver.execute_script(script)
    assert len(rows) == (7 + 2 * 2 * 7 if sweep.test else 0)
    assert all(line > max(name, amount) for name, line, amount in rows)

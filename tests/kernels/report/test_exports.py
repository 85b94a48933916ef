"""Files of trained networks in report, terminal, ``--json`` and ``sizes.csv``: what they say."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.manifest import write_json
from common.sweep import Cell, Sweep
from kernels.plan.find import find_competition
from kernels.report import write_report
from kernels.results.layout import WIDE
from kernels.results.output import read_output
from kernels.results.result import read_result
from kernels.results.sizes import TABLE, SizedFile, front, gather_sizes, write_sizes
from kernels.results.sweep_gather import gather_sweep
from kernels.results.terminal import show_result
from support import browser
from support.exported import exports
from support.report_run import anchors, check_fits, console, plain, scrolled, section
from support.sweep_run import chosen, guesses, predicted, sweep_bundles, sweep_run

LABELS = np.arange(90) % 3
NETWORKS = {  # bytes of weights, trainable parameters, score
    "DenseNet201": (106.8e6, 26_018_702, 0.86),
    "DenseNet121": (46.1e6, 11_209_614, 0.80),
    "ResNet50": (119.8e6, 29_843_470, 0.7656),
    "MobileNet": (13.2e6, 3_221_326, 0.77),
    "from random weights": (1.6e6, 392_494, 0.46),
    "Lite0, frozen": (14.1e6, 17_934, 0.79),
}
# What the recipes of miniatures state; the second is the network itself.
SMALL = {"MobileNet": 3_243_214, "from random weights": 400_000}


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``compared(seeds)``: a sweep's run whose cells have exported their networks, and its page."""

    def compared(
        seeds: int = 1, names: tuple[str, ...] = tuple(NETWORKS), same: bool = False
    ) -> Any:
        from competitions.tiny_digits import sweeps

        cells = {name: Cell({"sharpness": 1.0 + n}) for n, name in enumerate(names)}
        sweep = Sweep("Networks", "left", cells, seeds)
        monkeypatch.setattr(sweeps, "SWEEPS", {"made": sweep})
        asked = chosen("made")
        bundles = sweep_bundles(asked)
        own = [bundle.kernel for bundle in bundles if bundle.kernel.cell]
        found = {one.name: predicted(LABELS, guesses(LABELS, 1, 2.0)) for one in own}
        run = sweep_run(tmp_path, bundles, found)
        for kernel in own:
            weights, trainable, score = NETWORKS[kernel.cell]
            files = exports(weights, trainable, score + 0.02 * kernel.parameters.seed)
            for one in files[1:3] if same else ():  # float32 and float16
                one["change"] |= {"difference": 0.0, "interval": [0.0, 0.0]}
            write_json(run.output(kernel.name) / "metrics.json", {"exports": files})
            if kernel.cell in SMALL:
                facts = json.loads((run.output(kernel.name) / "manifest.json").read_text())
                facts["recipe"] |= {"miniature": True, "total_parameters": SMALL[kernel.cell]}
                write_json(run.output(kernel.name) / "manifest.json", facts)
        kernels = [bundle.kernel for bundle in bundles]
        result = gather_sweep(run, find_competition("tiny"), asked, kernels, {})
        outputs = [read_output(run, name) for name in run.kernels]
        write_sizes(run.folder, gather_sizes(outputs, result))
        write_report(run, bundles, None)
        run.update(state="complete")
        return run

    return compared


def drawn(run: Any) -> str:
    return section((run.folder / "report.html").read_text("utf-8"), "exports")


def test_every_file_of_every_model_is_a_mark_and_a_row(compared: Callable) -> None:
    run = compared()
    assert anchors((run.folder / "report.html").read_text("utf-8"))[:2] == ["sweep", "exports"]
    text = drawn(run)
    figure, table = text.split("<table", 1)
    assert len(re.findall(r'<path class="dot (?:one|two|three|four|five|hued)', figure)) == 6 * 5
    assert re.findall(r'class="name-of[^>]*>([^<]+)<', figure) == [*NETWORKS]
    rows = plain(table)
    assert "DenseNet201 26,700,000 26,018,702 28.8 53.4 106.8 106.8 314.9" in rows
    scores = "0.846 0.746 to 0.926 0.860 0.760 to 0.940"
    assert f"DenseNet201 {scores} {scores[-20:]} {scores[-20:]} DenseNet121" in rows
    less = "DenseNet201 -0.014 -0.034 to +0.006 +0.000 -0.020 to +0.020"
    assert less in rows.replace("\N{MINUS SIGN}", "-")
    assert "DenseNet201 28.8 26.0 to 34.6 53.4 48.1 to 64.1 106.8 96.1 to 128.2" in rows
    assert "MobileNet (miniature) 3,300,000" in rows
    assert "Miniatures stand for MobileNet: their sizes" in plain(text)
    assert "on 1 thread of AMD EPYC, 2 cores" in plain(text)
    assert "on the 70 pictures of validation" in plain(text)


def test_seeds_are_averaged(compared: Callable) -> None:
    run = compared(seeds=3, names=("DenseNet201", "MobileNet"))
    files = read_result(run).sizes
    assert [file.model for file in files] == ["DenseNet201"] * 5 + ["MobileNet"] * 5
    assert {file.seeds for file in files} == {3}
    assert files[0].value == pytest.approx(0.88)
    assert files[0].interval == pytest.approx((0.78, 0.96))
    assert files[-1].difference == pytest.approx(-0.014)
    assert "means of 3 seeds" in plain(drawn(run))


def test_terminal_table_and_json_have_the_same_figures(compared: Callable) -> None:
    run = compared()
    said = show_result(read_result(run))
    assert max(map(len, said.splitlines())) <= WIDE
    assert "DenseNet201: 26,700,000 parameters, 26,018,702 trainable" in said
    row = r"\n +int8 +28\.8 +0\.846 \(0\.746 to 0\.926\) +-0\.014 \(-0\.034 to \+0\.006\) +28\.8\n"
    assert re.search(row, said)
    assert "a miniature: sizes say nothing of the network" in " ".join(said.split())
    with open(run.folder / TABLE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 5
    assert (rows[1]["file"], rows[1]["bytes"]) == ("with Adam's state", "314949616")
    said_again = json.loads(json.dumps(asdict(read_result(run))))["sizes"]
    assert [one["bytes"] for one in said_again] == pytest.approx([float(r["bytes"]) for r in rows])


def test_what_kernels_write_wrongly_is_left_out(compared: Callable) -> None:
    run = compared()
    output = next(iter(run.output(name) for name in run.kernels if "densenet201" in name))
    for wrong in ("many", [3, {"kind": "int8"}, {"kind": ["int8"], "bytes": "9"}], {"kind": 1}):
        write_json(output / "metrics.json", {"exports": wrong})
        names = {file.model for file in read_result(run).sizes}
        assert names == {*NETWORKS} - {"DenseNet201"}


def test_the_front_has_what_no_file_beats() -> None:
    def file(size: float, score: float | None) -> SizedFile:
        return SizedFile(model="it", kind="int8", bytes=size, validation_score=score)

    files = [file(4, 0.7), file(1, 0.5), file(2, 0.5), file(3, 0.9), file(0.5, None)]
    assert [one.bytes for one in front(files, True)] == [1, 3]
    assert [one.bytes for one in front(files, False)] == [1]  # of errors the lowest


def test_names_lie_apart_and_the_page_fits_its_screen(compared: Callable, driver: Any) -> None:
    run = compared()
    for width in (1200, 390):
        check_fits(driver, run.folder / "report.html", width)
        boxes = driver.execute_script(
            """return [...document.querySelectorAll('#exports .name-of')].map((e) => {
              const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"""
        )
        assert len(boxes) == len(NETWORKS)
        for place, one in enumerate(boxes):
            for other in boxes[:place]:
                apart = one[0] >= other[2] or other[0] >= one[2]
                assert apart or one[1] >= other[3] - 3 or other[1] >= one[3] - 3
    assert scrolled(driver, "#exports") == ["MB"]  # of seven numbers, on a phone
    browser.prefer(driver, "dark")
    assert console(driver) == []


def test_a_file_that_scores_no_picture_otherwise_has_no_interval(compared: Callable) -> None:
    run = compared(names=("MobileNet", "ResNet50"), same=True)
    (line, _) = (one for one in show_result(read_result(run)).splitlines() if "float32" in one)
    for said in (line, plain(drawn(run))):
        assert "the same on all 70" in said
        assert "0.000" not in said

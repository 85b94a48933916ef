"""What a sweep came to, measured from predictions, compared with what numpy computes."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score

from common.competition import Competition
from common.files.predictions import Predictions, save_predictions, split_folder
from common.metrics.bootstrap import resampled_scores
from common.sweep import Sweep
from kernels.plan.find import find_competition
from kernels.results import sweep_measure as gathering
from kernels.results.sweep import NAME, TABLE, SweepResult, sweep_of
from kernels.results.sweep_figure import draw_sweep
from kernels.results.sweep_gather import gather_sweep
from kernels.results.sweep_text import change, part_verdict, sweep_lines
from support.sweep_run import chosen, guesses, predicted, sweep_bundles, sweep_run

LABELS = np.random.default_rng(0).integers(0, 3, 60)
FEW = 80  # resamples
F1 = attrgetter("validation_score")
LEFT = "left-sharpness-{}-seed{}"


def right(seed: int, sure: float) -> Predictions:
    return predicted(LABELS, guesses(LABELS, seed, sure))


def f1(one: Predictions) -> float:
    truth, found = one.validation_labels, one.validation.argmax(axis=1)
    return float(f1_score(truth, found, average="macro"))


@pytest.fixture
def gather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SweepResult]:
    """``gather(found, failed)``: the sweep ``sharpness`` whose kernels predict ``found``."""
    monkeypatch.setattr(gathering, "RESAMPLES", FEW)

    def gather(
        found: Any,
        failed: Any = None,
        folds: int | None = None,
        repeats: int = 1,
        made: Callable[[Sweep], Sweep] = lambda sweep: sweep,
    ) -> SweepResult:
        sweep = chosen("sharpness", folds=folds)
        sweep = replace(sweep, sweep=made(sweep.sweep))
        bundles = sweep_bundles(sweep, folds=folds, repeats=repeats)
        folder = tmp_path / "again" if (tmp_path / "outputs").exists() else tmp_path
        run = sweep_run(folder, bundles, found)
        kernels = [bundle.kernel for bundle in bundles]
        return gather_sweep(run, find_competition("tiny"), sweep, kernels, failed or {})

    return gather


@pytest.fixture
def found() -> dict[str, Predictions | None]:
    """Predictions of three cells with two seeds each; the rows of each are in another order."""
    known = {
        LEFT.format(cell, seed): right(10 * seed + place, sure)
        for place, (cell, sure) in enumerate({"1": 1.2, "2": 3.0, "4": 1.0}.items())
        for seed in (0, 1)
    }
    rows = np.random.default_rng(1)
    return {n: one.take(rows.permutation(60), np.arange(1)) for n, one in known.items()}


def test_a_cell_is_its_seeds_mean_and_compared_with_the_base_on_the_same_draws(
    gather: Callable, found: dict, tmp_path: Path
) -> None:
    result = gather(found)
    assert (result.metric, result.seeds, result.folds) == ("macro_f1", [0, 1], 0)
    assert (result.pictures, result.counts) == ("60", [60])
    assert (result.axis, [cell.x for cell in result.cells]) == ("sharpness", [1.0, 2.0, 4.0])
    order = np.argsort([f"p{row}" for row in range(60)])

    def drawn(name: str) -> np.ndarray:
        """The metric on each draw, of rows in the order of their ids."""
        one, ids = found[name], np.argsort(found[name].validation_ids)
        truth, guess = one.validation_labels[ids], one.validation.argmax(axis=1)[ids]
        assert truth.tolist() == LABELS[order].tolist()
        score = {name: lambda rows: f1_score(truth[rows], guess[rows], average="macro")}
        return resampled_scores(score, LABELS[order], FEW)[name]

    for cell in result.cells:
        names = [LEFT.format(cell.name, seed) for seed in (0, 1)]
        scores = [f1(found[name]) for name in names]
        assert list(cell.seeds.values()) == pytest.approx(scores)
        assert cell.value == pytest.approx(np.mean(scores))
        assert (cell.kernels, cell.n, cell.epochs, cell.seconds) == (names, 60, 3, 60)
        assert (cell.total_parameters, cell.trainable_parameters) == (26_247_758, 26_018_702)
        if cell.name == "1":
            assert (dict(cell.change), result.verdict(cell)) == ({}, "the base")
            continue
        base = [f1(found[LEFT.format("1", seed)]) for seed in (0, 1)]
        change = np.mean(scores) - np.mean(base)
        gains = [drawn(n) - drawn(LEFT.format("1", seed)) for seed, n in enumerate(names)]
        low, high = np.quantile(np.mean(gains, axis=0), (0.025, 0.975))
        assert cell.difference.value == pytest.approx(change)
        widen = (60 / 57) ** 0.5  # draws of three classes vary a little too little
        ends = (change - widen * (high - change), change - widen * (low - change))
        assert cell.change_ends == pytest.approx(ends)
        assert cell.paired
    assert [result.verdict(cell) for cell in result.cells[1:]] == ["surely better", "may be chance"]
    assert result.best is result.cells[1]
    lower = replace(result, greater_is_better=False)
    assert (lower.sure(lower.cells[1]), lower.best) == ("surely worse", min(result.cells, key=F1))
    # What others have published, and ours by the same metric.
    assert result.published == ["macro_f1", "accuracy"]
    first = [found[LEFT.format("1", seed)] for seed in (0, 1)]
    right_of = [accuracy_score(p.validation_labels, p.validation.argmax(axis=1)) for p in first]
    assert result.base.alike["accuracy"] == pytest.approx(np.mean(right_of))
    # All of it is in two files.
    assert sweep_of(json.loads((tmp_path / NAME).read_text())) == result
    with open(tmp_path / TABLE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == ["1", "2", "4"]
    assert [row["sharpness"] for row in rows] == ["", "2.0", "4.0"]
    assert float(rows[1]["score"]) == result.cells[1].value
    assert float(rows[1]["score_seed1"]) == result.cells[1].seeds["1"]
    assert rows[1]["verdict"] == "surely better"
    assert (rows[2]["published_macro_f1"], rows[2]["published_accuracy"]) == ("0.5", "")


def test_the_labels_of_test_make_no_difference(gather: Callable, found: dict) -> None:
    one = gather(found)
    labelled = {
        n: replace(p, test_labels=np.array([2]), test=p.test[:, ::-1]) for n, p in found.items()
    }
    assert gather(labelled) == one
    assert "test was not looked at" in one.words[0]
    assert one.words[0].startswith("Chosen on validation, n = 60: the best of 3 cells")


def with_test(published: dict[str, float]) -> Callable[[Sweep], Sweep]:
    """The sweep measures test, of whose second cell others report something."""

    def made(sweep: Sweep) -> Sweep:
        cells = {**sweep.cells, "2": replace(sweep.cells["2"], published_test=published)}
        return replace(sweep, cells=cells, test=True)

    return made


def test_a_sweep_may_measure_test_and_compares_cells_on_the_same_draws_of_it(
    gather: Callable, found: dict, tmp_path: Path
) -> None:
    """Test is the pictures of validation in another order: the figures must be the same."""
    labelled = {
        name: replace(
            one.take(np.arange(60), np.arange(0)),
            test_ids=one.validation_ids[::-1],
            test_labels=one.validation_labels[::-1],
            test=one.validation[::-1],
        )
        for name, one in found.items()
    }
    result = gather(labelled, made=with_test({"macro_f1": 0.75, "accuracy": 0.8}))
    assert (result.test, result.measured) == (True, ["macro_f1", "log_loss", "accuracy"])
    for cell in result.cells:
        assert list(cell.parts) == ["validation", "test"]
        on_test = cell.parts["test"]["macro_f1"]
        assert on_test == cell.parts["validation"]["macro_f1"]
        assert vars(on_test).items() <= vars(cell).items()
    two = result.cells[1]
    names = [LEFT.format("2", seed) for seed in (0, 1)]
    truth = [(found[name].validation_labels, found[name].validation) for name in names]
    losses = [-np.log(one[range(60), labels]).mean() for labels, one in truth]
    loss = two.of_part("test", "log_loss")
    assert list(loss.seeds.values()) == pytest.approx(losses, rel=1e-5)
    assert part_verdict(loss, "log_loss") == "surely better"
    assert loss.difference.value < 0
    assert two.published_of("test", "accuracy") == 0.8
    assert "; test (n = 60) was measured, too, and nothing was chosen by it" in result.words[0]
    assert sweep_of(json.loads((tmp_path / NAME).read_text())) == result
    with open(tmp_path / TABLE, newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1]["test_log_loss"]) == loss.value
    assert float(rows[1]["test_log_loss_difference_high"]) == loss.change_ends[1]
    assert [row["test_accuracy_published"] for row in rows] == ["", "0.8", ""]
    lines = " ".join(" ".join(sweep_lines(result)).split())
    assert re.search(r"test: macro F1 0\.\d+ \(\S+ to \S+\), \+0\.\d+ \(.{16,20}\), surely", lines)
    assert "surely better, published 0.75; log loss" in lines
    draw_sweep(tmp_path / "figures", result)
    svg = (tmp_path / "figures" / "sweep_test.svg").read_text("utf-8")
    assert all(
        f"<!-- {words} -->" in svg for words in ("log loss", "published, test", "validation")
    )


def test_test_is_decided_at_the_thresholds_of_validation(
    gather: Callable, found: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def find(competition: Any, labels: np.ndarray, predictions: np.ndarray) -> None:
        asked.append(len(labels))

    monkeypatch.setattr(Competition, "find_thresholds", find)
    rows = np.arange(50)
    labelled = {
        name: replace(one, test_ids=one.validation_ids[rows], test=one.validation[rows],
                      test_labels=one.validation_labels[rows])
        for name, one in found.items()
    }  # fmt: skip
    result = gather(labelled, made=with_test({}))
    assert {*asked} == {60}
    assert result.base.of_part("test", "macro_f1").n == 50


def test_a_published_loss_has_the_penalties_of_a_training(
    gather: Callable, found: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = sweep_run

    def punished(folder: Path, bundles: Any, found: Any) -> Any:
        run = ran(folder, bundles, found)
        for name in found:
            text = json.dumps({"penalty": 0.5 if "seed1" in name else 0.25})
            (run.output(name) / "metrics.json").write_text(text)
        return run

    monkeypatch.setattr(f"{__name__}.sweep_run", punished)
    labelled = {
        name: replace(one, test_ids=one.validation_ids, test=one.validation,
                      test_labels=one.validation_labels)
        for name, one in found.items()
    }  # fmt: skip
    base = gather(labelled, made=with_test({"log_loss": 1, "loss": 1})).base
    log_loss, loss = (base.of_part("test", name) for name in ("log_loss", "loss"))
    raised = {"0": log_loss.seeds["0"] + 0.25, "1": log_loss.seeds["1"] + 0.5}
    assert loss.seeds == pytest.approx(raised)
    assert np.subtract(loss.interval, log_loss.interval).tolist() == pytest.approx([0.375] * 2)


def test_a_failed_training_costs_its_seed_alone(gather: Callable, found: dict) -> None:
    lost, broken = LEFT.format("2", 1), LEFT.format("4", 0)
    found[lost] = None
    found[broken] = predicted(LABELS, np.full((60, 4), 0.25, np.float32))
    result = gather(found, {lost: f"kernel {lost} ended as ERROR: it fell"})
    one, two, four = result.cells
    assert two.seeds == {"0": pytest.approx(f1(found[LEFT.format("2", 0)]))}
    # Compared with the same seed of the base, not with its mean.
    base = one.seeds["0"]
    assert two.difference.value == pytest.approx(two.value - base)
    assert result.verdict(two) == "surely better, 1 of 2 seeds"
    assert list(four.seeds) == ["1"]
    assert list(result.failed) == [broken, lost]
    assert result.fault.startswith(f"2 of 6 kernels of the sweep failed: {broken}")
    assert result.fault.endswith("the same command goes on with what is missing")


def test_without_a_base_nothing_is_compared(gather: Callable, found: dict, tmp_path: Path) -> None:
    found |= {LEFT.format("1", seed): None for seed in (0, 1)}
    result = gather(found)
    assert [cell.value is None for cell in result.cells] == [True, False, False]
    assert [dict(cell.change) for cell in result.cells] == [{}] * 3
    assert result.verdict(result.base) == "the base, 0 of 2 seeds"
    assert [result.reach(cell) for cell in result.cells] == [None] * 3
    draw_sweep(tmp_path / "figures", result)
    assert (tmp_path / "figures" / "sweep.png").is_file()


def test_nothing_at_all_is_a_result_too(gather: Callable, tmp_path: Path) -> None:
    result = gather({})
    assert (result.best, result.known, result.pictures) == (None, [], "")
    draw_sweep(tmp_path / "figures", result)
    assert not (tmp_path / "figures").exists()


def test_cells_of_other_pictures_are_not_paired(gather: Callable, found: dict) -> None:
    """Their draws must not agree with the base's by chance: they would look paired."""
    same = found[LEFT.format("1", 0)]
    others = replace(same, validation_ids=np.char.add("other", same.validation_ids))
    found[LEFT.format("4", 1)] = found[LEFT.format("4", 1)].take(np.arange(58), np.arange(1))
    found |= {LEFT.format("1", 1): same}
    found |= {LEFT.format("2", seed): others for seed in (0, 1)}
    result = gather(found)
    two = result.cells[1]
    assert (two.difference.value, two.paired) == (pytest.approx(0), False)
    low, high = two.change_ends
    own = two.interval[1] - two.interval[0]
    assert high - low == pytest.approx(2**0.5 * own, rel=0.3)
    assert result.verdict(two) == "may be chance, other pictures"
    assert (result.cells[2].n, result.pictures) == (None, "58 to 60")
    assert "Cells with other validation pictures are compared unpaired." in result.words


def test_a_change_that_rounds_to_zero_has_no_minus(gather: Callable, found: dict) -> None:
    cell = gather(found).cells[1]
    for difference, ends, words in (
        (-0.0001, [-0.04, 0.04], "+0.000 (-0.040 to +0.040)"),
        (-0.02, [-0.05, -0.0001], "-0.020 (-0.050 to +0.000)"),
        (0.5, None, "+0.5000"),
        (0.0, [0.0, 0.0], "the same on all 60"),
    ):
        assert change(replace(cell, change={"difference": difference, "interval": ends})) == words


def test_miniatures_are_said(gather: Callable, found: dict) -> None:
    result = gather(found)
    words = "Miniatures of the networks were trained: scores say that the path works."
    assert words not in result.words
    assert words in replace(result, small=True).words


def test_whole_groups_of_pictures_are_drawn(gather: Callable, found: dict) -> None:
    before = gather(found)
    groups = {f"p{row}": f"group {row % 12}" for row in range(60)}
    grouped = {
        name: replace(one, validation_groups=np.array([groups[i] for i in one.validation_ids]))
        for name, one in found.items()
    }
    after = gather(grouped)
    assert (before.grouped, after.grouped) == (False, True)
    assert [cell.seeds for cell in after.cells] == [cell.seeds for cell in before.cells]
    assert after.cells[1].interval != before.cells[1].interval
    assert "by bootstrap over whole groups of pictures" in after.words[1]
    assert "by bootstrap over pictures" in before.words[1]


def test_folds_are_joined(gather: Callable) -> None:
    def fold(name: str, number: int) -> Predictions:
        whole = right(ord(name[0]) + len(name), 2.0)
        return whole.take(np.flatnonzero(np.arange(60) % 2 == number), np.arange(1))

    names = [LEFT.format(cell, seed) for cell in "124" for seed in (0, 1)]
    found: dict[str, Any] = {f"{n}-fold{k}": fold(n, k) for n in names for k in (0, 1)}
    del found["left-sharpness-4-seed1-fold1"]
    result = gather(found, folds=2)
    assert (result.pictures, result.folds) == ("60", 2)
    whole = right(ord("l") + len(names[0]), 2.0)
    assert list(result.base.seeds.values()) == pytest.approx([f1(whole)] * 2)
    assert result.base.kernels == [f"{n}-fold{k}" for n in names[:2] for k in (0, 1)]
    assert result.base.seconds == 120
    assert list(result.cells[2].seeds) == ["0"]
    assert "n = 60, out of 2 folds" in result.words[0]


def two_splits() -> dict[str, list[Predictions]]:
    """What each training says of two splits: one by one they are unsure, and sure on average."""
    names = [LEFT.format(cell, seed) for cell in "124" for seed in (0, 1)]
    sure = dict(zip(names, (1.2, 1.2, 2.0, 2.0, 1.2, 1.2), strict=True))
    return {n: [right(10 * k + split, sure[n]) for split in (0, 1)] for k, n in enumerate(names)}


def test_each_split_is_scored_by_itself_on_the_same_draws(gather: Callable) -> None:
    known = two_splits()
    found = {
        f"{name}-fold{2 * split + fold}": one.take(rows, np.arange(1))
        for name, splits in known.items()
        for split, one in enumerate(splits)
        for fold, rows in enumerate(np.array_split(np.random.default_rng(split).permutation(60), 2))
    }
    result = gather(found, folds=2, repeats=2)
    assert (result.folds, result.splits, result.pictures) == (4, 2, "60")
    assert "n = 60, out of 4 folds of 2 splits" in result.words[0]
    assert "of the mean over seeds and splits, by bootstrap over pictures" in result.words[1]
    order = np.argsort([f"p{row}" for row in range(60)])
    scorers = {
        (name, split): lambda rows, one=one: f1(one.take(order[rows], np.arange(1)))
        for name, splits in known.items()
        for split, one in enumerate(splits)
    }
    draws = resampled_scores(scorers, LABELS[order], FEW)  # one draw of pictures for all splits
    for cell in result.cells:
        own = [LEFT.format(cell.name, seed) for seed in (0, 1)]
        each = [f1(one) for name in own for one in known[name]]
        assert list(cell.splits) == pytest.approx(each)
        assert list(cell.seeds.values()) == pytest.approx([np.mean(each[:2]), np.mean(each[2:])])
        assert cell.value == pytest.approx(np.mean(each))
        averaged = [np.mean([one.validation for one in known[name]], axis=0) for name in own]
        together = [f1_score(LABELS, one.argmax(axis=1), average="macro") for one in averaged]
        assert np.mean(together) > cell.value + 0.02  # what two networks know is not one's score
        if cell is result.base:
            continue
        gains = [
            draws[name, split] - draws[LEFT.format("1", seed), split]
            for seed, name in enumerate(own)
            for split in (0, 1)
        ]
        low, high = np.quantile(np.mean(gains, axis=0), (0.025, 0.975))
        change, widen = cell.difference.value, (60 / 57) ** 0.5
        ends = (change - widen * (high - change), change - widen * (low - change))
        assert cell.change_ends == pytest.approx(ends)
        assert cell.paired


def test_a_kernel_with_all_folds_has_its_splits_in_folders(
    gather: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of them it has no result; what it says on average is not taken for one."""
    known = two_splits()
    lost, run_of = LEFT.format("4", 1), sweep_run

    def repeated(folder: Path, bundles: Any, found: Any) -> Any:
        run = run_of(folder, bundles, found)
        for name, splits in known.items():
            for number, one in enumerate(splits[:1] if name == lost else splits):
                at = split_folder(run.output(name), number)
                at.mkdir()
                save_predictions(at, one.take(np.arange(60), np.arange(0)), name)
            path = run.output(name) / "manifest.json"
            facts = json.loads(path.read_text())
            path.write_text(json.dumps({**facts, "recipe": {"folds": 3, "repeats": 2}}))
        return run

    monkeypatch.setattr(f"{__name__}.sweep_run", repeated)
    result = gather({name: splits[0] for name, splits in known.items()})
    for cell in result.cells[:2]:
        own = [LEFT.format(cell.name, seed) for seed in (0, 1)]
        assert list(cell.splits) == pytest.approx([f1(one) for n in own for one in known[n]])
    assert list(result.failed) == [lost]
    assert "no predictions.npz" in result.failed[lost]
    assert list(result.cells[2].seeds) == ["0"]
    lines = " ".join(sweep_lines(result))
    shown = [result.base.rounded(end) for end in (min(result.base.splits), max(result.base.splits))]
    assert f"splits {shown[0]} to {shown[1]}" in lines


def test_the_figure_is_drawn_as_png_and_svg(gather: Callable, found: dict, tmp_path: Path) -> None:
    result = gather(found)
    for name, drawn in (("axis", result), ("rows", replace(result, axis=""))):
        draw_sweep(tmp_path / name, drawn)
        svg = (tmp_path / name / "sweep.svg").read_text("utf-8")
        for words in ("How sharp the distance is", "chosen on validation, n = 60", "a seed"):
            assert f"<!-- {words} -->" in svg
        with Image.open(tmp_path / name / "sweep.png") as picture:
            assert picture.width > 800
            assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 20


@pytest.mark.parametrize("values", [{}, {"cells": []}, {"cells": [{"name": "a"}]}, {"cells": 3}])
def test_what_is_no_sweep_is_none(values: dict) -> None:
    assert sweep_of(values) is None

"""The ensemble kernel of pairs, whole: members' outputs and the pairs in, a submission out."""

import contextlib
import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from common.data.tables import write_table
from common.files.classes import PictureClass, save_classes
from common.files.predictions import Vectors, save_vectors
from common.files.prepared import BROKEN as BROKEN_TABLE
from common.files.prepared import COLUMNS
from common.kernel import KernelRun
from common.pairs.blend import as_log_odds, fit_platt
from common.pairs.validation import load_scored_pairs, validation_pairs
from common.parameters import Parameters
from competitions.painter_by_numbers import ensemble
from support.carry_out import carry_out

KNOWN = 5
LABELS = np.repeat(np.arange(8), [6] * KNOWN + [9] * 3)  # of validation; train has the first five
VALIDATION = np.array([f"v{number}.jpg" for number in range(len(LABELS))])
TEST = np.array([f"{number}.jpg" for number in range(30)])
ARTISTS = np.repeat(np.arange(6), 5)  # of test
BROKEN = "broken.jpg"
Run = Callable[..., str]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def vectors(seed: int, noise: float, width: int = 16) -> Vectors:
    """Of artists who differ, with noise; classes that know those of train alone."""
    generator = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(8, width))
    parts = {}
    for name, labels in (("validation", LABELS), ("test", ARTISTS)):
        rows = middles[labels] + noise * generator.normal(size=(len(labels), width))
        odds = 4 * (labels[:, None] == np.arange(KNOWN)) + generator.normal(size=(len(labels), 5))
        probabilities = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
        parts[name] = {"embedding": unit(rows), "classes": probabilities.astype(np.float32)}
    seen = LABELS < KNOWN
    return Vectors(VALIDATION, LABELS, seen, parts["validation"], TEST, parts["test"])


def shuffled(member: Vectors, seed: int) -> Vectors:
    """The same rows in another order, in both parts."""
    generator = np.random.default_rng(seed)
    return member.take(generator.permutation(len(VALIDATION)), generator.permutation(len(TEST)))


def only_rows(member: Vectors, kept: np.ndarray) -> Vectors:
    return member.take(np.flatnonzero(kept), np.arange(len(TEST)))


LEFT = vectors(1, 1.5)
PLAIN = {
    "left": dataclasses.replace(
        LEFT,
        validation={"embedding": LEFT.validation["embedding"]},
        test={"embedding": LEFT.test["embedding"]},
    ),
    "right": vectors(2, 2.0),
}
MEMBERS = {**PLAIN, "right": shuffled(PLAIN["right"], 5)}
PAIRS = validation_pairs(VALIDATION, LABELS, LABELS < KNOWN)


def all_pairs() -> list[tuple[int, str, str]]:
    """Every pair of test, the broken picture's too, with an index that has gaps."""
    names = [*TEST.tolist(), BROKEN]
    both = [(a, b) for n, a in enumerate(names) for b in names[n + 1 :]]
    return [(3 * n + 7, a, b) for n, (a, b) in enumerate(both)]


class World:
    """An input root as Kaggle mounts it: the competition, ``prepare`` and the members."""

    def __init__(self, root: Path):
        self.root = root
        self.pairs = root / "competitions" / "painter-by-numbers" / "submission_info.csv"
        self.write_pairs(all_pairs())
        prepared = self.output("prepare")
        artists = [PictureClass(n, f"artist {n}", 6, n < KNOWN) for n in range(8)]
        with self.kernel("prepare"):
            save_classes(prepared, artists)
            broken = [(BROKEN, "test", "cut"), ("t.jpg", "train", "cut")]
            write_table(prepared / BROKEN_TABLE, COLUMNS, broken)
        for name, member in MEMBERS.items():
            self.write_member(name, member)

    def output(self, name: str) -> Path:
        folder = self.root / "notebooks" / "alice" / f"painter-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def kernel(self, name: str) -> KernelRun:
        return KernelRun(Parameters(kernel=name), Parameters(), self.output(name))

    def write_member(self, name: str, member: Vectors) -> None:
        with self.kernel(name):
            save_vectors(self.output(name), member, name)

    def keep(self, chosen: Callable[[Vectors], np.ndarray]) -> None:
        """The rows of validation that are chosen alone, in every member."""
        for name, member in MEMBERS.items():
            self.write_member(name, only_rows(member, chosen(member)))

    def write_pairs(self, rows: list[tuple[object, ...]]) -> None:
        self.pairs.parent.mkdir(parents=True, exist_ok=True)
        with open(self.pairs, "w", newline="") as file:
            csv.writer(file).writerows([("index", "image1", "image2"), *rows])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "input")


@pytest.fixture
def run(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the kernel of Painter by Numbers in ``out``: what it printed, or its error."""
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(world.root))

    def main(settings: dict[str, object] | None = None, *names: str) -> str:
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        monkeypatch.chdir(out)
        sources = {n: f"alice/painter-{n}" for n in names or ("prepare", "left", "right")}
        capsys.readouterr()
        with contextlib.suppress(SystemExit):
            carry_out(ensemble.KERNEL, {"sources": sources, "settings": settings or {}})
            return capsys.readouterr().out
        assert not (out / "manifest.json").exists()
        return capsys.readouterr().err

    return main


def read_scores(folder: Path) -> dict[int, float]:
    with open(folder / "submission.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["index", "sameArtist"]
    found = {int(index): float(value) for index, value in rows[1:]}
    assert len(found) == len(rows) - 1
    return found


def columns(part: str, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """The dot products of pairs of rows, by channel."""
    return {
        f"{name}/{channel}": np.einsum("ij,ij->i", rows[first], rows[second])
        for name, member in PLAIN.items()
        for channel, rows in getattr(member, part).items()
    }


def accuracy_at(same: np.ndarray, scores: np.ndarray, threshold: float, share: float) -> float:
    called = scores >= threshold
    return float(share * called[same].mean() + (1 - share) * (~called[~same]).mean())


@pytest.mark.parametrize(
    ("method", "scale"), [("mean", "rank"), ("weighted", "logit"), ("greedy", "rank")]
)
def test_every_pair_gets_the_blend_of_its_members_scores(
    run: Run, tmp_path: Path, method: str, scale: str
) -> None:
    run({"method": method, "blend_scale": scale})
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["method"], metrics["scale"]) == (method, scale)
    scores, rows = read_scores(tmp_path / "out"), all_pairs()
    assert list(scores) == [index for index, _, _ in rows]
    known, counted = columns("validation", PAIRS.first, PAIRS.second), PAIRS.parts["all"]
    readable = [row for row in rows if BROKEN not in row]
    first, second = (np.array([int(r[n].split(".")[0]) for r in readable]) for n in (1, 2))
    total = np.zeros(len(readable))
    for name, found in columns("test", first, second).items():
        if scale == "rank":
            brought = (rankdata(found) - 0.5) / len(found)
        else:
            platt = fit_platt(PAIRS.same[counted], as_log_odds(name, known[name][counted]))
            brought = platt.log_odds(as_log_odds(name, found))
        total += metrics["weights"][name] * brought
    probabilities = np.array([scores[row[0]] for row in readable])
    odds = np.log(probabilities / (1 - probabilities))
    line = np.polyfit(total, odds, 1)
    assert line[0] > 0
    np.testing.assert_allclose(odds, np.polyval(line, total), atol=2e-3 * np.ptp(odds))
    assert roc_auc_score(ARTISTS[first] == ARTISTS[second], probabilities) > 0.85


@pytest.mark.parametrize("scale", ["rank", "logit"])
def test_a_picture_that_cannot_be_read_has_the_prior_and_changes_no_other_score(
    run: Run, world: World, tmp_path: Path, scale: str
) -> None:
    run({"blend_scale": scale})
    scores = read_scores(tmp_path / "out")
    prior = [scores[index] for index, *names in all_pairs() if BROKEN in names]
    assert len(prior) == len(TEST)
    np.testing.assert_allclose(prior, PAIRS.share, rtol=1e-6)
    world.write_pairs([row for row in all_pairs() if BROKEN not in row])
    run({"blend_scale": scale})
    without = read_scores(tmp_path / "out")
    np.testing.assert_array_equal(list(without.values()), [scores[index] for index in without])


def test_metrics_are_those_of_all_seen_and_unseen_pairs(run: Run, tmp_path: Path) -> None:
    run({"method": "weighted"})
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    known = columns("validation", PAIRS.first, PAIRS.second)
    for name, scores in known.items():
        assert metrics["channels"][name] == pytest.approx(PAIRS.auc(scores), abs=1e-5)
        # A classifier's classes tell artists that train has not from nobody.
        low, high = metrics["intervals"][name]
        assert low < metrics["channels"][name]["all"] < high
    assert metrics["channels"]["right/classes"]["seen"] > 0.9
    assert metrics["channels"]["right/classes"]["unseen"] < 0.7
    assert set(metrics["weights"]) == set(known)
    firsts = {name: metrics["channels"][f"{name}/embedding"]["all"] for name in MEMBERS}
    assert metrics["members"] == firsts
    best = max(parts["all"] for parts in metrics["channels"].values())
    assert metrics["validation_score"] >= best
    share = metrics["same_share"]
    assert share == PAIRS.share
    same_pairs = {part: PAIRS.same[mask].sum() for part, mask in PAIRS.parts.items()}
    assert metrics["same_pairs"] == same_pairs
    saved = load_scored_pairs(tmp_path / "out")
    for part, auc in saved.auc(saved.probabilities).items():
        name = "score" if part == "all" else part
        assert metrics[f"validation_{name}"] == pytest.approx(auc, abs=1e-5)
    own = saved.same[saved.parts["all"]], saved.probabilities[saved.parts["all"]]
    accuracy = accuracy_at(*own, metrics["threshold"], share)
    assert accuracy == pytest.approx(metrics["validation_accuracy"], abs=1e-6)
    balanced = max(accuracy_at(*own, threshold, 0.5) for threshold in np.unique(own[1]))
    assert metrics["validation_balanced_accuracy"] == pytest.approx(balanced, abs=1e-6)


def test_all_files_are_written_whatever_the_order_of_a_members_rows(
    run: Run, world: World, tmp_path: Path
) -> None:
    run()
    out = tmp_path / "out"
    files = json.loads((out / "manifest.json").read_text())["files"]
    assert {"validation_pairs.npz", "submission.csv", "metrics.json"} == set(files)
    first = (out / "submission.csv").read_bytes()
    world.write_member("right", shuffled(MEMBERS["right"], 8))
    run()
    assert (out / "submission.csv").read_bytes() == first


OTHERS = dataclasses.replace(
    MEMBERS["right"], test_ids=np.array([f"other{n}.jpg" for n in range(len(TEST))])
)
FIRSTS = np.unique(LABELS, return_index=True)[1]
WRONG: dict[str, Callable[[World], object]] = {
    "test ids of left (30) and right (30) differ in 60 ids": (
        lambda world: world.write_member("right", OTHERS)
    ),
    "line 467: image 'nobody.jpg' is none of the 31 pictures": (
        lambda world: world.write_pairs([*all_pairs(), (9999, "0.jpg", "nobody.jpg")])
    ),
    "submission_info.csv: no such file": lambda world: world.pairs.unlink(),
    "is of the different kind": lambda world: world.keep(lambda one: one.validation_labels == 6),
    "is of the same kind": (
        lambda world: world.keep(lambda one: np.isin(one.validation_ids, VALIDATION[FIRSTS]))
    ),
    "the output of kernel alice/painter-left was not found": (
        lambda world: shutil.rmtree(world.output("left"))
    ),
    "kernel left: no manifest.json": (
        lambda world: (world.output("left") / "manifest.json").unlink()
    ),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_is_one_line(run: Run, world: World, said: str) -> None:
    WRONG[said](world)
    check_error(run(), said)


@pytest.mark.parametrize(
    ("settings", "names", "said"),
    [
        ({}, ("left", "right"), "no source 'prepare': write PARAMETERS['sources']"),
        ({}, ("prepare",), "the ensemble has no members among its sources: run a model first"),
        ({"method": "weigted"}, (), "setting method=weigted: did you mean weighted"),
        ({"blend_scale": "ranks"}, (), "setting blend_scale=ranks: did you mean rank"),
    ],
)
def test_wrong_sources_and_settings_are_one_line(
    run: Run, settings: dict[str, object], names: tuple[str, ...], said: str
) -> None:
    check_error(run(settings, *names), said)


def check_error(printed: str, said: str) -> None:
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    assert said in printed

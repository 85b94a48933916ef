"""LFW's pairs: its lists in both forms, nobody on two sides of a split, and a whole dry run."""

import csv
import importlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import competitions
from common.data.pair_pictures import rows_of_pairs
from common.data.records import Records
from common.data.splits import hold_out
from common.errors import UserError
from common.files.predictions import load_predictions
from common.manifest import read_manifest
from common.parameters import Parameters
from common.training.first_look import look
from competitions.labeled_faces import COMPETITION, data, triplets, view2
from support import real, tiny
from support.carry_out import carry_out
from support.planned import planned

PEOPLE = {
    "DevTrain": [f"Ann_{n:02d}" for n in range(24)],
    "DevTest": [f"Bob_{n}" for n in range(8)],
}


def write_lists(root: Path, as_csv: bool) -> Path:
    """Two pictures of each person paired, and each person with the next one, but every third."""
    for part, people in PEOPLE.items():
        same = [(one, 1, 2) for one in people]
        different = [(*two[:1], 1, two[1], 2) for n, two in enumerate(pairwise(people)) if n % 3]
        if as_csv:
            for kind, rows in (("match", same), ("mismatch", different)):
                with open(root / f"{kind}pairs{part}.csv", "w", newline="") as file:
                    csv.writer(file).writerows([["name", "imagenum1"], *rows])
        else:
            rows = [*same, *different]
            lines = ["\t".join(map(str, row)) for row in rows]
            (root / f"pairs{part}.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder as Kaggle has it; a person is a colour."""
    random = np.random.default_rng(0)
    for name in (*PEOPLE["DevTrain"], *PEOPLE["DevTest"]):
        colour = random.integers(30, 226, 3)
        folder = tmp_path / "faces" / "lfw-deepfunneled" / "lfw-deepfunneled" / name
        folder.mkdir(parents=True)
        for number in (1, 2):
            noise = random.integers(-30, 30, (70, 70, 3))
            cv2.imwrite(str(folder / f"{name}_{number:04d}.jpg"), (colour + noise).astype(np.uint8))
    return tmp_path / "faces"


def people_of(part: Records) -> set[str]:
    return {*part.columns["first"].tolist(), *part.columns["second"].tolist()}


def test_lists_of_text_and_of_csv_are_the_same_pairs(faces: Path) -> None:
    of_csv = data.read_lists(write_lists(faces, True))
    of_text = data.read_lists(write_lists(faces, False))
    for one, other in zip(of_csv, of_text, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.groups.tolist() == other.groups.tolist()
        assert one.labels.tolist() == other.labels.tolist()
    train, test = of_text
    assert (len(train), len(test)) == (24 + 15, 8 + 4)
    assert not people_of(train) & people_of(test)
    assert train.ids[0] == "Ann_00_0001 | Ann_00_0002"


def mounted(tmp_path: Path, faces: Path) -> None:
    """Mount the folder as a kernel finds it."""
    mount = tmp_path / "mounts" / COMPETITION.mount
    mount.parent.mkdir(parents=True)
    mount.symlink_to(faces)


def test_a_list_that_is_missing_is_one_line(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lists(faces, True)
    (faces / "mismatchpairsDevTest.csv").unlink()
    said = "lacks pairsDevTest.txt or matchpairsDevTest.csv and mismatchpairsDevTest.csv; "
    with pytest.raises(UserError, match=said):
        data.check_folder(faces)
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "mounts"))
    mounted(tmp_path, faces)
    with pytest.raises(UserError, match=f"^{faces} lacks pairs.txt or pairs.csv; {faces} has"):
        data.load_folds(64, Parameters())


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("pairsDevTrain.txt", "Ann_00\t1\t2", "Ann_00\t1\t3",
         "pairsDevTrain.txt: line 1 names Ann_00/Ann_00_0003: no such picture"),
        ("pairsDevTest.txt", "Bob_0\t1\t2", "Ann_00\t1\t2",
         "1 in the pairs of train and of test, too, Ann_00 is the first: take lists of one"),
        ("pairsDevTest.txt", "Bob_0\t1\t2\n", "",
         "pairsDevTest.txt, and matchpairsDevTest.csv and mismatchpairsDevTest.csv, have other "
         "pairs: 1 are in one of them alone, the first is of Bob_0: remove the one that is wrong"),
    ],
    ids=["missing picture", "in both", "two forms"],
)  # fmt: skip
def test_a_wrong_list_is_one_line_of_the_command(
    faces: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    before: str,
    after: str,
    said: str,
) -> None:
    path = write_lists(faces, False) / name
    if not after:
        write_lists(faces, True)
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    given = ("--dry-run", "--data", faces, "--run-dir", tmp_path / "run")
    done = tiny.submit_here(capsys, "faces", "--model", "twin", *given)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not (tmp_path / "run").exists()


def test_the_documented_pairs_of_ones_own_are_read(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (tiny.ROOT / "docs/competitions.md").read_text("utf-8")
    section = text.split("### Your own pairs")[1].split("\n## ")[0]
    folder = tmp_path / "competitions" / "same_dog"
    folder.mkdir(parents=True)
    for name, block in zip(
        ("__init__", "data"), re.findall(r"```py\n(.*?)```", section, re.DOTALL), strict=True
    ):
        (folder / f"{name}.py").write_text(block, "utf-8")
    monkeypatch.setattr(competitions, "__path__", [*competitions.__path__, str(folder.parent)])
    own = importlib.import_module("competitions.same_dog.data")
    root = write_lists(faces, False)
    (root / "lfw-deepfunneled").rename(root / "dogs")
    for part, name in (("DevTrain", "train"), ("DevTest", "test")):
        (root / f"pairs{part}.txt").rename(root / f"{name}.txt")
    mount = tmp_path / "mounts" / own.COMPETITION.mount
    mount.parent.mkdir(parents=True)
    mount.symlink_to(root)
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "mounts"))
    own.COMPETITION.check()
    parts = own.load(70, Parameters())
    assert [len(parts[0]) + len(parts[1]), len(parts[2])] == [24 + 15, 8 + 4]
    learnt, chosen, asked = map(people_of, parts)
    assert chosen
    assert not learnt & (chosen | asked)


def shares(parts: Sequence[Records]) -> list[float]:
    return [round(float(np.mean(part.labels)), 2) for part in parts]


def test_view_1_is_split_by_person_without_losing_a_pair() -> None:
    train, test = data.read_lists(real.data("lfw-dataset"))
    parts = hold_out(train, COMPETITION.task, data.SHARE)
    counts = COMPETITION.pictures
    assert [len(part) for part in (*parts, test)] == [counts[n] for n in ("train", "val", "test")]
    learnt, chosen, asked = (people_of(part) for part in (*parts, test))
    assert not learnt & chosen
    assert not (learnt | chosen) & asked
    assert len(learnt | chosen) == 2132
    assert shares(parts) == [0.5, 0.5]
    assert len(set(train.groups.tolist())) == 1032


def test_single_pictures_are_of_the_people_of_each_part(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lists(faces, False)
    monkeypatch.setattr(type(COMPETITION), "data_folder", lambda self, internet=False: faces)
    with pytest.raises(UserError, match=r"^5 pairs of validation, \d .* are of 1 group"):
        look("competitions.labeled_faces.lite")
    monkeypatch.setattr(data, "SHARE", 0.4)
    listed, single = data.load(64, Parameters()), data.load_people(64, Parameters())
    for pairs, pictures in zip(listed, single, strict=True):
        assert {*pictures.groups.tolist()} == people_of(pairs)
        rows_of_pairs(pairs, pictures)
    train, validation, test = single
    assert np.unique(train.labels).tolist() == [*range(int(validation.labels.min()))]
    assert len(np.unique(np.append(train.labels, validation.labels))) == len(PEOPLE["DevTrain"])
    assert test.labels is None
    look("competitions.labeled_faces.lite")  # whose labels are people, and of the pairs 0 and 1


def test_people_who_are_all_connected_can_be_split_at_random_alone(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted(tmp_path, write_lists(faces, False))
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "mounts"))
    path, few = faces / "pairsDevTrain.txt", PEOPLE["DevTrain"][:9]
    rows = [f"{one}\t1\t2" for one in few]
    rows += [f"{one}\t1\t{other}\t2" for one, other in pairwise(few)]
    path.write_text("\n".join(rows))
    said = r"^nothing to .* on: pairsDevTrain\.txt: pairs connect all 9 people to 1 group, .*draw"
    for kernel in ("twin", "lite"):
        with pytest.raises(UserError, match=said):
            look(f"competitions.labeled_faces.{kernel}")
    with pytest.raises(UserError, match=said):
        look("competitions.labeled_faces.twin", {"folds": 3})
    look("competitions.labeled_faces.twin", {"batch_size": 8, "split": "random-validation"})
    path.write_text("\n".join(row for row in rows if row != rows[12]))  # two groups
    look("competitions.labeled_faces.twin", {"batch_size": 4})


def write_folds(root: Path, *, number: int = 3) -> Path:
    """A list as that of View 2: people of training in folds of eight."""
    people, lines = PEOPLE["DevTrain"], []
    for fold in range(number):
        own = people[8 * fold : 8 * fold + 8]
        lines += [(one, 1, 2) for one in own]
        lines += [(one, 1, other, 2) for one, other in zip(own, [*own[1:], own[0]], strict=True)]
    text = "\n".join("\t".join(map(str, line)) for line in lines)
    (root / "pairs.txt").write_text(f"{number}\t8\n{text}")
    return root


def test_a_list_of_folds_is_enough_and_says_that_it_is_not_view_2(faces: Path) -> None:
    with pytest.raises(UserError, match=r"faces lacks pairsDevTrain\.txt or matchpairsDevTrain"):
        data.check_folder(faces)
    data.check_folder(write_folds(faces))
    people, pairs = data.read_folds(faces)
    assert pairs.notes == ("3 folds of 8 + 8 pairs are not View 2, whose ten have 300 + 300",)
    assert (len(people), len(pairs)) == (3 * 8 * 2, 3 * 16)
    assert pairs.columns["fold"].tolist() == [str(fold) for fold in range(3) for _ in range(16)]
    assert people.labels.tolist() == [person for person in range(24) for _ in range(2)]
    assert people.columns["fold"].tolist() == [str(fold) for fold in range(3) for _ in range(16)]
    write_folds(faces, number=2)
    with pytest.raises(UserError, match="it has 2 folds of pairs, and 3 are needed"):
        data.check_folder(faces)


def test_one_picture_in_both_files_of_a_pair_of_test_is_a_warning(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = faces / "lfw-deepfunneled" / "lfw-deepfunneled" / "Bob_3"
    shutil.copy(folder / "Bob_3_0001.jpg", folder / "Bob_3_0002.jpg")
    mounted(tmp_path, write_lists(faces, False))
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "mounts"))
    look("competitions.labeled_faces.twin", {"batch_size": 8})
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert said == [
        "warning: pairs of test that are one picture in two files of the same bytes: 1 "
        "(Bob_3_0001 | Bob_3_0002, listed as one person)"
    ]


def test_view_2_is_blended_with_no_other_model() -> None:
    assert "view2" in planned("faces", "view2")
    said = "view2 predicts other pairs than the other models: ask for it alone"
    with pytest.raises(UserError, match=said):
        planned("faces", "twin", "view2")


@pytest.mark.slow
def test_view_2_is_scored_fold_by_fold(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted(tmp_path, write_folds(faces))
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "mounts"))
    monkeypatch.chdir(tmp_path)
    small = {"image_size": 64, "grid": 1, "tta": 1, "components": 12, "total_parameters": 0}
    carry_out(view2.KERNEL, {"kernel": "view2", "settings": small})
    found = load_predictions(tmp_path, "view2")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    right = found.validation.argmax(axis=1) == found.validation_labels
    folds = np.array([int(one[4:6]) // 8 for one in found.validation_ids])
    each = [right[folds == fold].mean() for fold in range(3)]
    scores = metrics["fold_scores"]
    assert scores["folds"] == pytest.approx(each)
    assert scores["mean"] == pytest.approx(np.mean(each)) == metrics["validation_score"]
    assert scores["mean"] > 0.7  # a person is a colour
    assert scores["standard_error"] == pytest.approx(np.std(each, ddof=1) / 3**0.5)
    assert len(found.test) == 0
    manifest = read_manifest(tmp_path, "view2", "")
    assert manifest["setting"] == metrics["setting"] == "unrestricted, label-free outside data"
    (warning,) = manifest["warnings"]
    assert "are not View 2" in warning


@pytest.mark.slow
def test_a_dry_run_ends_in_the_accuracy_of_the_test_pairs(faces: Path, tmp_path: Path) -> None:
    done = tiny.submit(
        *("faces", "--model", "twin", "--dry-run", "--data", write_lists(faces, False)),
        *("--set", "epochs=1", "--set", "batch_size=16", "--run-dir", tmp_path / "run", "--json"),
    )
    result = tiny.last_json(done)
    with open(result["predictions"], newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    right = [row["label"] == row["predicted"] for row in rows]
    assert len(rows) == result["test_n"] == 12
    assert result["test_score"] == pytest.approx(np.mean(right))
    assert {row["label"] for row in rows} == {"different", "same"}
    assert float(rows[0]["different"]) + float(rows[0]["same"]) == pytest.approx(1, abs=1e-5)
    metrics = (tmp_path / "run/outputs/ensemble/metrics.json").read_text()
    assert '"test_groups": 4' in metrics  # of one, three, three and one of eight people


@pytest.mark.slow
def test_the_triplets_network_ends_at_its_layer_in_what_the_loss_takes() -> None:
    def built(**settings: object) -> Any:
        return triplets.KERNEL.network(triplets.KERNEL.resolve(settings=settings))

    small: dict = {"image_size": 32, "embedding": 8, "weights": "none"}
    noise = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    model = built(**small)
    assert "block10_depthwise_relu" in [layer.name for layer in model.layers]
    assert "block10_project" not in [layer.name for layer in model.layers]
    np.testing.assert_allclose(np.linalg.norm(model(noise), axis=1), 1, atol=1e-5)
    classes = {**small, "loss": "cosface", "pictures_per_class": 0, "margin": 0.2, "layer": ""}
    whole = built(**classes)
    assert whole.output_shape == (None, triplets.PEOPLE)
    assert "head_relu" in [layer.name for layer in whole.layers]
    with pytest.raises(UserError, match="did you mean block10_project"):
        built(**{**small, "layer": "block10_projct"})
    with pytest.raises(UserError, match="take loss=cosface"):
        built(**{**small, "loss": "softmax"})

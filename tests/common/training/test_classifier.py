"""What a classifier's kernel refuses, in one line and before it trains; folds, caches, columns."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from common.data.records import Records
from common.data.tfrecords import read_records
from common.files.predictions import load_predictions
from common.forms import ProbabilityColumns
from common.manifest import read_manifest
from common.parameters import Parameters
from common.training.trainer import Trainer
from support import flowers, small_classifier

pytestmark = pytest.mark.slow
KERNEL = small_classifier.KERNEL
Train = Callable[..., str]


def test_a_fold_without_cache_or_refit_predicts(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(KERNEL.competition.task), "metrics", lambda task: ["accuracy", "mse"])
    settings = {"epochs": 1, "cache": "none", "folds": 3, "fold": 1, "mixup": 0.2, "tta": 2}
    train(KERNEL, tmp_path, settings=settings, nonce="n1")
    manifest = read_manifest(tmp_path, "small", "n1")
    assert "refit" not in manifest["seconds"]
    assert manifest["validation"].startswith("11 of 33 pictures, fold 1 of 3, stratified")
    assert "warnings" not in manifest
    columns = (tmp_path / "history.csv").read_text().splitlines()[0].split(",")
    measured = ["loss", "accuracy", "val_loss", "val_accuracy", "mse", "val_mse"]
    assert columns == ["stage", "epoch", "learning_rate", *measured]
    predictions = load_predictions(tmp_path, "small")
    assert len(predictions.validation) == 11  # of 24 + 9
    assert {name[:3] for name in predictions.validation_ids.tolist()} == {"tra", "val"}
    split = pd.read_csv(tmp_path / "split.csv", dtype=str, keep_default_na=False)
    assert "split.csv" in manifest["files"]
    assert split.id[split.part == "val"].tolist() == predictions.validation_ids.tolist()
    assert set(split.fold[split.part == "val"]) == {"1"}
    assert split.part.value_counts()["train"] == 22
    assert np.ptp(predictions.test, axis=0).max() > 0, "every picture gets the same answer"


def labelled(shift: int, none: bool = False) -> Any:
    """The kernel where nothing is submitted, with labels of test, other ones for each shift."""

    def load(size: int, parameters: Parameters) -> tuple[Records, Records, Records | None]:
        train, validation, test = small_classifier.load(size, parameters)
        labels = (np.arange(len(test)) + shift) % 3
        return train, validation, None if none else replace(test, labels=labels)

    return replace(KERNEL, competition=replace(KERNEL.competition, submission=None), load=load)


def test_a_training_passes_the_labels_of_test_on_and_sees_none(
    train: Train, tmp_path: Path
) -> None:
    settings, found, said = {"epochs": 1, "refit": True, "tta": 2}, [], []
    for shift in (0, 1):
        said.append(train(labelled(shift), tmp_path / str(shift), settings=settings))
        found.append(load_predictions(tmp_path / str(shift), "small"))
        assert found[shift].test_labels.tolist() == [(n + shift) % 3 for n in range(7)]
    for name in ("validation", "test"):
        np.testing.assert_array_equal(*(getattr(one, name) for one in found))
    first, second = ((tmp_path / f"{n}" / "metrics.json").read_text() for n in (0, 1))
    assert "test" not in first
    assert first.partition('"input_wait"')[0] == second.partition('"input_wait"')[0]
    wrong = replace(labelled(0), load=lambda *given: (
        *(parts := labelled(0).load(*given))[:2], replace(parts[2], labels=parts[2].labels + 1)
    ))  # fmt: skip
    assert "test: row 2 has label 3, expected 0 to 2" in train(wrong, tmp_path / "wrong")


def test_all_pictures_are_split_anew_where_nothing_is_submitted(
    train: Train, tmp_path: Path
) -> None:
    settings = {"epochs": 1, "batch_size": 4, "split": "random", "refit": False}
    train(labelled(0), tmp_path / "random", settings=settings, nonce="n1")
    found = load_predictions(tmp_path / "random", "small")
    assert (len(found.validation), len(found.test)) == (6, 6)  # of 24 + 9 + 7
    assert {name[:2] for name in [*found.validation_ids, *found.test_ids]} > {"tr", "te"}
    assert len(found.test_labels) == 6
    manifest = read_manifest(tmp_path / "random", "small", "n1")
    words = "6 of 40 pictures, at random, stratified, seed 0; test are 6 more"
    assert manifest["validation"] == words
    split = pd.read_csv(tmp_path / "random" / "split.csv", dtype=str, keep_default_na=False)
    assert split.part.value_counts().to_dict() == {"train": 28, "val": 6, "test": 6}
    assert split.id[split.part == "test"].tolist() == found.test_ids.tolist()
    network = json.loads((tmp_path / "random" / "small.network.json").read_text())
    assert network["trained_on"] == "70 % of all pictures, split=random (seed 0)"
    said = train(labelled(0), tmp_path / "grouped", settings={**settings, "split": "grouped"})
    assert "of 40 pictures, by group, stratified, no copies found, seed 0;" in said
    others = {**settings, "split": "random-validation"}
    train(KERNEL, tmp_path / "submits", settings=others, nonce="n2")  # its test is as it is given
    ours = load_predictions(tmp_path / "submits", "small")
    assert (len(ours.validation), len(ours.test)) == (5, 7)
    assert read_manifest(tmp_path / "submits", "small", "n2")["validation"].startswith("5 of 33")
    network = json.loads((tmp_path / "submits" / "small.network.json").read_text())
    assert network["trained_on"].startswith("85 % of train + validation, split=random-valid")
    said = train(KERNEL, tmp_path / "submits", settings=settings)
    assert "setting split=random: small is scored on its own test: take split=given" in said


@pytest.mark.parametrize("split", ["given", "random"])
def test_predictions_know_the_groups_of_their_pictures(
    train: Train, tmp_path: Path, split: str
) -> None:
    def load(size: int, parameters: Parameters) -> list[Records]:
        parts = labelled(0).load(size, parameters)
        return [replace(one, groups=np.array([f"of {name}" for name in one.ids])) for one in parts]

    kernel = replace(labelled(0), load=lambda *given: tuple(load(*given)))
    settings = {"epochs": 1, "batch_size": 4, "refit": False, "split": split}
    train(kernel, tmp_path / "run", settings=settings)
    found = load_predictions(tmp_path / "run", "small")
    for part in ("validation", "test"):
        ids, groups = getattr(found, f"{part}_ids"), getattr(found, f"{part}_groups")
        assert groups.tolist() == [f"of {name}" for name in ids]


def test_test_may_be_missing_where_nothing_is_submitted(train: Train, tmp_path: Path) -> None:
    train(labelled(0, none=True), tmp_path / "none", settings={"epochs": 1})
    predictions = load_predictions(tmp_path / "none", "small")
    assert (predictions.test.shape, predictions.test_labels) == ((0, 3), None)
    submits = replace(labelled(0, none=True), competition=KERNEL.competition)
    said = train(submits, tmp_path / "submits", settings={"epochs": 1})
    assert "gave no (train, validation, test) of Records" in said


def broken_test(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    train, validation, _ = small_classifier.load(size, parameters)
    pictures = [flowers.example(f"test{n}", None) for n in range(6)]
    path = Path("00-20x20-7.tfrec")
    flowers.write_file(path, [*pictures, flowers.example("test6", None, b"no picture")])
    return train, validation, read_records(Path.cwd(), False, 3)


def broken_validation(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Its first picture has a good header, and its end is missing."""
    train, _, test = small_classifier.load(size, parameters)
    whole = cv2.imencode(".png", np.random.default_rng(0).integers(0, 256, (20, 20, 3)))[1]
    records = [flowers.example("val0", 0, whole.tobytes()[:200])]
    records += [flowers.example(f"val{n}", n % 3) for n in range(1, 6)]
    flowers.write_file(Path("val") / "00-20x20-6.tfrec", records)
    return train, read_records(Path("val"), True, 3), test


def twice(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    train, validation, test = small_classifier.load(size, parameters)
    return train, replace(train.take(np.arange(len(validation))), name="val"), test


def one_class_missing(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    train, validation, test = small_classifier.load(size, parameters)
    return train, validation.take(validation.labels != 2), test


def one_class(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    train, validation, test = small_classifier.load(size, parameters)
    return train.take(train.labels == 0), validation, test


def read_missing(*arguments: Any) -> None:
    Path("/nowhere/train.csv").read_text()


AUC = replace(small_classifier.COMPETITION, metric="roc_auc", submission=ProbabilityColumns())
FULL_BATCH = (
    "a batch of 25 is more than the 24 training examples: lower it with --set batch_size=24"
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipe": replace(KERNEL.recipe, batch_size=25)}, FULL_BATCH),
        ({"load": broken_test}, "record 7 (test6) has no readable picture"),
        ({"load": broken_validation}, "record 1 (val0) has no readable picture"),
        (
            {"load": twice, "recipe": replace(KERNEL.recipe, folds=3)},
            "train: the id train0 comes 2 times: in ",
        ),
        ({"load": one_class}, "train has pictures of one class alone, red: there"),
        ({"load": one_class_missing, "competition": AUC}, "all 6 rows have the same answer, of bl"),
        ({"load": read_missing}, "/nowhere/train.csv: no such file; the data of small must have t"),
        ({"load": lambda *_: (1, 2)}, "load of small gave no (train, validation, test) of Records"),
    ],
)
def test_what_would_be_found_at_the_end_is_found_before_training(
    train: Train, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    assert said in train(replace(KERNEL, **changes), tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists()
    assert not (tmp_path / "manifest.json").exists()


def test_test_and_the_sample_have_the_same_ids(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = tmp_path / "sample_submission.csv"
    sample.write_text("id,label\ntest0,0\nother,0\n\n")
    monkeypatch.setattr("common.training.loading.find_sample", lambda competition: sample)
    said = train(KERNEL, tmp_path / "work")
    assert "6 of its 7 pictures are not in the sample, the first is test1 (" in said
    assert "00-20x20-7.tfrec: record 2); 1 of the sample's 2 ids have no picture" in said
    assert not (tmp_path / "work" / "checkpoint.npz").exists()


@pytest.mark.parametrize(("tau", "networks"), [(0.0, 1), (0.5, 2)])
def test_a_fresh_refit_compiles_another_network_only_where_its_loss_is_another(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tau: float, networks: int
) -> None:
    built = []

    def build(weights: str | None, recipe: Any) -> Any:
        built.append(recipe)
        return small_classifier.build_model(weights, recipe)

    new_model, beginnings = Trainer.new_model, []

    def begin(trainer: Trainer, *arguments: Any) -> Any:
        model = new_model(trainer, *arguments)
        beginnings.append(small_classifier.digest(model))
        return model

    monkeypatch.setattr(Trainer, "new_model", begin)
    settings = {"epochs": 1, "refit_epochs": 1, "ema": 0.5, "logit_adjustment": tau}
    said = train(replace(KERNEL, build_model=build), tmp_path, settings=settings)
    assert "stage=refit epoch=1/1" in said
    assert len(built) == networks
    assert len(beginnings) == 2
    assert len(set(beginnings)) == 1, "the refit begins elsewhere"

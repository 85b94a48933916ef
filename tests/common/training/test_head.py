"""The super-model: networks of some artists each, and a head on their vectors side by side."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from common.accelerator import Accelerator
from common.data.records import Records
from common.errors import UserError
from common.files.features import load_features
from common.files.predictions import Vectors, load_vectors
from common.files.projection import load_projection
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.parameters import Parameters
from common.recipe import override
from common.recipes.embedding import HeadRecipe
from common.share import WHOLE
from common.training.embedding_training import class_batches
from common.training.head_training import RowBatches, Rows, train_head, without_head
from common.training.stacking import Features, Stacked, stack
from competitions.painter_by_numbers import submodel, supermodel
from kernels.plan.find import find_competition
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request, choose_models
from support import tiny

CPU = Accelerator("", "cpu", 1, "CPU", "tensorflow", "float32")
WIDTH, TOLD = 24, 4  # numbers of a network, and those of them that tell classes apart
HEAD = HeadRecipe(
    batch_size=32,
    pictures_per_class=4,
    epochs=16,
    schedule="constant",
    lr_max=1e-2,
    margin=None,
    miner="batch-all",
    embedding=8,
    hidden=32,
    dropout=0.1,
)


@dataclasses.dataclass(frozen=True)
class Steep(HeadRecipe):
    """As steep as one likes: within their range few rates diverge on vectors so small."""

    lr_max: float = 1e38


pytestmark = pytest.mark.slow


def records(labels: list[int]) -> Records:
    names = np.array([f"{number}.jpg" for number in range(len(labels))])
    places = np.arange(3 * len(labels)).reshape(-1, 3)
    return Records("train", (), names, np.array(labels, np.int64), places)


def parts(number: int, **changes: Any) -> list[submodel.SubmodelRecipe]:
    small = dataclasses.replace(submodel.KERNEL.recipe, batch_size=8, parts=number, **changes)
    return [dataclasses.replace(small, part=part) for part in range(number)]


@given(
    st.integers(1, 4),
    st.integers(8, 14),
    st.lists(st.integers(2, 5), min_size=8, max_size=16),
    st.randoms(use_true_random=False),
)
def test_the_parts_share_the_first_artists_out(
    number: int, artists: int, paintings: list[int], random: Any
) -> None:
    labels = [artist for artist, count in enumerate(paintings) for _ in range(count)]
    random.shuffle(labels)
    train = records(labels)
    found = [submodel.choose(train, recipe) for recipe in parts(number, artists=artists)]
    wanted = [name for name, label in zip(train.ids, labels, strict=True) if label < artists]
    assert sorted(name for part in found for name in part.ids) == sorted(wanted)
    sizes = []
    for place, part in enumerate(found):
        assert part.labels is not None
        own = {name: labels[int(name.split(".")[0])] for name in part.ids.tolist()}
        assert {label % number for label in own.values()} == {place}
        # Labelled from 0 in the order of the artists' numbers.
        ranks = {label: rank for rank, label in enumerate(sorted(set(own.values())))}
        assert part.labels.tolist() == [ranks[label] for label in own.values()]
        sizes.append(len(ranks))
    assert max(sizes) - min(sizes) <= 1


def test_each_picture_keeps_its_place_in_the_files() -> None:
    train = records([0, 1, 2, 3, 0, 1, 2, 3])
    chosen = submodel.choose(train, parts(2)[1])
    assert chosen.ids.tolist() == ["1.jpg", "3.jpg", "5.jpg", "7.jpg"]
    assert np.array_equal(chosen.places, train.places[[1, 3, 5, 7]])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 0, 1, 1, 2, 2], "part 1 of 2 has 1 of 3 artists, 1 with two pictures or more"),
        ([0, 0, 1, 1, 2, 2, 3], "part 1 of 2 has 2 of 4 artists, 1 with two pictures or more"),
    ],
)
def test_a_part_of_too_few_artists_is_refused(labels: list[int], said: str) -> None:
    with pytest.raises(UserError, match=f"{said}, and needs 2: lower parts, for example --set "):
        submodel.choose(records(labels), parts(2)[1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"parts": 0}, "parts=0: it must be from 1"),
        ({"part": 10}, "parts=10 part=10: they count from 0"),
        ({"artists": 19}, "parts=10 artists=19: a part needs 2 artists"),
        ({"artists": 50}, "a batch of 10 artists, and a part has 5: lower batch_size to 20"),
    ],
)
def test_recipes_that_cannot_be(settings: Mapping[str, int], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        override(submodel.KERNEL.recipe, settings)


def test_the_supermodel_is_ten_kernels_and_one_on_top() -> None:
    painter = find_competition("painter")
    request = Request(painter, choose_models(painter, ["supermodel"], False))
    kernels = {kernel.name: kernel for kernel in plan_kernels(request)}
    ten = tuple(f"submodel-part{part}" for part in range(10))
    assert kernels["supermodel"].sources == ("shared", *ten)
    assert kernels["ensemble"].sources == ("shared", "prepare", "supermodel")
    assert [kernels[name].recipe.part for name in ten] == list(range(10))
    # A batch on both devices holds no more artists than a part has.
    recipe = submodel.KERNEL.recipe
    assert 2 * recipe.batch_size // recipe.pictures_per_class <= 20


def drawn(seed: int, labels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Unit rows of which TOLD numbers tell the class, and the others are noise."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(len(labels), WIDTH))
    rows[:, :TOLD] = centres[labels] + 0.3 * generator.normal(size=(len(labels), TOLD))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def networks() -> tuple[dict[str, Vectors], dict[str, Features]]:
    """What two networks tell of 20 classes, the last six of which train has not."""
    train, validation = np.repeat(np.arange(14), 16), np.repeat(np.arange(20), 5)
    ids = [np.array([f"{part}{n}" for n in range(size)]) for part, size in
           (("t", len(train)), ("v", len(validation)), ("u", 30))]  # fmt: skip
    members, features = {}, {}
    for number, name in enumerate(("a", "b")):
        centres = np.random.default_rng(number).normal(size=(20, TOLD))
        rows = [drawn(10 * number + n, part, centres)
                for n, part in enumerate((train, validation, np.zeros(30, int)))]  # fmt: skip
        features[name] = (ids[0], train, rows[0])
        members[name] = Vectors(
            ids[1], validation, validation < 14, {"embedding": rows[1]}, ids[2],
            {"embedding": rows[2]},
        )  # fmt: skip
    return members, features


@pytest.fixture(scope="module")
def stacked() -> Stacked:
    return stack(*networks())


def shuffled(name: str, order: np.ndarray) -> tuple[dict[str, Vectors], dict[str, Features]]:
    """The networks, the rows of train of one of them in another order."""
    members, features = networks()
    ids, labels, rows = features[name]
    return members, {**features, name: (ids[order], labels[order], rows[order])}


def test_vectors_are_aligned_by_id_and_of_length_one(stacked: Stacked) -> None:
    order = np.random.default_rng(0).permutation(len(stacked.train))
    again = stack(*shuffled("b", order))
    assert np.array_equal(again.train, stacked.train)
    assert stacked.train.shape == (224, 2 * WIDTH)
    for rows in (stacked.train, *stacked.vectors.validation.values()):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_networks_of_other_pictures_are_refused() -> None:
    members, features = networks()
    ids, labels, rows = features["b"]
    for wrong, said in (
        ((np.where(ids == "t0", "t999", ids), labels, rows), "train ids of a .* and b .* differ"),
        ((ids, labels[::-1].copy(), rows), "train labels of a and b differ"),
        ((ids, labels, rows[:, 1:]), "b: vectors of 23 numbers for train and of 24 for validation"),
    ):
        with pytest.raises(UserError, match=said):
            stack(members, {**features, "b": wrong})


def train(
    stacked: Stacked, folder: Path, recipe: HeadRecipe, seed: int = 0
) -> tuple[list[dict[str, Any]], Vectors]:
    """The history of a head, and its vectors; it writes no files."""
    run = KernelRun(Parameters(seed=seed), recipe, folder)
    run.primary = False
    trainer, found = train_head(stacked, run, CPU)
    return trainer.state.history, found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hidden": 0},
        {"loss": "cosface", "margin": 0.2, "scale": 10.0, "pictures_per_class": 0},
        {"loss": "softmax", "ema": 0.9},
    ],
    ids=str,
)
def test_a_head_learns(stacked: Stacked, tmp_path: Path, changes: Mapping[str, Any]) -> None:
    before, recipe = without_head(stacked), dataclasses.replace(HEAD, **changes)
    history, vectors = train(stacked, tmp_path, recipe)
    found = channel_auc(vectors)
    after = next(iter(found.values()))
    assert after["seen"] > before["concatenation_seen"] + 0.1
    assert after["all"] > before["concatenation_score"] + 0.03
    names = {"triplet": ["embedding"], "softmax": ["classes"], "cosface": ["embedding", "classes"]}
    assert list(found) == names[recipe.loss]
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    assert history[-1]["val_accuracy"] > history[0]["val_accuracy"]


@pytest.mark.parametrize(
    ("loss", "most", "steps"),
    [("triplet", None, 7), ("triplet", 3, 3), ("softmax", None, 7), ("softmax", 3, 3)],
)
def test_the_batches_of_a_heads_epoch_are_a_field(
    stacked: Stacked, loss: str, most: int | None, steps: int
) -> None:
    each = 4 if loss == "triplet" else 0
    recipe = dataclasses.replace(HEAD, loss=loss, pictures_per_class=each, batches_per_epoch=most)
    sampler = class_batches(recipe, stacked.train_labels, 1)
    part = Rows(stacked.train, stacked.train_labels)
    drawn = RowBatches(part, recipe.batch_size, 14, 0, WHOLE, sampler, most)
    found = list(drawn.batches(range(2)))
    assert drawn.steps == steps  # 224 rows in batches of 32
    assert len(found) == 2 * steps
    assert found[0][0].shape == (32, 2 * WIDTH)
    np.testing.assert_array_equal(found[0][1].argmax(axis=1)[:, None] == np.arange(14), found[0][1])


def test_a_seed_repeats_a_head(stacked: Stacked, tmp_path: Path) -> None:
    recipe = dataclasses.replace(HEAD, epochs=1)
    (first, vectors), (again, same), (_, other) = (
        train(stacked, tmp_path, recipe, seed) for seed in (1, 1, 2)
    )
    assert first == again
    rows = vectors.test["embedding"]
    assert np.array_equal(rows, same.test["embedding"])
    assert not np.allclose(rows, other.test["embedding"])


def test_patience_ends_a_head_with_its_best_epoch_and_writes_it(
    stacked: Stacked, tmp_path: Path
) -> None:
    run = KernelRun(
        Parameters(), dataclasses.replace(HEAD, lr_max=0.05, epochs=40, patience=3), tmp_path
    )
    trainer, vectors = train_head(stacked, run, CPU)
    scores = [row["val_auc"] for row in trainer.state.history]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert len(scores) == metrics["best_epoch"] + 3 < 40
    assert channel_auc(vectors)["embedding"]["all"] == pytest.approx(max(scores), abs=1e-6)
    assert max(scores) > scores[-1]
    assert without_head(stacked).items() <= metrics.items()
    shown = load_projection(tmp_path)
    assert shown is not None
    assert shown.epochs.tolist()[-1] == len(scores)
    assert not (tmp_path / "checkpoint.npz").exists()


def test_a_head_that_diverges_and_one_of_too_large_batches(
    stacked: Stacked, tmp_path: Path
) -> None:
    found = dataclasses.asdict(HEAD)
    steep = {"lr_max": 1e38, "optimizer": "sgd", "loss": "softmax"}
    for recipe, said in (
        (HeadRecipe(**{**found, "batch_size": 64}), "classes, and 14 of 14 classes have 2 pictur"),
        (Steep(**found | steep), "the loss became .* in epoch 1 of training.*lower it"),
        (
            Steep(**found | {"lr_max": 1e18, "optimizer": "sgd"}),
            "the training diverged: .* of training.* rate 1e.18: lowe",
        ),
    ):
        with pytest.raises(UserError, match=said):
            train(stacked, tmp_path, recipe)


def test_a_dry_run_of_the_supermodel(tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ("--set", "epochs=2", "--set", "parts=2", "--set", "image_size=32")
    command = [
        "painter",
        "--model",
        "supermodel",
        "--dry-run",
        *settings,
        "--run-dir",
        run,
        "--json",
    ]
    result = tiny.last_json(tiny.submit(*command))
    assert result["state"] == "complete"
    assert 0.3 < result["public_score"] < 1
    parts = [run / "outputs" / f"submodel-part{part}" for part in range(2)]
    ids, labels, rows = load_features(parts[0], "part 0")
    assert rows.shape == (len(ids), submodel.KERNEL.dry_run["embedding"])
    assert len(np.unique(labels)) > 12, "the vectors of all artists, not of the part's alone"
    manifests = [json.loads((part / "manifest.json").read_text()) for part in parts]
    assert [manifest["recipe"]["part"] for manifest in manifests] == [0, 1]
    head = run / "outputs" / "supermodel"
    found = load_vectors(head, "supermodel")
    width = supermodel.KERNEL.dry_run["embedding"]
    assert found.validation["embedding"].shape == (len(found.validation_ids), width)
    metrics = json.loads((head / "metrics.json").read_text())
    assert metrics["validation_score"] == channel_auc(found)["embedding"]["all"]
    for figure in ("curves.png", "schedule.png"):
        assert (head / figure).stat().st_size > 1000
    assert (head / "history.csv").read_text().count("\n") == 3

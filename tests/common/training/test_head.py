"""The super-model: networks of some artists each, and a head on their vectors side by side."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.accelerator import WHOLE, Accelerator
from common.data.records import Records
from common.data.rows import RowBatches, Rows
from common.errors import UserError
from common.files.network import read_networks
from common.files.predictions import Vectors
from common.files.projection import load_projection
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.parameters import Parameters
from common.recipes.embedding import HeadRecipe
from common.tasks.classification import Classification
from common.training.head_training import train_head, without_head
from common.training.network import Published, save_network
from common.training.stacking import Features, Stacked, stack
from common.training.vectors import class_batches
from competitions.painter_by_numbers import submodel

pytestmark = pytest.mark.slow
CPU = Accelerator("", "cpu", 1, "CPU", "tensorflow", "float32")
WIDTH, INFORMATIVE = 24, 4  # numbers of a network, and those of them that differ by class
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


def part_of(labels: list[int], part: int, **changes: Any) -> Records:
    """What a sub-model learns from, of a train with these labels."""
    names = np.array([f"{number}.jpg" for number in range(len(labels))])
    places = np.arange(3 * len(labels)).reshape(-1, 3)
    train = Records("train", (), names, np.array(labels, np.int64), places)
    recipe = dataclasses.replace(submodel.KERNEL.recipe, batch_size=8, part=part, **changes)
    return submodel.choose(train, recipe)


def test_the_parts_share_the_first_artists_out() -> None:
    labels = [5, 0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 5]
    for part, rows, own in (
        (0, [1, 3, 5, 6, 8, 10], [0, 1, 2, 2, 1, 0]),
        (1, [2, 4, 7, 9], [0, 1, 1, 0]),
    ):
        found = part_of(labels, part, parts=2, artists=5)
        assert found.ids.tolist() == [f"{row}.jpg" for row in rows]
        assert found.places[:, 0].tolist() == [3 * row for row in rows]
        assert found.labels is not None
        assert found.labels.tolist() == own  # from 0 in the order of the artists' numbers


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 0, 1, 1, 2, 2], "part 1 of 2 has 1 of 3 artists, 1 with two pictures or more"),
        ([0, 0, 1, 1, 2, 2, 3], "part 1 of 2 has 2 of 4 artists, 1 with two pictures or more"),
    ],
)
def test_a_part_of_too_few_artists_is_refused(labels: list[int], said: str) -> None:
    with pytest.raises(UserError, match=f"{said}, and needs 2: lower parts, for example --set "):
        part_of(labels, 1, parts=2)


def rows_of(seed: int, labels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Unit rows of which INFORMATIVE numbers differ by class, and the others are noise."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(len(labels), WIDTH))
    rows[:, :INFORMATIVE] = centres[labels] + 0.3 * generator.normal(
        size=(len(labels), INFORMATIVE)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def networks() -> tuple[dict[str, Vectors], dict[str, Features]]:
    """What two networks tell of 20 classes, the last six of which train has not."""
    labels = {"t": np.repeat(np.arange(14), 16), "v": np.repeat(np.arange(20), 5)}
    labels["u"] = np.zeros(30, int)  # of test
    ids = {part: np.array([f"{part}{n}" for n in range(len(labels[part]))]) for part in labels}
    members, features = {}, {}
    for number, name in enumerate(("a", "b")):
        centres = np.random.default_rng(number).normal(size=(20, INFORMATIVE))
        rows = {
            part: rows_of(10 * number + n, labels[part], centres) for n, part in enumerate(labels)
        }
        features[name] = (ids["t"], labels["t"], rows["t"])
        known = (ids["v"], labels["v"], labels["v"] < 14, {"embedding": rows["v"]})
        members[name] = Vectors(*known, ids["u"], {"embedding": rows["u"]})
    return members, features


@pytest.fixture(scope="module")
def stacked() -> Stacked:
    return stack(*networks())


def test_vectors_are_aligned_by_id_and_of_length_one(stacked: Stacked) -> None:
    members, features = networks()
    order = np.random.default_rng(0).permutation(len(stacked.train))
    shuffled = {**features, "b": tuple(part[order] for part in features["b"])}
    assert np.array_equal(stack(members, shuffled).train, stacked.train)  # type: ignore[arg-type]
    assert stacked.train.shape == (224, 2 * WIDTH)
    for rows in (stacked.train, *stacked.vectors.validation.values()):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_networks_of_other_pictures_are_refused() -> None:
    members, features = networks()
    ids, labels, rows = features["b"]
    for wrong, said in (
        ((np.where(ids == "t0", "t999", ids), labels, rows), "train ids of a .* and b .* differ"),
        ((ids, labels[::-1].copy(), rows), "train labels of a and b differ"),
    ):
        with pytest.raises(UserError, match=said):
            stack(members, {**features, "b": wrong})


def train(
    stacked: Stacked, folder: Path, recipe: HeadRecipe, primary: bool = False
) -> tuple[list[dict[str, Any]], Vectors]:
    """The history of a head, and its vectors; it writes no files but where it is ``primary``."""
    run = KernelRun(Parameters(), recipe, folder)
    run.primary = primary
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
def test_a_head_learns(stacked: Stacked, tmp_path: Path, changes: dict[str, Any]) -> None:
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


def test_a_head_begins_with_published_weights(stacked: Stacked, tmp_path: Path) -> None:
    first = KernelRun(Parameters("head"), HEAD, tmp_path)
    trainer, found = train_head(stacked, first, CPU)
    save_network(first, submodel.COMPETITION, trainer.model)
    network, path = read_networks(tmp_path)["head"]
    assert (network.network, network.image_size, network.outputs) == ("head", 0, 8)
    (tmp_path / "again").mkdir()
    recipe = dataclasses.replace(HEAD, epochs=1, lr_max=1e-9)
    again = KernelRun(Parameters("head"), recipe, tmp_path / "again")
    again.primary = False
    published = Published("alice/heads", network, path, saw_validation=False)
    _, same = train_head(stacked, again, CPU, published)
    assert again.facts["begins_with"]["random"] == []
    ours, theirs = (vectors.test["embedding"] for vectors in (same, found))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("each", [4, 0])
@pytest.mark.parametrize(("most", "steps"), [(None, 7), (3, 3)])  # 224 rows in batches of 32
def test_the_batches_of_a_heads_epoch_are_a_field(
    stacked: Stacked, each: int, most: int | None, steps: int
) -> None:
    changes = {"loss": "softmax", "pictures_per_class": each, "batches_per_epoch": most}
    recipe = dataclasses.replace(HEAD, **changes)
    part = Rows(stacked.train[None], stacked.train_labels)
    sampler = class_batches(recipe, part.labels, 1)
    rows = most * 32 if most else None
    encode = Classification(tuple("abcdefghijklmn")).targets
    batches: Any = RowBatches([part], recipe, encode, 32, 0, WHOLE, sampler, rows)
    found = list(batches.batches(range(2)))
    assert batches.steps == steps
    assert len(found) == 2 * steps
    drawn, targets, weights = found[0]
    assert drawn.shape == (32, 2 * WIDTH)
    assert weights.all()
    np.testing.assert_array_equal(targets.argmax(axis=1)[:, None] == np.arange(14), targets)


def test_patience_ends_a_head_with_its_best_epoch_and_writes_it(
    stacked: Stacked, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(HEAD, lr_max=0.05, epochs=40, patience=3)
    history, vectors = train(stacked, tmp_path, recipe, primary=True)
    scores = [row["val_auc"] for row in history]
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert len(scores) == metrics["best_epoch"] + 3 < 40
    assert channel_auc(vectors)["embedding"]["all"] == pytest.approx(max(scores), abs=1e-6)
    assert max(scores) > scores[-1]
    assert without_head(stacked).items() <= metrics.items()
    shown = load_projection(tmp_path)
    assert shown is not None
    assert shown.epochs.tolist()[-1] == len(scores)
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        (HeadRecipe, {"batch_size": 64}, "classes, and 14 of 14 classes have 2 pictures"),
        (Steep, {"loss": "softmax"}, "the loss became .* in epoch 1 of training.*lower it"),
        (Steep, {"lr_max": 1e18}, "the training diverged: .* of training.* rate 1e.18: lower"),
    ],
)
def test_a_head_that_diverges_and_one_of_too_large_batches(
    stacked: Stacked, tmp_path: Path, recipe: Any, changes: dict[str, Any], said: str
) -> None:
    steep = {"lr_max": 1e38, "optimizer": "sgd"} if recipe is Steep else {}
    with pytest.raises(UserError, match=said):
        train(stacked, tmp_path, recipe(**{**vars(HEAD), **steep, **changes}))

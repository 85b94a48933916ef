"""From TFRecords to batches: every picture with its label and weight, the same for a seed."""

import dataclasses
import functools
import itertools
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.accelerator import Share
from common.data import batches
from common.data.augment import resize
from common.data.batches import Training, evaluation_batches, one_hot
from common.data.pictures import Pictures, choose_cache, free_memory
from common.data.records import join
from common.data.rows import RowBatches, Rows
from common.data.samplers import ClassBatches
from common.data.squares import Square
from common.data.tfrecords import parse, read_records, records_of
from common.errors import UserError
from common.recipes.classifier import ClassifierRecipe
from support import flowers

CACHES = ("none", "memory", "disk")
CLASSES = 104
encode = functools.partial(one_hot, classes=CLASSES)

LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
RECIPE = ClassifierRecipe(image_size=16, crop_margin=4, batch_size=4, cache="none")
Batches = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of 4, 1 and 5 pictures of noise, no two pictures alike."""
    folder = tmp_path_factory.mktemp("noise") / "train"
    generator, rows = np.random.default_rng(0), iter(range(10))
    for number, count in enumerate((4, 1, 5)):
        examples = []
        for row in itertools.islice(rows, count):
            picture = generator.integers(0, 255, (24, 24, 3), dtype=np.uint8)
            jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
            examples.append(flowers.example(str(row), LABELS[row], jpeg))
        flowers.write_file(folder / f"{number:02d}-24x24-{count}.tfrec", examples)
    return folder


def pictures(folder: Path, cache: str = "none") -> Pictures:
    return Pictures(read_records(folder, True, CLASSES), 20, cache)


def training(part: Pictures, epochs: range, seed: int = 0, **options: object) -> Batches:
    recipe = options.pop("recipe", RECIPE)
    return list(Training([part], recipe, encode, 4, seed, **options).batches(epochs))


def joined(found: Any) -> list[np.ndarray]:
    """Pictures, targets and weights of all batches."""
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def same(first: Any, second: Any) -> bool:
    return all(map(np.array_equal, joined(first), joined(second)))


@pytest.mark.parametrize("cache", CACHES)
def test_evaluation_keeps_every_picture_in_order_and_fills_up_the_last_batch(
    tmp_path: Path, cache: str
) -> None:
    flowers.shard(tmp_path, LABELS)
    part = pictures(tmp_path, cache)
    for _ in range(2):  # the second time from the cache
        found = list(evaluation_batches(part, RECIPE, encode, 4))
        assert [len(batch) for batch, _, _ in found] == [4, 4, 4]
        shown, targets, weights = joined(found)
        assert shown.dtype == np.uint8
        assert weights.tolist() == [1.0] * 10 + [0.0] * 2
        assert targets[:10].argmax(axis=1).tolist() == LABELS
        np.testing.assert_allclose(shown[:10, 0, 0, 0], np.array(LABELS) * 50 % 256, atol=3)


@pytest.mark.parametrize(
    ("parts", "most", "steps", "shown"),
    [(1, None, 3, 10), (2, None, 5, 20), (1, 8, 2, 8), (1, 6, 2, 6), (1, 99, 3, 10)],
)
def test_every_picture_comes_once_an_epoch_whatever_divides_it(
    noise: Path, parts: int, most: int | None, steps: int, shown: int
) -> None:
    made = Training([pictures(noise)] * parts, RECIPE, encode, 4, 0, pictures=most)
    assert (made.steps, made.counted) == (steps, shown)
    orders = []
    for epoch in range(30 if most else 3):
        _, targets, weights = joined(made.batches(range(epoch, epoch + 1)))
        assert weights.tolist() == [1.0] * shown + [0.0] * (4 * steps - shown)
        orders.append(made._order(epoch)[:shown].tolist())
        assert len(set(orders[-1])) == shown
        assert targets[:shown].argmax(axis=1).tolist() == made.labels[orders[-1]].tolist()
    assert set(np.ravel(orders).tolist()) == set(range(10 * parts)), "each epoch is drawn anew"


def test_the_order_is_over_the_whole_epoch_and_not_over_one_file(noise: Path) -> None:
    part = pictures(noise)
    places = np.array([Training([part], RECIPE, encode, 4, s)._order(0)[:10] for s in range(300)])
    means = [(places == row).nonzero()[1].mean() for row in range(10)]
    np.testing.assert_allclose(means, 4.5, atol=0.7)  # every picture comes early as often as late


# A sampler, or not, and mixed pictures.
WAYS = {
    "plain": {},
    "mixed": {"recipe": ClassifierRecipe(image_size=16, crop_margin=4, mixup=0.4, cutmix=1.0)},
    "copies": {"recipe": ClassifierRecipe(image_size=16, crop_margin=4, balance="copies")},
    "augmented": {"recipe": ClassifierRecipe(image_size=16, crop_margin=4, balance="augmented")},
    "few": {"recipe": ClassifierRecipe(image_size=16, crop_margin=4, balance="undersample")},
    "classes": {"sampler": ClassBatches(np.array(LABELS), 2, 2)},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("cache", "seed"), [("none", 0), ("memory", 2**32 - 1), ("disk", 0)])
def test_an_epoch_is_the_same_wherever_the_training_begins_and_whatever_the_threads(
    noise: Path, cache: str, seed: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, options = pictures(noise, cache), WAYS[way]
    whole = training(part, range(3), seed, **options)
    steps = len(whole) // 3
    monkeypatch.setattr(batches, "_THREADS", 1)
    assert same(whole[2 * steps :], training(part, range(2, 3), seed, **options))
    monkeypatch.setattr(batches, "_THREADS", 5)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert same(whole, training(part, range(3), seed, **options))
    assert not same(whole[:steps], whole[steps : 2 * steps])
    assert not same(whole, training(part, range(3), seed - 1 if seed else 1, **options))


@pytest.mark.parametrize("way", ["plain", "augmented", "few", "classes"])
@pytest.mark.parametrize("processes", [2, 4])
def test_the_shares_of_several_processes_are_the_batches_of_one(
    noise: Path, processes: int, way: str
) -> None:
    part, options = pictures(noise), WAYS[way]
    all_shares = [Share(p, processes) for p in range(processes)]
    shares = [training(part, range(2), share=share, **options) for share in all_shares]
    together = [joined(step) for step in zip(*shares, strict=True)]
    assert same(training(part, range(2), **options), together)
    evaluated = [joined(evaluation_batches(part, RECIPE, encode, 4, s))[2] for s in all_shares]
    assert np.sum(evaluated) == 10


def test_whole_pictures_are_evaluated_at_the_size_of_the_network(noise: Path) -> None:
    recipe = dataclasses.replace(RECIPE, evaluation="whole")
    part = Pictures(read_records(noise, True, CLASSES), 20, "memory", Square("squash", "nearest"))
    part[0]  # as after training: from the cache it would be the middle, or blurred
    for seen in (0, 3, 8):
        found, _, _ = joined(evaluation_batches(part, recipe, encode, 5, seen=seen))
        for row in range(10):
            at_16 = resize(part.original(row), 16)
            wanted = {0: at_16, 3: at_16[::-1, ::-1], 8: part[row][:16, :16]}[seen]
            np.testing.assert_array_equal(found[row], wanted)


def test_joined_and_taken_records_give_the_pictures_they_name(noise: Path) -> None:
    records = read_records(noise, True, CLASSES)
    both = join("both", records.take(np.arange(5)), records)
    part = Pictures(both.take(np.array([14, 0, 7])), 24)
    whole = Pictures(records, 24)
    jpegs = [parse(record, "image")[0] for path in records.files for record in records_of(path)]
    assert part.records.ids.tolist() == ["9", "0", "2"]
    for at, row in enumerate((9, 0, 2)):
        first, again = (bytes(part.content(at)) for _ in range(2))  # looked for, and known
        assert first == again == jpegs[row]
        np.testing.assert_array_equal(part[at], whole[row])
        assert part.labels[at] == LABELS[row]


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
def test_mixed_pictures_bring_their_own_weights(noise: Path, way: str) -> None:
    recipe = ClassifierRecipe(
        image_size=16, crop_margin=4, balance="weights", cache="memory", **{way: 1.0}
    )
    made = Training([pictures(noise, "memory")], recipe, encode, 10, 0)
    mass, mixed = np.zeros(CLASSES), 0
    for _, targets, weights in made.batches(range(300)):
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-5)
        mass += (targets * weights[:, None]).sum(axis=0)
        mixed += ((targets > 0) & (targets < 1)).any()
    assert mixed > 250
    shown = sorted(set(LABELS))
    np.testing.assert_allclose(mass[shown] / mass.sum(), 1 / len(shown), atol=0.01)
    assert mass.sum() == pytest.approx(300 * 10, rel=0.02)


def balanced(how: str, **fields: Any) -> ClassifierRecipe:
    return ClassifierRecipe(image_size=16, crop_margin=4, balance=how, **fields)  # type: ignore


@pytest.mark.parametrize(
    ("how", "most", "shown"),
    [("copies", None, 14), ("augmented", None, 14), ("copies", 9, 9), ("copies", 99, 14),
     ("undersample", None, 7), ("undersample", 5, 5), ("weights", None, 10)],
)  # fmt: skip
def test_an_epoch_has_as_many_pictures_as_its_balance_makes(
    noise: Path, how: str, most: int | None, shown: int
) -> None:
    made = Training([pictures(noise)], balanced(how), encode, 4, 0, pictures=most)
    assert made.steps == -(-shown // 4)
    assert made.counted == pytest.approx(shown)
    several = set()
    for epoch in range(9):
        _, targets, weights = joined(made.batches(range(epoch, epoch + 1)))
        assert weights[shown:].tolist() == [0.0] * (4 * made.steps - shown)
        assert weights[:shown].all()
        if not most and how != "weights":  # seven classes, of one or two pictures
            totals = targets[:shown].sum(axis=0)
            assert set(totals[totals > 0]) == {shown / 7}
        several.add(tuple(sorted(made._order(epoch)[:shown] % 10)))
    assert (len(several) > 1) == (how == "undersample" or shown == most), "drawn anew"


def test_the_copies_alone_are_augmented(noise: Path) -> None:
    part = pictures(noise)
    recipe = balanced("augmented", horizontal_flip=1.0, colour_jitter=0.5)
    made = Training([part], recipe, encode, 7, 0)
    for epoch in range(3):
        shown, _, _ = joined(made.batches(range(epoch, epoch + 1)))
        for picture, number in zip(shown, made._order(epoch), strict=True):
            as_it_is = part[number % 10][2:18, 2:18]
            assert np.array_equal(picture, as_it_is) == (number < 10)


def test_an_epoch_of_rows_is_balanced_as_one_of_pictures() -> None:
    labels = np.array([0] * 6 + [1] * 2)
    part = Rows(np.arange(8, dtype=np.float32)[None, :, None], labels)
    for how, shown in (("copies", 12), ("undersample", 4)):
        made = RowBatches([part], balanced(how), functools.partial(one_hot, classes=2), 5, 0)
        rows, targets, weights = joined(made.batches(range(1)))
        assert weights.sum() == shown == made.counted
        assert targets[weights > 0].sum(axis=0).tolist() == [shown / 2] * 2
        assert labels[rows[:, 0].astype(int)].tolist() == targets.argmax(axis=1).tolist()


@pytest.mark.parametrize("cut", [2, 200, None])
def test_a_corrupt_jpeg_is_named_wherever_it_is_met(tmp_path: Path, cut: int | None) -> None:
    flowers.shard(tmp_path, LABELS[:9])
    whole = cv2.imencode(".jpg", np.zeros((24, 24, 3), np.uint8))[1].tobytes()
    jpeg = whole[:-cut] if cut else b"\xff\xd8\xff no picture"
    bad = [flowers.example("x", 1), flowers.example("y", 2, jpeg)]
    path = flowers.write_file(tmp_path / "01-24x24-2.tfrec", bad)
    part = pictures(tmp_path, "memory")
    for met in (
        lambda: training(part, range(1)),
        lambda: list(evaluation_batches(part, RECIPE, encode, 4)),
        part.decode_all,
    ):
        part.fault = None
        with pytest.raises(
            UserError, match=rf"{path.name}: record 2 \(y\) has no readable picture"
        ):
            met()
        assert "record 2 (y)" in str(part.fault)


def test_pictures_are_kept_in_memory_only_when_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_memory() > 0
    needed = 20 * 20 * 3 * 10
    for free, chosen in ((2 * needed + 2, "memory"), (2 * needed, "none")):
        monkeypatch.setattr("common.data.pictures.free_memory", lambda free=free: free)
        assert choose_cache("auto", 10, 20) == chosen
        assert choose_cache("memory", 10, 20) == "memory"
        assert choose_cache("disk", 10, 20) == "disk"
    monkeypatch.setattr("common.data.pictures.free_memory", lambda: needed - 1)
    with pytest.raises(UserError, match="10 pictures of 20 x 20 take .* take disk or none"):
        choose_cache("memory", 10, 20)


@pytest.mark.parametrize("cache", CACHES)
def test_a_cache_decodes_each_picture_once(noise: Path, cache: str) -> None:
    part = pictures(noise, cache)
    first = part[3].copy()
    part._files = []  # what is read from now on is not in the files
    if cache == "none":
        with pytest.raises(UserError, match="record 4"):
            part[3]
    else:
        np.testing.assert_array_equal(part[3], first)


def test_a_sampler_draws_whole_classes_that_all_count(noise: Path) -> None:
    names = ("horizontal_flip", "vertical_flip", "rot90_probability", "transpose_probability")
    still = ClassifierRecipe(image_size=16, crop_margin=0, **dict.fromkeys(names, 0.0))
    part = Pictures(read_records(noise, True, CLASSES), 16, "none")
    made = Training([part], still, encode, 4, 0, sampler=ClassBatches(np.array(LABELS), 2, 2))
    assert (made.steps, made.counted) == (2, 8.0)  # six pictures of three classes
    rows = np.concatenate([made._order(epoch).reshape(2, 4) for epoch in range(10)])
    assert len(np.unique(rows, axis=0)) > 10
    for (batch, targets, weights), chosen in zip(made.batches(range(10)), rows, strict=True):
        assert weights.tolist() == [1.0] * 4
        np.testing.assert_array_equal(batch, [part[row] for row in chosen])
        assert targets.argmax(axis=1).tolist() == [LABELS[row] for row in chosen]


def test_a_label_that_train_has_not_is_a_row_of_zeros() -> None:
    targets = one_hot(np.array([1, 3, 0]), 3)
    assert targets.dtype == np.float32
    assert targets.tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]

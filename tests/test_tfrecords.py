"""Reading the data, and what is said when it is damaged."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import flowers

from common.batches import Pictures, evaluation_batches, steps_an_epoch, training_batches
from common.classifier import ClassifierRecipe
from common.errors import UserError
from common.tfrecords import faults_located, read_records
from competitions.petals_to_metal import data

RECIPE = ClassifierRecipe(image_size=16, crop_margin=4, batch_size=4)
LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def read(folder: Path, labelled: bool = True) -> object:
    return read_records(folder, labelled, 104)


def test_ids_and_labels_come_in_file_order(tmp_path: Path) -> None:
    flowers.shard(tmp_path, [7, 8], number=1)
    flowers.shard(tmp_path, [5, 103, 0], number=0)
    records = read_records(tmp_path, True, 104)
    assert records.ids.tolist() == ["0-0", "0-1", "0-2", "1-0", "1-1"]
    assert records.labels is not None
    assert records.labels.tolist() == [5, 103, 0, 7, 8]


def test_test_data_have_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "00-24x24-2.tfrec"
    flowers.write_file(path, [flowers.example(name, None) for name in "ab"])
    records = read_records(tmp_path, False, 104)
    assert records.ids.tolist() == ["a", "b"]
    assert records.labels is None


def test_a_truncated_file_is_named_with_its_record(tmp_path: Path) -> None:
    path = flowers.shard(tmp_path, LABELS)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=rf"{path.name}: record 10 is truncated or corrupt"):
        read(tmp_path)


def test_a_damaged_byte_is_found_by_its_record(tmp_path: Path) -> None:
    path = flowers.shard(tmp_path, LABELS)
    content = bytearray(path.read_bytes())
    content[len(content) * 35 // 100] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path.name}: record 4 is truncated or corrupt"):
        read(tmp_path)


def test_a_count_that_is_not_the_names_is_refused(tmp_path: Path) -> None:
    path = flowers.shard(tmp_path, LABELS)
    path.rename(tmp_path / "00-24x24-11.tfrec")
    with pytest.raises(UserError, match="holds 10 records, its name says 11"):
        read(tmp_path)


def test_a_name_without_a_count_is_refused(tmp_path: Path) -> None:
    flowers.shard(tmp_path, LABELS).rename(tmp_path / "train.tfrec")
    with pytest.raises(UserError, match="does not end in -<number of pictures>"):
        read(tmp_path)


@pytest.mark.parametrize("label", [104, -1])
def test_a_label_outside_the_classes_is_named(tmp_path: Path, label: int) -> None:
    flowers.shard(tmp_path, [3, 5, label, 7])
    with pytest.raises(UserError, match=rf"00-24x24-4.tfrec: record 3 has label {label}, outside"):
        read(tmp_path)


def test_a_record_without_its_class_is_named(tmp_path: Path) -> None:
    records = [flowers.example("a", 1), flowers.example("b", None)]
    flowers.write_file(tmp_path / "00-24x24-2.tfrec", records)
    with pytest.raises(UserError, match="record 2 has no readable feature 'class'"):
        read(tmp_path)


@pytest.mark.parametrize("cache", [True, False])
def test_a_corrupt_jpeg_is_named_wherever_it_is_met(tmp_path: Path, cache: bool) -> None:
    import keras

    good = [flowers.example(str(i), i) for i in range(9)]
    flowers.write_file(tmp_path / "00-24x24-9.tfrec", good)
    bad = [flowers.example("x", 1), flowers.example("y", 2, b"\xff\xd8\xff no picture")]
    path = flowers.write_file(tmp_path / "01-24x24-2.tfrec", bad)
    records = read_records(tmp_path, True, 104)
    recipe = ClassifierRecipe(image_size=16, crop_margin=4, cache=cache)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(104)])
    model.compile(loss="mse", jit_compile=False)
    with (
        pytest.raises(UserError, match=rf"{path.name}: record 2 holds no readable JPEG"),
        faults_located(records.files),
    ):
        model.fit(
            training_batches([Pictures(records, recipe)], recipe, 4, 0, range(1)),
            shuffle=False,
            verbose=0,
        )


def test_an_error_that_is_not_the_datas_is_left_alone(tmp_path: Path) -> None:
    flowers.shard(tmp_path, LABELS)
    records = read_records(tmp_path, True, 104)
    with pytest.raises(ValueError, match="mine"), faults_located(records.files):
        raise ValueError("mine")


def test_no_files_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"no \*.tfrec in .*train; .* holds notes.txt, train"):
        read(tmp_path / "train")


@pytest.mark.parametrize(("wanted", "taken"), [(331, 331), (200, 224), (32, 192), (600, 512)])
def test_the_best_resolution_is_taken(tmp_path: Path, wanted: int, taken: int) -> None:
    for size in (192, 224, 331, 512):
        (tmp_path / f"tfrecords-jpeg-{size}x{size}").mkdir()
    assert data.resolution_folder(tmp_path, wanted).name == f"tfrecords-jpeg-{taken}x{taken}"


def test_a_folder_without_the_data_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(UserError, match=r"tfrecords-jpeg-<size>.*holds pictures"):
        data.load_from(tmp_path, 192)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    flowers.shard(tmp_path / "tfrecords-jpeg-24x24" / "train", [1, 2])
    with pytest.raises(UserError, match="no folder val, test"):
        data.load_from(tmp_path, 24)


@pytest.mark.parametrize("cache", [True, False])
def test_evaluation_keeps_every_picture_in_order(tmp_path: Path, cache: bool) -> None:
    flowers.shard(tmp_path, LABELS)
    recipe = ClassifierRecipe(image_size=16, crop_margin=4, cache=cache)
    part = Pictures(read_records(tmp_path, True, 104), recipe)
    batches = list(evaluation_batches(part, recipe, 4).as_numpy_iterator())
    assert [images.shape for images, _ in batches] == [(4, 16, 16, 3)] * 2 + [(2, 16, 16, 3)]
    assert np.concatenate([labels for _, labels in batches]).tolist() == LABELS
    red = np.concatenate([images[:, 0, 0, 0] for images, _ in batches])
    wanted = (np.array(LABELS) * 50 % 256 / 255 - 0.485) / 0.229
    np.testing.assert_allclose(red, wanted, atol=0.05)


def test_training_batches_differ_by_epoch_and_repeat_with_the_seed(tmp_path: Path) -> None:
    flowers.shard(tmp_path, LABELS)
    part = Pictures(read_records(tmp_path, True, 104), RECIPE)

    def epochs(seed: int, numbers: range) -> list[list[int]]:
        batches = training_batches([part, part], RECIPE, 4, seed, numbers)
        labels = [x for _, y in batches.as_numpy_iterator() for x in y]
        return [labels[start : start + 20] for start in range(0, len(labels), 20)]

    first, again, other = (epochs(seed, range(3)) for seed in (1, 1, 2))
    assert len(first) == 3
    assert all(sorted(epoch) == sorted(LABELS * 2) for epoch in first)
    assert first[0] != first[1]
    assert first == again
    assert first != other


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_an_epoch_is_the_same_wherever_the_training_goes_on(
    tmp_path: Path, cache: bool, seed: int
) -> None:
    import tensorflow as tf

    noise = np.random.default_rng(0).integers(0, 255, (10, 24, 24, 3), dtype=np.uint8)
    jpegs = [tf.io.encode_jpeg(picture).numpy() for picture in noise]
    examples = [flowers.example(str(n), n, jpeg) for n, jpeg in enumerate(jpegs)]
    flowers.write_file(tmp_path / "00-24x24-10.tfrec", examples)
    recipe = ClassifierRecipe(image_size=16, crop_margin=4, cache=cache, shuffle_buffer=5)
    part = Pictures(read_records(tmp_path, True, 104), recipe)

    def pictures(epochs: range) -> list[np.ndarray]:
        tf.random.set_seed(seed)
        batches = training_batches([part], recipe, 4, seed, epochs)
        return [pictures for pictures, _ in batches.as_numpy_iterator()]

    whole, last = pictures(range(3)), pictures(range(2, 3))
    assert steps_an_epoch([part], 4) == len(last) == 2
    np.testing.assert_array_equal(whole[4:], last)
    assert not np.array_equal(whole[:2], whole[2:4])

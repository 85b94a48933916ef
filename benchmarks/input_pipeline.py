"""Images a second from TFRecords to augmented batches: the published way, ours, decoding alone.

The published way is that of the competition's notebooks: ``tf.data``, each picture float32, resized
to 361, cropped to 331, turned, flipped and transposed by ``tf.image``. Ours is
``common.data.batches.Training`` without its cache (with it: "cached", the second epoch). Decoding
alone is the limit: the same JPEGs in as many threads as there are cores. All take turns within one
run; medians, ranges and the medians of each turn's ratios.

    python benchmarks/input_pipeline.py [FOLDER] [--runs 7] [--pictures 2048] [--size 331] [--json]

FOLDER contains ``*.tfrec`` or ``*.jpg``, at any depth; without it photographs of 331 x 331 and
about 37 KB are made. With ``--json`` the last line is ``{"published":…, "ours":…, "decode":…}``.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

sys.path[:0] = [str(Path(__file__).parents[1])]

from common.data.batches import Training, one_hot
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.tfrecords import decode, framed, record_places, serialized
from common.errors import UserError, shown_in_one_line
from common.recipes.classifier import ClassifierRecipe

BATCH, SIDE, MADE = 16, 331, 256
JPEGS = (".jpg", ".jpeg")


def photograph(generator: np.random.Generator, side: int = SIDE) -> bytes:
    """A JPEG of about 37 KB whose detail falls off as a photograph's does."""
    import cv2

    picture = np.full((side, side, 3), 118.0, np.float32)
    for cells, contrast in ((6, 40), (24, 30), (90, 16), (side, 6)):
        layer = generator.normal(0, contrast, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(layer, (side, side), interpolation=cv2.INTER_CUBIC)
    pixels = picture.clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def find_records(folder: Path | None, scratch: Path) -> tuple[Path, ...]:
    """TFRecord files of ``folder``, or written from its JPEGs or from made photographs."""
    if folder is not None:
        files = tuple(sorted(folder.rglob("*.tfrec")))
        if files:
            return files
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in JPEGS)
        if not paths:
            raise UserError(f"{folder} contains neither *.tfrec nor *.jpg: name another folder")
        jpegs = [path.read_bytes() for path in paths]
    else:
        generator = np.random.default_rng(0)
        jpegs = [photograph(generator) for _ in range(MADE)]
    return (write_records(scratch / "made.tfrec", jpegs),)


def write_records(path: Path, jpegs: Iterable[bytes]) -> Path:
    """One TFRecord file of pictures alone."""
    path.write_bytes(b"".join(framed(serialized("", None, jpeg)) for jpeg in jpegs))
    return path


def many_records(files: Sequence[Path], number: int) -> Records:
    """``number`` records of the files, from the beginning again when there are fewer."""
    places = [record_places(path, n) for n, path in enumerate(files)]
    rows = np.resize(np.arange(sum(map(len, places))), number)
    names = np.arange(number).astype(np.str_)
    return Records("all", tuple(files), names, None, np.concatenate(places)[rows])


def published(files: Sequence[Path], number: int, recipe: ClassifierRecipe) -> Iterator[Any]:
    """The notebooks' way; whole batches."""
    import tensorflow as tf

    size, whole = recipe.image_size, recipe.image_size + recipe.crop_margin

    def picture(record: Any) -> Any:
        feature = {"image": tf.io.FixedLenFeature([], tf.string)}
        image = tf.io.decode_jpeg(tf.io.parse_single_example(record, feature)["image"], channels=3)
        image = tf.image.resize(tf.cast(image, tf.float32) / 255.0, (whole, whole))
        image = tf.image.random_crop(image, (size, size, 3))
        turns = tf.cast(tf.floor(tf.random.uniform(()) / recipe.rot90_probability), tf.int32) + 1
        image = tf.image.rot90(image, tf.where(turns < 4, turns, 0))
        image = tf.image.random_flip_up_down(tf.image.random_flip_left_right(image))
        transposed = tf.random.uniform(()) < recipe.transpose_probability
        image = tf.cond(transposed, lambda: tf.image.transpose(image), lambda: image)
        return tf.ensure_shape(image, (size, size, 3))

    names = [str(path) for path in files]
    records = tf.data.TFRecordDataset(names, num_parallel_reads=tf.data.AUTOTUNE)
    dataset = records.repeat().take(number).shuffle(2048).map(picture, tf.data.AUTOTUNE)
    return iter(dataset.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE))


def ours(part: Pictures, recipe: ClassifierRecipe, epoch: int = 0) -> Iterator[Any]:
    """What the kernels use."""

    def encode(labels: np.ndarray) -> np.ndarray:
        return one_hot(labels, 1)

    batches = Training([part], recipe, encode, BATCH, 0).batches(range(epoch, epoch + 1))
    return iter(batches)


def decoding(files: Sequence[Path], number: int) -> Iterator[Any]:
    """The JPEGs decoded and nothing else, in a thread a core."""
    import tensorflow as tf

    names = [str(path) for path in files]
    jpegs = []
    for record in tf.data.TFRecordDataset(names).repeat().take(number).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        jpegs.append(features["image"].bytes_list.value[0])
    chunks = [jpegs[start : start + BATCH] for start in range(0, number, BATCH)]

    def decode_all(chunk: list[bytes]) -> None:
        for jpeg in chunk:
            decode(jpeg)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        began = time.perf_counter()
        list(pool.map(decode_all, chunks))
        yield time.perf_counter() - began


def seconds_of(way: Callable[[], Iterator[Any]]) -> float:
    """From the first request to the last batch; what a way has timed itself counts.

    What it makes before (a graph of ``tf.data``, for one) is made once a training.
    """
    batches, last = way(), None
    began = time.perf_counter()
    for batch in batches:
        last = batch
    return last if isinstance(last, float) else time.perf_counter() - began


def measure(files: Sequence[Path], number: int, size: int, runs: int) -> dict[str, list[float]]:
    """Images a second of each way, in turns."""
    recipe = ClassifierRecipe(image_size=size, crop_margin=round(size * 30 / 331))
    records = many_records(files, number)
    whole = recipe.image_size + recipe.crop_margin
    plain, cached = Pictures(records, whole, "none"), Pictures(records, whole, "memory")
    ways: dict[str, Callable[[], Iterator[Any]]] = {
        "published": lambda: published(files, number, recipe),
        "ours": lambda: ours(plain, recipe),
        "decode": lambda: decoding(files, number),
        "cached": lambda: ours(cached, recipe, 1),
    }
    for way in ways.values():
        seconds_of(way)  # imports, compilation, the cache
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            speeds[name].append(number / seconds_of(way))
    return speeds


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--size", type=int, default=SIDE)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    number = arguments.pictures // BATCH * BATCH
    with tempfile.TemporaryDirectory() as scratch:
        files = find_records(arguments.folder, Path(scratch))
        size = sum(path.stat().st_size for path in files)
        size /= 1024 * sum(len(record_places(path)) for path in files)
        line = f"{number} pictures of {size:.0f} KB to {arguments.size} x {arguments.size}"
        print(f"{line}, {os.cpu_count()} cores, {arguments.runs} runs", file=sys.stderr)
        speeds = measure(files, number, arguments.size, arguments.runs)
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    for name, found in speeds.items():
        paired = zip(found, speeds["published"], strict=True)
        ratio = statistics.median(mine / theirs for mine, theirs in paired)
        spread = f"({min(found):,.0f} to {max(found):,.0f})"
        print(f"{name:<10}{medians[name]:8,.0f} images/s  {spread:<18}{ratio:6.2f} x published")
    if arguments.json:
        named = {name: round(medians[name], 1) for name in ("published", "ours", "decode")}
        print(json.dumps(named))


if __name__ == "__main__":
    main()

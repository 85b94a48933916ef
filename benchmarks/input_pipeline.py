"""Images a second from TFRecords to augmented batches: ours, others, decoding alone.

Others are the published way (the competition's notebooks), ``tf.data`` at its best, Grain by hand
and PyTorch's DataLoader with torchvision (``input_peers.py``; PyTorch comes with the extra
``benchmarks`` and is left out without it). Ours is ``common.data.batches.Training`` without its
cache (with it: "cached", the second epoch). Decoding alone is the limit: the same JPEGs in as many
threads as there are cores. All take turns within one run; medians, ranges and the medians of each
turn's ratios; and the CPU's time of one picture, which other work on the machine
disturbs least.

    python benchmarks/input_pipeline.py [FOLDER] [--runs 7] [--pictures 2048] [--size 331] [--json]

FOLDER contains ``*.tfrec`` or ``*.jpg``, at any depth; without it photographs of 331 x 331 and
about 37 KB are made. With ``--json`` the last line is ``{"published":…, "ours":…, "decode":…}``
and the others.
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

from benchmarks import input_peers
from benchmarks.input_peers import BATCH
from common.data.batches import Training, one_hot
from common.data.framing import framed, record_places, serialized
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.tfrecords import decode
from common.errors import UserError, shown_in_one_line
from common.recipes.classifier import ClassifierRecipe

Found = dict[str, list[float]]  # by way, a turn each
SIDE, MADE = 331, 256
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


def ours(part: Pictures, recipe: ClassifierRecipe, epoch: int = 0) -> Iterator[Any]:
    """What the kernels use."""

    def encode(labels: np.ndarray) -> np.ndarray:
        return one_hot(labels, 1)

    batches = Training([part], recipe, encode, BATCH, 0).batches(range(epoch, epoch + 1))
    return iter(batches)


def decoding(jpegs: Sequence[bytes]) -> Iterator[Any]:
    """The JPEGs decoded and nothing else, in a thread a core."""
    chunks = [jpegs[start : start + BATCH] for start in range(0, len(jpegs), BATCH)]

    def decode_all(chunk: Sequence[bytes]) -> None:
        for jpeg in chunk:
            decode(jpeg, checked=True)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(decode_all, chunks)


def seconds_of(way: Callable[[], Iterator[Any]]) -> tuple[float, float]:
    """From the first request to the last batch, and this process's seconds of CPU for them.

    What it makes before (a graph of ``tf.data``, for one) is made once a training.
    """
    batches = way()
    began = time.perf_counter(), time.process_time()
    for _ in batches:
        pass
    return time.perf_counter() - began[0], time.process_time() - began[1]


def ways_of(
    files: Sequence[Path], number: int, recipe: ClassifierRecipe
) -> dict[str, Callable[[], Iterator[Any]]]:
    """What is measured; each call is an epoch."""
    torch = input_peers.has_torch()
    records = many_records(files, number)
    whole = recipe.image_size + recipe.crop_margin
    plain, cached = Pictures(records, whole, "none"), Pictures(records, whole, "memory")
    jpegs = [bytes(plain.content(row)) for row in range(number)]
    ways: dict[str, Callable[[], Iterator[Any]]] = {
        "published": lambda: input_peers.published(files, number, recipe),
        "tf_data": lambda: input_peers.tf_data(files, number, recipe),
        "grain": lambda: input_peers.grain_by_hand(jpegs, recipe),
        "ours": lambda: ours(plain, recipe),
        "decode": lambda: decoding(jpegs),
        "cached": lambda: ours(cached, recipe, 1),
    }
    if torch:
        ways["torch"] = input_peers.torch_loader(jpegs, recipe)
    return ways


def measure(files: Sequence[Path], number: int, size: int, runs: int) -> tuple[Found, Found]:
    """Images a second of each way, in turns, and milliseconds of CPU an image."""
    recipe = ClassifierRecipe(
        image_size=size,
        crop_margin=round(size * 30 / 331),
        horizontal_flip=0.5,
        vertical_flip=0.5,
        rot90_probability=0.2,
        transpose_probability=0.25,
    )
    ways = ways_of(files, number, recipe)
    for way in ways.values():
        seconds_of(way)  # imports, compilation, the cache
    speeds: Found = {name: [] for name in ways}
    spent: Found = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            seconds, cpu = seconds_of(way)
            speeds[name].append(number / seconds)
            spent[name].append(1000 * cpu / number)
    return speeds, spent


def ratio(found: Sequence[float], others: Sequence[float]) -> float:
    """The median of each turn's ratio."""
    return statistics.median(mine / theirs for mine, theirs in zip(found, others, strict=True))


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
        speeds, spent = measure(files, number, arguments.size, arguments.runs)
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    for name, found in speeds.items():
        spread = f"({min(found):,.0f} to {max(found):,.0f})"
        against = f"{ratio(found, speeds['published']):6.2f} x published"
        against += f"{ratio(found, speeds['decode']):6.2f} x decode"
        if name != "torch":  # whose processes have their own
            against += f"{statistics.median(spent[name]):6.2f} ms of CPU"
        print(f"{name:<10}{medians[name]:8,.0f} images/s  {spread:<18}{against}")
    if arguments.json:
        print(json.dumps({name: round(median, 1) for name, median in medians.items()}))


if __name__ == "__main__":
    main()

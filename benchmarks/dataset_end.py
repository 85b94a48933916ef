"""Seconds that a data set of TensorFlow takes to end, with its autotuner and without.

Each of ``--processes`` processes makes ``--number`` data sets, as Keras makes them of a generator
and as ``common.data.feeding`` does, reads each for ``--seconds`` and deletes it. Little of the time
is the CPU's, so that many processes do not disturb one another.

    python benchmarks/dataset_end.py [--processes 8] [--number 8] [--seconds 6] [--json]

With ``--json`` the last line is ``{"autotuned_slow":…, "ours_slow":…, "of":…, "longest_s":…}``:
how many of each took more than half a second, and the longest.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_SLOW = 0.5
_PICTURES = np.zeros((8, 32, 32, 3), np.uint8), np.zeros((8, 5), np.float32), np.ones(8, np.float32)


def _batches() -> Iterator[Any]:
    while True:
        time.sleep(0.005)
        yield _PICTURES


def ends(way: str, number: int, seconds: float) -> list[float]:
    """The seconds that ``number`` data sets take to end, one after the other."""
    import tensorflow as tf

    from common.data.feeding import for_keras

    form = tuple(tf.TensorSpec(array.shape, array.dtype) for array in _PICTURES)
    taken = []
    for _ in range(number):
        if way == "ours":
            dataset = for_keras(_batches())
        else:
            dataset = tf.data.Dataset.from_generator(_batches, output_signature=form)
            dataset = dataset.prefetch(tf.data.AUTOTUNE)
        batches, until = iter(dataset), time.monotonic() + seconds
        while time.monotonic() < until:
            next(batches)
        began = time.monotonic()
        del batches
        taken.append(time.monotonic() - began)
    return taken


def main() -> None:
    """Both ways, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--number", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {}
    with ProcessPoolExecutor(args.processes, get_context("spawn")) as pool:
        for way in ("autotuned", "ours"):
            one = partial(ends, number=args.number, seconds=args.seconds)
            found[way] = np.concatenate(list(pool.map(one, [way] * args.processes)))
            slow = found[way][found[way] > _SLOW]
            print(
                f"{way:<10} {len(slow)} of {len(found[way])} took more than {_SLOW:g} s"
                + (f": {slow.min():.1f} to {slow.max():.1f} s" if len(slow) else "")
            )
    if args.json:
        slow = {f"{way}_slow": int((taken > _SLOW).sum()) for way, taken in found.items()}
        longest = round(float(max(taken.max() for taken in found.values())), 2)
        print(json.dumps({**slow, "of": len(found["ours"]), "longest_s": longest}))


if __name__ == "__main__":
    main()

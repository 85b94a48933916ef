"""Pictures a second of EfficientNet-Lite0 on a CPU: features and fine-tuning, ours and others.

Ours are what a kernel does: a frozen network's features by ``common.training.features``, a training
by Keras on TensorFlow. Others (``transfer_peers.py``): PyTorch with the network of
``efficientnet_lite_pytorch``, channels last; for features Keras alone, ONNX Runtime and LiteRT by
hand. All have the same weights and batches of 32 decoded pictures of 192 x 192; PyTorch and ONNX
come with the extra ``benchmarks``, and what is not installed is skipped.

Each way is a process of its own, and they take turns: ours, another, ours, and so on. First all
must agree: features with Keras' within 1e-4, the loss of PyTorch's first step with that of ours,
too. Then medians, ranges, and pictures a second of the CPU's time, which other work on the machine
disturbs least.

    python benchmarks/transfer.py [FOLDER] [--runs 5] [--batches 8] [--steps 3] [--json]

FOLDER contains ``*.tfrec`` or ``*.jpg``; without it photographs are made. A turn is 8 batches of
features or 3 steps of training. With ``--json`` the last line is ``{"ours_features":…, …}``.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

sys.path[:0] = [str(Path(__file__).parents[1])]

from benchmarks import transfer_peers
from benchmarks.input_pipeline import find_records, many_records
from benchmarks.transfer_peers import BATCH, CLASSES, RECIPE, SIDE, Turn
from common.data.batches import Feed
from common.data.pictures import Pictures
from common.errors import UserError, shown_in_one_line

TOLERANCE = 1e-4


class Pace(NamedTuple):
    """Pictures a second of one turn: by the clock, and of the CPU's time."""

    wall: float
    cpu: float


def ours_features(part: Pictures) -> Turn:
    """What a kernel with a frozen backbone does."""
    from common.accelerator import set_up
    from common.kernel import KernelRun
    from common.parameters import Parameters
    from common.training.features import Features

    accelerator = set_up("cpu")
    network = transfer_peers.keras_network()
    features = Features(network, KernelRun(Parameters(), RECIPE), accelerator)
    return lambda _: features.rows(part, 1).rows


def ours_train(part: Pictures) -> Turn:
    """What a kernel that trains the whole network does in its steps."""
    from common.accelerator import set_up
    from common.training.model import build_optimizer, compile_model

    set_up("cpu")
    import keras

    network = transfer_peers.keras_network()
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(network.output)
    model = keras.Model(network.input, outputs)
    model.layers[-1].set_weights([transfer_peers.head(), np.zeros(CLASSES, np.float32)])
    compile_model(model, RECIPE, "categorical_crossentropy", ["accuracy"])
    build_optimizer(model)

    def turn(steps: int) -> np.ndarray:
        feed = iter(Feed(transfer_peers.batches(part, steps), steps, on_jax=False))
        found = model.fit(feed, steps_per_epoch=steps, shuffle=False, verbose=0)
        return np.array(found.history["loss"])

    return turn


# Those that must agree with one another, the one that the others are compared with first.
KINDS: Mapping[str, Mapping[str, Callable[[Pictures], Turn]]] = {
    "features": {
        "keras_features": transfer_peers.keras_features,
        "ours_features": ours_features,
        "torch_features": transfer_peers.torch_features,
        "onnx_features": transfer_peers.onnx_features,
        "litert_features": transfer_peers.litert_features,
    },
    "train": {"ours_train": ours_train, "torch_train": transfer_peers.torch_train},
}


def serve(prepare: Callable[[Pictures], Turn], part: Sequence[Any], pipe: Connection) -> None:
    """Take turns in a process of its own; send first what the way gives, or why it cannot."""
    files, number = part
    records = replace(many_records(files, number), labels=np.arange(number) % CLASSES)
    pictures = Pictures(records, SIDE, "memory")
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        try:
            turn = prepare(pictures)
        except (ImportError, UserError) as error:
            pipe.send(str(error).splitlines()[0])
            return
        for row in range(number):  # which imports TensorFlow; before PyTorch it would crash that
            pictures[row]
        pipe.send(turn(1))
        for steps in iter(pipe.recv, 0):
            began = time.perf_counter(), time.process_time()
            turn(steps)
            pipe.send((time.perf_counter() - began[0], time.process_time() - began[1]))


def measure(
    ways: Mapping[str, Callable[[Pictures], Turn]],
    files: Sequence[Path],
    batches: int,
    steps: int,
    runs: int,
) -> dict[str, list[Pace]]:
    """The paces of the ways that can be had, in turns. Raises UserError where they disagree."""
    spawned, pipes = multiprocessing.get_context("spawn"), {}
    expected: Any = None
    for name, prepare in ways.items():
        pipe, theirs = spawned.Pipe()
        part = (files, batches * BATCH)
        process = spawned.Process(target=serve, args=(prepare, part, theirs), daemon=True)
        process.start()
        theirs.close()
        try:
            found = pipe.recv()
        except EOFError:
            process.join()
            raise UserError(f"{name} ended with exit code {process.exitcode}") from None
        if isinstance(found, str):
            print(f"{name:<16}skipped: {found}", flush=True)
            continue
        pipes[name] = pipe
        expected = found if expected is None else expected
        check_equal(name, found, expected)
    paces: dict[str, list[Pace]] = {name: [] for name in pipes}
    for _ in range(runs):
        for name, pipe in pipes.items():
            pipe.send(steps)
            wall, cpu = pipe.recv()
            pictures = BATCH * (steps if name.endswith("train") else batches)
            paces[name].append(Pace(pictures / wall, pictures / cpu))
    for pipe in pipes.values():
        pipe.send(0)
    return paces


def check_equal(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Say how far a way is from Keras. Raises UserError beyond the tolerance."""
    apart = float(np.abs(found - expected).max())
    line = (
        f"{name} differs from Keras by {apart:.1e}, where values reach {np.abs(expected).max():.2f}"
    )
    print(line, file=sys.stderr, flush=True)
    if not apart <= TOLERANCE:
        raise UserError(f"{line}: more than {TOLERANCE:g}")


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    medians: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as scratch:
        files = find_records(arguments.folder, Path(scratch))
        for kind, ways in KINDS.items():
            paces = measure(ways, files, arguments.batches, arguments.steps, arguments.runs)
            for name, found in paces.items():
                medians[name] = shown(name, found, paces[f"ours_{kind}"])
    load = os.getloadavg()[1]
    print(f"{os.cpu_count()} cores, load {load:.1f}, {arguments.runs} turns", file=sys.stderr)
    if arguments.json:
        names = [name for ways in KINDS.values() for name in ways if name != "keras_features"]
        print(json.dumps({name: medians.get(name) for name in names}))


def shown(name: str, found: Sequence[Pace], ours: Sequence[Pace]) -> float:
    """Print a way's line; return its median of pictures a second."""
    wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
    lowest, highest = min(pace.wall for pace in found), max(pace.wall for pace in found)
    ratios = [mine.wall / pace.wall for mine, pace in zip(ours, found, strict=True)]
    print(
        f"{name:<16}{wall:7.1f} a second ({lowest:.1f} to {highest:.1f}), {cpu:6.1f} a second of "
        f"CPU; ours is {statistics.median(ratios):.2f} x as fast"
    )
    return round(wall, 1)


if __name__ == "__main__":
    main()

"""Seconds to score the pairs of Painter by Numbers: ours, pandas, a loop, and the disk alone.

As many pairs and pictures as the competition has are made: all pairs within 13 groups, or with
``--shuffled`` as many drawn from all pictures. Each way starts a Python of its own, is handed the
vectors, reads the csv, scores it and writes the submission:

    limit   the bytes of the csv read and those of the submission written, nothing between
    ours    common.pairs.table and common.pairs.scores
    pandas  read_csv, map, dot products of gathered rows by chunks, to_csv
    loop    a line at a time, as the winner's script did: on a part, scaled

The first two take turns, ``--runs`` times, after one turn that does not count; the others run once.
Seconds are without starting Python, peak memory is of the whole process. The CPU's seconds are what
other work on the machine disturbs least.

    python benchmarks/pair_scoring.py [--shuffled] [--runs 3] [--pictures 23817] [--json]

With ``--json`` the last line is
``{"limit_s":…, "ours_s":…, "pandas_s":…, "loop_s":…, "ours_peak_gb":…}``.
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]

from common.errors import UserError, shown_in_one_line
from common.pairs.scores import PairScorer
from common.pairs.table import COLUMNS, read_pairs, write_pair_scores

# Sizes of 13 groups with the competition's 23,817 pictures and 21,916,047 pairs: its own are others
GROUPS = (1831, 1719, 1877, 1683, 2203, 1822, 1765, 1935, 1673, 1859, 1792, 1873, 1785)
PICTURES, DIMENSIONS, NUMBERS = sum(GROUPS), 512, 103_251
PART, CHUNK = 200_000, 1 << 17
HEADER = ("index", "sameArtist")


class Taken(NamedTuple):
    """What one run of a way took."""

    seconds: float
    gb: float  # of memory, at its peak
    cpu: float  # seconds, of all cores together


def make(folder: Path, pictures: int, shuffled: bool) -> int:
    """Names, unit vectors and the csv; returns the number of pairs."""
    import polars as pl

    generator = np.random.default_rng(0)
    numbers = generator.permutation(max(NUMBERS, pictures))[:pictures]
    names = pl.Series([f"{number}.jpg" for number in numbers])
    (folder / "names.txt").write_text("\n".join(names))
    vectors = generator.normal(size=(pictures, DIMENSIONS)).astype(np.float32)
    np.save(folder / "vectors.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    edges = np.concatenate([[0], np.cumsum(GROUPS) * pictures // PICTURES])
    order, begun = generator.permutation(pictures), 0
    with open(folder / "pairs.csv", "wb") as file:
        for start, stop in pairwise(edges):
            members = np.sort(order[start:stop])
            first, second = (members[side] for side in np.triu_indices(len(members), 1))
            if shuffled:
                first = generator.integers(0, pictures, len(first))
                second = (first + generator.integers(1, pictures, len(first))) % pictures
            index = np.arange(begun, begun + len(first))
            columns = (index, names.gather(first), names.gather(second))
            frame = pl.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
            frame.write_csv(file, include_header=not begun)
            begun += len(first)
    return begun


def limit(folder: Path, names: list[str], vectors: np.ndarray) -> float:
    """Reads the one file and writes as many bytes as the other has."""
    text = (folder / "ours.csv").read_bytes()
    (folder / "limit.csv").unlink(missing_ok=True)
    began = time.perf_counter()
    (folder / "pairs.csv").read_bytes()
    (folder / "limit.csv").write_bytes(text)
    return time.perf_counter() - began


def ours(folder: Path, names: list[str], vectors: np.ndarray) -> float:
    """What the ensemble uses."""
    (folder / "ours.csv").unlink(missing_ok=True)
    began = time.perf_counter()
    pairs = read_pairs(folder / "pairs.csv", names)
    scores = PairScorer(len(names), pairs.first, pairs.second).scores(vectors)
    write_pair_scores(folder / "ours.csv", HEADER, pairs.index, scores)
    return time.perf_counter() - began


def with_pandas(folder: Path, names: list[str], vectors: np.ndarray) -> float:
    """Rows by ``map``, dot products of gathered rows."""
    import pandas as pd

    began = time.perf_counter()
    frame = pd.read_csv(folder / "pairs.csv")
    rows = pd.Series(range(len(names)), index=names)
    first, second = (frame[name].map(rows).to_numpy() for name in COLUMNS[1:])
    scores = np.empty(len(frame), np.float32)
    for start in range(0, len(frame), CHUNK):
        part = slice(start, start + CHUNK)
        scores[part] = np.einsum("ij,ij->i", vectors[first[part]], vectors[second[part]])
    table = pd.DataFrame({"index": frame["index"], "sameArtist": scores})
    table.to_csv(folder / "pandas.csv", index=False)
    return time.perf_counter() - began


def loop(folder: Path, names: list[str], vectors: np.ndarray) -> float:
    """One line after the other; seconds for ``PART`` pairs or for all, if they are fewer."""
    by_name = dict(zip(names, vectors, strict=True))
    began = time.perf_counter()
    with open(folder / "pairs.csv", newline="") as file, open(folder / "loop.csv", "w") as out:
        out.write(",".join(HEADER) + "\n")
        for row in islice(csv.DictReader(file), PART):
            score = np.dot(by_name[row["image1"]], by_name[row["image2"]])
            out.write(f"{row['index']},{score}\n")
    return time.perf_counter() - began


WAYS: dict[str, Callable[[Path, list[str], np.ndarray], float]] = {
    "limit": limit,
    "ours": ours,
    "pandas": with_pandas,
    "loop": loop,
}


def run_way(way: str, folder: Path) -> None:
    """In a process of its own: print seconds, peak memory in GB, and the CPU's seconds."""
    names = (folder / "names.txt").read_text().split("\n")
    vectors = np.load(folder / "vectors.npy")
    began = time.process_time()
    seconds = WAYS[way](folder, names, vectors)
    cpu = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps([seconds, peak, cpu]))


def measured(way: str, folder: Path) -> Taken:
    """What a way takes in a new process."""
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise UserError(f"{way} failed", tuple(ended.stderr.splitlines()[-8:]))
    return Taken(*json.loads(ended.stdout.splitlines()[-1]))


def measure(folder: Path, pairs: int, runs: int) -> dict[str, list[Taken]]:
    """What each way took, each run."""
    found: dict[str, list[Taken]] = {way: [] for way in WAYS}
    for turn in range(runs + 1):
        for way in ("ours", "limit"):
            taken = measured(way, folder)
            if turn:
                found[way].append(taken)
    found["pandas"].append(measured("pandas", folder))
    seconds, peak, cpu = measured("loop", folder)
    scale = pairs / min(pairs, PART)
    found["loop"].append(Taken(seconds * scale, peak, cpu * scale))
    return found


def show(found: dict[str, list[Taken]]) -> dict[str, float]:
    """Print them, and return the medians of the seconds."""
    medians = {way: statistics.median(one.seconds for one in taken) for way, taken in found.items()}
    for way, taken in found.items():
        seconds = [one.seconds for one in taken]
        spread = f"({min(seconds):.2f} to {max(seconds):.2f})"
        ratio = f"{medians[way] / medians['limit']:8.1f} x limit"
        cpu = statistics.median(one.cpu for one in taken)
        peak = max(one.gb for one in taken)
        line = f"{way:<8}{medians[way]:9.2f} s  {spread:<20}{ratio}"
        print(f"{line}{cpu:8.2f} s of CPU  {peak:5.2f} GB")
    return medians


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shuffled", action="store_true", help="pairs without groups")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        return run_way(arguments.way, arguments.folder)
    with tempfile.TemporaryDirectory() as scratch:
        pairs = make(Path(scratch), arguments.pictures, arguments.shuffled)
        kind = "any pictures" if arguments.shuffled else f"{len(GROUPS)} groups"
        line = f"{pairs} pairs of {kind}, {arguments.pictures} x {DIMENSIONS}"
        print(f"{line}, {os.cpu_count()} cores, {arguments.runs} runs", file=sys.stderr)
        found = measure(Path(scratch), pairs, arguments.runs)
    medians = show(found)
    if arguments.json:
        named = {f"{way}_s": round(seconds, 2) for way, seconds in medians.items()}
        peak = max(one.gb for one in found["ours"])
        print(json.dumps({**named, "ours_peak_gb": round(peak, 2)}))
    return None


if __name__ == "__main__":
    main()

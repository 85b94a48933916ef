"""Lake's own runs of one-shot classification, as ``all_runs.zip`` of brendenlake/omniglot has them.

A run is a folder ``runNN`` of ``training`` (20 pictures, one a class), ``test`` (20) and
``class_labels.txt``, whose lines name a picture of test and the one of training that is right.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from common.data.archives import contents
from common.data.layouts.found import records_at
from common.data.names import natural
from common.data.places import Contents, Place, read
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given
from common.pairs.one_shot import Run

LABELS = "class_labels.txt"
_INSIDE = re.compile(rf"(?:(.*)/)?(run\d+)/({re.escape(LABELS)}|(?:training|test)/[^/]+)")
_AGAIN = "fetch all_runs.zip of brendenlake/omniglot again"


def read_runs(root: Path) -> tuple[Records, tuple[Run, ...]] | None:
    """Return the pictures of all runs below ``root`` and the runs; None where there are none.

    Raises UserError for a run without its list, and for a line that names no picture of test and
    one of training, or one that is named before.
    """
    folders = _folders(contents(root))
    if not folders:
        return None
    ids: list[str] = []
    places: list[Place] = []
    runs = []
    for name, files in folders.items():
        pairs = _pairs(f"{as_given(root)}: {name}", files)
        start, number = len(ids), len(pairs)
        for side in zip(*pairs, strict=True):
            ids += [f"{name}/{one}" for one in side]
            places += [files[one] for one in side]
        rows = np.arange(start, start + 2 * number)
        runs.append(Run(name, rows[number:], rows[:number]))
    return records_at("runs", places, ids), tuple(runs)


def _folders(files: Contents) -> dict[str, dict[str, Place]]:
    """The files of each run by their names in it; of a run that is there twice the least deep."""
    found: dict[tuple[int, str, str], dict[str, Place]] = {}
    for path, place in files.items():
        if match := _INSIDE.fullmatch(path):
            above, run, inside = match[1] or "", match[2], match[3]
            found.setdefault((above.count("/"), above, run), {})[inside] = place
    runs: dict[str, dict[str, Place]] = {}
    for (_, _, run), inside in sorted(found.items(), key=lambda one: one[0]):
        runs.setdefault(run, inside)
    return {run: runs[run] for run in sorted(runs, key=natural)}


def _pairs(where: str, files: Mapping[str, Place]) -> list[tuple[str, str]]:
    """The lines of a run's list: a picture of test and one of training. Raises UserError."""
    if LABELS not in files:
        raise UserError(f"{where} has no {LABELS}: {_AGAIN}")
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(read(files[LABELS]).decode("utf-8", "replace").splitlines(), 1):
        named = ["/".join(PurePosixPath(path).parts[-2:]) for path in line.split()]
        fault = _fault(named, files, {one for pair in pairs for one in pair})
        if fault and named:
            raise UserError(f"{where}/{LABELS} line {number} {fault}: {_AGAIN}")
        pairs += [(named[0], named[1])] if named else []
    if len(pairs) < 2:
        raise UserError(f"{where}/{LABELS} has {len(pairs)} trials: {_AGAIN}")
    return pairs


def _fault(named: list[str], files: Mapping[str, Place], before: set[str]) -> str:
    """What is wrong with the pictures that a line names; empty if nothing."""
    folders = [one.partition("/")[0] for one in named]
    if folders != ["test", "training"]:
        return f"names {', '.join(named)[:80]}, not a picture of test and one of training"
    missing = next((one for one in named if one not in files), "")
    again = next((one for one in named if one in before), "")
    return f"names {missing}: no such picture" if missing else again and f"names {again} again"

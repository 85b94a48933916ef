"""Writes pictures as TFRecords, a file (a shard) at a time, and continues where it stopped.

A shard is ``NN-SxS-COUNT.tfrec``, as ``common.data.tfrecords`` reads it. Its note ``NN.json`` is
written after it: what the shard was made from, and which pictures could not be read. The same
command again keeps every shard that is whole and of the same pictures and settings.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from common.data.framing import framed, serialized
from common.errors import UserError
from common.kernel import OutOfTimeError
from common.manifest import file_sha256, write_json
from common.progress import report

_OURS = re.compile(r"\d{2,}-(\d+)x\1-\d+\.tfrec|\d{2,}\.json|\.\d{2,}\.tfrec\.part")
Note = dict[str, Any]


class Item(NamedTuple):
    """A picture to be written: its id, its class (None without), the bytes of its file."""

    id: str
    label: int | None
    bytes: int


@dataclass(frozen=True)
class Broken:
    """A picture that could not be read, its part of the data, and why."""

    file: str
    part: str
    reason: str


def write_shards(
    folder: Path,
    items: Sequence[Item],
    make: Callable[[str], bytes],
    side: int,
    shard_size: int,
    threads: int,
    settings: Sequence[str] = (),
    has_time: Callable[[float], bool] = lambda seconds: True,
) -> list[Broken]:
    """Write one part of the data, named as its folder, in the order of ``items``.

    ``make`` gives a picture's JPEG by its id and is called in threads; its ValueErrors are the
    reasons of the broken ones, which are returned. ``side`` is that of a picture in pixels,
    ``settings`` are whatever else decides what its bytes become: shards that were made with others
    are removed. ``has_time`` says whether work of some seconds can still be done.

    Raises OutOfTimeError between two shards, UserError when no picture can be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [items[at : at + shard_size] for at in range(0, len(items), shard_size)]
    pictures = 0
    broken: list[Broken] = []
    notes = _shards(folder, chunks, make, side, threads, settings, has_time)
    for number, note in enumerate(notes, 1):
        pictures += note["pictures"]
        broken += [Broken(name, folder.name, reason) for name, reason in note["broken"]]
        shard, facts = f"{number}/{len(chunks)}", {"broken": len(broken)}
        report("writing", part=folder.name, shard=shard, pictures=pictures, **facts)
    if not pictures:
        first = f"; the first, {broken[0].file}: {broken[0].reason}" if broken else ""
        raise UserError(f"no picture of {folder.name} could be read{first}: look at the data")
    return broken


def _shards(
    folder: Path,
    chunks: Sequence[Sequence[Item]],
    make: Callable[[str], bytes],
    side: int,
    threads: int,
    settings: Sequence[str],
    has_time: Callable[[float], bool],
) -> Iterator[Note]:
    """Write the shards that are not there yet, one for each of ``chunks``; yield all their notes.

    Raises OutOfTimeError.
    """
    keys = [_key(side, settings, chunk) for chunk in chunks]
    notes = [_read_note(folder, number, key) for number, key in enumerate(keys)]
    _sweep(folder, notes)
    slowest = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for number, (chunk, note) in enumerate(zip(chunks, notes, strict=True)):
            if not note:
                if not has_time(slowest):
                    raise OutOfTimeError(folder.name, number, len(chunks))
                start = time.monotonic()
                made = zip(chunk, pool.map(partial(_made, make), chunk), strict=True)
                note = {"key": keys[number], **_write(folder, number, side, made)}
                write_json(folder / f"{number:02d}.json", note)
                slowest = max(slowest, time.monotonic() - start)
            yield note


def _write(folder: Path, number: int, side: int, made: Iterable[tuple[Item, bytes | str]]) -> Note:
    """Write one shard under another name until it is whole; return its note."""
    broken, count = [], 0
    temporary = folder / f".{number:02d}.tfrec.part"
    with open(temporary, "wb") as file:
        for item, jpeg in made:
            if isinstance(jpeg, str):
                broken.append((item.id, jpeg))
            else:
                file.write(framed(serialized(item.id, item.label, jpeg)))
                count += 1
    note: Note = {"pictures": count, "broken": broken}
    if count:  # else there is no file: an empty one cannot be mapped into memory
        path = folder / f"{number:02d}-{side}x{side}-{count}.tfrec"
        os.replace(temporary, path)
        note |= {"file": path.name, "sha256": file_sha256(path)}
    temporary.unlink(missing_ok=True)
    return note


def _made(make: Callable[[str], bytes], item: Item) -> bytes | str:
    """A picture's JPEG, or why there is none."""
    try:
        return make(item.id)
    except ValueError as error:
        return str(error) or type(error).__name__


def _key(side: int, settings: Sequence[str], chunk: Sequence[Item]) -> str:
    """Differs for shards of other pictures, labels or settings."""
    return hashlib.sha256(json.dumps([side, settings, chunk]).encode()).hexdigest()


def _read_note(folder: Path, number: int, key: str) -> Note:
    """A shard's note; empty when there is none, or the shard is another one or damaged."""
    try:
        note = dict(json.loads((folder / f"{number:02d}.json").read_text(encoding="utf-8")))
        same = "file" not in note or file_sha256(folder / note["file"]) == note["sha256"]
        return note if same and note["key"] == key else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _sweep(folder: Path, notes: Sequence[Note]) -> None:
    """Remove what earlier runs wrote here and this one does not keep; nothing of anyone else's."""
    kept = {f"{number:02d}.json" for number, note in enumerate(notes) if note}
    kept |= {note.get("file", "") for note in notes}
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in kept:
            path.unlink()

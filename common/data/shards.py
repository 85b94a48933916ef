"""Writes pictures as TFRecords, a file (a shard) at a time, and goes on where it was.

A shard is ``NN-SxS-COUNT.tfrec``, as ``common.data.tfrecords`` reads it. Beside it stands
``NN.json``, written after it: what the shard was made from, and which pictures could not be read.
The same command again keeps every shard that is whole and of the same pictures and settings.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.kernel import OutOfTimeError
from common.manifest import file_sha256, write_json
from common.progress import report

_OURS = re.compile(r"\d{2,}-(\d+)x\1-\d+\.tfrec|\d{2,}\.json|\.\d{2,}\.tfrec\.part")


@dataclass(frozen=True)
class Item:
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


@dataclass(frozen=True)
class Layout:
    """How shards are written.

    Attributes:
        side: pixels of a picture, for the shards' names.
        shard_size: pictures in a shard.
        threads: pictures that are made at the same time.
        settings: whatever else decides what a picture's bytes become; a shard that was made with
            others is made anew.
    """

    side: int
    shard_size: int
    threads: int
    settings: Mapping[str, Any] = field(default_factory=dict)


def write_shards(
    folder: Path,
    items: Sequence[Item],
    make: Callable[[str], bytes],
    layout: Layout,
    has_time: Callable[[float], bool] = lambda seconds: True,
) -> tuple[Broken, ...]:
    """Write a part of the data, and tell what is broken in it.

    Args:
        folder: the part's, named after it; shards of other settings in it are removed.
        items: in the order in which they are written.
        make: a picture's JPEG by its id, called in threads; its ValueErrors are the reasons.
        layout: how.
        has_time: whether work of some seconds can still be done.

    Raises OutOfTimeError between two shards, UserError when no picture can be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chunks = [
        items[start : start + layout.shard_size]
        for start in range(0, len(items), layout.shard_size)
    ]
    notes = _kept(folder, [_key(chunk, layout) for chunk in chunks])
    _sweep(folder, notes)
    slowest = 0.0
    with ThreadPoolExecutor(layout.threads) as pool:
        for number, chunk in enumerate(chunks):
            if number not in notes:
                if not has_time(slowest):
                    raise OutOfTimeError(folder.name, number, len(chunks))
                start = time.monotonic()
                notes[number] = _write_shard(folder, number, chunk, make, layout, pool)
                slowest = max(slowest, time.monotonic() - start)
            _report(folder.name, number, chunks, notes)
    return _broken(folder.name, notes, len(items))


def _broken(part: str, notes: Mapping[int, Any], pictures: int) -> tuple[Broken, ...]:
    """What the shards' notes tell of broken pictures. Raises UserError when all of them are."""
    broken = tuple(
        Broken(name, part, reason)
        for number in sorted(notes)
        for name, reason in notes[number]["broken"]
    )
    if len(broken) == pictures:
        first = f"; the first, {broken[0].file}: {broken[0].reason}" if broken else ""
        raise UserError(f"no picture of {part} could be read{first}: look at the data")
    return broken


def serialized(item: Item, jpeg: bytes) -> bytes:
    """One record: features ``image``, ``id`` and, with a label, ``class``."""
    from tensorflow.train import BytesList, Example, Feature, Features, Int64List

    features = {
        "image": Feature(bytes_list=BytesList(value=[jpeg])),
        "id": Feature(bytes_list=BytesList(value=[item.id.encode()])),
    }
    if item.label is not None:
        features["class"] = Feature(int64_list=Int64List(value=[item.label]))
    example = Example(features=Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def _write_shard(
    folder: Path,
    number: int,
    chunk: Sequence[Item],
    make: Callable[[str], bytes],
    layout: Layout,
    pool: ThreadPoolExecutor,
) -> dict[str, Any]:
    """Write one shard and its note, each under another name until it is whole."""
    import tensorflow as tf

    broken, count = [], 0
    temporary = folder / f".{number:02d}.tfrec.part"
    with tf.io.TFRecordWriter(str(temporary)) as writer:
        made = pool.map(partial(_made, make), [item.id for item in chunk])
        for item, (jpeg, reason) in zip(chunk, made, strict=True):
            if reason:
                broken.append((item.id, reason))
            else:
                writer.write(serialized(item, jpeg))
                count += 1
    note: dict[str, Any] = {"key": _key(chunk, layout), "pictures": count, "broken": broken}
    if count:  # else there is no file: an empty one cannot be mapped into memory
        path = folder / f"{number:02d}-{layout.side}x{layout.side}-{count}.tfrec"
        os.replace(temporary, path)
        note |= {"file": path.name, "sha256": file_sha256(path)}
    temporary.unlink(missing_ok=True)
    write_json(folder / f"{number:02d}.json", note)
    return note


def _made(make: Callable[[str], bytes], name: str) -> tuple[bytes, str]:
    try:
        return make(name), ""
    except ValueError as error:
        return b"", str(error) or type(error).__name__


def _key(chunk: Sequence[Item], layout: Layout) -> str:
    """What tells a shard from one of other pictures, labels or settings."""
    made_from = {
        "side": layout.side,
        "settings": dict(layout.settings),
        "items": [list(asdict(item).values()) for item in chunk],
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _kept(folder: Path, keys: Sequence[str]) -> dict[int, dict[str, Any]]:
    """The notes, by number, of the shards that are whole and what is wanted."""
    notes = {}
    for number, key in enumerate(keys):
        note = _note(folder, folder / f"{number:02d}.json")
        if note.get("key") == key:
            notes[number] = note
    return notes


def _note(folder: Path, path: Path) -> dict[str, Any]:
    """A shard's note; empty when there is none, or the shard is not the one that it tells of."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        same = "file" not in note or file_sha256(folder / note["file"]) == note["sha256"]
        return dict(note) if same else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _sweep(folder: Path, notes: Mapping[int, Mapping[str, Any]]) -> None:
    """Remove what earlier runs left here and this one does not keep; nothing of anyone else's."""
    kept = {f"{number:02d}.json" for number in notes} | {n.get("file") for n in notes.values()}
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in kept:
            path.unlink()


def _report(
    part: str, number: int, chunks: Sequence[Sequence[Item]], notes: Mapping[int, Mapping[str, Any]]
) -> None:
    done = [notes[n] for n in range(number + 1)]
    report(
        "writing",
        part=part,
        shard=f"{number + 1}/{len(chunks)}",
        pictures=sum(note["pictures"] for note in done),
        broken=sum(len(note["broken"]) for note in done),
    )

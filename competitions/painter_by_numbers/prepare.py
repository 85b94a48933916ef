"""Every picture decoded once: squares of RGB as TFRecords, and who is in train and validation.

Reads ``train.zip`` (or ``train_1.zip`` to ``train_9.zip``, or both: each picture counts once) and
``test.zip`` as they are, or folders, whatever size, mode and format the pictures have, in bounded
memory. Writes ``train``, ``val`` and ``test`` with shards, ``classes.csv`` (the artists),
``broken.csv`` (pictures that could not be read, and why), ``metrics.json`` and ``prepared.png``.
Killed and run again in the same folder, it continues where it was. CPU, no internet. The source of
all of the competition's training kernels, once for all of them.

From a clone of the repository: python submit.py painter --ensemble
"""

RECIPE: dict = dict(
    size=288,  # pixels of a prepared picture: 256 and a margin to crop from
    quality=95,  # of the JPEGs: strokes and colours tell artists apart
    artists_held_out=0.1,  # the artists that validation alone has
    paintings_held_out=0.1,  # of each other artist's paintings
    seed=0,  # of the split: all members of an ensemble share it
    shard_size=1024,
    threads=None,  # one for each core
    most=0,  # all paintings
)
PARAMETERS: dict = {}

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.data.archives import PackedFiles, natural
from common.data.images import square_jpeg
from common.data.shards import Broken, Item, ShardWriter
from common.declaration import Kernel
from common.errors import UserError
from common.files.classes import save_classes
from common.inputs import kernel_output_folder
from common.kernel import KernelRun
from common.manifest import write_json
from common.progress import report
from competitions.painter_by_numbers import COMPETITION, data
from competitions.painter_by_numbers.data import MISSING, PARTS
from competitions.painter_by_numbers.prepared_figure import draw_prepared
from competitions.painter_by_numbers.split import ArtistSplit, of_large_artists, split_by_artist

LEFT_OUT = "left out"
RANGES = {
    "size": (8, 4096),
    "quality": (1, 100),
    "artists_held_out": (0, 0.99),
    "paintings_held_out": (0, 0.99),
    "seed": (0, 2**32 - 1),
    "shard_size": (1, 100_000),
    "threads": (1, 256),
    "most": (0, 10**6),
}


@dataclass(frozen=True)
class PrepareRecipe:
    """How pictures are prepared and split.

    Attributes:
        size, quality: pixels of a prepared picture, and of its JPEG.
        artists_held_out: the share of the artists that validation alone has; with 0 there is none,
            and there are no figures of unseen artists then.
        paintings_held_out: the share of each other artist's paintings that validation has.
        seed: of the split. It is no kernel's own seed: all members of an ensemble share a split.
        shard_size: pictures in a shard.
        threads: pictures that are decoded at the same time; None for one a core.
        most: paintings of train (those of the artists with most), and of test; 0 for all. What is
            left out of test is scored as a broken picture is: for rehearsals.
    """

    size: int = 288
    quality: int = 95
    artists_held_out: float = 0.1
    paintings_held_out: float = 0.1
    seed: int = 0
    shard_size: int = 1024
    threads: int | None = None
    most: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise UserError(f"{name}={value}: it must be from {least} to {most}")


@dataclass(frozen=True)
class Work:
    """What is to be written: the items of each part, and what is known to be missing."""

    split: ArtistSplit
    items: dict[str, list[Item]]
    pictures: dict[str, PackedFiles]
    missing: tuple[Broken, ...]


def prepare(root: Path, run: KernelRun) -> None:
    """Prepare the pictures below ``root`` into the run's folder. Raises UserError."""
    run.facts["stays"] = [f"{part}/*" for part in PARTS]
    _copy_earlier(run)
    with run.stage("listing"):
        listed = list_work(data.find_files(root), run.recipe)
    broken = write_parts(listed, run)
    save_classes(run.folder, listed.split.artists)
    data.write_broken(run.folder, broken)
    with run.stage("figures"):
        draw_prepared(run.folder, listed.split.artists)
    facts = facts_of(listed, broken, run)
    write_json(run.folder / "metrics.json", facts)
    of_test = {f"{what}_in_test": facts[what]["test"] for what in ("missing", "broken")}
    report("prepared", **facts["pictures"], **of_test)


def list_work(files: data.Files, recipe: PrepareRecipe) -> Work:
    """List every picture's part and label, without reading any, and those that are missing."""
    train, test = files.pictures("train"), files.pictures("test")
    artist_of = data.read_artists(files)
    asked, missing = data.pictures_in_pairs(files, test)
    there = {name: artist for name, artist in artist_of.items() if name in train}
    taken = of_large_artists(there, recipe.most) if recipe.most else there
    split = split_by_artist(taken, recipe.artists_held_out, recipe.paintings_held_out, recipe.seed)
    found = sorted({*test.names(), *asked}, key=natural)
    tested = found[: recipe.most or None]
    twice = next((name for name in tested if name in split.labels), None)
    if twice:
        raise UserError(
            f"{twice} is in {data.in_words(files.train)} and in {data.in_words(files.test)}: one "
            f"name, one picture"
        )

    def items(pictures: PackedFiles, names: Sequence[str]) -> list[Item]:
        return [Item(name, split.labels.get(name), pictures.place(name).bytes) for name in names]

    parts = {
        "train": items(train, split.train),
        "val": items(train, split.validation),
        "test": items(test, tested),
    }
    gone = [Broken(name, "train", MISSING) for name in artist_of if name not in train]
    gone += [Broken(name, "test", MISSING) for name in missing]
    gone += [Broken(name, "test", LEFT_OUT) for name in found[len(tested) :]]
    report(
        "listed",
        **{part: len(listed) for part, listed in parts.items()},
        missing_in_train=len(artist_of) - len(there),
        missing_in_test=len(missing),
        left_out_of_test=len(found) - len(tested),
        unlisted=len(set(train.names()) - split.labels.keys()),
    )
    return Work(split, parts, {"train": train, "val": train, "test": test}, tuple(gone))


def write_parts(work: Work, run: KernelRun) -> tuple[Broken, ...]:
    """Write the shards of every part; return what is broken or missing, by part and name."""
    import PIL

    recipe = run.recipe
    threads = recipe.threads or os.cpu_count() or 1
    made_by = (f"quality={recipe.quality}", f"pillow={PIL.__version__}")
    broken = list(work.missing)
    for part in PARTS:

        def make(name: str, pictures: PackedFiles = work.pictures[part]) -> bytes:
            return square_jpeg(pictures.read(name), recipe.size, recipe.quality)

        writer = ShardWriter(make, recipe.size, recipe.shard_size, threads, made_by, run.has_time)
        with run.stage(part, pictures=len(work.items[part])):
            broken += writer.write(run.folder / part, work.items[part])
    return tuple(sorted(broken, key=lambda b: (PARTS.index(b.part), natural(b.file))))


def facts_of(work: Work, broken: tuple[Broken, ...], run: KernelRun) -> dict[str, Any]:
    """Count pictures, artists, what is missing or broken, and reasons; with seconds a stage.

    Of validation the pictures that can be read; what is missing in train would be in either.
    """
    missing = Counter(b.part for b in broken if b.reason == MISSING)
    unread = {(b.part, b.file) for b in broken if b.reason not in (MISSING, LEFT_OUT)}
    counts = Counter(part for part, _ in unread)
    seen = {artist.number for artist in work.split.artists if artist.seen}
    labels = [work.split.labels[n] for n in work.split.validation if ("val", n) not in unread]
    of_seen = sum(label in seen for label in labels)
    return {
        "pictures": {part: len(work.items[part]) - counts[part] for part in PARTS},
        "validation": {"seen": of_seen, "unseen": len(labels) - of_seen},
        "artists": {"seen": len(seen), "unseen": len(work.split.artists) - len(seen)},
        "missing": {part: missing[part] for part in ("train", "test")},
        "broken": {part: counts[part] for part in PARTS},
        "reasons": dict(Counter(b.reason.partition(":")[0] for b in broken)),
        "seconds": run.spent(),
    }


def _copy_earlier(run: KernelRun) -> None:
    """Copy the shards of the kernel's own unfinished version; each is checked before use."""
    if run.parameters.resume:
        earlier = kernel_output_folder(run.parameters.resume, run.parameters.internet)
        for part in PARTS:
            if (earlier / part).is_dir():
                shutil.copytree(earlier / part, run.folder / part, dirs_exist_ok=True)


KERNEL = Kernel(
    COMPETITION,
    PrepareRecipe(**RECIPE),
    work=lambda run: prepare(COMPETITION.data_folder(run.parameters.internet), run),
    dry_run={
        "size": 72,
        "shard_size": 256,
        "most": 2000,
        "artists_held_out": 0.25,  # of small data a tenth is too little to tell anything
        "paintings_held_out": 0.2,
    },
    accelerators=("cpu",),
    hours={"cpu": 1.0},
    predicts=False,
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

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

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from common.data.names import natural
from common.data.records import Records
from common.data.shards import Broken
from common.declaration import Kernel
from common.errors import UserError
from common.files.classes import PictureClass, save_classes
from common.files.prepared import PrepareRecipe, load_prepared, write_parts
from common.kernel import KernelRun
from common.manifest import write_json
from common.progress import report
from common.recipes.training import Range
from competitions.painter_by_numbers import COMPETITION, data
from competitions.painter_by_numbers.prepared_figure import draw_prepared
from competitions.painter_by_numbers.split import of_large_artists, split_by_artist

MISSING, LEFT_OUT = "missing", "left out"


@dataclass(frozen=True)
class PaintingsRecipe(PrepareRecipe):
    """A PrepareRecipe with the split.

    Attributes:
        artists_held_out: the share of the artists that validation alone has; with 0 there is none,
            and there are no figures of unseen artists then.
        paintings_held_out: the share of each other artist's paintings that validation has.
        seed: of the split. It is no kernel's own seed: all members of an ensemble share a split.
        most: paintings of train (those of the artists with most), and of test; 0 for all. What is
            left out of test is scored as a broken picture is: for rehearsals.
    """

    artists_held_out: Annotated[float, Range(0, 0.99)] = 0.1
    paintings_held_out: Annotated[float, Range(0, 0.99)] = 0.1
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0
    most: Annotated[int, Range(0, 10**6)] = 0


def prepare(root: Path, run: KernelRun) -> None:
    """Prepare the pictures below ``root`` into the run's folder. Raises UserError."""
    with run.stage("listing"):
        artists, parts, missing = list_work(data.find_files(root), run.recipe)
    broken = write_parts(run, [*parts.values()], missing)
    save_classes(run.folder, artists)
    written = load_prepared(run.folder)
    with run.stage("figures"):
        draw_prepared(run.folder, artists, *written[:2])
    seen = sum(artist.seen for artist in artists)
    absent = Counter(one.part for one in broken if one.reason == MISSING)
    counts = {part.name: len(part) for part in written}
    of_seen = int(np.sum(np.asarray(written[1].labels) < seen))
    facts: dict[str, Any] = {
        "pictures": counts,
        "validation": {"seen": of_seen, "unseen": counts["val"] - of_seen},
        "artists": {"seen": seen, "unseen": len(artists) - seen},
        "missing": {part: absent[part] for part in ("train", "test")},
        "broken": {name: len(part) - counts[name] for name, part in parts.items()},
        "reasons": dict(Counter(one.reason.partition(":")[0] for one in broken)),
        "seconds": run.spent(),
    }
    write_json(run.folder / "metrics.json", facts)
    of_test = {f"{what}_in_test": facts[what]["test"] for what in ("missing", "broken")}
    report("prepared", **counts, **of_test)


def list_work(
    files: data.Files, recipe: PaintingsRecipe
) -> tuple[tuple[PictureClass, ...], dict[str, Records], list[Broken]]:
    """Return the artists, the pictures of each part, none of them read, and those missing."""
    train, test = files.train, files.test
    artist_of = data.read_artists(files.artists)
    train.spell(artist_of)
    asked, missing = data.pictures_in_pairs(files)
    there = {name: artist for name, artist in artist_of.items() if name in train}
    taken = of_large_artists(there, recipe.most) if recipe.most else there
    artists, labels, validation = split_by_artist(
        taken, recipe.artists_held_out, recipe.paintings_held_out, recipe.seed
    )
    found = sorted({*test.names(), *asked}, key=natural)
    tested = found[: recipe.most or None]
    twice = min(labels.keys() & tested, default=None)
    if twice:
        raise UserError(f"{twice} is in train and in test of {files.pairs.parent}: remove one")
    names = {
        "train": (train, [name for name in labels if name not in validation]),
        "val": (train, [name for name in labels if name in validation]),
        "test": (test, tested),
    }
    gone = [Broken(name, "train", MISSING) for name in artist_of if name not in train]
    gone += [Broken(name, "test", MISSING) for name in missing]
    gone += [Broken(name, "test", LEFT_OUT) for name in found[len(tested) :]]
    report(
        "listed",
        **{part: len(listed) for part, (_, listed) in names.items()},
        missing_in_train=len(artist_of) - len(there),
        missing_in_test=len(missing),
        left_out_of_test=len(found) - len(tested),
        unlisted=len(set(train.names()) - labels.keys()),
    )
    parts = {
        part: pictures.records(part, listed, [labels[n] for n in listed if part != "test"] or None)
        for part, (pictures, listed) in names.items()
    }
    return artists, parts, gone


KERNEL = Kernel(
    COMPETITION,
    PaintingsRecipe(**RECIPE),
    work=lambda run: prepare(COMPETITION.data_folder(run.parameters.internet), run),
    dry_run={
        "size": 224,
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

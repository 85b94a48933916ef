"""What is wrong with a data set before anything is trained on it: the work of an audit kernel.

Pictures that are in two splits or twice in one, pictures with two labels, classes that a split
lacks, records that cannot be read. Works on TFRecords, and on the records of any layout.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from common.audit.findings import FIGURE, NAME, TABLE, Audit, facts_of, warnings_of, write_table
from common.audit.records import BrokenRecord, Picture, Split, read_picture, read_pictures
from common.competition import Competition
from common.data.lookalikes import Pair, find_pairs, groups
from common.errors import UserError
from common.kernel import KernelRun
from common.manifest import write_json
from common.metrics import figures
from common.recipes.training import CheckedRecipe, Count, Range, Share
from common.submission import find_sample, read_sample_ids

_COLUMNS, _SHOWN = 4, 12  # pairs side by side, and in all
_RED = "#c0392b"


@dataclass(frozen=True)
class AuditRecipe(CheckedRecipe):
    """What counts as the same picture.

    The defaults come from 1,120 pictures of flowers: true copies, cropped and compressed anew,
    agree to 0.977 and better, and the two most alike pictures that are not one to 0.956.

    Attributes:
        bits: of 63 in which the hashes of a near copy may differ.
        agreement: the least correlation of two pictures that are aligned.
        most_looks: pairs that are aligned; ``bits`` falls when there are more.
    """

    bits: Annotated[int, Range(0, 63)] = 16
    agreement: Share = 0.97
    most_looks: Count = 300_000


def run_audit(competition: Competition, splits: Sequence[Split], run: KernelRun) -> None:
    """Audit the splits and write ``audit.json``, ``audit.csv`` and ``audit.png``.

    The run's recipe is an AuditRecipe.
    """
    classes = competition.task.classes
    with run.stage("reading"):
        pictures, broken = read_pictures(splits, len(classes))
    with run.stage("comparing", pictures=len(pictures)):
        audit = compare(splits, pictures, broken, run.recipe, classes)
    sample, fault = _sample_ids(competition)
    audit = replace(audit, sample=sample)
    warnings = [*warnings_of(audit), *fault]
    with run.stage("figures", pairs=len(audit.pairs)):
        write_table(run.folder / TABLE, audit)
        write_json(run.folder / NAME, {**facts_of(audit), "warnings": warnings})
        _draw(run.folder / FIGURE, audit)
    for warning in warnings:
        print(f"warning: {warning}", flush=True)


def _sample_ids(competition: Competition) -> tuple[list[str] | None, list[str]]:
    """The sample's ids, if there are any to compare with, and why there are none."""
    path = find_sample(competition)
    if not path or competition.task.name == "pairs":
        wanted = not path and competition.submission is not None
        return None, [f"no {competition.sample} to compare ids with"] if wanted else []
    try:
        return read_sample_ids(path, competition).tolist(), []
    except UserError as error:
        return None, [str(error)]


def compare(
    splits: Sequence[Split],
    pictures: Sequence[Picture],
    broken: Sequence[BrokenRecord],
    recipe: AuditRecipe,
    classes: Sequence[str],
) -> Audit:
    """Find what is the same."""
    prints = [picture.print for picture in pictures]
    found = find_pairs(prints, recipe.bits, recipe.agreement, recipe.most_looks)
    asked = recipe.bits, recipe.agreement
    return Audit(classes, splits, pictures, broken, found, groups(found.pairs), *asked)


def _draw(path: Path, audit: Audit) -> None:
    """The figure, a PNG: how many pictures each class has, and pictures that come twice.

    Without labels there are no classes to count.
    """
    plt = figures.pyplot()
    pairs = _chosen(audit)
    rows, high = -(-len(pairs) // _COLUMNS), 4.2 if audit.classes else 0.8
    figure = plt.figure(figsize=(15, high + 2.5 * rows), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(high, max(2.5 * rows, 0.01)))
    if audit.classes:
        _draw_classes(upper.subplots(), audit)
    else:
        counts = ", ".join(f"{count:,} of {split}" for split, count in audit.sizes.items())
        upper.suptitle(f"Pictures without labels: {counts}", fontsize=12)
    if pairs:
        lower.suptitle(
            "The same picture twice, or two alike: the least alike of each two splits", fontsize=12
        )
        for cell, pair in zip(lower.subfigures(rows, _COLUMNS, squeeze=False).flat, pairs):  # noqa: B905 (cells may remain empty)
            _draw_pair(cell, audit, pair)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _chosen(audit: Audit) -> list[Pair]:
    """Pairs over which a person may differ: of every two splits in turn, the least alike first.

    Pairs with two labels come before others.
    """
    by_splits: dict[tuple[str, str], list[Pair]] = {}
    for pair in sorted(audit.pairs, key=lambda p: (not _is_conflict(audit, p), p.agreement)):
        one, two = audit.ends(pair)
        by_splits.setdefault((one.split, two.split), []).append(pair)
    crossing = sorted(by_splits, key=lambda key: (key[0] == key[1], key))
    turns = itertools.zip_longest(*(by_splits[key] for key in crossing))
    return [pair for turn in turns for pair in turn if pair is not None][:_SHOWN]


def _is_conflict(audit: Audit, pair: Pair) -> bool:
    """Whether both pictures have a label, and not the same."""
    one, two = (picture.label for picture in audit.ends(pair))
    return one is not None and two is not None and one != two


def _draw_classes(axis: Any, audit: Audit) -> None:
    """A bar for each class and labelled split, the most frequent classes first."""
    order = np.argsort(-audit.totals, kind="stable")[: np.count_nonzero(audit.totals)]
    width = 0.8 / max(1, len(audit.classes))
    for number, (split, counted) in enumerate(audit.classes.items()):
        places = np.arange(len(order)) + (number - (len(audit.classes) - 1) / 2) * width
        colour = (figures.BLUE, figures.ORANGE, figures.GREY)[number % 3]
        axis.bar(places, counted[order], width, color=colour, label=split)
    size = 8 if len(order) < 60 else 6
    axis.set_xticks(range(len(order)), np.asarray(audit.names)[order], rotation=90, fontsize=size)
    axis.set_xlim(-0.7, max(len(order), 1) - 0.3)
    figures.tidy(axis)
    axis.grid(visible=False, axis="x")
    counts = ", ".join(f"{count:,} of {split}" for split, count in audit.sizes.items())
    empty = len(audit.names) - len(order)
    lacking = f"; {empty} of {len(audit.names)} classes without any" if empty else ""
    axis.set_title(f"Pictures of each class ({counts}{lacking})")
    if audit.classes:
        axis.legend(frameon=False, ncols=len(audit.classes), loc="upper right")


def _draw_pair(cell: Any, audit: Audit, pair: Pair) -> None:
    """Two pictures in a frame of their own, red where the labels differ."""
    conflict = _is_conflict(audit, pair)
    how = pair.kind if pair.kind == "exact" else f"{pair.kind}, {pair.agreement:.3f}"
    label = f"{how}: two labels" if conflict else how
    cell.supxlabel(label, fontsize=8, color=_RED if conflict else "black")
    for axis, picture in zip(cell.subplots(1, 2), audit.ends(pair), strict=True):
        axis.imshow(read_picture(picture))
        file = picture.id.rpartition("/")[2]
        name, label = figures.ending(file, 28), audit.label(picture) or "no label"
        axis.set_title(f"{picture.split} {name}\n{label}", fontsize=7)
        axis.axis("off")

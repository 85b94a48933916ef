"""What is wrong with a data set before anything is trained on it: the work of an audit kernel.

Pictures that are in two splits or twice in one, pictures with two labels, classes that a split
lacks, records that cannot be read. Works on TFRecords of labelled pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from common.audit.figures import draw_audit
from common.audit.findings import FIGURE, NAME, TABLE, Audit, facts_of, warnings_of, write_table
from common.audit.lookalikes import find_pairs, groups
from common.audit.records import BrokenRecord, Picture, Split, read_pictures
from common.competition import Competition
from common.kernel import KernelRun
from common.manifest import write_json
from common.recipes.training import CheckedRecipe, Count, Range, Share


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
    warnings = warnings_of(audit)
    with run.stage("figures", pairs=len(audit.pairs)):
        write_table(run.folder / TABLE, audit)
        write_json(run.folder / NAME, {**facts_of(audit), "warnings": warnings})
        draw_audit(run.folder / FIGURE, audit)
    for warning in warnings:
        print(f"warning: {warning}", flush=True)


def compare(
    splits: Sequence[Split],
    pictures: Sequence[Picture],
    broken: Sequence[BrokenRecord],
    recipe: AuditRecipe,
    classes: Sequence[str],
) -> Audit:
    """Find what is the same."""
    prints = [picture.print for picture in pictures]
    pairs, bits = find_pairs(prints, recipe.bits, recipe.agreement, recipe.most_looks)
    return Audit(classes, splits, pictures, broken, pairs, groups(pairs), bits, recipe.bits)

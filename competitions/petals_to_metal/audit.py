"""Leaks and splits: what is twice in the data, and what is broken or missing.

Looks at every picture of train, validation and test: exact and near copies within and across
them (compressed, cropped, lit or mirrored anew), pictures with two labels, classes without
pictures, records that cannot be read. Writes ``audit.json``, ``audit.csv`` and ``audit.png``.
CPU, no internet, some minutes for all of the competition's pictures.

From a clone of the repository: python submit.py petals --audit
"""

RECIPE: dict = dict(
    bits=16,  # of 63 in which the hashes of a near copy may differ
    agreement=0.97,  # the least correlation of two pictures, one laid over the other
    most_looks=300_000,
)
PARAMETERS: dict = {}

from collections.abc import Iterator
from pathlib import Path

from common.audit.kernel import AuditKernel
from common.audit.records import Split
from common.audit.run import AuditRecipe
from competitions.petals_to_metal import COMPETITION
from competitions.petals_to_metal.data import PARTS, find_folder

SIZE = 192  # the smallest that the competition has; enough to tell pictures apart


def read_parts(root: Path) -> Iterator[Split]:
    """Yield the competition's parts at that size."""
    folder = find_folder(root, SIZE)
    for part in PARTS:
        files = tuple(sorted((folder / part).glob("*.tfrec")))
        yield Split(part, files, labelled=part != "test")


KERNEL = AuditKernel(COMPETITION, AuditRecipe(**RECIPE), parts=read_parts)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

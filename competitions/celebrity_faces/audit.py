"""Leaks and copies: faces that come twice in train and validation, or are of two people.

Looks at every picture: exact and near copies within and across the parts (compressed, cropped, lit
or mirrored anew), copies with two labels, people without pictures, files that cannot be read.
Writes ``audit.json``, ``audit.csv`` and ``audit.png``. CPU, no internet, less than a minute.

From a clone of the repository: python submit.py celebrities --audit [--dry-run]
"""

RECIPE: dict = dict(
    bits=16,  # of 63 in which the hashes of a near copy may differ
    agreement=0.97,  # the least correlation of two pictures, one laid over the other
    most_looks=300_000,
)
PARAMETERS: dict = {}

from common.audit.kernel import AuditKernel
from common.audit.run import AuditRecipe
from competitions.celebrity_faces import COMPETITION
from competitions.celebrity_faces.data import read_parts

KERNEL = AuditKernel(COMPETITION, AuditRecipe(**RECIPE), parts=read_parts)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

"""Leaks and copies: X-rays that come twice in train, validation and test, or have two labels.

Looks at every picture: exact and near copies within and across the parts (compressed, cropped, lit
or mirrored anew), copies with two labels, files that cannot be read. Writes ``audit.json``,
``audit.csv`` and ``audit.png``. CPU, no internet, some minutes.

From a clone of the repository: python submit.py pneumonia --audit [--dry-run]
"""

RECIPE: dict = dict(
    bits=10,  # of 63 in which the hashes of a near copy may differ; X-rays are all alike
    # The least correlation of two pictures, one laid over the other: of 1,806 X-rays the two of
    # other people that are most alike agree to 0.990. Copies that were cropped may be missed.
    agreement=0.995,
    most_looks=300_000,
)
PARAMETERS: dict = {}

from common.audit.kernel import AuditKernel
from common.audit.run import AuditRecipe
from competitions.chest_xray import COMPETITION
from competitions.chest_xray.data import read_parts

KERNEL = AuditKernel(COMPETITION, AuditRecipe(**RECIPE), parts=read_parts)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

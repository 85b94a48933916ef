"""Copies of pictures among the people of training, and across training and test.

Nobody is in both lists by name; a picture that is in both under two names would be. Looks at all
pictures of these people: exact and near copies (compressed, cropped, lit or mirrored anew), files
that cannot be read. Writes ``audit.json``, ``audit.csv`` and ``audit.png``. CPU, no internet.

From a clone of the repository: python submit.py faces --audit [--dry-run]
"""

RECIPE: dict = dict(
    bits=16,  # of 63 in which the hashes of a near copy may differ
    agreement=0.97,  # the least correlation of two pictures, one laid over the other
    most_looks=300_000,
)
PARAMETERS: dict = {}

from common.audit.kernel import AuditKernel
from common.audit.run import AuditRecipe
from competitions.labeled_faces import COMPETITION
from competitions.labeled_faces.data import read_people

KERNEL = AuditKernel(COMPETITION, AuditRecipe(**RECIPE), parts=read_people)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

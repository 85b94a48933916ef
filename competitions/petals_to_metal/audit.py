"""Leaks and splits: what stands twice in the data, and what is broken or missing.

Looks at every picture of train, validation and test: exact and near copies within and across
them (compressed, cropped, lit or mirrored anew), pictures with two labels, classes without
pictures, records that cannot be read. Leaves ``audit.json``, ``audit.csv`` and ``audit.png``.
CPU, no internet, some minutes for all of the competition's pictures.

    python submit.py petals --audit
"""

import sys
from collections.abc import Sequence

from common.audit.run import AuditRecipe, Split, run_audit
from common.data.tfrecords import record_files
from common.errors import shown_in_one_line
from common.inputs import competition_folder
from common.parameters import Parameters, refuse_arguments
from common.recipe import override
from competitions.petals_to_metal import COMPETITION
from competitions.petals_to_metal.data import PARTS, check_folder

PARAMETERS: dict = {}
RECIPE = AuditRecipe()
ACCELERATORS = ("cpu",)
HOURS = {"cpu": 0.1}
SIZE = 192  # the smallest that the competition has; enough to tell pictures apart
NAMES = {"val": "validation"}


@shown_in_one_line()
def main(arguments: Sequence[str] = ()) -> None:
    """Audit the data that is mounted, or downloaded."""
    refuse_arguments(arguments)
    parameters = Parameters.from_dict(PARAMETERS)
    recipe = override(RECIPE, parameters.settings)
    root = competition_folder(COMPETITION.slug, parameters.internet, COMPETITION.layout)
    folder = check_folder(root, SIZE)
    splits = [
        Split(NAMES.get(part, part), record_files(folder / part), labelled=part != "test")
        for part in PARTS
    ]
    run_audit(COMPETITION, splits, recipe, parameters)


if __name__ == "__main__":
    main(sys.argv[1:])

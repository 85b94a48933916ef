"""What a training would refuse in its data, or warn of, found without training it.

    python -m common.training.first_look competitions.petals_to_metal.densenet201 RECIPE SEED

The recipe is that of the run, its fields in JSON. A dry run does this with one's own data before
it pushes anything.
"""

import importlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.code_faults import in_words
from common.data.pair_pictures import open_records
from common.data.records import Records
from common.errors import UserError, end_process, shown_in_one_line
from common.kernel import KernelRun
from common.parameters import Parameters
from common.recipe import override
from common.recipes.training import check_batch
from common.training.classifier_training import ClassifierKernel, divide
from common.training.loading import check_labels, check_splits
from common.training.prepare import Parts, PictureKernel, check_headers
from common.training.preparing import PrepareKernel
from common.training.verifying import VerifyingKernel

_DECODING = 5.0  # seconds at most for the pixels of the pictures


def look(script: str, settings: Mapping[str, Any] | None = None, seed: int = 0) -> None:
    """Read and split the records of a kernel's module, and decode what few seconds allow of them.

    ``settings`` are fields of its recipe, by default those that it has. Prints what is strange in
    the labels, a line each. Raises UserError as the kernel would.
    """
    kernel = importlib.import_module(script).KERNEL
    if not isinstance(kernel, (PictureKernel, PrepareKernel)):
        raise UserError(f"{script} declares no kernel that reads pictures: name one")
    recipe = override(kernel.recipe, settings or {})
    run = KernelRun(Parameters(script, internet=False, seed=seed), recipe)
    try:
        records = kernel.records(run)
    except (ImportError, NameError, AttributeError, TypeError) as error:  # of a competition's code
        path = Path(str(sys.modules[script].__file__))
        raise UserError(in_words(error, path)) from None
    for warning in _strange(kernel, records, run):
        print(f"warning: {warning}", flush=True)
    if isinstance(kernel, PrepareKernel):  # and lists what is broken
        return
    parts = Parts(*(open_records(part, recipe.image_size, "none") for part in records))
    check_headers(parts)
    end = time.monotonic() + _DECODING
    for part in reversed(parts):  # nobody would look at test otherwise
        part.decode_all(end - time.monotonic())


def _strange(
    kernel: PictureKernel | PrepareKernel,
    records: tuple[Records, Records, Records],
    run: KernelRun,
) -> list[str]:
    """What is strange in the labels, a line each. Raises UserError as ``look``."""
    recipe, seed = run.recipe, run.parameters.seed
    if isinstance(kernel, ClassifierKernel):
        found = divide(kernel, records, recipe, seed, None)  # also the folds of other kernels
        for train, _ in found.splits.values():
            check_batch(recipe, 1, len(train))
        return found.warnings
    split_later = isinstance(kernel, PrepareKernel) and any(p.labels is None for p in records[:2])
    # Labels of pairs are split and counted in another way.
    if kernel.competition.task.name == "pairs" or split_later:
        return []
    if isinstance(kernel, VerifyingKernel):
        records = kernel.listed(run)
    check_labels(kernel.competition, *records)
    return check_splits(kernel.competition, [records[:2]], records[2])


if __name__ == "__main__":
    with shown_in_one_line():
        look(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))
    end_process(0)  # TensorFlow's threads need not be waited for

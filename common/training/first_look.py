"""What a training would refuse in its data, or warn of, found without training it.

    python -m common.training.first_look competitions.petals_to_metal.densenet201

A dry run does this with one's own data before it pushes anything.
"""

import importlib
import sys
from pathlib import Path

from common.code_faults import in_words
from common.data.pictures import Pictures
from common.errors import UserError, end_process, shown_in_one_line
from common.kernel import KernelRun
from common.parameters import Parameters
from common.training.loading import check_labels, check_splits
from common.training.prepare import Parts, PictureKernel, check_headers
from common.training.preparing import PrepareKernel


def look(script: str) -> None:
    """Read the records of a kernel's module and the headers of their pictures.

    Prints what is strange in their labels, a line each. Raises UserError as the kernel would.
    """
    kernel = importlib.import_module(script).KERNEL
    if not isinstance(kernel, (PictureKernel, PrepareKernel)):
        raise UserError(f"{script} declares no kernel that reads pictures: name one")
    run = KernelRun(Parameters(script, internet=False), kernel.recipe)
    try:
        records = kernel.records(run)
    except (ImportError, NameError, AttributeError, TypeError) as error:  # of a competition's code
        path = Path(str(sys.modules[script].__file__))
        raise UserError(in_words(error, path)) from None
    prepares = isinstance(kernel, PrepareKernel)
    split_later = prepares and any(part.labels is None for part in records[:2])
    # Labels of pairs are split and counted in another way.
    if kernel.competition.task.name != "pairs" and not split_later:
        check_labels(kernel.competition, *records)
        for warning in check_splits(kernel.competition, [records[:2]], records[2]):
            print(f"warning: {warning}", flush=True)
    if prepares:  # and lists what is broken
        return
    check_headers(Parts(*(Pictures(part, kernel.recipe.image_size) for part in records)))


if __name__ == "__main__":
    with shown_in_one_line():
        look(sys.argv[1])
    end_process(0)  # TensorFlow's threads need not be waited for

"""What a competition's ``load`` reads, checked."""

from collections.abc import Callable

from common.competition import Competition
from common.data.depth import of_one_depth
from common.data.faults import check_against_sample
from common.data.records import Records, no_records
from common.errors import UserError
from common.parameters import Parameters
from common.submission import check_sample, find_sample

# Of a size in pixels; test is None where there is none, and no submission.
Load = Callable[[int, Parameters], tuple[Records, Records, Records | None]]


def load_parts(
    facts: Competition, load: Load, size: int, parameters: Parameters
) -> tuple[Records, Records, Records]:
    """Return train, validation and test.

    Raises UserError when these are not three Records, or test has other ids than the sample.
    """
    try:
        parts = load(size, parameters)
    except FileNotFoundError as error:
        name = error.filename or "a file of its data"
        raise UserError(
            f"{name}: no such file; the data of {facts.name} must have {facts.files}"
        ) from None
    train, validation, test = parts if isinstance(parts, tuple) and len(parts) == 3 else [None] * 3
    if test is None and facts.submission is None:
        test = no_records("test")
    known = [part for part in (train, validation, test) if isinstance(part, Records)]
    if len(known) < 3:
        raise UserError(
            f"load of {facts.name} gave no (train, validation, test) of Records: look at the "
            f"competition's data.py"
        )
    sample = find_sample(facts)
    if sample and facts.task.name != "pairs":
        check_against_sample(known[2], sample, check_sample(sample, facts))
    train, validation, test = of_one_depth(known)
    return train, validation, test

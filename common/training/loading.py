"""What a competition's ``load`` reads, checked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.competition import Competition
from common.data.copies import byte_faults
from common.data.depth import of_one_depth
from common.data.faults import check_against_sample, class_faults
from common.data.records import Records, join, no_records
from common.errors import UserError
from common.inputs import as_given
from common.parameters import Parameters
from common.recipes.classifier import ALL_ANEW
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
        name = as_given(Path(error.filename)) if error.filename else "a file of its data"
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


def labels_of(part: Records) -> np.ndarray:
    """Return the labels, ``(pictures, …)``. Raises UserError when there are none."""
    if part.labels is None:
        raise UserError(f"{part.name} has no labels: look at the competition's data.py")
    return part.labels


def check_validation(validation: Records) -> None:
    """Raise UserError for a validation without pictures whose ``split`` says why it has none."""
    if validation.split and not len(validation):
        raise UserError(f"nothing to validate on: {validation.split}")


def check_split(facts: Competition, recipe: Any) -> None:
    """Raise UserError where all pictures are to be split anew, and those of test are submitted."""
    split = getattr(recipe, "split", "given")
    if split in ALL_ANEW and facts.submission is not None:
        raise UserError(
            f"setting split={split}: {facts.name} is scored on its own test: take split=given"
        )


def check_labels(facts: Competition, train: Records, validation: Records, test: Records) -> None:
    """Raise UserError for labels that the task cannot take; test may have none."""
    for part in (train, validation):
        facts.task.check_labels(labels_of(part), part.name)
    if test.labels is not None:
        facts.task.check_labels(test.labels, test.name)


def check_splits(
    facts: Competition,
    splits: Sequence[tuple[Records, Records]],
    test: Records,
    folds: int = 0,
) -> list[str]:
    """Return what is strange in the same pictures' ``splits``, a line each; training can go on.

    A split is train and validation. Raises UserError where nothing can be learnt from one, or
    measured on it: what would otherwise be found when training has ended.
    """
    strange = [fault for one in splits for fault in class_faults(*one, facts.task, folds)]
    for _, validation in splits:
        facts.check_measurable(labels_of(validation))
    train, validation = splits[0]
    notes = dict.fromkeys((*join(train.name, train, validation).notes, *test.notes))
    faults = byte_faults((train, validation, test), facts.task)
    return [*dict.fromkeys(strange), *faults, *notes]

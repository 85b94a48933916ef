"""Validation where the data have none, all parts anew, and folds: fair, by group, with copies."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from common.data.copies import MOST, find_copies
from common.data.dealing import at_random, stratified_folds
from common.data.faults import check_ids
from common.data.lookalikes import components
from common.data.records import Records, join
from common.errors import UserError
from common.progress import report
from common.tasks.task import Task

_NEXT = 1_000_003  # from the seed of a split to that of its repeat, which nobody gives as --seed
_OTHERS = 0.3  # of all pictures: validation and test where all are split anew
_VALIDATION = 0.15  # of train and validation where those alone are
_GIVEN = "group as given"  # a column: the names of groups before copies joined some


def hold_out(
    records: Records,
    task: Task,
    share: float = 0.2,
    seed: int = 0,
    near_duplicates: bool = True,
) -> tuple[Records, Records]:
    """Return train and validation of labelled pictures, stratified as ``task`` says.

    ``share`` is that of validation, ``1 / share`` rounded to a whole number of parts, or as many as
    there are groups, if fewer. Pictures of one group are on one side, and so are
    ``near_duplicates`` among up to 20,000 pictures. A class that would be in validation alone is
    trained on. Raises UserError where nothing is left.
    """
    if records.labels is None:
        raise UserError(f"{records.name} has no labels: there is nothing to validate on")
    if not 0 < share < 1:
        raise UserError(
            f"share={share}: give a part between 0 and 1, such as 0.2: look at hold_out(...) in "
            f"the competition's data.py"
        )
    records, words = keep_together(records, near_duplicates)
    folds = max(2, min(round(1 / share), _pieces(records)))
    parts = _folds(records, task, folds, seed)
    # The fold of the largest group may be far larger than the others.
    off = np.abs(np.bincount(parts, minlength=folds) - len(parts) / folds)
    chosen = parts == (0 if records.groups is None else int(off.argmin()))
    if task.has_class_numbers:
        chosen &= ~_only_there(records, chosen)
    if not chosen.any():
        raise UserError(
            f"{records.name}: no picture is left for validation, because each class is one group "
            f"or one picture: split by other groups, or none"
        )
    return _divide(records, chosen, "val", f"stratified{words}, seed {seed}")


def split_anew(
    parts: Sequence[Records], task: Task, how: str, seed: int, near_duplicates: bool = True
) -> list[Records]:
    """Return 70 % train, 15 % validation and 15 % test of all labelled pictures of ``parts``.

    Those are train, validation and test; the last may be empty. ``how`` is ``random``, which
    ignores groups as many publications do, or ``grouped``, which keeps pictures of one group on one
    side, and ``near_duplicates`` too. Both are stratified. Raises UserError where test has no
    labels, and for too few pictures or groups.
    """
    train, validation, test = map(_with_given, parts)
    if len(test) and test.labels is None:
        raise UserError(f"setting split={how}: {test.name} has no labels to be split: take given")
    whole = join(train.name, train, validation)
    whole = check_ids(join(train.name, whole, test) if len(test) else whole)
    assert whole.labels is not None
    try:
        if how == "random":
            strata = task.strata(whole.labels)
            numbers, words = at_random(strata, seed, _OTHERS, 0.5), "at random, stratified"
        else:
            whole, kept = keep_together(_rejoined(whole), near_duplicates)
            numbers, words = _by_group(whole, task, seed), f"by group, stratified{kept}"
    except UserError as error:
        raise UserError(f"setting split={how}: {error}") from None
    _, own, others = np.bincount(numbers, minlength=3)
    words = f"{own:,} of {whole.in_words}, {words}, seed {seed}; test are {others:,} more"
    report("split", validation=words)
    return [
        dataclasses.replace(whole.take(numbers == n), name=part.name, split=words if n else "")
        for n, part in enumerate(parts)
    ]


def random_validation(
    train: Records, validation: Records, task: Task, seed: int
) -> tuple[Records, Records]:
    """Return 85 % train and 15 % validation of the pictures of both, at random and stratified.

    Groups and copies may be on both sides, as in many publications; ``split`` says of how many
    groups. Raises UserError for too few pictures.
    """
    whole = check_ids(join(train.name, train, validation))
    assert whole.labels is not None
    try:
        chosen = at_random(task.strata(whole.labels), seed, _VALIDATION) == 1
    except UserError as error:
        raise UserError(f"setting split=random-validation: {error}") from None
    words = "at random, stratified"
    if whole.groups is not None:
        own, others = ({*whole.groups[rows].tolist()} - {""} for rows in (chosen, ~chosen))
        words += f", {len(own & others):,} of its {len(own):,} groups trained on, too"
    return _divide(whole, chosen, "val", f"{words}, seed {seed}")


def _by_group(records: Records, task: Task, seed: int) -> np.ndarray:
    """The part of each row, 0 to 2: three of ten folds, then halves, each dealt out by group.

    The three are those nearest to a tenth: a large group may make one far larger. A class that
    train would lack is trained on.
    """
    tenths = _folds(records, task, 10, seed)
    off = np.abs(np.bincount(tenths, minlength=10) - len(records) / 10)
    others = np.isin(tenths, np.argsort(off, kind="stable")[: round(10 * _OTHERS)])
    if task.has_class_numbers:
        others &= ~_only_there(records, others)
    numbers = np.zeros(len(records), np.int64)
    numbers[others] = 1 + _folds(records.take(others), task, 2, seed)
    return numbers


def join_labelled(train: Records, validation: Records, near_duplicates: bool = True) -> Records:
    """Return all labelled pictures to be split into folds, those that belong together in groups.

    Those are the groups of the records, and ``near_duplicates`` as ``hold_out`` has them. ``split``
    says in words what is kept together. Raises UserError for a picture that comes twice.
    """
    both, words = check_ids(join(train.name, train, validation)), ""
    if not validation.split:  # else hold_out has looked for copies, or was asked not to
        both, words = keep_together(both, near_duplicates)
    elif both.groups is not None:
        words = f", {_several(both.groups)} kept together"
    return dataclasses.replace(both, split=words)


def one_fold(
    both: Records, task: Task, folds: int, fold: int, seed: int
) -> tuple[Records, Records]:
    """Return train and validation of one of ``folds`` of ``join_labelled``'s pictures.

    Folds count on from one split to the next, each of another seed: fold 7 of 5 is fold 2 of the
    second. Raises UserError as ``stratified_folds``.
    """
    chosen = fold_rows(both, task, folds, fold, seed)
    repeat, fold = divmod(fold, folds)
    again = f" of split {repeat + 1}" if repeat else ""
    name = f"fold {fold} of {folds}{again}, stratified{both.split}, seed {_seed(seed, repeat)}"
    return _divide(dataclasses.replace(both, split=""), chosen, "val", name)


def fold_rows(both: Records, task: Task, folds: int, fold: int, seed: int) -> np.ndarray:
    """Return which of ``join_labelled``'s pictures are validation of a fold, ``(n,)`` bool."""
    repeat, fold = divmod(fold, folds)
    return np.asarray(_folds(both, task, folds, _seed(seed, repeat)) == fold)


def _seed(seed: int, repeat: int) -> int:
    """The seed of a repeated split."""
    return (seed + _NEXT * repeat) % 2**32


def keep_together(records: Records, near_duplicates: bool = True) -> tuple[Records, str]:
    """Return ``records`` with copies in one group, and what is kept together in words.

    ``groups`` are ``(pictures,)`` text. Groups that copies join have the name of the first of them;
    a group of copies alone is named by its first picture. No copies are looked for without
    ``near_duplicates``, of pairs, and among more than 20,000 pictures.
    """
    words = "" if records.groups is None else f", {_several(records.groups)} kept together"
    if not near_duplicates or records.seconds is not None:  # a picture is in several pairs
        return records, words
    if len(records) > MOST:
        return records, f"{words}, copies not looked for among {len(records):,} pictures"
    copies = find_copies(records)
    found = sum(map(len, copies))
    report("copies", pictures=found, groups=len(copies))
    if not copies:
        return records, f"{words}, no copies found"
    joined = _joined(records, copies)
    words += f", {found:,} pictures kept with their copies"
    return dataclasses.replace(_with_given(records), groups=joined), words


def _with_given(records: Records) -> Records:
    """The records with the names of their groups in a column, too, as they were given."""
    groups = np.zeros(len(records), np.str_) if records.groups is None else records.groups
    return dataclasses.replace(records, columns={_GIVEN: groups, **records.columns})


def _rejoined(records: Records) -> Records:
    """The records of parts that were joined: what had one name in two of them is one group.

    Copies may have given a group of one part the name of another.
    """
    if records.groups is None:
        return records
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(records.columns[_GIVEN].tolist()):
        if name:
            rows.setdefault(name, []).append(row)
    return dataclasses.replace(records, groups=_joined(records, [*rows.values()]))


def _pieces(records: Records) -> int:
    """How many groups there are, each picture without one counted as one."""
    if records.groups is None:
        return len(records)
    named = records.groups[records.groups != ""]
    return len(records) - len(named) + len(np.unique(named))


def _several(groups: np.ndarray) -> str:
    number = len(np.unique(groups[groups != ""]))
    return f"{number:,} group{'s' * (number != 1)}"


def _joined(records: Records, copies: Sequence[Sequence[int]]) -> np.ndarray:
    """The groups of records, those joined that copies connect: ``(pictures,)`` text."""
    named = np.zeros(len(records), np.str_) if records.groups is None else records.groups
    firsts = np.arange(len(records))
    _, first, inverse = np.unique(named, return_index=True, return_inverse=True)
    firsts[named != ""] = first[inverse][named != ""]
    edges = [*enumerate(firsts.tolist()), *((one, copy) for one, *more in copies for copy in more)]
    component = components(np.array(edges), len(records))
    names: dict[int, str] = {}
    for number, group in zip(component.tolist(), named.tolist(), strict=True):
        if group:
            names.setdefault(number, group)
    for first_row, *_ in copies:
        names.setdefault(int(component[first_row]), f"copies of {records.ids[first_row]}")
    return np.array([names.get(number, "") for number in component.tolist()])


def _folds(records: Records, task: Task, folds: int, seed: int) -> np.ndarray:
    assert records.labels is not None
    numbers = None
    if records.groups is not None:
        alone = records.groups == ""
        numbers = np.unique(records.groups, return_inverse=True)[1]
        numbers[alone] = numbers.max() + 1 + np.arange(np.count_nonzero(alone))
    return stratified_folds(task.strata(records.labels), folds, seed, numbers)


def _only_there(records: Records, chosen: np.ndarray) -> np.ndarray:
    """The pictures of classes that the ``chosen`` alone have, and their groups: a mask."""
    assert records.labels is not None
    rows = chosen & ~np.isin(records.labels, records.labels[~chosen])
    if records.groups is None:
        return rows
    named = records.groups != ""
    return rows | (named & np.isin(records.groups, records.groups[rows & named]))


def _divide(records: Records, chosen: np.ndarray, name: str, words: str) -> tuple[Records, Records]:
    """Train and validation, the ``chosen`` pictures, which says how it was split off."""
    words = f"{np.count_nonzero(chosen):,} of {records.in_words}, {words}"
    report("split", validation=words)
    validation = dataclasses.replace(records.take(chosen), name=name, split=words)
    return records.take(~chosen), validation

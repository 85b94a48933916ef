"""LFW's pairs by its lists for View 1 and for View 2, and the single pictures of their people."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.data.layouts import (
    LabelledPairs,
    check_apart,
    compare_lists,
    folder_per_class,
    folds_of,
    labelled_pairs,
    pair_records,
)
from common.data.pair_pictures import rows_of_pairs
from common.data.records import Records, no_records
from common.data.splits import hold_out
from common.errors import UserError
from common.inputs import as_given, listing
from common.parameters import Parameters
from competitions.labeled_faces import COMPETITION

SHARE = 0.15  # of the pairs, for validation: one of seven parts
LISTS = ("pairs{part}.txt",), ("matchpairs{part}.csv", "mismatchpairs{part}.csv")
VIEW_2 = ("pairs.txt",), ("pairs.csv",)
OFFICIAL = (10, 300)  # folds, and pairs of each kind in each


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read the pairs: train and validation share no person, and test is as it is published.

    Where pairs connect all people of train, validation is empty, and its ``split`` says why: a
    recipe may split pairs at random.
    """
    root = COMPETITION.data_folder(parameters.internet)
    train, test = read_lists(root)
    if len(np.unique(np.asarray(train.groups))) == 1:
        nothing = train.take(np.zeros(0, np.int64))
        return train, replace(nothing, name="val", split=_connected(root, train)), test
    train, validation = hold_out(train, COMPETITION.task, SHARE)
    return train, validation, test


def _connected(root: Path, train: Records) -> str:
    """Why there is no validation by person, and what to do."""
    (first, *_), people = find_lists(root, *_forms("DevTrain")), np.unique(_people_of(train))
    return (
        f"{' and '.join(path.name for path in first)}: pairs connect all {len(people)} people to 1 "
        f"group, and 2 are needed to validate on people who are not trained on: draw the pairs of "
        f"two people within smaller sets of people; twin takes --set split=random-validation, too"
    )


def read_lists(root: Path) -> tuple[Records, Records]:
    """Read the pairs of DevTrain and of DevTest below ``root``.

    Raises UserError as ``find_lists`` and ``labelled_pairs``, and where a person is in both.
    """
    lists = [find_lists(root, *_forms(part)) for part in ("DevTrain", "DevTest")]
    pictures = folder_per_class("faces", root)
    train, test = (read_pairs(pictures, forms) for forms in lists)
    check_apart(train, test)
    return pair_records("train", pictures, train), pair_records("test", pictures, test)


def _forms(part: str) -> list[list[str]]:
    """The names of a part's lists, in each form."""
    return [[name.format(part=part) for name in names] for names in LISTS]


def _people_of(pairs: Records) -> np.ndarray:
    """The people of both pictures of each pair: ``(2, pairs)`` text."""
    return np.stack([pairs.columns["first"], pairs.columns["second"]])


def read_people(root: Path) -> tuple[Records, Records]:
    """Read all pictures of the people in the pairs of DevTrain, and of those in DevTest.

    Their names are ``groups``. Raises UserError as ``read_lists``.
    """
    pictures = folder_per_class("faces", root)
    names = pictures.columns["class"]

    def of(pairs: Records) -> Records:
        chosen = np.isin(names, _people_of(pairs))
        found = replace(pictures.take(chosen), name=pairs.name, labels=None)
        return replace(found, groups=names[chosen])

    train, test = map(of, read_lists(root))
    return train, test


def load_people(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read single pictures: of the people of each part of ``load``, and of test those in its pairs.

    Labels count the people of train from 0, then those of validation.
    """
    _, validation, test = load(image_size, parameters)
    people, others = read_people(COMPETITION.data_folder(parameters.internet))
    names = np.asarray(people.groups)
    chosen = np.isin(names, _people_of(validation))
    order = [*np.unique(names[~chosen]).tolist(), *np.unique(names[chosen]).tolist()]
    numbers = {name: number for number, name in enumerate(order)}
    people = replace(people, labels=np.array([numbers[name] for name in names.tolist()]))
    rows = np.unique(rows_of_pairs(test, others))
    return people.take(~chosen), replace(people.take(chosen), name="val"), others.take(rows)


def read_pairs(pictures: Records, forms: list[list[Path]]) -> LabelledPairs:
    """Read the lists of a part in the first of its forms.

    Raises UserError as ``labelled_pairs``, and where another form has other pairs.
    """
    first, *others = (labelled_pairs(pictures, *paths) for paths in forms)
    for other, paths in zip(others, forms[1:], strict=True):
        names = [" and ".join(path.name for path in one) for one in (forms[0], paths)]
        compare_lists(first, other, f"{names[0]}, and {names[1]},")
    return first


def find_lists(root: Path, *forms: Sequence[str]) -> list[list[Path]]:
    """Return the lists in ``root``, or a folder below, of those of their ``forms`` that are there.

    Raises UserError where none is.
    """
    found = [[_find(root, name) for name in names] for names in forms]
    if whole := [[path for path in paths if path] for paths in found if None not in paths]:
        return whole
    either = " or ".join(" and ".join(names) for names in forms)
    raise UserError(f"{as_given(root)} lacks {either}; {listing(root)}")


def _find(root: Path, name: str) -> Path | None:
    return next((path for deep in ("", "*/") for path in root.glob(deep + name)), None)


def read_folds(root: Path) -> tuple[Records, Records]:
    """Read View 2: all pictures of the people in its pairs, and the pairs.

    Both have the fold in a column, from 0; labels of pictures count the people.

    Raises UserError as ``find_lists``, ``labelled_pairs`` and ``folds_of``.
    """
    forms = find_lists(root, *VIEW_2)
    pictures = folder_per_class("faces", root)
    pairs = read_pairs(pictures, forms)
    folds = folds_of(pairs, forms[0][0])
    listed = pair_records("folds", pictures, pairs)
    sizes = int(folds.max()) + 1, int(pairs.same[folds == 0].sum())
    if sizes != OFFICIAL:
        number, each = sizes
        note = f"{number} folds of {each} + {each} pairs are not View 2, whose ten have 300 + 300"
        listed = replace(listed, notes=(*listed.notes, note))
    fold_of = dict(zip(pairs.names.ravel().tolist(), np.repeat(folds, 2).tolist(), strict=True))
    names = pictures.columns["class"]
    people = pictures.take(np.isin(names, list(fold_of)))
    names, labels = np.unique(people.columns["class"], return_inverse=True)
    of_pictures = np.array([fold_of[name] for name in names.tolist()])[labels]
    return replace(people, labels=labels, columns={"fold": of_pictures.astype(str)}), replace(
        listed, columns={**listed.columns, "fold": folds.astype(str)}
    )


def load_fold_people(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read the pictures of View 2: those of its first fold are validation, the others train."""
    people, _ = read_folds(COMPETITION.data_folder(parameters.internet))
    return first_apart(people)


def load_folds(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read the pairs of View 2, divided as ``load_fold_people``."""
    _, pairs = read_folds(COMPETITION.data_folder(parameters.internet))
    return first_apart(pairs)


def first_apart(records: Records) -> tuple[Records, Records, Records]:
    """Return the rows of all folds but the first, those of the first, and no test."""
    first = records.columns["fold"] == "0"
    train, validation = records.take(~first), records.take(first)
    return replace(train, name="train"), replace(validation, name="val"), no_records("test")


def check_folder(root: Path) -> None:
    """As ``read_folds`` where there is its list, and as ``read_lists`` where there are theirs."""
    folded = any(_find(root, name) for (name,) in VIEW_2)
    if folded:
        read_folds(root)
    if not folded or any(_find(root, names[0].format(part="DevTrain")) for names in LISTS):
        read_lists(root)

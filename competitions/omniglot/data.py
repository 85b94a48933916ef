"""The drawings: alphabets to learn from, to choose on and to test on; pairs and trials of them.

Koch et al., 2015 ("Siamese Neural Networks for One-shot Image Recognition"), train on 30 alphabets,
choose on ten and test on ten; of 20 drawers the first part has 12, the others have four each.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.data.archives import contents
from common.data.layouts import LabelledPairs, labels_in_names, pair_records
from common.data.layouts.found import is_picture, note
from common.data.pictures import Pictures
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given, listing
from common.pairs.even import draw_even_pairs
from common.pairs.one_shot import WAYS, Trials, draw_runs
from common.parameters import Parameters
from competitions.omniglot import COMPETITION
from competitions.omniglot.lake import read_runs

BACKGROUND = ("images_background", "images_background_small1", "images_background_small2")
EVALUATION = "images_evaluation"
PATTERN = r"(?:(?P<alphabet>[^/]+)/)?(?P<character>character\d+)/\d+_(?P<drawer>\d+)\.\w+$"
PAIRS = 150_000  # of train, or as many as there are; validation and test have a fifteenth
RUNS = {"val": 16, "test": 20}  # 320 and 400 trials of 20 ways
SEED = 0  # of what is drawn: the same for every training
_FEW = 5  # alphabets: of fewer an interval by alphabet would say nothing


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Draw the pairs of each part; labels are 1 where both show one character."""
    train, *others = read_pictures(COMPETITION.data_folder(parameters.internet))
    pairs = draw_pairs_of(train, PAIRS)
    validation, test = (draw_pairs_of(part, max(2, len(pairs) // 15)) for part in others)
    return pairs, validation, test


def trials(parameters: Parameters) -> dict[str, Trials]:
    """Return the one-shot trials of ``val`` and ``test``.

    Test has Lake's own runs where they are there; all else is drawn by his rules.
    """
    root = COMPETITION.data_folder(parameters.internet)
    found = {part.name: part for part in read_pictures(root)[1:]}
    drawn = {name: _draw_runs(part, RUNS[name]) for name, part in found.items()}
    known = read_runs(root)
    return drawn | ({"test": Trials(*known)} if known else {})


def read_pictures(root: Path) -> tuple[Records, Records, Records]:
    """Read the single pictures of train, validation and test, which share no alphabet.

    ``columns`` have ``alphabet``, ``character`` and ``drawer``. With ``images_evaluation`` train
    is ``images_background``, validation and test are halves of it (test has the alphabets of Lake's
    runs, where these are there), and no drawer is in two parts. Otherwise a fifth of the
    alphabets each, the smallest that have 20 characters, are test and validation, with all drawers.

    Raises UserError where there are no pictures, and for too few alphabets or drawers.
    """
    background, evaluation = _sets(root)
    if evaluation is None:
        return _three(background)
    alphabets = np.unique(evaluation.columns["alphabet"])
    if len(alphabets) < 2:
        raise UserError(
            f"{as_given(root)}: {EVALUATION} has {len(alphabets)} alphabet: two or more are "
            f"needed, to choose on and to test on"
        )
    first = _alphabets_of_runs(root, evaluation)
    drawn = np.random.default_rng(SEED).permutation(alphabets).tolist()
    order = [*first, *(one for one in drawn if one not in first)]
    most = min(len(order) - 1, max(len(first), len(order) // 2))
    test = np.isin(evaluation.columns["alphabet"], order[:most])
    parts = (background, evaluation.take(~test), evaluation.take(test))
    return _by_drawer(_named(parts))


def draw_pairs_of(pictures: Records, number: int) -> Records:
    """Return about ``number`` pairs, evenly by alphabet, half of them of one character.

    ``groups``, of which intervals are, are alphabets, or the first drawing's characters where there
    are few alphabets. Raises UserError where there is no pair of each kind.
    """
    alphabets, names = pictures.columns["alphabet"], characters(pictures)
    classes = np.unique(names, return_inverse=True)[1]
    try:
        rows, same = draw_even_pairs(classes, alphabets, number, SEED)
    except UserError:
        raise UserError(
            f"{pictures.name}: its {len(pictures)} drawings of {classes.max() + 1} characters make "
            f"no pair of one character and of two: each needs two drawers or more"
        ) from None
    found = pair_records(pictures.name, pictures, LabelledPairs(rows, same, names[rows]))
    groups = alphabets if len(np.unique(alphabets)) >= _FEW else names
    return replace(found, groups=groups[rows[:, 0]])


def characters(pictures: Records) -> np.ndarray:
    """Return ``(pictures,)`` text, such as ``Latin/character05``."""
    alphabets = np.char.add(pictures.columns["alphabet"], "/")
    return np.char.add(alphabets, pictures.columns["character"])


def check_folder(root: Path) -> None:
    """As ``read_pictures`` and ``read_runs``; pairs and trials must be there, too."""
    train, *others = read_pictures(root)
    for part in (train, *others):
        draw_pairs_of(part, 2)
    for part in others:
        _draw_runs(part, 1)
    read_runs(root)


def _sets(root: Path) -> tuple[Records, Records | None]:
    """The pictures of the first background set that is there, and those of evaluation, if any."""
    paths = [f"/{path}" for path in contents(root) if is_picture(path)]
    there = [one for one in (*BACKGROUND, EVALUATION) if any(f"/{one}/" in path for path in paths)]
    if not there or there == [EVALUATION]:
        raise UserError(
            f"{as_given(root)} has no pictures in {' or '.join(BACKGROUND)}; {listing(root)}"
        )
    found = [labels_in_names(one, root, PATTERN, inside=one) for one in (there[0], there[-1])]
    return found[0], found[1] if there[-1] == EVALUATION else None


def _three(pictures: Records) -> tuple[Records, Records, Records]:
    """Train, validation and test of one set by alphabet: three fifths, one, and one."""
    _, firsts = np.unique(characters(pictures), return_index=True)
    alphabets, counts = np.unique(pictures.columns["alphabet"][firsts], return_counts=True)
    if len(alphabets) < 3:
        raise UserError(
            f"{pictures.name} has {len(alphabets)} alphabet{'s' * (len(alphabets) > 1)}: three or "
            f"more are needed, to learn from, to choose on and to test on"
        )
    order = alphabets[np.lexsort((counts, counts < WAYS))]
    few = max(1, len(order) // 5)
    of_part = (order[2 * few :], order[few : 2 * few], order[:few])
    parts = [pictures.take(np.isin(pictures.columns["alphabet"], one)) for one in of_part]
    return _named((parts[0], parts[1], parts[2]))


def _named(parts: tuple[Records, Records, Records]) -> tuple[Records, Records, Records]:
    train, validation, test = parts
    return (
        replace(train, name="train"),
        replace(validation, name="val"),
        replace(test, name="test"),
    )


def _by_drawer(parts: tuple[Records, Records, Records]) -> tuple[Records, Records, Records]:
    """The parts without the drawers of the others: 60 %, 20 % and 20 % of them."""
    drawers = np.unique(np.concatenate([part.columns["drawer"] for part in parts]))
    if len(drawers) < 6:
        raise UserError(
            f"{len(drawers)} drawers ({', '.join(drawers.tolist())}): six or more are needed, two "
            f"for each of train, validation and test"
        )
    few = max(2, len(drawers) // 5)
    order = np.random.default_rng(SEED).permutation(drawers)
    of_part = (order[2 * few :], order[few : 2 * few], order[:few])
    train, validation, test = (
        part.take(np.isin(part.columns["drawer"], own))
        for part, own in zip(parts, of_part, strict=True)
    )
    return train, validation, test


def _alphabets_of_runs(root: Path, evaluation: Records) -> list[str]:
    """The alphabets whose drawings are in Lake's runs: found by what the pictures show."""
    known = read_runs(root)
    if known is None:
        return []
    firsts = known[0].take(np.array([run.support[0] for run in known[1]]))
    shown = set(_digests(firsts))
    found = [digest in shown for digest in _digests(evaluation)]
    return np.unique(evaluation.columns["alphabet"][found]).tolist()


def _digests(records: Records) -> list[bytes]:
    pictures = Pictures(records, 8)
    return [
        hashlib.sha256(pictures.original(row).tobytes()).digest() for row in range(len(records))
    ]


def _draw_runs(pictures: Records, number: int) -> Trials:
    """Runs of a part's drawings. Raises UserError where no two drawers have drawn the same."""
    classes = np.unique(characters(pictures), return_inverse=True)[1]
    drawers = pictures.columns["drawer"]
    try:
        runs = draw_runs(classes, pictures.columns["alphabet"], drawers, number, seed=SEED)
    except UserError:
        raise UserError(
            f"{pictures.name}: no two drawers have drawn two characters of one alphabet: there is "
            f"no one-shot trial"
        ) from None
    few = [run for run in runs if len(run.support) < WAYS]
    if few:
        note(pictures.name, trials_of_fewer_ways=len(few), first=f"{few[0].group}")
    return Trials(pictures, runs)

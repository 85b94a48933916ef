"""One-shot classification: which of some pictures, one a class, shows what another one shows.

The protocol is that of Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through
probabilistic program induction" (2015): a run has the same classes of one group (characters of an
alphabet) twice, by two hands; each picture of the one is to be found among those of the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from common.data.records import Records
from common.errors import UserError
from common.metrics.bootstrap import Size, compare, interval, resampled_scores

WAYS = 20  # classes of a run
OURS = "network"  # among the models whose trials are counted


@dataclass(frozen=True)
class Run:
    """The trials of one run, as many as it has classes.

    Attributes:
        group: such as the alphabet, or the run's own name.
        support: ``(ways,)`` int64, rows of pictures, one of each class.
        queries: ``(ways,)`` int64, the pictures to classify, in the same order of classes.
    """

    group: str
    support: np.ndarray
    queries: np.ndarray


class Trials(NamedTuple):
    """The runs of a part of the data, and the single pictures whose rows they name."""

    pictures: Records
    runs: tuple[Run, ...]


def draw_runs(
    labels: np.ndarray,
    groups: np.ndarray,
    hands: np.ndarray,
    number: int,
    ways: int = WAYS,
    seed: int = 0,
) -> tuple[Run, ...]:
    """Draw ``number`` runs by Lake's rules, from each group in turn, or as many as there are.

    ``labels`` are the classes, ``(pictures,)`` integers, ``groups`` and ``hands`` ``(pictures,)``
    text, such as alphabets and drawers. A run takes two hands, which come together once in a group,
    and ``ways`` of the classes that both have drawn, or all of them where there are fewer. Raises
    UserError where no two hands have two classes in common.
    """
    generator = np.random.default_rng(seed)
    turns = []
    names = np.unique(groups).tolist()
    for place, name in enumerate(names):
        hands_of = _shared(labels, groups == name, hands)
        order = generator.permutation(len(hands_of)).tolist()
        turns += [(turn, place, hands_of[which]) for turn, which in enumerate(order)]
    if not turns:
        raise UserError(
            f"{len(labels)} pictures of {len(names)} groups have no two classes that two hands "
            f"have drawn: nothing can be tried"
        )
    runs = []
    for _, place, sides in sorted(turns, key=lambda one: one[:2])[:number]:
        chosen = generator.permutation(sides.shape[1])[:ways]
        support, queries = generator.permutation(sides)[:, chosen]
        runs.append(Run(names[place], support, queries))
    return tuple(runs)


def _shared(labels: np.ndarray, inside: np.ndarray, hands: np.ndarray) -> list[np.ndarray]:
    """Of each two hands the rows of the classes that both have drawn, ``(2, classes)``."""
    known = [np.flatnonzero(inside & (hands == hand)) for hand in np.unique(hands[inside])]
    found = []
    for place, one in enumerate(known):
        for other in known[place + 1 :]:
            shared, *rows = np.intersect1d(labels[one], labels[other], return_indices=True)
            if len(shared) > 1:
                found.append(np.stack([one[rows[0]], other[rows[1]]]))
    return found


def right(scores: np.ndarray) -> np.ndarray:
    """Return how right each trial of a run is, ``(ways,)`` float64 from 0 to 1.

    ``scores`` are ``(queries, support)``, higher for more alike; the right answer is the diagonal.
    Where several are the highest, each is as good: the right one of two counts half.
    """
    best = scores == scores.max(axis=1, keepdims=True)
    return np.asarray(np.diagonal(best) / best.sum(axis=1))


def one_shot_facts(
    runs: Sequence[Run], hits: Mapping[str, Sequence[np.ndarray]], resamples: int = 1000
) -> dict[str, Any]:
    """Return what models get right, for ``metrics.json``.

    ``hits`` are by model what ``right`` gives of each run. Intervals (95 %, bootstrap) draw whole
    runs, as the trials of one are of the same hands; ``gains`` are the first model's over each
    other, on the same trials.
    """
    names = np.concatenate([np.full(len(run.support), f"{n}") for n, run in enumerate(runs)])
    rows = {model: np.concatenate(found) for model, found in hits.items()}
    one = np.zeros(len(names), np.int64)
    size = Size.of(one, names)
    scores = {
        model: (lambda drawn, row=row: float(row[drawn].mean())) for model, row in rows.items()
    }
    drawn = resampled_scores(scores, one, resamples, groups=names)
    accuracy = {model: float(row.mean()) for model, row in rows.items()}
    first, *others = rows
    return {
        "n": len(names),
        "runs": len(runs),
        "ways": sorted({len(run.support) for run in runs}),
        "groups": len({run.group for run in runs}),
        "accuracy": accuracy,
        "intervals": {name: interval(drawn[name], accuracy[name], size, 0, 1) for name in rows},
        "gains": [
            compare(name, accuracy[first] - accuracy[name], drawn[first], drawn[name], 1, size)
            for name in others
        ],
    }

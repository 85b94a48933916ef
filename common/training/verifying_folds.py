"""Kernels that score a list of pairs fold by fold, each with what the other folds teach."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from common.data.pair_pictures import open_records, rows_of_pairs
from common.data.records import Records, join
from common.data.squares import Square
from common.files.predictions import Predictions
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.metrics import figures
from common.outputs import write_outputs
from common.pairs.two_covariance import two_covariance
from common.progress import report
from common.training.frozen_embedding import reduction
from common.training.loading import labels_of
from common.training.verifying import FrozenVerificationKernel, cosines, probabilities

INNER = 3  # parts of the other folds: pairs of each are scored by what the rest teaches


@dataclass(frozen=True, kw_only=True)
class FoldedVerificationKernel(FrozenVerificationKernel):
    """A FrozenVerificationKernel that validates on every fold of a list, as LFW's View 2 asks.

    A fold's pairs are scored by what pictures of the people of the other folds teach. Their
    probabilities are those of a logistic regression, whose 1/2 is the threshold, on scores of the
    other folds' pairs, each of a part of them by the rest. Nobody is in two folds.

    ``load`` and ``pairs`` give the first fold as validation and the others as train, and have a
    column ``fold``.
    """

    blends: ClassVar[bool] = False

    def check_pairs(self, validation: Records) -> None:
        """Nothing: the folds learn thresholds from one another."""

    def carry_out(self, run: KernelRun) -> None:
        """Compute features once, score each fold, and write a kernel's files."""
        parts, (others, first, _) = self.features(run)
        pictures = join("pictures", parts.train.records, parts.validation.records)
        pairs = join("pairs", *self.listed(run)[:2])
        for note in pairs.notes:
            run.warn(note)
        known = (np.concatenate([others, first]), labels_of(pictures), _folds(pictures))
        asked = (rows_of_pairs(pairs, pictures), _folds(pairs), labels_of(pairs))
        found = np.empty((len(pairs), 2), np.float32)
        with run.stage("fitting"):
            number = int(asked[1].max()) + 1
            for fold in range(number):
                rows = asked[1] == fold
                found[rows] = score_fold(fold, run.recipe.components, *known, *asked)
                right = float((found[rows].argmax(axis=1) == asked[2][rows]).mean())
                report("fitting", fold=f"{fold + 1}/{number}", accuracy=round(right, 4))
        if run.primary:
            with run.stage("figures"):
                self._write(run, pairs, found)

    def _write(self, run: KernelRun, pairs: Records, found: np.ndarray) -> None:
        """Write the predictions of all pairs, what each fold scores, and thumbnails."""
        labels, task, square = labels_of(pairs), self.competition.task, Square.of(run.recipe)
        nothing = np.array([], np.str_), np.zeros((0, 2), np.float32)
        predictions = Predictions(
            pairs.ids, labels, found, *nothing, validation_groups=pairs.groups
        )
        scores = fold_scores(_folds(pairs), found.argmax(axis=1) == labels)
        facts = {"fold_scores": scores, "setting": run.facts.get("setting", "")}
        write_outputs(run.folder, self.competition, predictions, run.parameters.kernel, facts)
        figures.predictions(run.folder, task, labels, found, None, "confusion_matrix.png")
        write_thumbnails(run.folder, open_records(pairs, run.recipe.image_size, square=square))


def score_fold(
    fold: int,
    components: int,
    features: np.ndarray,
    people: np.ndarray,
    fold_of: np.ndarray,
    pairs: np.ndarray,
    folds: np.ndarray,
    same: np.ndarray,
) -> np.ndarray:
    """Return both probabilities of a fold's pairs, ``(pairs, 2)`` float32, by the other folds.

    ``features`` ``(pictures, d)`` are of ``people`` in the folds ``fold_of``; ``pairs`` ``(n, 2)``
    are rows of them, in ``folds``, labelled ``same``. Principal components are those of the
    pictures of all other folds, without labels.
    """
    own = fold_of != fold
    rows = reduction(features[own], components)(features)

    def scores(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        return cosines(two_covariance(rows[known], people[known])(rows), pairs[asked])

    others = np.setdiff1d(folds, [fold])
    held_out = np.empty(len(pairs))
    for part in (others[start::INNER] for start in range(min(INNER, len(others)))):
        asked = np.isin(folds, part)
        held_out[asked] = scores(own & ~np.isin(fold_of, part), asked)
    known, asked = folds != fold, folds == fold
    return probabilities(held_out[known], same[known], scores(own, asked))


def fold_scores(folds: np.ndarray, right: np.ndarray) -> dict[str, object]:
    """Return the accuracy of each fold, their mean, and its standard error, as View 2 states it.

    Huang et al., 2007: the estimated mean accuracy, and the standard error of the mean.
    """
    found = [float(right[folds == fold].mean()) for fold in np.unique(folds)]
    error = np.std(found, ddof=1) / len(found) ** 0.5
    return {"mean": float(np.mean(found)), "standard_error": float(error), "folds": found}


def _folds(records: Records) -> np.ndarray:
    return records.columns["fold"].astype(np.int64)

"""Kernels that learn from single pictures whether the two of a listed pair show the same.

They make a vector of each picture. A pair's score is the cosine of its two, and its probability
that of a logistic regression on the score alone (Platt, 1999), fitted on validation's pairs, whose
classes no vector was learnt from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.data.pair_pictures import open_records, rows_of_pairs
from common.data.records import Records
from common.data.splits import stratified_folds
from common.data.squares import Square
from common.errors import UserError
from common.files.predictions import Predictions, Vectors
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.metrics import figures
from common.outputs import write_outputs
from common.pairs.two_covariance import two_covariance
from common.training.checkpoint import remove_checkpoint
from common.training.embedding_training import EmbeddingKernel
from common.training.frozen_embedding import FrozenEmbeddingKernel, reduction
from common.training.loading import Load, check_validation, labels_of, load_parts
from common.training.outputs import write_history
from common.training.prepare import Parts, PictureKernel
from common.training.vectors import VectorTrainer

FOLDS = 10  # of validation, whose own probabilities the others' pairs say


@dataclass(frozen=True, kw_only=True)
class VerifyingKernel(PictureKernel):
    """A PictureKernel that learns from single pictures and predicts listed pairs of them.

    ``load`` gives single pictures, labels as an EmbeddingKernel's; no class is in two parts.

    Attributes:
        pairs: ``(image_size, parameters) -> (train, validation, test)`` records of pairs, those of
            validation and test of pictures that ``load`` gives in the same part.
    """

    pairs: Load

    def records(self, run: KernelRun) -> tuple[Records, Records, Records]:
        """As PictureKernel's. Raises UserError as ``check_pairs``."""
        self.check_pairs(self.listed(run)[1])
        return super().records(run)

    def check_pairs(self, validation: Records) -> None:
        """Raise UserError for pairs of validation that are too few to learn a threshold from."""
        check_validation(validation)
        threshold_folds(validation)

    def listed(self, run: KernelRun) -> tuple[Records, Records, Records]:
        """The pairs of train, validation and test. Raises UserError as ``load_parts``."""
        return load_parts(self.competition, self.pairs, run.recipe.image_size, run.parameters)


@dataclass(frozen=True, kw_only=True)
class FrozenVerificationKernel(VerifyingKernel, FrozenEmbeddingKernel):
    """A VerifyingKernel that trains nothing; its recipe is a FrozenRecipe."""

    def carry_out(self, run: KernelRun) -> None:
        """Compute features, fit on train, predict the pairs, and write a kernel's files."""
        parts, (own, held_out, asked) = self.features(run)
        labels, components = parts.train.labels, run.recipe.components
        with run.stage("fitting"):
            embed = fitted(own, labels, components)
            seen = embed(held_out)
        if run.recipe.refit:
            with run.stage("refit"):
                labels = np.concatenate([labels, parts.validation.labels])
                embed = fitted(np.concatenate([own, held_out]), labels, components)
        if run.primary:
            with run.stage("figures"):
                write_pairs(self, run, parts, seen, embed(asked))


@dataclass(frozen=True, kw_only=True)
class VerificationKernel(VerifyingKernel, EmbeddingKernel):
    """A VerifyingKernel that trains an embedding."""

    def write(self, run: KernelRun, trainer: VectorTrainer, parts: Parts, vectors: Vectors) -> None:
        """Write what it predicts of the pairs."""
        facts = {**trainer.facts, "best_epoch": trainer.best_epoch}
        vectors_of = (part["embedding"] for part in (vectors.validation, vectors.test))
        with run.stage("figures"):
            write_pairs(self, run, parts, *vectors_of, **facts)
            write_history(run.folder, trainer.state.history)
        remove_checkpoint(run.folder)


def fitted(
    features: np.ndarray, labels: np.ndarray, components: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes unit vectors of features ``(n, d)``, learnt from those of ``labels``."""
    reduce = reduction(features, components)
    model = two_covariance(reduce(features), labels)
    return lambda others: model(reduce(others))


def write_pairs(
    kernel: VerifyingKernel,
    run: KernelRun,
    parts: Parts,
    validation: np.ndarray,
    test: np.ndarray,
    **facts: object,
) -> None:
    """Write what a kernel predicts of its pairs, by unit vectors of the pictures of ``parts``.

    ``validation`` and ``test`` are ``(pictures, d)``; ``facts`` are for ``metrics.json``.
    """
    recipe, folder, competition = run.recipe, run.folder, kernel.competition
    _, own, others = kernel.listed(run)
    scores = cosines(validation, rows_of_pairs(own, parts.validation.records))
    asked = cosines(test, rows_of_pairs(others, parts.test.records))
    predictions = pair_predictions(own, scores, others, asked)
    write_outputs(folder, competition, predictions, run.parameters.kernel, facts)
    found = predictions.validation_labels, predictions.validation
    figures.predictions(folder, competition.task, *found, None, "confusion_matrix.png")
    write_thumbnails(folder, open_records(own, recipe.image_size, square=Square.of(recipe)))


def cosines(vectors: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the cosines ``(pairs,)`` of unit vectors ``(pictures, d)``, of rows ``(pairs, 2)``."""
    first, second = vectors[pairs.T]
    return np.asarray((first * second).sum(axis=1), np.float64)


def pair_predictions(
    validation: Records, scores: np.ndarray, test: Records, asked: np.ndarray
) -> Predictions:
    """Return the predictions of pairs by their scores, ``(pairs,)`` each.

    The logistic regression is fitted on validation; its own pairs are predicted by those of other
    folds, all of a group in one.
    """
    labels, folds = labels_of(validation), threshold_folds(validation)
    own = np.empty((len(scores), 2), np.float32)
    for rows in (folds == fold for fold in np.unique(folds)):
        own[rows] = probabilities(scores[~rows], labels[~rows], scores[rows])
    found = probabilities(scores, labels, asked)
    ids = test.ids, found, test.labels
    return Predictions(validation.ids, labels, own, *ids, validation.groups, test.groups)


def threshold_folds(validation: Records) -> np.ndarray:
    """Return the fold of each pair of validation, ``(pairs,)`` int64; all of a group are in one.

    Raises UserError where the pairs of the other folds are not of both kinds for each.
    """
    same, groups = labels_of(validation), group_numbers(validation)
    number = len(np.unique(groups))
    if number > 1:
        folds = stratified_folds(same, min(FOLDS, number), 0, groups)
        if all(len(np.unique(same[folds != fold])) == 2 for fold in np.unique(folds)):
            return folds
    raise UserError(
        f"{len(same)} pairs of validation, {np.sum(same == 1)} the same and "
        f"{np.sum(same == 0)} different, are of {number} group{'s' * (number != 1)} that pairs "
        f"connect: a threshold is learnt from two groups at least with pairs of each kind: give "
        f"longer lists, of more such groups"
    )


def group_numbers(pairs: Records) -> np.ndarray:
    """Return the groups of pairs as numbers, ``(pairs,)``; each is one where they have none."""
    named = pairs.ids if pairs.groups is None else pairs.groups
    return np.unique(named, return_inverse=True)[1]


def probabilities(known: np.ndarray, same: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the probabilities of both classes of ``scores``, ``(pairs, 2)`` float32.

    Those of a logistic regression on the scores ``known`` of pairs that are the ``same`` or not.
    Raises UserError where all are one.
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(same)) < 2:
        raise UserError(
            f"{len(same)} pairs of validation, of people apart, are all the same or all different: "
            f"give longer lists"
        )
    fitted = LogisticRegression(C=1e4).fit(known[:, None], same)
    return np.asarray(fitted.predict_proba(scores[:, None]), np.float32)

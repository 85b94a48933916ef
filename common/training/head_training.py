"""Training a head on other kernels' vectors: what every such kernel does with its recipe."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import one_hot
from common.data.samplers import ClassBatches, deal
from common.files.predictions import Vectors
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.progress import report
from common.recipe import field_types
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, HeadRecipe
from common.recipes.training import check_batch
from common.share import Share
from common.training.describe import Described, TrainingKernel
from common.training.embedding_training import (
    EmbeddingKernel,
    class_batches,
    train_vectors,
    vector_objective,
    write_vectors,
)
from common.training.prepare import take_accelerator
from common.training.stacking import CHANNEL, Stacked, read_stacked
from common.training.trainer import Trainer
from common.training.vectors import VectorMeasure


@dataclass(frozen=True, kw_only=True)
class HeadKernel(TrainingKernel):
    """A Kernel that trains a head on the vectors of its sources.

    Attributes:
        below: gives the networks whose vectors it reads, as many as their recipe has ``parts``;
            asked only where all scripts are, to describe them.
        classes: of the competition's whole train.
        others: its sources that are no networks for the head.
    """

    below: Callable[[], EmbeddingKernel]
    classes: int = 0
    others: tuple[str, ...] = ()

    def carry_out(self, run: KernelRun) -> None:
        """Read the sources' vectors, train the head, and write a kernel's files."""
        accelerator = take_accelerator(self, run)
        with run.stage("data"):
            stacked = read_stacked(run.parameters, self.others)
            numbers = stacked.train.shape[1]
            report("data", train=len(stacked.train), networks=len(stacked.names), numbers=numbers)
        train_head(stacked, run, accelerator)

    def network_to_describe(
        self, best: bool, small: bool, settings: Mapping[str, Any]
    ) -> Described:
        """As TrainingKernel's; the head is built for the networks below it.

        As in a run, a setting reaches every kernel whose recipe has it; the head keeps what is
        neither's, to be refused.
        """
        read, given = self.below(), settings.items()
        has_head, has_networks = field_types(self.recipe), field_types(read.recipe)
        own = {name: value for name, value in given if name in has_head or name not in has_networks}
        recipe = self.resolve(best, small, own)
        below = {name: value for name, value in given if name in has_networks}
        networks = read.resolve(best, small, below)
        number, each = int(getattr(networks, "parts", 1)), networks.embedding
        model = head_network(recipe, number * each, self.classes)
        kinds = [f"{type(layer).__name__} {layer.output.shape[-1]}" for layer in model.layers[1:]]
        return recipe, model, {
            "weights": "random",
            "input": f"{number * each} numbers: {number} networks x {each}, side by side",
            "layers": ", ".join(kinds),
        }  # fmt: skip


def train_head(
    stacked: Stacked, run: KernelRun, accelerator: Accelerator
) -> tuple[Trainer, Vectors]:
    """All stages, in order, from where the checkpoint is. Raises OutOfTimeError.

    Raises UserError when there are too few rows, or classes, for a batch.
    """
    recipe, replicas, vectors = run.recipe, accelerator.replicas, stacked.vectors
    batch, classes = recipe.batch_size * replicas, int(stacked.train_labels.max()) + 1
    check_batch(recipe.batch_size, replicas, len(stacked.train))
    train = Rows(stacked.train, stacked.train_labels)
    validation = Rows(vectors.validation[CHANNEL], vectors.validation_labels)
    test = Rows(vectors.test[CHANNEL], np.zeros(len(vectors.test_ids), np.int64))
    ids, labels, seen = vectors.validation_ids, vectors.validation_labels, vectors.validation_seen
    measure = VectorMeasure(validation, ids, labels, seen, recipe, classes, batch)

    def batches(parts: Sequence[Rows]) -> RowBatches:
        (part,) = parts
        sampler = class_batches(recipe, part.labels, replicas)
        seed, most = run.parameters.seed, recipe.batches_per_epoch
        return RowBatches(part, batch, classes, seed, accelerator.share, sampler, most)

    def evaluation(part: Rows, view: int) -> Any:
        return rows_in_order(part, batch, accelerator.share)

    objective = vector_objective(
        lambda: head_network(recipe, stacked.train.shape[1], classes),
        measure,
        recipe,
        batches,
        evaluation,
    )
    counts = {"networks": list(stacked.names), "rows": len(train)}
    trainer = Trainer(run, accelerator, objective, counts)
    _, found = train_vectors(trainer, measure, train, test, vectors.test_ids)
    if run.primary:
        best = best_epoch(trainer.state.history, recipe.patience)
        write_vectors(trainer, measure, found, {"best_epoch": best, **without_head(stacked)})
    return trainer, found


def head_network(recipe: HeadRecipe, width: int, classes: int) -> Any:
    """One dense layer, or two, with dropout: from ``(batch, width)`` to what the loss takes.

    Unit vectors ``(batch, recipe.embedding)`` for a metric loss, cosines ``(batch, classes)`` for
    a margin loss, probabilities for ``softmax``. All float32, and for inputs of length 1.
    """
    import keras
    from keras import layers

    from common.networks.embedding_layers import CosineClasses, UnitLength

    def dense(x: Any, units: int, **options: Any) -> Any:
        x = layers.Dropout(recipe.dropout, dtype="float32")(x)
        return layers.Dense(units, dtype="float32", **options)(x)

    inputs = keras.Input((width,), name="vectors")
    x = layers.Rescaling(math.sqrt(width), dtype="float32")(inputs)  # as if of variance 1
    if recipe.hidden:
        x = dense(x, recipe.hidden, activation="relu")
    x = UnitLength(name="embedding")(dense(x, recipe.embedding))
    if recipe.loss in MARGIN_LOSSES:
        x = CosineClasses(classes, name="cosines")(x)
    elif recipe.loss not in METRIC_LOSSES:
        x = layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
    return keras.Model(inputs, x, name="head")


@dataclass(frozen=True)
class Rows:
    """Vectors ``(n, d)`` float32 and labels ``(n,)``, as pictures are for a network."""

    rows: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class RowBatches:
    """Shuffled batches of rows; an epoch is a function of the seed and its number.

    A ``sampler`` draws whole classes; without one each row comes once an epoch at most, and an
    epoch is of ``most`` batches.
    """

    part: Rows
    batch: int
    classes: int
    seed: int
    share: Share
    sampler: ClassBatches | None = None
    most: int | None = None

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        if self.sampler:
            return self.sampler.steps
        whole = -(-len(self.part) // self.batch)
        return min(self.most or whole, whole)

    @property
    def counted(self) -> float:
        """The rows of an epoch; none is filled up."""
        return float(self.steps * self.batch)

    def batches(self, epochs: range) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and one-hot labels of batch after batch."""
        for epoch in epochs:
            generator = np.random.default_rng([self.seed, epoch])
            everything = np.arange(len(self.part))
            drawn = (
                self.sampler.epoch(generator)
                if self.sampler
                else deal(everything, self.steps, self.batch, generator)
            )
            for whole in drawn:
                rows = self.share.of(whole)
                yield self.part.rows[rows], one_hot(self.part.labels[rows], self.classes)


def rows_in_order(
    part: Rows, batch: int, share: Share
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Batches of all rows, the last one filled up: several devices take whole batches only."""
    for start in range(0, len(part), batch):
        places = share.of(np.arange(start, start + batch))
        rows = part.rows[places.clip(max=len(part) - 1)]
        yield rows, np.zeros((len(rows), 1), np.float32), (places < len(part)).astype(np.float32)


def best_epoch(history: Sequence[dict[str, Any]], patience: int) -> int:
    """From 1: the epoch whose weights predict, that of the highest AUC with patience."""
    if not patience:
        return len(history)
    return 1 + int(np.argmax([row["val_auc"] for row in history]))


def without_head(stacked: Stacked) -> dict[str, float | None]:
    """AUC of the plain concatenation, for ``metrics.json``: whether the head helps."""
    (found,) = channel_auc(stacked.vectors).values()
    names = {"all": "score", "seen": "seen", "unseen": "unseen"}
    return {f"concatenation_{names[part]}": value for part, value in found.items()}

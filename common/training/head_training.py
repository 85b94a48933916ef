"""Training a head on other kernels' vectors: what every such kernel does with its recipe."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import one_hot
from common.data.rows import RowBatches, Rows, rows_in_order
from common.files.predictions import Vectors
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.progress import report
from common.recipe import field_types
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, HeadRecipe
from common.recipes.training import check_batch
from common.training.describe import Described, TrainingKernel
from common.training.embedding_training import EmbeddingKernel
from common.training.network import Published, find_published, save_network
from common.training.prepare import take_accelerator
from common.training.stacking import CHANNEL, Stacked, read_stacked
from common.training.trainer import Setup
from common.training.vectors import VectorTrainer, class_batches, vector_loss


@dataclass(frozen=True, kw_only=True)
class HeadKernel(TrainingKernel):
    """A Kernel that trains a head on the vectors of its sources.

    Attributes:
        below: gives the networks whose vectors it reads, as many as their recipe has ``parts``;
            asked only where all scripts are, to describe them.
        classes: of the competition's whole train.
    """

    below: Callable[[], EmbeddingKernel]
    classes: int = 0

    def carry_out(self, run: KernelRun) -> None:
        """Read the sources' vectors, train the head, and write a kernel's files."""
        accelerator = take_accelerator(self, run)
        published = find_published(run, self.competition)
        with run.stage("data"):
            stacked = read_stacked(run.parameters)
            numbers = stacked.train.shape[1]
            report("data", train=len(stacked.train), networks=len(stacked.names), numbers=numbers)
        trainer, _ = train_head(stacked, run, accelerator, published)
        save_network(run, self.competition, trainer.model)

    def described(self, best: bool, small: bool, settings: Mapping[str, Any]) -> Described:
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
    stacked: Stacked,
    run: KernelRun,
    accelerator: Accelerator,
    published: Published | None = None,
) -> tuple[VectorTrainer, Vectors]:
    """All stages, in order, from where the checkpoint is. Raises OutOfTimeError.

    Raises UserError when there are too few rows, or classes, for a batch.
    """
    recipe, share, vectors = run.recipe, accelerator.share, stacked.vectors
    check_batch(recipe, accelerator.replicas, len(stacked.train))
    batch, classes = recipe.batch_size * accelerator.replicas, int(stacked.train_labels.max()) + 1
    train = Rows(stacked.train[None], stacked.train_labels)
    validation = Rows(vectors.validation[CHANNEL][None], vectors.validation_labels)
    test = Rows(vectors.test[CHANNEL][None], np.zeros(len(vectors.test_ids), np.int64))
    sampler = class_batches(recipe, train.labels, accelerator.replicas)
    rows = recipe.batches_per_epoch * batch if recipe.batches_per_epoch else None
    drawn = (recipe, lambda labels: one_hot(labels, classes), batch, run.parameters.seed, share)
    setup = Setup(
        build=lambda: head_network(recipe, stacked.train.shape[1], classes),
        learns=lambda labels: vector_loss(recipe),
        batches=lambda parts: RowBatches(parts, *drawn, sampler, rows),
        evaluation=lambda part, view: rows_in_order(part, batch, share),
        training={"networks": list(stacked.names), "rows": len(train)},
        published=published,
    )
    ids, seen = vectors.validation_ids, vectors.validation_seen
    trainer = VectorTrainer(run, accelerator, setup, validation, ids, seen, classes)
    _, found = trainer.carry_out(train, test, vectors.test_ids)
    if run.primary:
        trainer.write(found, **without_head(stacked))
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


def without_head(stacked: Stacked) -> dict[str, float | None]:
    """AUC of the plain concatenation, for ``metrics.json``: whether the head helps."""
    (found,) = channel_auc(stacked.vectors).values()
    names = {"all": "score", "seen": "seen", "unseen": "unseen"}
    return {f"concatenation_{names[part]}": value for part, value in found.items()}

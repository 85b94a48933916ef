"""Training what gives vectors, of pictures or of other vectors; its validation is pairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import one_hot
from common.data.samplers import ClassBatches
from common.files.predictions import Vectors, save_vectors
from common.files.projection import Projection, project, save_projection
from common.kernel import KernelRun
from common.pairs.ensemble import write_pair_metrics
from common.pairs.validation import in_history, validation_pairs
from common.progress import report
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES, VectorRecipe
from common.training.checkpoint import remove_checkpoint
from common.training.outputs import write_history
from common.training.trainer import Part, Setup, Trainer

_SHOWN = 400  # validation pictures at most whose vectors are kept while they are learnt
_EPOCH_PAIRS = 500_000  # at most, after each epoch
_BATCHES = 20  # for the loss of validation, at most: their mean tells enough, and costs a second
_ROWS = 1024  # of such a batch where classes are predicted: they do not depend on each other
_SNAPSHOT = "snapshot_"

Channels = dict[str, np.ndarray]  # name → ``(pictures, d)`` float32, as ``Vectors`` have them


class VectorTrainer(Trainer):
    """A Trainer of a network that gives vectors: it measures the AUC of validation's pairs.

    With a moving average of the weights it is the average that is measured.

    Args:
        validation: for the trainer to predict, with labels.
        ids: ``(pictures,)`` text, of validation.
        seen: ``(pictures,)`` bool, whether train has the picture's class.
        classes: of train, from 0; None where its labels are not those of validation.
    """

    def __init__(
        self,
        run: KernelRun,
        accelerator: Accelerator,
        setup: Setup,
        validation: Part,
        ids: np.ndarray,
        seen: np.ndarray,
        classes: int | None,
    ):
        super().__init__(run, accelerator, setup)
        self.validation, self._known = validation, (ids, validation.labels, seen)
        self._pairs = validation_pairs(*self._known, _EPOCH_PAIRS)
        labels = validation.labels
        self._batches = validation_batches(labels, self.recipe, classes, self.batch)
        order = np.argsort(labels, kind="stable")
        # Rows to show, of all classes alike.
        self.rows = np.sort(order[:: -(-len(order) // _SHOWN)]) if len(order) else order
        self._channels: tuple[Any, Any] = (None, None)

    def carry_out(self, train: Part, test: Part, test_ids: np.ndarray) -> tuple[Any, Vectors]:
        """Train, and predict validation and test: the network and its vectors."""
        views = getattr(self.recipe, "tta", 1)
        with self.run.stage("training"):
            model = self.new_model([train])
            self.fit(model, "training", [train], self.recipe.epochs)
        with self.run.stage("prediction"):
            validation = self.channels(model, self.validation, views)
            found = self.channels(model, test, views)
        return model, Vectors(*self._known, validation, test_ids, found)

    def write(self, vectors: Vectors, **facts: Any) -> None:
        """The files of a finished kernel, but figures of pictures and manifest."""
        folder, history = self.run.folder, self.state.history
        with self.run.stage("figures"):
            save_vectors(folder, vectors, self.run.parameters.kernel or "this kernel")
            facts |= {**self.facts, "best_epoch": self.best_epoch}
            write_pair_metrics(folder, vectors, facts)
            write_history(folder, history)
            save_projection(folder, self._projection(next(iter(vectors.validation.values()))))
        remove_checkpoint(folder)

    def channels(self, model: Any, part: Part, views: int = 1) -> Channels:
        """What ``model`` gives of a part, the mean over ``views`` of a picture."""
        if self._channels[0] is not model:
            self._channels = (model, channel_model(model, self.recipe))
        return split_channels(self.predict(self._channels[1], part, views), self.recipe)

    def measure(self, model: Any, epoch: int) -> dict[str, float]:
        """Loss, accuracy and AUC of validation; keeps some vectors of epochs 1, 2, 4, 8, …

        Raises UserError when the vectors are not finite, or zero.
        """
        channels = self.channels(model, self.validation)
        first = next(iter(channels.values()))
        # NaN where there is any. The loss can be finite: of vectors all zero it is the margin.
        largest = np.maximum(first.max(axis=1), -first.min(axis=1))
        bad = int(np.count_nonzero(~(np.isfinite(largest) & (largest > 0))))
        if bad:
            said = f"{bad} of {len(first)} pictures' vectors became zero, infinite or NaN"
            raise self.diverged(f"the training diverged: {said}", epoch)
        if epoch & (epoch - 1) == 0:
            self._keep(epoch, first)
        auc = self._pairs.auc(self._pairs.scores(first))
        labels = self.validation.labels
        loss = validation_loss(model, self.recipe, labels, channels, self._batches)
        return {**loss, **in_history(auc)}

    def judge(self, row: Mapping[str, Any]) -> float:
        """What is missing to an AUC of 1."""
        return 1 - row.get("val_auc", 0.0)

    def _projection(self, last: np.ndarray) -> Projection:
        """Some of validation in three dimensions by epoch; ``last`` are its vectors in the end."""
        self._keep(len(self.state.history), last)
        kept = {n: v for n, v in sorted(self.state.kept.items()) if n.startswith(_SNAPSHOT)}
        epochs = np.array([int(name.removeprefix(_SNAPSHOT)) for name in kept])
        ids, labels, seen = (values[self.rows] for values in self._known)
        return Projection(ids, labels, seen, epochs, project(np.stack(list(kept.values()))))

    def _keep(self, epoch: int, vectors: np.ndarray) -> None:
        self.state.kept[f"{_SNAPSHOT}{epoch:06d}"] = vectors[self.rows].astype(np.float32)


def vector_loss(recipe: VectorRecipe) -> tuple[Any, list[Any]]:
    """What a network with this recipe learns by; ``accuracy`` is of triplets or of classes."""
    import keras

    from common.networks import losses

    if recipe.loss in METRIC_LOSSES:
        right = losses.triplets_right(recipe.distance)
        accuracy = keras.metrics.MeanMetricWrapper(right, name="accuracy")
        if recipe.loss == "contrastive":
            return losses.contrastive_loss(recipe.distance, recipe.margin or 0.0), [accuracy]
        return losses.triplet_loss(recipe.distance, recipe.miner, recipe.margin), [accuracy]
    if recipe.loss in MARGIN_LOSSES:
        margin = losses.margin_loss(recipe.loss, recipe.scale, recipe.margin or 0.0)
        return margin, ["accuracy"]
    return losses.crossentropy(), ["accuracy"]


def class_batches(recipe: VectorRecipe, labels: np.ndarray, replicas: int) -> ClassBatches | None:
    """What draws batches of whole classes; None where pictures are taken as they come."""
    each = recipe.pictures_per_class
    if not each:
        return None
    groups, steps = recipe.batch_size * replicas // each, recipe.batches_per_epoch or 0
    sampler = ClassBatches(labels, groups, each, steps, replicas)
    report("batches", of=sampler.summary)
    return sampler


def channels_of(recipe: VectorRecipe) -> tuple[str, ...]:
    """What a network with this loss gives of a picture."""
    if recipe.loss in METRIC_LOSSES:
        return ("embedding",)
    return ("classes",) if recipe.loss == "softmax" else ("embedding", "classes")


def channel_model(model: Any, recipe: VectorRecipe) -> Any:
    """From the network's input to its channels side by side, ``(batch, …)`` float32."""
    import keras

    output, names = model.output, channels_of(recipe)
    if recipe.loss in MARGIN_LOSSES:
        scaled = keras.layers.Rescaling(recipe.scale, dtype="float32")(output)
        output = keras.layers.Activation("softmax", dtype="float32")(scaled)
    if "embedding" in names:
        embedding = model.get_layer("embedding").output
        joined = keras.layers.Concatenate(dtype="float32")
        output = joined([embedding, output]) if "classes" in names else embedding
    found = keras.Model(model.input, output)
    found.compile(jit_compile=keras.config.backend() == "jax")
    return found


def split_channels(rows: np.ndarray, recipe: VectorRecipe) -> Channels:
    """The rows of ``channel_model`` by channel; an embedding is of unit length again."""
    names = channels_of(recipe)
    found = dict(zip(names, np.split(rows, [recipe.embedding][: len(names) - 1], 1), strict=True))
    if "embedding" in found:
        lengths = np.linalg.norm(found["embedding"], axis=1, keepdims=True)
        found["embedding"] = found["embedding"] / np.maximum(lengths, 1e-12)
    return found


def validation_batches(
    labels: np.ndarray, recipe: VectorRecipe, classes: int | None, batch: int
) -> list[np.ndarray]:
    """Rows of validation whose loss is measured, the same ones after each epoch; maybe none.

    Losses that compare pictures take batches of P classes x K, drawn once; of fewer classes than a
    batch of train has, of all of them. Losses that predict classes take the pictures of the
    ``classes`` that train has.
    """
    if recipe.loss not in METRIC_LOSSES:
        seen = np.flatnonzero(labels < (classes or 0))
        return [seen[at : at + _ROWS] for at in range(0, len(seen), _ROWS)]
    _, counts = np.unique(labels, return_counts=True)
    usable = int(np.count_nonzero(counts > 1))
    if usable < 2:
        return []
    pictures = recipe.pictures_per_class
    whole = ClassBatches(labels, min(usable, batch // pictures), pictures)
    return list(whole.epoch(np.random.default_rng(0))[:_BATCHES])


def validation_loss(
    model: Any,
    recipe: VectorRecipe,
    labels: np.ndarray,
    channels: Channels,
    batches: list[np.ndarray],
) -> dict[str, float]:
    """``val_loss`` and ``val_accuracy``, for ``history.csv``; nothing without ``batches``.

    ``model`` is the compiled network, ``channels`` what it gives of validation.
    """
    from keras import ops

    from common.networks.losses import triplets_right

    outputs = channels["classes" if recipe.loss == "softmax" else "embedding"]
    if recipe.loss in MARGIN_LOSSES:  # cosines: the channel of classes is a softmax of these
        kernel = ops.convert_to_numpy(model.layers[-1].kernel)
        outputs = outputs @ (kernel / np.linalg.norm(kernel, axis=0))
    found = []
    for rows in batches:
        compared = recipe.loss in METRIC_LOSSES
        number = int(labels[rows].max()) + 1 if compared else outputs.shape[1]
        targets = one_hot(labels[rows], number)
        right = outputs[rows].argmax(axis=1) == labels[rows]
        if compared:
            right = ops.convert_to_numpy(triplets_right(recipe.distance)(targets, outputs[rows]))
        losses = ops.convert_to_numpy(model.loss(targets, outputs[rows]))
        found.append((losses.mean(), right.mean(), len(rows)))
    if not found:
        return {}
    loss, accuracy, sizes = np.array(found, np.float64).T
    # Train's loss has the penalty too.
    penalty = sum(float(ops.convert_to_numpy(penalty)) for penalty in model.losses)
    return {
        "val_loss": float(np.average(loss, weights=sizes)) + penalty,
        "val_accuracy": float(np.average(accuracy, weights=sizes)),
    }

"""One training of one network that embeds pictures, measured each epoch by its pairs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from common.data.batches import Training, one_hot
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.samplers import ClassBatches
from common.files.vectors import Vectors
from common.pairs.validation import ValidationPairs, in_history
from common.progress import report
from common.recipes.embedding import MARGIN_LOSSES, METRIC_LOSSES
from common.training.compiled import compiled_embedding
from common.training.divergence import check_told
from common.training.records import load_records
from common.training.trainer import Trainer
from common.training.validation_loss import ValidationLoss

SHOWN = 400  # validation pictures at most whose vectors are kept while they are learnt
_EPOCH_PAIRS = 500_000
_BEST, _SNAPSHOT = "best_", "snapshot_"


class EmbeddingTrainer(Trainer):
    """As Trainer, of an ``EmbeddingKernel``: batches of whole classes, patience, vectors."""

    validation: Pictures
    pairs: ValidationPairs
    validation_loss: ValidationLoss

    def begin(self) -> list[Pictures]:
        """The pictures of train, validation and test; the course begins, or goes on."""
        parts = super().begin()
        self.validation = parts[1]
        labels, ids = self.validation.labels, self.validation.records.ids
        self.pairs = ValidationPairs(ids, labels, labels < self._known, _EPOCH_PAIRS)
        classes = self.classes if self.classes == self._known else None
        self.validation_loss = ValidationLoss(labels, self.recipe, classes, self.batch)
        return parts

    def load_parts(self) -> tuple[Records, Records, Records]:
        """Train as this kernel chooses from it; validation and test whole."""
        train, validation, test = load_records(self.kernel, self.recipe, self.parameters)
        assert train.labels is not None
        self._known = int(train.labels.max()) + 1
        self._whole_train = train
        train = self.kernel.choose(train, self.recipe)
        self.classes = int(train.labels.max()) + 1
        return train, validation, test

    def build(self) -> Any:
        """The network as it begins, for the classes of this train."""
        return self.kernel.build_model(self.weights, self.recipe, self.classes)

    def compile(self, model: Any, labels: np.ndarray) -> Any:
        """``model`` with optimizer and loss."""
        return compiled_embedding(model, self.recipe)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """One-hot ``(rows, classes)`` of the classes that this kernel learns."""
        return one_hot(labels, self.classes)

    def fit(self, model: Any, *arguments: Any, **options: Any) -> None:
        """As Trainer's; with patience, ``model`` ends as in its best epoch."""
        super().fit(model, *arguments, **options)
        kept = self.course.kept
        best = [kept[name] for name in sorted(kept) if name.startswith(_BEST)]
        for variable, value in zip(model.variables, best, strict=bool(best)):
            variable.assign(value)

    def measured(self, model: Any, epoch: int) -> dict[str, float]:
        """Loss, accuracy and AUC of validation; keeps the best weights, and a view of the vectors.

        With a moving average of the weights it is the average that is measured and kept. Raises
        UserError when the vectors are no vectors any more.
        """
        with self._average_in_place(model):
            return self._measured(model, epoch)

    def _measured(self, model: Any, epoch: int) -> dict[str, float]:
        rows = self.split(self.predict_once(model, self.validation))
        channel = next(iter(rows.values()))
        check_told(channel, "training", epoch, self._rate("training", epoch - 1))
        found = self.pairs.auc(self.pairs.scores(channel))
        if epoch & (epoch - 1) == 0:  # 1, 2, 4, 8, …
            self._keep_snapshot(epoch, channel)
        earlier = [row["val_auc"] for row in self.course.rows("training")]
        if self.recipe.patience and found["all"] > max(earlier, default=-1.0):  # type: ignore[operator]
            for number, variable in enumerate(model.variables):
                value = np.array(variable.value, copy=True)  # JAX gives its memory away
                self.course.kept[f"{_BEST}{number:04d}"] = value
        return {**self.validation_loss.of(model, rows), **in_history(found)}

    def judged(self, row: Mapping[str, Any]) -> float | None:
        """What is missing to an AUC of 1."""
        return 1 - row["val_auc"]

    def is_over(self) -> bool:
        """Whether ``patience`` epochs have brought nothing better."""
        scores = [row["val_auc"] for row in self.course.rows("training")]
        return out_of_patience(scores, self.recipe.patience)

    def vectors(self, model: Any, validation: Pictures, test: Pictures) -> Vectors:
        """What is left of validation and test."""
        return Vectors(
            validation.records.ids,
            validation.labels,
            validation.labels < self._known,
            self.split(self.predict(model, validation)),
            test.records.ids,
            self.split(self.predict(model, test)),
        )

    def train_vectors(self, model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids, labels and vectors ``(pictures, d)`` of all of train, for what is put on top."""
        recipe = self.recipe
        size = recipe.image_size + recipe.crop_margin
        whole = Pictures(self._whole_train, size, "none", recipe.interpolation)
        rows = self.split(self.predict(model, whole))
        return whole.records.ids, whole.labels, next(iter(rows.values()))

    def predict(self, model: Any, part: Pictures) -> np.ndarray:
        """All channels side by side, ``(pictures, …)`` float32, the mean over the views."""
        return super().predict(self._told_by(model), part)

    def predict_once(self, model: Any, part: Pictures) -> np.ndarray:
        """As ``predict``, of one view."""
        return self.predict_views(self._told_by(model), part, 1)

    def split(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The channels of ``predict``; an embedding is of unit length again."""
        return split_channels(rows, self.recipe)

    def snapshots(self, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Epochs, rows of validation, and their vectors ``(epochs, rows, d)``, ``last`` with them.

        ``last`` ``(validation, d)`` are the vectors in the end; their epoch is the history's last.
        """
        ended = len(self.course.rows("training"))
        self._keep_snapshot(ended, last)
        kept = {n: v for n, v in sorted(self.course.kept.items()) if n.startswith(_SNAPSHOT)}
        epochs = np.array([int(name.removeprefix(_SNAPSHOT)) for name in kept])
        return epochs, self._shown(), np.stack(list(kept.values()))

    def _keep_snapshot(self, epoch: int, rows: np.ndarray) -> None:
        kept = rows[self._shown()].astype(np.float32)
        self.course.kept[f"{_SNAPSHOT}{epoch:06d}"] = kept

    def _shown(self) -> np.ndarray:
        return rows_to_show(self.validation.labels)

    def _training(self, parts: Sequence[Pictures]) -> Training:
        recipe, seed, share = self.recipe, self.parameters.seed, self.accelerator.share
        sampler, most = None, recipe.batches_per_epoch
        if recipe.loss in METRIC_LOSSES or recipe.pictures_per_class:
            labels = np.concatenate([part.labels for part in parts])
            each, replicas = recipe.pictures_per_class, self.accelerator.replicas
            sampler = ClassBatches(labels, self.batch // each, each, most or 0, replicas)
            report("batches", of=sampler.summary)
        pictures = most * self.batch if most else None
        return Training(parts, recipe, self.encode, self.batch, seed, share, sampler, pictures)

    @contextmanager
    def _average_in_place(self, model: Any) -> Iterator[None]:
        """The moving average, if there is one, in the place of the weights for a while."""
        if not self.recipe.ema:
            yield
            return
        variables = model.trainable_variables
        own = [np.array(variable.value, copy=True) for variable in variables]
        model.optimizer.finalize_variable_values(variables)
        for variable in variables:  # as in _let_average_predict
            variable.assign(np.array(variable.value, copy=True))
        yield
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)

    def _told_by(self, model: Any) -> Any:
        """The model from pictures to all channels side by side, made once."""
        if getattr(self, "_told", (None,))[0] is not model:
            self._told = (model, telling_model(model, self.recipe))
        return self._told[1]


def out_of_patience(scores: Sequence[float], patience: int) -> bool:
    """Whether none of the last ``patience`` scores is above all before; 0 never is."""
    return bool(scores and patience) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def rows_to_show(labels: np.ndarray) -> np.ndarray:
    """Rows of ``labels`` ``(pictures,)``, at most SHOWN, of all classes alike."""
    order = np.argsort(labels, kind="stable")
    return np.sort(order[:: -(-len(labels) // SHOWN)])


def split_channels(rows: np.ndarray, recipe: Any) -> dict[str, np.ndarray]:
    """What ``telling_model`` gives, by channel; an embedding is of unit length again."""
    names = channels_of(recipe)
    width = recipe.embedding if "embedding" in names else 0
    found = dict(zip(names, np.split(rows, [width][: len(names) - 1], axis=1), strict=True))
    if "embedding" in found:
        lengths = np.linalg.norm(found["embedding"], axis=1, keepdims=True)
        found["embedding"] = found["embedding"] / np.maximum(lengths, 1e-12)
    return found


def channels_of(recipe: Any) -> tuple[str, ...]:
    """What a network with this loss tells of a picture."""
    if recipe.loss in METRIC_LOSSES:
        return ("embedding",)
    return ("classes",) if recipe.loss == "softmax" else ("embedding", "classes")


def telling_model(model: Any, recipe: Any) -> Any:
    """From pictures to the channels side by side, ``(batch, …)`` float32, sharing weights."""
    import keras

    classes = model.output
    if recipe.loss in MARGIN_LOSSES:
        classes = keras.layers.Activation("softmax", dtype="float32")(
            keras.layers.Rescaling(recipe.scale, dtype="float32")(classes)
        )
    names = channels_of(recipe)
    told = {"classes": classes}
    if "embedding" in names:
        told["embedding"] = model.get_layer("embedding").output
    outputs = [told[name] for name in names]
    joined = keras.layers.Concatenate(dtype="float32")(outputs) if len(names) > 1 else outputs[0]
    telling = keras.Model(model.input, joined)
    telling.compile(jit_compile=keras.config.backend() == "jax")
    return telling

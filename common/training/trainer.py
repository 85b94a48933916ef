"""One training of one network: its pictures, its epochs and its course, whatever it learns."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import Training, evaluation_batches
from common.data.feed import Feed
from common.data.pictures import Pictures, choose_cache
from common.data.records import Records
from common.errors import UserError
from common.kernel import KernelRun
from common.networks.backbones import weights_files
from common.networks.weights import resolve_weights, weights_explained
from common.parameters import Parameters
from common.progress import report
from common.recipes.hours import refit_epochs
from common.recipes.image import BackboneRecipe
from common.recipes.training import check_batch
from common.training.checkpoint import Course, build_optimizer, restore, variables_of
from common.training.compiled import compiled
from common.training.divergence import check_loss
from common.training.outputs import HISTORY
from common.training.prediction import probabilities
from common.training.records import fold_of, load_records


class Trainer:
    """One training of one kernel: its pictures, its models and the course that it takes.

    Its course is written down after each epoch. It goes on from one that it finds, and then comes
    to the same end as if it had never stopped. Of several processes the first one writes.
    """

    def __init__(
        self,
        kernel: Any,
        recipe: Any,
        parameters: Parameters,
        accelerator: Accelerator,
        run: KernelRun,
    ):
        self.kernel, self.recipe, self.parameters = kernel, recipe, parameters
        self.accelerator, self.run = accelerator, run
        self.task = kernel.competition.task
        self.batch = recipe.batch_size * accelerator.replicas
        self.weights = self._pretrained()
        self.input_wait: float | None = None

    def _pretrained(self) -> str | None:
        """What the network begins with; a recipe without a backbone begins at random."""
        if not isinstance(self.recipe, BackboneRecipe):
            return None
        files = weights_files(self.recipe.backbone) if self.recipe.backbone else {}
        return resolve_weights(self.recipe.weights, files, self.parameters)

    def new_model(self, parts: Sequence[Pictures]) -> Any:
        """A compiled model to train on ``parts``; the same seed gives the same weights."""
        import keras

        keras.utils.set_random_seed(self.parameters.seed)
        with weights_explained(self.weights):
            model = self.build()
        return self.compile(model, np.concatenate([part.labels for part in parts]))

    def build(self) -> Any:
        """The network as it begins."""
        return self.kernel.build(self.weights, self.recipe)

    def compile(self, model: Any, labels: np.ndarray) -> Any:
        """``model`` with optimizer and loss; ``labels`` ``(pictures,)`` are its training's."""
        return compiled(model, self.recipe, labels, self.task)

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """Targets ``(rows, units)`` float32 of ``labels``."""
        return np.asarray(self.task.targets(labels))

    def load_parts(self) -> tuple[Records, Records, Records]:
        """Train, validation and test as this training takes them."""
        train, validation, test = load_records(self.kernel, self.recipe, self.parameters)
        for part in (train, validation):
            if part.labels is None:
                raise UserError(f"{part.name} has no labels: look at the competition's data.py")
            self.task.check_labels(part.labels, part.name)
        if self.recipe.folds:
            seed = self.parameters.seed
            train, validation = fold_of(train, validation, self.task, self.recipe, seed)
        # What would otherwise be found when training has ended.
        self.kernel.competition.check_measurable(validation.labels)
        return train, validation, test

    def measured(self, model: Any, epoch: int) -> dict[str, float]:
        """What else is known of ``model`` after an epoch (from 1), for ``history.csv``."""
        return {}

    def judged(self, row: Mapping[str, Any]) -> float | None:
        """Of a row of the history what a plateau looks at: lower is better."""
        return row.get("val_loss")

    def is_over(self) -> bool:
        """Whether training ends before its last epoch."""
        return False

    def fit(
        self,
        model: Any,
        stage: str,
        parts: Sequence[Pictures],
        epochs: int,
        validation: Pictures | None = None,
        first_epoch: int = 0,
    ) -> None:
        """Train ``model`` for ``epochs``, or what is left of them after the checkpoint.

        Raises UserError when the loss is no longer finite.
        """
        done = self.course.enter(model, stage, epochs)
        left = range(first_epoch + done, first_epoch + epochs)
        if not left or self.is_over():
            self._let_average_predict(model)
            return
        training = self._training(parts)
        feed = Feed(training.batches(left), training.steps, self.accelerator.backend == "jax")
        measured = self._evaluation(validation) if validation else None
        with self._faults_told([*parts, *([validation] if validation else [])]):
            # Before ``fit`` traces its step: TensorFlow traces twice if variables appear in it.
            build_optimizer(model)
            if measured is not None:
                model.evaluate(measured, steps=1, verbose=0)
            model.fit(
                iter(feed),
                validation_data=measured,
                validation_steps=validation and self._steps(validation),
                initial_epoch=left.start,
                epochs=left.stop,
                steps_per_epoch=training.steps,
                callbacks=self._callbacks(model, first_epoch, epochs, training, validation),
                shuffle=False,  # the batches are drawn already
                verbose=0,
            )
        self._let_average_predict(model)
        if self.input_wait is None:
            self.input_wait = feed.waiting

    def predict(self, model: Any, part: Pictures) -> np.ndarray:
        """What ``model`` gives, ``(pictures, …)`` float32, the mean over ``recipe.tta`` views."""
        return self.predict_views(model, part, self.recipe.tta)

    def predict_views(self, model: Any, part: Pictures, views: int) -> np.ndarray:
        """As ``predict``, the mean over so many views."""
        steps = self._steps(part)
        self.course.keep_to_time(views * steps / 3)  # a step is forward, and twice back
        total: Any = 0
        with self._faults_told([part]):
            for seen in range(views):
                batches = self._evaluation(part, seen)
                found = probabilities(model, batches, steps, self.accelerator.processes)
                total = total + found[: len(part)]
        return np.asarray(total / np.float32(views))

    def begin(self) -> list[Pictures]:
        """The pictures of train, validation and test; the course begins, or goes on."""
        recipe = self.recipe
        parts = self.load_parts()
        size = recipe.image_size + recipe.crop_margin
        # Test is seen once a view, so that one view keeps nothing of it. Whole pictures come from
        # their records, at their own size.
        again = recipe.tta > (8 if recipe.evaluates_whole else 1)
        kept = choose_cache(recipe.cache, sum(map(len, parts if again else parts[:2])), size)
        caches = (kept, kept, kept if again else "none")
        pictures = [
            Pictures(part, size, cache, recipe.interpolation)
            for part, cache in zip(parts, caches, strict=True)
        ]
        check_batch(recipe.batch_size, self.accelerator.replicas, len(pictures[0]))
        pictures[2].decode_all()  # what would otherwise be found after hours of training
        self.course = Course(self.run, self._identity(pictures), self.parameters)
        return pictures

    def _training(self, parts: Sequence[Pictures]) -> Training:
        recipe, seed, share = self.recipe, self.parameters.seed, self.accelerator.share
        most = recipe.pictures_per_epoch
        return Training(parts, recipe, self.encode, self.batch, seed, share, pictures=most)

    def _evaluation(self, part: Pictures, seen: int = 0) -> Any:
        share = self.accelerator.share
        return evaluation_batches(part, self.recipe, self.encode, self.batch, share, seen)

    def _steps(self, part: Pictures) -> int:
        return math.ceil(len(part) / self.batch)

    def _let_average_predict(self, model: Any) -> None:
        """The moving average, if there is one, takes the place of the weights.

        At the end of ``fit`` Keras does this itself, and leaves both in the same memory, which JAX
        gives away with each of them: they get their own again.
        """
        if self.recipe.ema:
            model.optimizer.finalize_variable_values(model.trainable_variables)
            restore(model, variables_of(model))

    @contextmanager
    def _faults_told(self, parts: Sequence[Pictures]) -> Iterator[None]:
        """Name the broken picture, whatever the framework between has made of the error."""
        try:
            yield
        except Exception:
            for part in parts:
                if part.fault is not None:
                    raise part.fault from None
            raise

    def _identity(self, parts: Sequence[Pictures]) -> dict[str, Any]:
        """What a checkpoint must have been written by to be one of this training."""
        return {
            "competition": self.kernel.competition.slug,
            "kernel": self.parameters.kernel,
            "seed": self.parameters.seed,
            "accelerator": self.accelerator.seen,
            "batch": self.batch,
            **{f"{part.records.name}_pictures": len(part) for part in parts},
            **{
                name: value
                for name, value in dataclasses.asdict(self.recipe).items()
                if name != "cache"  # it changes nothing of what is trained or predicted
            },
        }

    def _rate(self, stage: str, epoch: int) -> float:
        """The learning rate; a refit repeats what training found on a plateau.

        A fresh refit has the schedule of its own number of epochs.
        """
        rows, recipe = self.course.rows("training"), self.recipe
        if stage == "refit" and recipe.schedule == "plateau":
            return float(rows[min(epoch, len(rows) - 1)]["learning_rate"])
        if stage == "refit" and recipe.refit_fresh:
            recipe = dataclasses.replace(recipe, epochs=max(1, refit_epochs(recipe)))
        judged = map(self.judged, rows[:epoch])
        losses = [loss for loss in judged if loss is not None]
        return recipe.learning_rate(epoch, self.accelerator.replicas, losses)

    def _callbacks(
        self, model: Any, first: int, epochs: int, training: Training, validation: Pictures | None
    ) -> list[Any]:
        import keras

        stage, steps = self.course.stage, training.steps
        # Keras divides a batch's loss by its rows, those without weight too.
        scale = {"loss": steps * self.batch / training.counted}
        if validation:
            scale["val_loss"] = self.batch * self._steps(validation) / len(validation)

        def record(epoch: int, logs: Mapping[str, float]) -> None:
            row = {name: logs[name] * scale.get(name, 1) for name in HISTORY if name in logs}
            row["learning_rate"] = self._rate(stage, epoch)
            row |= self.measured(model, epoch + 1) if math.isfinite(row["loss"]) else {}
            self.course.history.append({"stage": stage, "epoch": epoch + 1, **row})
            shown = {name: row[name] for name in HISTORY[3:] if name in row}
            report(stage, epoch=f"{epoch + 1 - first}/{epochs}", **shown)
            check_loss(row["loss"], stage, epoch + 1, row["learning_rate"])
            self.course.end_epoch(model, epoch + 1 - first, steps)
            model.stop_training = self.is_over()

        # No callback looks at single batches: a device need not wait for the next one to be sent.
        callbacks = [
            keras.callbacks.LearningRateScheduler(lambda epoch, _: self._rate(stage, epoch)),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: self.course.begin_epoch(steps),
                on_epoch_end=record,
            ),
        ]
        return [keras.callbacks.SwapEMAWeights(), *callbacks] if self.recipe.ema else callbacks

"""Training an image classifier: what every such kernel does with its recipe."""

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import figures, metrics
from common.accelerator import Accelerator, choose
from common.augment import augment
from common.batches import Pictures, evaluation_batches, steps_an_epoch, training_batches
from common.checkpoint import Course, remove_checkpoint
from common.classifier import ClassifierKernel, ClassifierRecipe, chosen_recipe
from common.errors import UserError, shown_in_one_line
from common.full_size import check_full_size
from common.kernel import KernelRun
from common.manifest import write_json
from common.packages import ensure_package
from common.parameters import Parameters
from common.predictions import Predictions, save_predictions
from common.progress import report
from common.tfrecords import faults_located
from common.thumbnails import leave_thumbnails
from common.weights import resolve_weights, weights_explained

HISTORY = ("stage", "epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy")


@shown_in_one_line()
def train_classifier(kernel: ClassifierKernel, values: Mapping[str, Any]) -> None:
    """Train, measure on validation, refit, predict test, and leave a kernel's files behind.

    ``values`` is the script's ``PARAMETERS``. What only the user can mend ends it with one line.
    With a time limit it may stop before its end: it then leaves its checkpoint, and a manifest
    that says ``unfinished``.
    """
    parameters = Parameters.from_dict(values)
    recipe = chosen_recipe(kernel.recipe, kernel.dry_run, parameters)
    with KernelRun(parameters, recipe) as run:
        with run.stage("accelerator", asked=parameters.accelerator or "any"):
            accelerator = choose(parameters.accelerator, kernel.accelerators)
            run.facts["accelerator"] = accelerator.to_dict()
        for package, version in kernel.packages.items():
            with run.stage("packages", package=package):
                ensure_package(package, version, parameters.internet)
        if parameters.full_size:
            with run.stage("full_size"):
                run.facts["full_size"] = check_full_size(kernel)
        Trainer(kernel, recipe, parameters, accelerator, run).train()


class Trainer:
    """One training of one kernel: its pictures, its models and the course that it takes.

    Its course is written down after each epoch. It goes on from one that it finds, and then comes
    to the same end as if it had never stopped.
    """

    def __init__(
        self,
        kernel: ClassifierKernel,
        recipe: ClassifierRecipe,
        parameters: Parameters,
        accelerator: Accelerator,
        run: KernelRun,
    ):
        self.kernel, self.recipe, self.parameters = kernel, recipe, parameters
        self.accelerator, self.run = accelerator, run
        self.batch = recipe.batch_size * accelerator.replicas
        self.weights = resolve_weights(recipe.weights, kernel.weights_files, parameters)

    def train(self) -> None:
        """All stages, in order, from where the checkpoint stands. Raises OutOfTimeError."""
        run, model = self.run, None
        with run.stage("data"):
            train, validation, test = self._pictures()
            parts = [train, validation, test]
            self.course = Course(run, self._identity(parts), self.parameters)
        if self.course.validation is None:
            with run.stage("training"):
                model = self.new_model()
                self.fit(model, "training", [train], self.recipe.epochs, validation=validation)
            with run.stage("validation"):
                self.course.validation = self.predict(model, validation)
        if self.recipe.refit:
            with run.stage("refit"):
                model = self.refit(model, [train, validation])
        with run.stage("prediction"):
            predictions = Predictions(
                validation.records.ids,
                validation.labels,
                self.course.validation,
                test.records.ids,
                self.predict(model, test),
            )
            save_predictions(run.folder, predictions, self.parameters.kernel or "this kernel")
        with run.stage("figures"):
            self.leave_behind(run.folder, train, predictions)
            leave_thumbnails(run.folder, validation)
        remove_checkpoint(run.folder)

    def new_model(self) -> Any:
        """A compiled model; the same seed gives the same weights."""
        import keras

        keras.utils.set_random_seed(self.parameters.seed)
        with weights_explained(self.weights):
            model = self.kernel.build_model(self.weights, self.recipe)
        _set_batchnorm_momentum(model, self.recipe.batchnorm_momentum)
        model.compile(
            optimizer=self.recipe.optimizer,
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            # On a CPU, TensorFlow without XLA compiles in seconds and trains faster.
            jit_compile=keras.config.backend() == "jax",
        )
        return model

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
        if done >= epochs:
            return
        left = range(first_epoch + done, first_epoch + epochs)
        batches = training_batches(parts, self.recipe, self.batch, self.parameters.seed, left)
        measured = validation and evaluation_batches(validation, self.recipe, self.batch)
        steps = steps_an_epoch(parts, self.batch)
        every = [*parts, *([validation] if validation else [])]
        with self._faults_located(every):
            if measured is not None:
                _prepare(model, measured)
            model.fit(
                batches,
                validation_data=measured,
                initial_epoch=left.start,
                epochs=left.stop,
                steps_per_epoch=steps,
                callbacks=self._callbacks(model, first_epoch, epochs, steps),
                shuffle=False,  # the batches are drawn anew already
                verbose=0,
            )

    def refit(self, model: Any, parts: Sequence[Pictures]) -> Any:
        """The model for the test predictions, trained on ``parts`` together.

        ``model`` is the trained one, or None when the checkpoint is of the refit itself.
        """
        import keras

        epochs = (
            self.recipe.epochs if self.recipe.refit_epochs is None else self.recipe.refit_epochs
        )
        if self.recipe.refit_fresh or model is None:
            del model
            keras.backend.clear_session()
            model = self.new_model()
        first_epoch = 0 if self.recipe.refit_fresh else self.recipe.epochs
        self.fit(model, "refit", parts, epochs, first_epoch=first_epoch)
        return model

    def predict(self, model: Any, part: Pictures) -> np.ndarray:
        """Probabilities, ``(pictures, classes)`` float32."""
        self.course.keep_to_time(math.ceil(len(part.records) / self.batch))
        with self._faults_located([part]):
            batches = evaluation_batches(part, self.recipe, self.batch)
            return np.asarray(model.predict(batches, verbose=0), dtype=np.float32)

    def leave_behind(self, folder: Path, train: Pictures, predictions: Predictions) -> None:
        """``metrics.json``, ``history.csv`` and the figures."""
        labels, names = predictions.validation_labels, self.kernel.competition.classes
        predicted = predictions.validation.argmax(axis=1)
        metric = getattr(metrics, self.kernel.competition.metric)
        scored = {
            "metric": self.kernel.competition.metric,
            "validation_score": metric(labels, predicted),
            "validation_accuracy": metrics.accuracy(labels, predicted),
            "epochs": self.recipe.epochs,
        }
        write_json(folder / "metrics.json", scored)
        write_history(folder / "history.csv", self.course.history)
        report("scored", **scored)
        self._draw(folder, train)
        figures.confusion(labels, predicted, names, folder / "confusion_matrix.png")

    def _draw(self, folder: Path, train: Pictures) -> None:
        pictures, labels = train.originals(18)
        names = self.kernel.competition.classes
        picture, _ = next(train.dataset().as_numpy_iterator())
        titles = [names[label] for label in labels]
        figures.picture_grid(pictures, titles, folder / "training_pictures.png")
        variants = [augment(picture, (seed, 0), self.recipe).numpy() for seed in range(17)]
        titles = [names[labels[0]], "augmented", *[""] * 16]
        figures.picture_grid([picture, *variants], titles, folder / "augmented.png")
        epochs = range(self.recipe.epochs)
        replicas = self.accelerator.replicas
        rates = [self.recipe.learning_rate(epoch, replicas) for epoch in epochs]
        figures.schedule(rates, folder / "schedule.png")
        figures.curves(self.course.history, folder / "curves.png")

    def _pictures(self) -> list[Pictures]:
        parts = self.kernel.load(self.recipe.image_size, self.parameters)
        with faults_located([path for records in parts for path in records.files]):
            pictures = [Pictures(records, self.recipe) for records in parts]
        if len(pictures[0].records) < self.batch:
            raise UserError(
                f"a batch of {self.batch} is more than the {len(pictures[0].records)} training "
                f"pictures: lower it with --set batch_size={len(pictures[0].records)}"
            )
        return pictures

    def _faults_located(self, parts: Sequence[Pictures]) -> Any:
        return faults_located([path for part in parts for path in part.records.files])

    def _identity(self, parts: Sequence[Pictures]) -> dict[str, Any]:
        """What a checkpoint must have been written by to be one of this training."""
        return {
            "competition": self.kernel.competition.slug,
            "kernel": self.parameters.kernel,
            "seed": self.parameters.seed,
            "accelerator": self.accelerator.seen,
            "batch": self.batch,
            **{f"{part.records.name}_pictures": len(part.records) for part in parts},
            **dataclasses.asdict(self.recipe),
        }

    def _callbacks(self, model: Any, first: int, epochs: int, steps: int) -> list[Any]:
        import keras

        stage = self.course.stage

        def rate(epoch: int, _: float) -> float:
            return self.recipe.learning_rate(epoch, self.accelerator.replicas)

        def record(epoch: int, logs: Mapping[str, float]) -> None:
            row = {name: logs[name] for name in HISTORY if name in logs}
            row["learning_rate"] = rate(epoch, 0.0)
            self.course.history.append({"stage": stage, "epoch": epoch + 1, **row})
            shown = {name: row[name] for name in HISTORY[3:] if name in row}
            report(stage, epoch=f"{epoch + 1 - first}/{epochs}", **shown)
            if not math.isfinite(row["loss"]):
                raise UserError(
                    f"the loss became {row['loss']} in epoch {epoch + 1} of {stage}, at learning "
                    f"rate {row['learning_rate']:g}: lower it, for example --set lr_max=1e-5"
                )
            self.course.end_epoch(model, epoch + 1 - first, steps)

        return [
            keras.callbacks.LearningRateScheduler(rate),
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: self.course.begin_epoch(steps),
                on_epoch_end=record,
            ),
        ]


def write_history(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """``history.csv``: a line an epoch; a refit has no validation columns."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HISTORY, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _prepare(model: Any, measured: Any) -> None:
    """Create the optimizer's and the metrics' variables before ``fit`` traces its step.

    TensorFlow traces a step twice if variables appear in it: seconds for a large network.
    """
    model.optimizer.build(model.trainable_variables)
    model.evaluate(measured.take(1), verbose=0)


def _set_batchnorm_momentum(model: Any, momentum: float | None) -> None:
    import keras

    if momentum is not None:
        for layer in model._flatten_layers(include_self=False):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = momentum

"""Training an image classifier: what every such kernel does with its recipe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.accelerator import Accelerator, clear_session
from common.data.batches import Training, evaluation_batches
from common.data.pictures import Pictures
from common.data.records import Records
from common.files.predictions import Predictions
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.metrics import figures
from common.networks.classifier import SMALL, build_classifier
from common.networks.weights import weights_explained
from common.outputs import write_outputs
from common.parameters import Parameters
from common.recipes.hours import refit_epochs
from common.training.checkpoint import remove_checkpoint
from common.training.compiled import compile_classifier
from common.training.describe import Described, TrainingKernel, picture_network
from common.training.outputs import SHOWN, draw_history, draw_pictures, write_history
from common.training.prepare import (
    Parts,
    fold_of,
    labels_of,
    load_records,
    open_pictures,
    pretrained,
    take_accelerator,
)
from common.training.trainer import Objective, Trainer


@dataclass(frozen=True, kw_only=True)
class ClassifierKernel(TrainingKernel):
    """A Kernel that trains a classifier.

    Attributes:
        load: ``(image_size, parameters) -> (train, validation, test)`` records.
        build_model: ``(weights, recipe) -> keras.Model`` from pictures as they are decoded,
            ``(batch, image_size, image_size, 3)`` in 0..255, to what the task learns,
            ``(batch, units)`` float32. ``weights`` is None, a name that the backbone knows, or
            the path of a weights file. None: the recipe's backbone, average pooling, the task's
            head (``common.networks.classifier``).
        dry_run: as Kernel's; by default those of that network's miniature.
    """

    load: Callable[[int, Parameters], tuple[Records, Records, Records]]
    build_model: Callable[[str | None, Any], Any] | None = None
    dry_run: Mapping[str, Any] = field(default_factory=lambda: SMALL)

    def build(self, weights: str | None, recipe: Any) -> Any:
        """The network as it begins, a ``keras.Model``."""
        if self.build_model is None:
            return build_classifier(self.competition.task.output_layer(), weights, recipe)
        return self.build_model(weights, recipe)

    def network(self, recipe: Any) -> Any:
        """The network with random weights, for its parameters to be counted."""
        return self.build(None, recipe)

    def carry_out(self, run: KernelRun) -> None:
        """Train, measure on validation, refit, predict test, and write a kernel's files.

        With a time limit it may stop before its end: it then writes its checkpoint, and a manifest
        that says ``unfinished``.
        """
        trainer, parts = prepare_training(self, run, take_accelerator(self, run))
        predictions = train_in_stages(trainer, parts, self.competition.task)
        if run.primary:
            write_results(self, trainer, parts, predictions)

    def network_to_describe(
        self, best: bool, small: bool, settings: Mapping[str, Any]
    ) -> Described:
        """As TrainingKernel's."""
        return picture_network(self, best, small, settings)


def prepare_training(
    kernel: ClassifierKernel, run: KernelRun, accelerator: Accelerator
) -> tuple[Trainer, Parts]:
    """The pictures of a kernel, and a trainer of its network, where its checkpoint is.

    Raises UserError for records that the task or the competition's metric cannot take.
    """
    recipe, task, seed = run.recipe, kernel.competition.task, run.parameters.seed
    batch, share = recipe.batch_size * accelerator.replicas, accelerator.share
    weights = pretrained(recipe, run.parameters)
    with run.stage("data"):
        train, validation, test = load_records(kernel, run)
        for part in (train, validation):
            task.check_labels(labels_of(part), part.name)
        train, validation = fold_of(train, validation, task, recipe, seed)
        # What would otherwise be found when training has ended.
        kernel.competition.check_measurable(labels_of(validation))
        parts = open_pictures((train, validation, test), recipe, accelerator.replicas)

        def build() -> Any:
            with weights_explained(weights):
                return kernel.build(weights, recipe)

        def batches(parts: Sequence[Pictures]) -> Training:
            most = recipe.pictures_per_epoch
            return Training(parts, recipe, task.targets, batch, seed, share, pictures=most)

        def evaluation(part: Pictures, view: int) -> Any:
            return evaluation_batches(part, recipe, task.targets, batch, share, view)

        def compile_model(model: Any, labels: np.ndarray) -> None:
            compile_classifier(model, recipe, labels, task)

        objective = Objective(build, compile_model, batches, evaluation)
        training = {"competition": kernel.competition.slug, **parts.counts}
        return Trainer(run, accelerator, objective, training), parts


def train_in_stages(trainer: Trainer, parts: Parts, task: Any) -> Predictions:
    """All stages, in order, from where the checkpoint is. Raises OutOfTimeError."""
    run, recipe, kept, model = trainer.run, trainer.recipe, trainer.state.kept, None
    train, validation, test = parts
    if "validation" not in kept:
        with run.stage("training"):
            model = trainer.new_model([train])
            trainer.fit(model, "training", [train], recipe.epochs, validation)
        with run.stage("validation"):
            kept["validation"] = trainer.predict(model, validation, recipe.tta)
    if epochs := refit_epochs(recipe):
        with run.stage("refit"):
            if recipe.refit_fresh:
                model = None  # its memory is needed
            if model is None:  # or the checkpoint is of the refit
                clear_session()
                model = trainer.new_model([train, validation] if recipe.refit_fresh else [train])
            first = 0 if recipe.refit_fresh else recipe.epochs
            trainer.fit(model, "refit", [train, validation], epochs, first_epoch=first)
    with run.stage("prediction"):
        return Predictions(
            validation.records.ids,
            validation.labels,
            task.predictions(kept["validation"]),
            test.records.ids,
            task.predictions(trainer.predict(model, test, recipe.tta)),
        )


def write_results(
    kernel: ClassifierKernel, trainer: Trainer, parts: Parts, predictions: Predictions
) -> None:
    """Every file of a finished kernel but the manifest."""
    run, task, history = trainer.run, kernel.competition.task, trainer.state.history
    with run.stage("figures"):
        facts: dict[str, Any] = {"epochs": run.recipe.epochs}
        if trainer.input_wait is not None:
            facts["input_wait"] = round(trainer.input_wait, 4)
        name = run.parameters.kernel
        scored = write_outputs(run.folder, kernel.competition, predictions, name, facts)
        figures.predictions(
            run.folder,
            task,
            predictions.validation_labels,
            predictions.validation,
            scored.get("thresholds"),
            "confusion_matrix.png",
        )
        write_history(run.folder, history)
        draw_history(run.folder, history)
        names = [task.describe(label) for label in parts.train.labels[:SHOWN]]
        draw_pictures(run.folder, names, run.recipe, parts.train)
        write_thumbnails(run.folder, parts.validation)
    remove_checkpoint(run.folder)

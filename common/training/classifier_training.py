"""Training an image classifier: what every such kernel does with its recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from common.accelerator import Accelerator, choose, clear_session
from common.data.pictures import Pictures
from common.data.records import Records
from common.declaration import Kernel
from common.files.predictions import Predictions
from common.files.thumbnails import leave_thumbnails
from common.kernel import KernelRun
from common.networks.classifier import SMALL, build_classifier
from common.networks.full_size import check_full_size
from common.outputs import write_outputs
from common.parameters import Parameters
from common.recipe import override
from common.recipes.hours import refit_epochs
from common.tasks.figures import draw_predictions
from common.training.checkpoint import remove_checkpoint
from common.training.describe import Asked, TrainingKernel, picture_network
from common.training.outputs import SHOWN, draw_training, write_history
from common.training.trainer import Trainer

T = TypeVar("T", bound=Trainer)


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
        """Train, measure on validation, refit, predict test, and leave a kernel's files behind.

        With a time limit it may stop before its end: it then leaves its checkpoint, and a manifest
        that says ``unfinished``.
        """
        train_in_stages(begin_training(self, run, Trainer))

    def network_to_describe(self, asked: Asked) -> tuple[Any, Any, dict[str, str]]:
        """As TrainingKernel's."""
        return picture_network(self, asked)


def begin_training(kernel: Kernel, run: KernelRun, trainer: type[T]) -> T:
    """The accelerator taken, the network held at full size if that is asked for; a trainer."""
    accelerator = take_accelerator(run, kernel.accelerators)
    if run.parameters.full_size:
        with run.stage("full_size"):
            whole = override(run.recipe, run.parameters.full_size)
            run.facts["full_size"] = check_full_size(replace(kernel, recipe=whole))
    return trainer(kernel, run.recipe, run.parameters, accelerator, run)


def take_accelerator(run: KernelRun, supported: tuple[str, ...]) -> Accelerator:
    """The stage that chooses it, told in the manifest. Raises UserError as ``choose``."""
    asked = run.parameters.accelerator
    with run.stage("accelerator", asked=asked or "any"):
        accelerator = choose(asked, supported)
        run.facts["accelerator"] = accelerator.to_dict()
        run.primary = accelerator.process == 0
    return accelerator


def train_in_stages(trainer: Trainer) -> None:
    """All stages, in order, from where the checkpoint stands. Raises OutOfTimeError."""
    run, recipe, model = trainer.run, trainer.recipe, None
    with run.stage("data"):
        train, validation, test = trainer.begin()
    if trainer.course.validation is None:
        with run.stage("training"):
            model = trainer.new_model([train])
            trainer.fit(model, "training", [train], recipe.epochs, validation=validation)
        with run.stage("validation"):
            trainer.course.validation = trainer.predict(model, validation)
    if refit_epochs(recipe):
        with run.stage("refit"):
            if recipe.refit_fresh:
                model = None  # its memory is needed
            model = refit(trainer, model, train, validation)
    with run.stage("prediction"):
        predictions = Predictions(
            validation.records.ids,
            validation.labels,
            trainer.task.predictions(trainer.course.validation),
            test.records.ids,
            trainer.task.predictions(trainer.predict(model, test)),
        )
    if run.primary:
        write_results(trainer, train, validation, predictions)


def refit(trainer: Trainer, model: Any, train: Pictures, validation: Pictures) -> Any:
    """The model for the test predictions, trained on both parts together.

    ``model`` is the trained one; None for a fresh one, and when the checkpoint is of the refit.
    """
    recipe = trainer.recipe
    fresh = recipe.refit_fresh
    if model is None:
        clear_session()
        model = trainer.new_model([train, validation] if fresh else [train])
    first_epoch = 0 if fresh else recipe.epochs
    epochs = refit_epochs(recipe)
    trainer.fit(model, "refit", [train, validation], epochs, first_epoch=first_epoch)
    return model


def write_results(
    trainer: Trainer, train: Pictures, validation: Pictures, predictions: Predictions
) -> None:
    """Every file of a finished kernel but the manifest."""
    competition, history = trainer.kernel.competition, trainer.course.history
    folder = trainer.run.folder
    with trainer.run.stage("figures"):
        facts: dict[str, Any] = {"epochs": trainer.recipe.epochs}
        if trainer.input_wait is not None:
            facts["input_wait"] = round(trainer.input_wait, 4)
        scored = write_outputs(folder, competition, predictions, trainer.parameters.kernel, facts)
        draw_predictions(
            folder,
            trainer.task,
            predictions.validation_labels,
            predictions.validation,
            scored.get("thresholds"),
            "confusion_matrix.png",
        )
        write_history(folder, history)
        names = [trainer.task.describe(label) for label in train.labels[:SHOWN]]
        draw_training(folder, names, trainer.recipe, train, history)
        leave_thumbnails(folder, validation)
    remove_checkpoint(folder)

"""Training an image classifier: what every such kernel does with its recipe."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.accelerator import Accelerator, choose, clear_session
from common.data.pictures import Pictures
from common.errors import UserError, shown_in_one_line
from common.files.predictions import Predictions
from common.files.thumbnails import leave_thumbnails
from common.kernel import KernelRun
from common.networks.full_size import check_full_size
from common.outputs import write_outputs
from common.parameters import Parameters
from common.recipes.classifier import ClassifierKernel, chosen_recipe
from common.recipes.hours import refit_epochs
from common.tasks.figures import draw_predictions
from common.training.checkpoint import remove_checkpoint
from common.training.describe import describe
from common.training.outputs import SHOWN, draw_training, write_history
from common.training.trainer import Trainer


@shown_in_one_line()
def train_classifier(
    kernel: ClassifierKernel, values: Mapping[str, Any], arguments: Sequence[str] = ()
) -> None:
    """Train, measure on validation, refit, predict test, and leave a kernel's files behind.

    As ``run_training`` says.
    """
    run_training(kernel, values, arguments, Trainer, train_in_stages)


def run_training(
    kernel: Any,
    values: Mapping[str, Any],
    arguments: Sequence[str],
    trainer: type[Trainer],
    stages: Callable[[Any], None],
) -> None:
    """What every training kernel does around its ``stages``.

    ``values`` is the script's ``PARAMETERS``. What only the user can mend ends it with one line.
    With a time limit it may stop before its end: it then leaves its checkpoint, and a manifest
    that says ``unfinished``. With ``--describe`` among the command line's ``arguments`` it says
    what it would do; there are no others.
    """
    if "--describe" in arguments:
        describe(kernel, values, arguments)
        return
    if arguments:
        raise UserError(
            f"{' '.join(arguments)}: a kernel takes no arguments but --describe: write settings "
            f'into its PARAMETERS line, for example {{"settings": {{"epochs": 3}}}}'
        )
    parameters = Parameters.from_dict(values)
    recipe = chosen_recipe(kernel.recipe, kernel.best, kernel.dry_run, parameters)
    with KernelRun(parameters, recipe) as run:
        accelerator = take_accelerator(run, kernel.accelerators)
        if parameters.full_size:
            with run.stage("full_size"):
                run.facts["full_size"] = check_full_size(kernel)
        stages(trainer(kernel, recipe, parameters, accelerator, run))


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
        leave_behind(trainer, train, validation, predictions)


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


def leave_behind(
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

"""Training an image classifier: what every such kernel does with its recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from common.accelerator import Accelerator
from common.data.records import Records, no_records
from common.data.split_table import write_split
from common.data.splits import join_labelled, one_fold, random_validation, split_anew
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.metrics import figures
from common.networks.classifier import SMALL, build_classifier
from common.outputs import write_outputs
from common.recipes.classifier import ALL_ANEW
from common.recipes.hours import refit_epochs
from common.tasks.task import Task
from common.training.checkpoint import remove_checkpoint
from common.training.explaining import explain
from common.training.exporting import check_export, export_network
from common.training.feature_training import begin_with_head, train_on_features
from common.training.loading import check_labels, check_split, check_splits, check_validation
from common.training.network import Published, save_network
from common.training.outputs import SHOWN, draw_pictures, write_history
from common.training.prepare import Parts, PictureKernel, open_pictures, take_accelerator
from common.training.stages import Trained, train_in_stages
from common.training.trainer import Setup, Trainer


@dataclass(frozen=True, kw_only=True)
class ClassifierKernel(PictureKernel):
    """A Kernel that trains a classifier.

    Attributes:
        build_model: ``(weights, recipe) -> keras.Model`` from pictures as they are decoded,
            ``(batch, image_size, image_size, 3)`` in 0..255, to what the task learns,
            ``(batch, units)`` float32. ``weights`` is None, a name that the backbone knows, or
            the path of a weights file. None: the recipe's backbone, average pooling, the task's
            head (``common.networks.classifier``).
        dry_run: as Kernel's; by default those of that network's miniature.
        trainer: ``(run, accelerator, setup) -> Trainer``, of a training on pictures.
    """

    build_model: Callable[[str | None, Any], Any] | None = None
    dry_run: Mapping[str, Any] = field(default_factory=lambda: SMALL)
    trainer: Callable[[KernelRun, Accelerator, Setup], Trainer] = Trainer

    def network(self, recipe: Any, weights: str | None = None) -> Any:
        """The network as it begins, a ``keras.Model``; with random weights where none are given."""
        if self.build_model is None:
            return build_classifier(self.competition.task.output_layer(), weights, recipe)
        return self.build_model(weights, recipe)

    def carry_out(self, run: KernelRun) -> None:
        """Train, measure on validation, refit, predict test, and write a kernel's files.

        With a time limit it may stop before its end: it then writes its checkpoint, and a manifest
        that says ``unfinished``.
        """
        accelerator, weights = take_accelerator(self, run), self.pretrained(run)
        check_export(self, run)
        parts = read_parts(self, run, accelerator)
        shown = partial(explain, run, accelerator, self.competition.task, parts.validation)
        trained = train_on_features(self, run, accelerator, parts, weights, shown)
        if trained is None:
            trainer = picture_trainer(self, run, accelerator, parts, weights)
            found, files = train_in_stages(trainer, parts, self.competition.task, shown)
            history, measured = trainer.state.history, trainer.facts
            trained = Trained(found, trainer.model, history, measured, files)
        everything = bool(refit_epochs(run.recipe)) or run.recipe.fold is None
        save_network(run, self.competition, trained.model, everything)
        if not run.primary:
            return
        predictions = trained.predictions
        folder, task, facts = run.folder, self.competition.task, dict(trained.facts)
        if penalties := trained.model.losses:
            facts["penalty"] = float(sum(map(float, penalties)))  # on weights, of the loss
        if run.recipe.export:
            exported = (run, self.competition, trained.model, parts, predictions)
            facts["exports"] = export_network(*exported)
        with run.stage("figures"):
            name, labels = run.parameters.kernel, predictions.validation_labels
            scored = write_outputs(folder, self.competition, predictions, name, facts)
            thresholds, confusion = scored.get("thresholds"), "confusion_matrix.png"
            figures.predictions(folder, task, labels, predictions.validation, thresholds, confusion)
            write_history(folder, trained.history)
            names = [task.describe(label) for label in parts.train.labels[:SHOWN]]
            draw_pictures(folder, names, run.recipe, parts.train)
            write_thumbnails(folder, parts.validation)
            for file, content in trained.files.items():
                (folder / file).write_bytes(content.tobytes())
        remove_checkpoint(folder)


class Divided(NamedTuple):
    """Labelled pictures as they are trained on and validated on."""

    splits: dict[str, tuple[Records, Records]]  # by fold; by "" without folds
    both: Records | None  # of all folds
    test: Records
    warnings: list[str]


def divide(
    kernel: ClassifierKernel,
    given: tuple[Records, Records, Records],
    recipe: Any,
    seed: int,
    fold: int | None,
) -> Divided:
    """Split what ``load`` gave as the recipe says: as it is, anew, or into folds.

    Of folds that is one, or all where ``fold`` is None. Raises UserError for records that the task
    or the competition's metric cannot take, and for too few to be split.
    """
    task, both = kernel.competition.task, None
    train, validation, test = given
    check_labels(kernel.competition, *given)
    if recipe.split == "given":
        check_validation(validation)
    else:
        near = recipe.near_duplicates
        if recipe.split in ALL_ANEW:
            train, validation, test = split_anew(given, task, recipe.split, seed, near)
        else:
            train, validation = random_validation(train, validation, task, seed)
    splits = {"": (train, validation)}
    if recipe.folds:
        both = join_labelled(train, validation, recipe.near_duplicates)
        folds = range(recipe.folds * recipe.repeats) if fold is None else [fold]
        splits = {str(n): one_fold(both, task, recipe.folds, n, seed) for n in folds}
    warnings = check_splits(kernel.competition, [*splits.values()], test, recipe.folds)
    return Divided(splits, both, test, warnings)


def read_parts(kernel: ClassifierKernel, run: KernelRun, accelerator: Accelerator) -> Parts:
    """The pictures of a kernel. Raises UserError as ``divide`` and ``open_pictures``."""
    recipe, replicas = run.recipe, accelerator.replicas
    check_split(kernel.competition, recipe)
    with run.stage("data"):
        found = divide(kernel, kernel.records(run), recipe, run.parameters.seed, recipe.fold)
        note_split(run, found.splits, kernel.competition.task, found.warnings, found.test)
        if len(found.splits) > 1 and found.both is not None:
            parts = open_pictures((found.both, no_records("val"), found.test), recipe, replicas)
            return parts._replace(validation=parts.train)
        train, validation = next(iter(found.splits.values()))
        return open_pictures((train, validation, found.test), recipe, replicas)


def note_split(
    run: KernelRun,
    splits: Mapping[str, tuple[Records, Records]],
    task: Task,
    warnings: list[str],
    test: Records,
) -> None:
    """Write ``split.csv``, and what is strange in it (``warnings``) to the manifest and the log.

    ``splits`` are train and validation by the number of the fold, which is empty where there are
    none; ``test`` is written where it is split anew.
    """
    (train, validation), *others = splits.values()
    words = validation.split or "a part of the data's own"
    run.facts["validation"] = f"{words}, and {len(others)} more folds" if others else words
    for warning in warnings:
        run.warn(warning)
    if run.primary:
        parts = [] if others else [(train, "train", "")]
        parts += [(one, "val", fold) for fold, (_, one) in splits.items()]
        parts += [(test, "test", "")] if test.split else []
        write_split(run.folder, parts, task)


def picture_trainer(
    kernel: ClassifierKernel,
    run: KernelRun,
    accelerator: Accelerator,
    parts: Parts,
    weights: str | Published | None,
) -> Trainer:
    """A trainer of a kernel's network on pictures, where its checkpoint is."""
    recipe, task = run.recipe, kernel.competition.task
    setup = kernel.setup(
        run,
        accelerator,
        parts,
        weights,
        build=lambda weights: kernel.network(recipe, weights),
        learns=lambda labels: (task.loss(recipe, labels), task.metrics()),
        encode=task.targets,
        pictures=recipe.pictures_per_epoch,
    )
    if recipe.head == "logistic":
        begin = partial(begin_with_head, run, accelerator, task, parts.validation)
        setup = replace(setup, begin=begin)
    return kernel.trainer(run, accelerator, setup)

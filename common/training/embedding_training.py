"""Training a network that embeds pictures: what every such kernel does with its recipe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import Training, evaluation_batches, one_hot
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.samplers import ClassBatches
from common.files.features import save_features
from common.files.predictions import Vectors, save_vectors
from common.files.projection import save_projection
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.networks.weights import weights_explained
from common.pairs.ensemble import write_pair_metrics
from common.parameters import Parameters
from common.progress import report
from common.recipes.embedding import METRIC_LOSSES
from common.training.checkpoint import remove_checkpoint
from common.training.compiled import compile_embedding
from common.training.describe import Described, TrainingKernel, picture_network
from common.training.outputs import SHOWN, draw_history, draw_pictures, write_history
from common.training.prepare import (
    labels_of,
    load_records,
    open_pictures,
    pretrained,
    take_accelerator,
)
from common.training.trainer import Objective, Part, Trainer
from common.training.vectors import VectorMeasure


@dataclass(frozen=True, kw_only=True)
class EmbeddingKernel(TrainingKernel):
    """A Kernel that trains an embedding.

    Attributes:
        load: ``(image_size, parameters) -> (train, validation, test)`` records. Labels count the
            classes of train from 0; those of validation that train has not come after them.
        build_model: ``(weights, recipe, classes) -> keras.Model`` from pictures as decoded,
            ``(batch, image_size, image_size, 3)`` in 0..255, to what the loss takes: unit vectors
            from a layer ``embedding``, or of classes probabilities or cosines ``(batch, classes)``.
        classes: of the competition's whole train.
        choose: ``(train, recipe) -> train``: the pictures that it learns from, labelled from 0.
        leaves_train: whether it writes the vectors of all pictures of train too, for a head.
    """

    load: Callable[[int, Parameters], tuple[Records, Records, Records]]
    build_model: Callable[[str | None, Any, int], Any]
    classes: int = 0
    choose: Callable[[Records, Any], Records] = lambda train, recipe: train
    leaves_train: bool = False

    def network(self, recipe: Any) -> Any:
        """The network with random weights, for its parameters to be counted."""
        return self.build_model(None, recipe, self.classes)

    def carry_out(self, run: KernelRun) -> None:
        """Train, measure on validation's pairs, and write the vectors of every picture.

        It may stop before its end as a ClassifierKernel does.
        """
        train_embedding(self, run, take_accelerator(self, run))

    def network_to_describe(
        self, best: bool, small: bool, settings: Mapping[str, Any]
    ) -> Described:
        """As TrainingKernel's."""
        return picture_network(self, best, small, settings)


def train_embedding(kernel: EmbeddingKernel, run: KernelRun, accelerator: Accelerator) -> None:
    """All stages, in order, from where the checkpoint is. Raises OutOfTimeError."""
    recipe, batch = run.recipe, run.recipe.batch_size * accelerator.replicas
    weights = pretrained(recipe, run.parameters)
    with run.stage("data"):
        whole, validation_records, test_records = load_records(kernel, run)
        chosen = kernel.choose(whole, recipe)
        known, classes = (int(labels_of(part).max()) + 1 for part in (whole, chosen))
        records = (chosen, validation_records, test_records)
        parts = train, validation, test = open_pictures(records, recipe, accelerator.replicas)
        measure = VectorMeasure(
            validation,
            validation.records.ids,
            validation.labels,
            validation.labels < known,
            recipe,
            classes if classes == known else None,
            batch,
        )

        def build() -> Any:
            with weights_explained(weights):
                return kernel.build_model(weights, recipe, classes)

        objective = picture_objective(build, measure, run, accelerator, classes)
        training = {"competition": kernel.competition.slug, **parts.counts}
        trainer = Trainer(run, accelerator, objective, training)
    model, vectors = train_vectors(trainer, measure, train, test, test.records.ids)
    if kernel.leaves_train:
        with run.stage("prediction"):
            pictures = Pictures(whole, train.size, "none", recipe.interpolation)
            features = measure.channels(trainer, model, pictures, recipe.tta)
    if run.primary:
        if kernel.leaves_train:
            save_features(run.folder, whole.ids, pictures.labels, next(iter(features.values())))
        write_vectors(trainer, measure, vectors)
        with run.stage("figures"):
            names = [f"class {label}" for label in train.labels[:SHOWN]]
            draw_pictures(run.folder, names, recipe, train)
            write_thumbnails(run.folder, validation, measure.rows.tolist())


def picture_objective(
    build: Callable[[], Any],
    measure: VectorMeasure,
    run: KernelRun,
    accelerator: Accelerator,
    classes: int,
) -> Objective:
    """An Objective of pictures in batches of whole classes, or as they come."""
    recipe, share, replicas = run.recipe, accelerator.share, accelerator.replicas
    batch = recipe.batch_size * replicas

    def encode(labels: np.ndarray) -> np.ndarray:
        return one_hot(labels, classes)

    def batches(parts: Sequence[Pictures]) -> Training:
        labels = np.concatenate([part.labels for part in parts])
        sampler, most = class_batches(recipe, labels, replicas), recipe.batches_per_epoch
        pictures = most * batch if most else None
        seed = run.parameters.seed
        return Training(parts, recipe, encode, batch, seed, share, sampler, pictures)

    def evaluation(part: Pictures, view: int) -> Any:
        return evaluation_batches(part, recipe, encode, batch, share, view)

    return vector_objective(build, measure, recipe, batches, evaluation)


def vector_objective(
    build: Callable[[], Any],
    measure: VectorMeasure,
    recipe: Any,
    batches: Callable[[Sequence[Part]], Any],
    evaluation: Callable[[Part, int], Any],
) -> Objective:
    """An Objective of vectors, whatever they are made of."""
    return Objective(
        build,
        lambda model, labels: compile_embedding(model, recipe),
        batches,
        evaluation,
        measure,
        measure.judge,
        recipe.patience,
    )


def class_batches(recipe: Any, labels: np.ndarray, replicas: int) -> ClassBatches | None:
    """What draws batches of whole classes; None where pictures are taken as they come."""
    each = recipe.pictures_per_class
    if recipe.loss not in METRIC_LOSSES and not each:
        return None
    groups, steps = recipe.batch_size * replicas // each, recipe.batches_per_epoch or 0
    sampler = ClassBatches(labels, groups, each, steps, replicas)
    report("batches", of=sampler.summary)
    return sampler


def train_vectors(
    trainer: Trainer, measure: VectorMeasure, train: Part, test: Part, test_ids: np.ndarray
) -> tuple[Any, Vectors]:
    """Train, and predict validation and test: the network and its vectors."""
    run, views = trainer.run, getattr(trainer.recipe, "tta", 1)
    with run.stage("training"):
        model = trainer.new_model([train])
        trainer.fit(model, "training", [train], trainer.recipe.epochs)
    with run.stage("prediction"):
        validation = measure.channels(trainer, model, measure.part, views)
        found = measure.channels(trainer, model, test, views)
    return model, Vectors(
        measure.ids, measure.labels, measure.seen, validation, test_ids, found
    )  # fmt: skip


def write_vectors(
    trainer: Trainer,
    measure: VectorMeasure,
    vectors: Vectors,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """The files of a finished kernel that gives vectors, but figures of pictures and manifest."""
    run, history = trainer.run, trainer.state.history
    with run.stage("figures"):
        save_vectors(run.folder, vectors, run.parameters.kernel or "this kernel")
        known: dict[str, Any] = {"epochs": len(history), **(facts or {})}
        if trainer.input_wait is not None:
            known["input_wait"] = round(trainer.input_wait, 4)
        write_pair_metrics(run.folder, vectors, known)
        write_history(run.folder, history)
        draw_history(run.folder, history)
        last = next(iter(vectors.validation.values()))
        save_projection(run.folder, measure.projection(trainer, last))
    remove_checkpoint(run.folder)

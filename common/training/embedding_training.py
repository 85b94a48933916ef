"""Training a network that embeds pictures: what every such kernel does with its recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.data.pictures import Pictures
from common.data.records import Records
from common.files.features import save_features
from common.files.projection import Projection, project, save_projection
from common.files.thumbnails import leave_thumbnails
from common.files.vectors import Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.outputs import write_pair_metrics
from common.parameters import Parameters
from common.training.checkpoint import remove_checkpoint
from common.training.classifier_training import begin_training
from common.training.describe import Asked, TrainingKernel, picture_network
from common.training.embedding_trainer import EmbeddingTrainer
from common.training.outputs import SHOWN, draw_training, write_history


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
        leaves_train: whether it leaves the vectors of all pictures of train too, for a head.
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
        """Train, measure on validation's pairs, and leave the vectors of every picture behind.

        It may stop before its end as a ClassifierKernel does.
        """
        train_in_stages(begin_training(self, run, EmbeddingTrainer))

    def network_to_describe(self, asked: Asked) -> tuple[Any, Any, dict[str, str]]:
        """As TrainingKernel's."""
        return picture_network(self, asked)


def train_in_stages(trainer: EmbeddingTrainer) -> None:
    """All stages, in order, from where the checkpoint stands. Raises OutOfTimeError."""
    run = trainer.run
    with run.stage("data"):
        train, validation, test = trainer.begin()
    with run.stage("training"):
        model = trainer.new_model([train])
        trainer.fit(model, "training", [train], trainer.recipe.epochs)
    with run.stage("prediction"):
        vectors = trainer.vectors(model, validation, test)
        features = trainer.train_vectors(model) if trainer.kernel.leaves_train else None
    if run.primary:
        if features:
            save_features(run.folder, *features)
        write_results(trainer, train, validation, vectors)


def write_results(
    trainer: EmbeddingTrainer, train: Pictures, validation: Pictures, vectors: Vectors
) -> None:
    """Every file of a finished kernel but the manifest."""
    folder, history = trainer.run.folder, trainer.course.history
    names = [f"class {label}" for label in train.labels[:SHOWN]]
    with trainer.run.stage("figures"):
        save_vectors(folder, vectors, trainer.parameters.kernel or "this kernel")
        facts: dict[str, Any] = {"epochs": len(history)}
        if trainer.input_wait is not None:
            facts["input_wait"] = round(trainer.input_wait, 4)
        write_pair_metrics(folder, vectors, facts)
        write_history(folder, history)
        draw_training(folder, names, trainer.recipe, train, history)
        epochs, rows, shown = trainer.snapshots(next(iter(vectors.validation.values())))
        ids, labels, seen = (
            values[rows]
            for values in (
                vectors.validation_ids,
                vectors.validation_labels,
                vectors.validation_seen,
            )
        )
        save_projection(folder, Projection(ids, labels, seen, epochs, project(shown)))
        leave_thumbnails(folder, validation, rows.tolist())
    remove_checkpoint(folder)

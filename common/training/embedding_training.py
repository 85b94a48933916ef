"""Training a network that embeds pictures: what every such kernel does with its recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.data.batches import one_hot
from common.data.pictures import Pictures
from common.data.records import Records
from common.files.features import save_features
from common.files.predictions import Vectors
from common.files.thumbnails import write_thumbnails
from common.kernel import KernelRun
from common.training.loading import labels_of
from common.training.network import save_network
from common.training.outputs import SHOWN, draw_pictures
from common.training.prepare import Parts, PictureKernel, open_pictures, take_accelerator
from common.training.vectors import VectorTrainer, class_batches, vector_loss


@dataclass(frozen=True, kw_only=True)
class EmbeddingKernel(PictureKernel):
    """A PictureKernel that trains an embedding.

    ``load`` gives labels that count the classes of train from 0; those of validation that train
    has not come after them.

    Attributes:
        build_model: ``(weights, recipe, classes) -> keras.Model`` from pictures as decoded,
            ``(batch, image_size, image_size, 3)`` in 0..255, to what the loss takes: unit vectors
            from a layer ``embedding``, or of classes probabilities or cosines ``(batch, classes)``.
        classes: of the competition's whole train.
        choose: ``(train, recipe) -> train``: the pictures that it learns from, labelled from 0.
        leaves_train: whether it writes the vectors of all pictures of train too, for a head.
    """

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
        accelerator, recipe = take_accelerator(self, run), run.recipe
        weights = self.pretrained(run)
        with run.stage("data"):
            whole, validation_records, test_records = self.records(run)
            chosen = self.choose(whole, recipe)
            known, classes = (int(labels_of(part).max()) + 1 for part in (whole, chosen))
            records = (chosen, validation_records, test_records)
            parts = open_pictures(records, recipe, accelerator.replicas)
            train, validation, test = parts
            batches, batch = recipe.batches_per_epoch, recipe.batch_size * accelerator.replicas
            setup = self.setup(
                run,
                accelerator,
                parts,
                weights,
                build=lambda weights: self.build_model(weights, recipe, classes),
                learns=lambda labels: vector_loss(recipe),
                encode=lambda labels: one_hot(labels, classes),
                pictures=batches * batch if batches else None,
                sampler=class_batches(recipe, train.labels, accelerator.replicas),
            )
            ids, seen = validation.records.ids, validation.labels < known
            alike = classes if classes == known else None
            trainer = VectorTrainer(run, accelerator, setup, validation, ids, seen, alike)
        model, vectors = trainer.carry_out(train, test, test.records.ids)
        if self.leaves_train:
            with run.stage("prediction"):
                pictures = Pictures(whole, train.size, "none", train.square)
                features, *_ = trainer.channels(model, pictures, recipe.tta).values()
        save_network(run, self.competition, model)
        if run.primary:
            if self.leaves_train:
                save_features(run.folder, whole.ids, pictures.labels, features)
            self.write(run, trainer, parts, vectors)
            with run.stage("figures"):
                names = [f"class {label}" for label in train.labels[:SHOWN]]
                draw_pictures(run.folder, names, recipe, train)
                write_thumbnails(run.folder, validation, trainer.rows.tolist())

    def write(self, run: KernelRun, trainer: VectorTrainer, parts: Parts, vectors: Vectors) -> None:
        """Write what the ensemble reads: the vectors, whose pairs it scores."""
        trainer.write(vectors)

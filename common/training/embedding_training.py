"""Training a network that embeds pictures: what every such kernel does with its recipe."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.data.pictures import Pictures
from common.errors import shown_in_one_line
from common.files.features import save_features
from common.files.projection import Projection, project, save_projection
from common.files.thumbnails import leave_thumbnails
from common.files.vectors import Vectors, save_vectors
from common.manifest import write_json
from common.pairs.validation import channel_auc
from common.progress import report
from common.recipes.embedding import EmbeddingKernel
from common.training.checkpoint import remove_checkpoint
from common.training.classifier_training import run_training
from common.training.embedding_trainer import EmbeddingTrainer
from common.training.outputs import SHOWN, draw_training, write_history


@shown_in_one_line()
def train_embedding(
    kernel: EmbeddingKernel, values: Mapping[str, Any], arguments: Sequence[str] = ()
) -> None:
    """Train, measure on validation's pairs, and leave the vectors of every picture behind.

    As ``common.training.classifier_training.run_training`` says.
    """
    run_training(kernel, values, arguments, EmbeddingTrainer, train_in_stages)


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
        leave_behind(trainer, train, validation, vectors)


def leave_behind(
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


def write_pair_metrics(folder: Path, vectors: Vectors, facts: Mapping[str, Any]) -> None:
    """``metrics.json``: AUC of validation's pairs by channel, of all, seen and unseen classes.

    The score is that of the first channel.
    """
    channels = channel_auc(vectors)
    first = next(iter(channels.values()))
    scored = {
        "metric": "roc_auc",
        "validation_score": first["all"],
        "validation_seen": first["seen"],
        "validation_unseen": first["unseen"],
        **facts,
    }
    write_json(folder / "metrics.json", {**scored, "channels": dict(channels)})
    report("scored", **{name: value for name, value in scored.items() if value is not None})

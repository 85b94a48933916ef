"""Training a head on other kernels' vectors: what every such kernel does with its recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.files.projection import save_projection
from common.files.vectors import Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.progress import report
from common.recipe import field_types
from common.training.classifier_training import take_accelerator
from common.training.describe import Asked, TrainingKernel
from common.training.embedding_training import EmbeddingKernel, write_pair_metrics
from common.training.heads import HeadTrainer, head_network
from common.training.outputs import draw_course, write_history
from common.training.stacking import Stacked, read_stacked


@dataclass(frozen=True, kw_only=True)
class HeadKernel(TrainingKernel):
    """A Kernel that trains a head on the vectors of its sources.

    Attributes:
        below: gives the networks whose vectors it reads, as many as their recipe has ``parts``;
            asked only where all scripts are, to describe them.
        classes: of the competition's whole train.
        others: its sources that are no networks for the head.
    """

    below: Callable[[], EmbeddingKernel]
    classes: int = 0
    others: tuple[str, ...] = ()

    def carry_out(self, run: KernelRun) -> None:
        """Read the sources' vectors and train the head."""
        train_on_top(self, run)

    def network_to_describe(self, asked: Asked) -> tuple[Any, Any, dict[str, str]]:
        """As TrainingKernel's; the head is built for the networks below it.

        As in a run, a setting reaches every kernel whose recipe has it; the head keeps what is
        neither's, to be refused.
        """
        read, given = self.below(), asked.settings.items()
        has_head, has_networks = field_types(self.recipe), field_types(read.recipe)
        own = {name: value for name, value in given if name in has_head or name not in has_networks}
        recipe = self.resolve(asked.best, asked.small, own)
        below = {name: value for name, value in given if name in has_networks}
        networks = read.resolve(asked.best, asked.small, below)
        number, each = int(getattr(networks, "parts", 1)), networks.embedding
        model = head_network(recipe, number * each, self.classes)
        kinds = [f"{type(layer).__name__} {layer.output.shape[-1]}" for layer in model.layers[1:]]
        return recipe, model, {
            "weights": "random",
            "input": f"{number * each} numbers: {number} networks x {each}, side by side",
            "layers": ", ".join(kinds),
        }  # fmt: skip


def train_on_top(kernel: HeadKernel, run: KernelRun) -> None:
    """Read the sources' vectors, train the head, and leave a kernel's files behind.

    It takes seconds to minutes, and leaves no checkpoint.
    """
    accelerator = take_accelerator(run, kernel.accelerators)
    with run.stage("data"):
        stacked = read_stacked(run.parameters, kernel.others)
        told = {"networks": len(stacked.names), "numbers": stacked.train.shape[1]}
        report("data", train=len(stacked.train), **told)
    with run.stage("training"):
        trainer = HeadTrainer(stacked, run.recipe, run.parameters.seed, accelerator.replicas)
        trainer.fit()
    with run.stage("prediction"):
        vectors = trainer.vectors()
    with run.stage("figures"):
        write_results(run, trainer, vectors)


def write_results(run: KernelRun, trainer: HeadTrainer, vectors: Vectors) -> None:
    """Every file of a finished kernel but the manifest."""
    folder, history = run.folder, trainer.history
    save_vectors(folder, vectors, run.parameters.kernel or "this kernel")
    epochs = {"epochs": len(history), "best_epoch": trainer.best_epoch}
    write_pair_metrics(folder, vectors, {**epochs, **without_head(trainer.stacked)})
    write_history(folder, history)
    draw_course(folder, history)
    last = next(iter(vectors.validation.values()))
    save_projection(folder, trainer.projection(last))


def without_head(stacked: Stacked) -> dict[str, float | None]:
    """AUC of the plain concatenation, for ``metrics.json``: whether the head helps."""
    (found,) = channel_auc(stacked.vectors).values()
    names = {"all": "score", "seen": "seen", "unseen": "unseen"}
    return {f"concatenation_{names[part]}": value for part, value in found.items()}

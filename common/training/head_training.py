"""Training a head on other kernels' vectors: what every such kernel does with its recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from common.declaration import DescribedKernel
from common.files.projection import save_projection
from common.files.vectors import Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.parameters import Parameters
from common.progress import report
from common.training.classifier_training import take_accelerator
from common.training.embedding_training import EmbeddingKernel, write_pair_metrics
from common.training.head_description import describe_head
from common.training.heads import HeadTrainer
from common.training.outputs import draw_course, write_history
from common.training.stacking import Stacked, read_stacked


@dataclass(frozen=True, kw_only=True)
class HeadKernel(DescribedKernel):
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

    def show_description(self, parameters: Parameters, arguments: Sequence[str]) -> None:
        """Print what it would train."""
        describe_head(self, parameters, arguments)


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

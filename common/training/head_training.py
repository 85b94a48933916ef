"""Training a head on other kernels' vectors: what every such kernel does with its recipe."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import UserError, shown_in_one_line
from common.files.projection import save_projection
from common.files.vectors import Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.validation import channel_auc
from common.parameters import Parameters
from common.progress import report
from common.recipes.classifier import chosen_recipe
from common.recipes.head import HeadKernel
from common.training.classifier_training import take_accelerator
from common.training.embedding_training import write_pair_metrics
from common.training.head_description import describe_head
from common.training.heads import HeadTrainer
from common.training.outputs import draw_course, write_history
from common.training.stacking import Stacked, read_stacked


@shown_in_one_line()
def train_on_top(
    kernel: HeadKernel, values: Mapping[str, Any], arguments: Sequence[str] = ()
) -> None:
    """Read the sources' vectors, train the head, and leave a kernel's files behind.

    ``values`` is the script's ``PARAMETERS``. It takes seconds to minutes, and leaves no
    checkpoint. What only the user can mend ends it with one line. With ``--describe`` among the
    command line's ``arguments`` it says what it would do; there are no others.
    """
    if "--describe" in arguments:
        describe_head(kernel, values, arguments)
        return
    if arguments:
        raise UserError(
            f"{' '.join(arguments)}: a head takes no arguments but --describe: leave them out"
        )
    parameters = Parameters.from_dict(values)
    recipe = chosen_recipe(kernel.recipe, kernel.best, kernel.dry_run, parameters)
    with KernelRun(parameters, recipe) as run:
        accelerator = take_accelerator(run, kernel.accelerators)
        with run.stage("data"):
            stacked = read_stacked(parameters, kernel.others)
            told = {"networks": len(stacked.names), "numbers": stacked.train.shape[1]}
            report("data", train=len(stacked.train), **told)
        with run.stage("training"):
            trainer = HeadTrainer(stacked, recipe, parameters.seed, accelerator.replicas)
            trainer.fit()
        with run.stage("prediction"):
            vectors = trainer.vectors()
        with run.stage("figures"):
            leave_behind(run, trainer, vectors)


def leave_behind(run: KernelRun, trainer: HeadTrainer, vectors: Vectors) -> None:
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

"""Training what is on a frozen backbone on features that are computed once."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.accelerator import Accelerator, clear_session
from common.data.balance import Balance
from common.data.pictures import Pictures
from common.data.rows import RowBatches, Rows, rows_in_order
from common.errors import UserError
from common.kernel import KernelRun
from common.metrics import figures
from common.networks.weights import weights_explained
from common.progress import report
from common.recipes.hours import refit_epochs
from common.tasks.task import Task
from common.training.cross_validation import cross_validate
from common.training.features import Features, below, check_room, head_of, takes_rows
from common.training.logistic import choose_head, end_of_grid, fit_parts
from common.training.network import BEGINS_WITH, Published, begin_with
from common.training.prepare import Parts
from common.training.stages import Explain, Trained, predictions_of, train_in_stages
from common.training.trainer import Setup, Trainer


def train_on_features(
    kernel: Any,
    run: KernelRun,
    accelerator: Accelerator,
    parts: Parts,
    weights: str | Published | None,
    explain: Explain,
) -> Trained | None:
    """Train the last layers of a kernel's network on what the frozen rest says of each picture.

    None where that is not the same in every epoch, where other layers are to be trained, too, and
    where it does not fit into memory. Raises UserError if ``head=logistic`` needs it.
    """
    if not run.recipe.trains_on_features:
        return None
    network = _network(kernel, run, weights)
    head, logistic = head_of(network), run.recipe.head == "logistic"
    if logistic and not (len(head) == 1 and takes_rows(head[0])):
        raise UserError(
            "setting head=logistic: this network has more to train than its last dense layer: "
            "take head=dense"
        )
    together = run.recipe.folds and run.recipe.fold is None  # train is validation, too
    asked = parts[1:] if together else parts
    views = [1 if part is parts.train and not together else run.recipe.tta for part in asked]
    more = [run.recipe.augmented_views if part is not parts.test else 0 for part in asked]
    frozen = below(network, head[0]) if head else None
    asked_for = [*zip(asked, views, more, strict=True)]
    seen = [len(part) * (view + augmented) for part, view, augmented in asked_for]
    too_large = check_room(frozen, seen) if head else ""
    if too_large and logistic:
        raise UserError(f"{too_large}: take head_layers=average, or a smaller image_size")
    if too_large:
        report("features", none=f"{too_large}: each epoch computes them anew")
    if too_large or not head:
        clear_session()
        return None
    task = kernel.competition.task
    with run.stage("features"):
        features = Features(frozen, run, accelerator)
        rows = [features.rows(*one) for one in asked_for]
    if together:
        return cross_validate(network, run, rows[0], rows[1], task, explain)
    if logistic:
        return _logistic(network, run, rows, task, explain)
    published = weights if isinstance(weights, Published) else None
    return _in_epochs(network, head, run, accelerator, rows, kernel, published, explain)


def begin_with_head(
    run: KernelRun,
    accelerator: Accelerator,
    task: Task,
    validation: Pictures,
    model: Any,
    parts: Sequence[Pictures],
    kept: dict[str, np.ndarray],
) -> None:
    """Fit the last layer of ``model`` on what the rest says of ``parts``, before all is trained.

    C is chosen on ``validation`` at first, and ``kept`` for the refit. Raises UserError for a
    network whose last layer is not a dense one.
    """
    last = model.layers[-1]
    if not takes_rows(last):
        raise UserError(
            "setting head=logistic: the last layer of this network is not a dense one: take "
            "head=dense"
        )
    features = Features(below(model, last), run, accelerator)
    rows = [features.rows(part, 1) for part in parts]
    balance = Balance(run.recipe.balance, run.parameters.seed)
    if "c" not in kept:
        seen = features.rows(validation, 1)
        head, _ = choose_head(rows[0], seen, task, balance)
        kept["c"] = np.array(head.c)
    else:
        head = fit_parts(rows, task, float(kept["c"]), balance)
    last.set_weights([head.kernel, head.bias])


def _network(kernel: Any, run: KernelRun, weights: str | Published | None) -> Any:
    """The whole network as it begins."""
    import keras

    keras.utils.set_random_seed(run.parameters.seed)
    if isinstance(weights, Published):
        network = kernel.network(run.recipe)
        begin_with(weights, network, run)
        return network
    with weights_explained(weights):
        return kernel.network(run.recipe, weights)


def _logistic(
    network: Any, run: KernelRun, rows: list[Rows], task: Task, explain: Explain
) -> Trained:
    """A head by logistic regression, whose C is chosen on validation; refitted with both parts."""
    train, validation, test = rows
    balance = Balance(run.recipe.balance, run.parameters.seed)
    with run.stage("training"):
        chosen, losses = choose_head(train, validation, task, balance)
        found = chosen.outputs(validation.views, task.activation)
    if at_end := end_of_grid(chosen.c):
        run.warn(at_end)
    network.layers[-1].set_weights([chosen.kernel, chosen.bias])
    with run.stage("figures"):
        files = explain(network, task.predictions(found))
    head = chosen
    if refit_epochs(run.recipe):
        with run.stage("refit"):
            head = fit_parts([train, validation], task, chosen.c, balance)
    network.layers[-1].set_weights([head.kernel, head.bias])
    draw_penalty(run, losses, chosen.c)
    return Trained(
        predictions_of(validation, found, test, head.outputs(test.views, task.activation)),
        network,
        [],
        {"c": chosen.c, "val_loss": losses[chosen.c]},
        files,
    )


def _in_epochs(
    network: Any,
    head: Sequence[Any],
    run: KernelRun,
    accelerator: Accelerator,
    rows: list[Rows],
    kernel: Any,
    published: Published | None,
    explain: Explain,
) -> Trained:
    """The layers of ``head`` by gradient descent, with the recipe's epochs and schedule.

    They begin as the ``published`` ones, or at random.
    """
    recipe, task, share = run.recipe, kernel.competition.task, accelerator.share
    batch, shape = recipe.batch_size * accelerator.replicas, rows[0].views.shape[2:]

    def build() -> Any:
        import keras

        features = x = keras.Input(shape, name="features")
        for layer in head:
            x = type(layer).from_config(layer.get_config())(x)
        model = keras.Model(features, x, name="head")
        if published:
            model.set_weights(begun)
        return model

    begun = [value for layer in head for value in layer.get_weights()]
    training = {"competition": kernel.competition.slug, "pictures": [len(part) for part in rows]}
    if published:
        training[BEGINS_WITH] = published.network.sha256
    drawn = (recipe, task.targets, batch, run.parameters.seed, share)
    setup = Setup(
        build,
        learns=lambda labels: (task.loss(recipe, labels), task.metrics()),
        batches=lambda parts: RowBatches(parts, *drawn, None, recipe.pictures_per_epoch),
        evaluation=lambda part, view: rows_in_order(part, batch, share, view, task.targets),
        training=training,
    )
    trainer = Trainer(run, accelerator, setup)

    def put_together(model: Any) -> Any:
        for layer, trained in zip(head, model.layers[1:], strict=True):
            layer.set_weights(trained.get_weights())
        return network

    def explain_whole(model: Any, found: np.ndarray) -> Mapping[str, np.ndarray]:
        return explain(put_together(model), found)

    predictions, files = train_in_stages(trainer, rows, task, explain_whole)
    whole, history = put_together(trainer.model), trainer.state.history
    return Trained(predictions, whole, history, trainer.facts, files)


def draw_penalty(run: KernelRun, losses: Mapping[float, float], chosen: float) -> None:
    """Draw validation's cross-entropy over C."""
    if not run.primary:
        return
    figure, axes = figures.pyplot().subplots(figsize=(6, 3.5))
    axes.semilogx(list(losses), list(losses.values()), "o-", color=figures.BLUE)
    label = f"chosen: C = {chosen:g}, {losses[chosen]:.4f}"
    axes.plot(chosen, losses[chosen], "o", color=figures.ORANGE, label=label)
    axes.set(title="Logistic regression on features", ylim=(0, 1.1 * max(losses.values())))
    axes.set(xlabel="C, the inverse of the penalty", ylabel="cross-entropy of validation")
    figures.tidy(axes)
    axes.legend(frameon=False, fontsize=9)
    figures.save(figure, run.folder / "penalty.png")

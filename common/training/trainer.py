"""The one trainer: epochs, learning rate, checkpoints, averages, patience, prediction.

What differs between trainings (network, loss, batches, what validation measures) is handed in as
an ``Objective``: a classifier's, an embedding's, a head's.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.batches import Feed
from common.errors import UserError
from common.kernel import KernelRun
from common.progress import report
from common.recipes.hours import refit_epochs
from common.training.checkpoint import build_optimizer, restore, variables_of
from common.training.outputs import HISTORY, in_order
from common.training.prediction import probabilities
from common.training.state import TrainingState

_BEST = "best_"
Part = Any  # Pictures, or another part of the data with ``labels`` and a length


@dataclass(frozen=True)
class Objective:
    """What a training learns, and how it is measured.

    Attributes:
        build: the network as it begins, ``() -> keras.Model``.
        compile: ``(model, labels)``: gives it optimizer, loss and metrics; ``labels`` are those
            that it trains on.
        batches: ``parts ->`` an epoch's shuffled batches (``common.data.batches.Training``).
        evaluation: ``(part, view) ->`` batches in the part's order, the last one filled up.
        measure: ``(trainer, model, epoch)`` after each epoch, from 1: further columns of
            ``history.csv``.
        judge: of a row of the history what a plateau and patience wait for; lower is better.
        patience: epochs without a better one after which training ends, with the best one's
            weights; 0 trains to the end.
    """

    build: Callable[[], Any]
    compile: Callable[[Any, np.ndarray], None]
    batches: Callable[[Sequence[Part]], Any]
    evaluation: Callable[[Part, int], Any]
    measure: Callable[["Trainer", Any, int], Mapping[str, float]] = lambda *_: {}
    judge: Callable[[Mapping[str, Any]], float | None] = lambda row: row.get("val_loss")
    patience: int = 0


class Trainer:
    """Trains and predicts; its state is written after each epoch.

    It goes on from a state that it finds, and then comes to the same end as if it had never
    stopped. Of several processes the first one writes.

    Args:
        run: where it works, with its recipe and seed.
        accelerator: that it runs on.
        objective: what it learns.
        training: what a checkpoint must be of, besides recipe and seed, to go on from it.
    """

    def __init__(
        self,
        run: KernelRun,
        accelerator: Accelerator,
        objective: Objective,
        training: Mapping[str, Any],
    ):
        self.run, self.recipe = run, run.recipe
        self.accelerator, self.objective = accelerator, objective
        self.batch = run.recipe.batch_size * accelerator.replicas
        recipe = dataclasses.asdict(run.recipe)
        recipe.pop("cache", None)  # it changes nothing of what is trained or predicted
        facts = {"kernel": run.parameters.kernel, "seed": run.parameters.seed, **training}
        machine = {"accelerator": accelerator.seen, "batch": self.batch}
        self.state = TrainingState(run, {**facts, **machine, **recipe})
        self.input_wait: float | None = None

    def new_model(self, parts: Sequence[Part]) -> Any:
        """A compiled model to train on ``parts``; the same seed gives the same weights."""
        import keras

        keras.utils.set_random_seed(self.run.parameters.seed)
        model = self.objective.build()
        self.objective.compile(model, np.concatenate([part.labels for part in parts]))
        return model

    def fit(
        self,
        model: Any,
        stage: str,
        parts: Sequence[Part],
        epochs: int,
        validation: Part | None = None,
        first_epoch: int = 0,
    ) -> None:
        """Train ``model`` for ``epochs``, or the rest of them after the checkpoint.

        ``validation`` is evaluated by Keras after each epoch. Raises UserError when the loss is
        no longer finite.
        """
        done = self.state.enter(model, stage, epochs)
        rest = range(first_epoch + done, first_epoch + epochs)
        if rest and not self._is_over():
            self._fit(model, parts, validation, rest, first_epoch)
        self._let_average_predict(model)
        best = [self.state.kept[name] for name in sorted(self.state.kept) if name.startswith(_BEST)]
        for variable, value in zip(model.variables, best, strict=bool(best)):
            variable.assign(value)

    def predict(self, model: Any, part: Part, views: int = 1) -> np.ndarray:
        """What ``model`` gives, ``(pictures, …)`` float32, the mean over ``views`` of a picture."""
        steps = math.ceil(len(part) / self.batch)
        self.state.check_time(views * steps / 3)  # a step is forward, and twice back
        total: Any = 0
        with _broken_picture_named([part]):
            for view in range(views):
                batches = self.objective.evaluation(part, view)
                found = probabilities(model, batches, steps, self.accelerator.processes)
                total = total + found[: len(part)]
        return np.asarray(total / np.float32(views))

    def learning_rate(self, epoch: int) -> float:
        """The rate of the stage's ``epoch`` (from 0); a refit repeats what a plateau found.

        A fresh refit has the schedule of its own number of epochs.
        """
        stage, recipe = self.state.stage, self.recipe
        rows = self.state.rows("training" if stage == "refit" else stage)
        if stage == "refit" and recipe.schedule == "plateau":
            return float(rows[min(epoch, len(rows) - 1)]["learning_rate"])
        if stage == "refit" and recipe.refit_fresh:
            recipe = dataclasses.replace(recipe, epochs=max(1, refit_epochs(recipe)))
        losses = [loss for loss in map(self.objective.judge, rows[:epoch]) if loss is not None]
        return float(recipe.learning_rate(epoch, self.accelerator.replicas, losses))

    def _fit(
        self, model: Any, parts: Sequence[Part], validation: Part | None, rest: range, first: int
    ) -> None:
        training = self.objective.batches(parts)
        feed = Feed(training.batches(rest), training.steps, self.accelerator.backend == "jax")
        steps = math.ceil(len(validation) / self.batch) if validation else None
        measured = self.objective.evaluation(validation, 0) if validation else None
        # Keras divides a batch's loss by its rows, those without weight too.
        scale = {"loss": training.steps * self.batch / training.counted}
        if validation and steps:
            scale["val_loss"] = self.batch * steps / len(validation)
        with _broken_picture_named([*parts, *([validation] if validation else [])]):
            # Before ``fit`` traces its step: TensorFlow traces twice if variables appear in it.
            build_optimizer(model)
            if measured is not None:
                model.evaluate(measured, steps=1, verbose=0)
            model.fit(
                iter(feed),
                validation_data=measured,
                validation_steps=steps,
                initial_epoch=rest.start,
                epochs=rest.stop,
                steps_per_epoch=training.steps,
                callbacks=self._callbacks(model, rest.stop - first, first, training.steps, scale),
                shuffle=False,  # the batches are drawn already
                verbose=0,
            )
        if self.input_wait is None:
            self.input_wait = feed.waiting

    def _callbacks(
        self, model: Any, epochs: int, first: int, steps: int, scale: Mapping[str, float]
    ) -> list[Any]:
        import keras

        def end_epoch(epoch: int, logs: Mapping[str, float]) -> None:
            row: dict[str, Any] = {"stage": self.state.stage, "epoch": epoch + 1}
            row |= {name: logs[name] * scale.get(name, 1) for name in in_order(logs)}
            row["learning_rate"] = self.learning_rate(epoch)
            if math.isfinite(row["loss"]):
                with self._average_in_place(model):
                    row |= self.objective.measure(self, model, epoch + 1)
                    self._keep_best(model, row)
            self.state.history.append(row)
            shown = {name: value for name, value in row.items() if name not in HISTORY[:3]}
            report(self.state.stage, epoch=f"{epoch + 1 - first}/{epochs}", **shown)
            if not math.isfinite(row["loss"]):
                raise diverged(f"the loss became {row['loss']}", self, epoch + 1)
            self.state.end_epoch(model, epoch + 1 - first, steps)
            model.stop_training = self._is_over()

        # No callback looks at single batches: a device need not wait for the next one to be sent.
        callbacks = [
            keras.callbacks.LearningRateScheduler(lambda epoch, _: self.learning_rate(epoch)),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: self.state.begin_epoch(steps),
                on_epoch_end=end_epoch,
            ),
        ]
        return [keras.callbacks.SwapEMAWeights(), *callbacks] if self.recipe.ema else callbacks

    def _keep_best(self, model: Any, row: Mapping[str, Any]) -> None:
        """With patience, keep the weights of the best epoch so far: this one, or an earlier."""
        earlier = map(self.objective.judge, self.state.rows(self.state.stage))
        loss = self.objective.judge(row)
        best = min((found for found in earlier if found is not None), default=math.inf)
        if self.objective.patience and loss is not None and loss < best:
            for number, variable in enumerate(model.variables):
                # A copy: JAX gives the memory away.
                self.state.kept[f"{_BEST}{number:04d}"] = np.array(variable.value, copy=True)

    def _is_over(self) -> bool:
        """Whether ``patience`` epochs of the stage have brought nothing better."""
        losses = [self.objective.judge(row) for row in self.state.rows(self.state.stage)]
        return out_of_patience(losses, self.objective.patience)

    def _let_average_predict(self, model: Any) -> None:
        """The moving average, if there is one, takes the place of the weights.

        At the end of ``fit`` Keras does this itself, and leaves both in the same memory, which JAX
        gives away with each of them: they get their own again.
        """
        if self.recipe.ema:
            model.optimizer.finalize_variable_values(model.trainable_variables)
            restore(model, variables_of(model))

    @contextmanager
    def _average_in_place(self, model: Any) -> Iterator[None]:
        """The moving average, if there is one, in the place of the weights for a while."""
        if not self.recipe.ema:
            yield
            return
        variables = model.trainable_variables
        own = [np.array(variable.value, copy=True) for variable in variables]
        model.optimizer.finalize_variable_values(variables)
        for variable in variables:  # as in _let_average_predict
            variable.assign(np.array(variable.value, copy=True))
        yield
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)


def diverged(what: str, trainer: Trainer, epoch: int) -> UserError:
    """The one line of a training that diverged in ``epoch`` (from 1)."""
    rate = trainer.learning_rate(epoch - 1)
    return UserError(
        f"{what} in epoch {epoch} of {trainer.state.stage}, at learning rate {rate:g}: lower it, "
        f"for example --set lr_max=1e-5"
    )


def out_of_patience(losses: Sequence[float | None], patience: int) -> bool:
    """Whether none of the last ``patience`` losses is below all before; 0 never is."""
    known = [math.inf if loss is None else loss for loss in losses]
    return bool(known and patience) and len(known) - 1 - int(np.argmin(known)) >= patience


@contextmanager
def _broken_picture_named(parts: Sequence[Part]) -> Iterator[None]:
    """Name the broken picture, whatever the framework between has made of the error."""
    try:
        yield
    except Exception:
        for part in parts:
            if getattr(part, "fault", None) is not None:
                raise part.fault from None
        raise

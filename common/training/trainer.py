"""The one trainer: epochs, learning rate, checkpoints, averages, patience, prediction."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from common.accelerator import Accelerator, clear_session
from common.data.batches import Feed
from common.data.feeding import for_keras
from common.errors import UserError
from common.kernel import KernelRun
from common.progress import report
from common.recipes.hours import refit_epochs
from common.training.checkpoint import TrainingState
from common.training.model import (
    average_in_place,
    build_optimizer,
    compile_model,
    copied,
    gathered,
    kept_value,
    restore,
    set_momentum,
    use_average,
    variables_of,
)
from common.training.network import BEGINS_WITH, Published, begin_with
from common.training.outputs import HISTORY, in_order

_BEST = "best_"
Part = Any  # Pictures, or another part of the data with ``labels`` and a length


@dataclass(frozen=True)
class Setup:
    """What differs between trainings.

    Attributes:
        build: the network as it begins, ``() -> keras.Model``.
        learns: ``labels -> (loss, metrics)`` of Keras; ``labels`` are those that it trains on.
        batches: ``parts ->`` an epoch's shuffled batches (``common.data.batches.Training``).
        evaluation: ``(part, view) ->`` batches in the part's order, the last one filled up.
        training: what a checkpoint must be of, besides recipe and seed, to go on from it.
        published: an earlier run's weights that the network begins with.
        begin: ``(model, parts, kept)``: what is done to a new network before it is compiled, with
            what is kept of earlier stages.
    """

    build: Callable[[], Any]
    learns: Callable[[np.ndarray], tuple[Any, list[Any]]]
    batches: Callable[[Sequence[Part]], Any]
    evaluation: Callable[[Part, int], Any]
    training: Mapping[str, Any]
    published: Published | None = None
    begin: Callable[[Any, Sequence[Part], dict[str, np.ndarray]], None] | None = None


class Trainer:
    """Trains and predicts; its state is written after each epoch.

    It goes on from a state that it finds, and then comes to the same end as if it had never
    stopped. Of several processes the first one writes. After ``patience`` epochs without a better
    one the training ends, with the best one's weights; 0 trains to the end.
    """

    def __init__(self, run: KernelRun, accelerator: Accelerator, setup: Setup):
        self.run, self.recipe, self.accelerator, self.setup = run, run.recipe, accelerator, setup
        self.batch = run.recipe.batch_size * accelerator.replicas
        self.patience = getattr(run.recipe, "patience", 0)
        recipe = dataclasses.asdict(run.recipe)
        recipe.pop("cache", None)  # it changes nothing of what is trained or predicted
        facts = {"kernel": run.parameters.kernel, "seed": run.parameters.seed, **setup.training}
        machine = {"accelerator": accelerator.seen, "batch": self.batch}
        if setup.published:
            facts[BEGINS_WITH] = setup.published.network.sha256
        self.state = TrainingState(run, {**facts, **machine, **recipe})
        self.input_wait: float | None = None
        self.model: Any = None  # the latest; in the end, the one that has predicted test
        self._beginning: list[np.ndarray] = []  # its variables, where they are needed again

    def measure(self, model: Any, epoch: int) -> Mapping[str, float]:
        """Further columns of ``history.csv`` after each epoch (from 1)."""
        return {}

    def judge(self, row: Mapping[str, Any]) -> float:
        """What a plateau and patience wait for, of a row of the history; lower is better."""
        return float(row.get("val_loss", math.inf))

    @property
    def facts(self) -> dict[str, Any]:
        """For ``metrics.json``: epochs, and the share of a step that waited for input."""
        facts: dict[str, Any] = {"epochs": len(self.state.rows("training"))}
        if self.input_wait is not None:
            facts["input_wait"] = round(self.input_wait, 4)
        return facts

    def new_model(self, parts: Sequence[Part]) -> Any:
        """A compiled model to train on ``parts``; the same seed gives the same weights.

        For a fresh refit the trained one is set back to its beginning, unless its loss depends on
        the labels: tracing and compiling a large network once more takes long.
        """
        if self._beginning:
            restore(self.model, self._beginning)
        else:
            self._build(np.concatenate([part.labels for part in parts]))
        if self.setup.begin:
            self.setup.begin(self.model, parts, self.state.kept)
        return self.model

    def _build(self, labels: np.ndarray) -> None:
        """Build and compile the network that is to learn ``labels``."""
        import keras

        self.model = None  # its memory is needed
        clear_session()  # names of layers count from the beginning: the same weights, the same file
        keras.utils.set_random_seed(self.run.parameters.seed)
        self.model = self.setup.build()
        if self.setup.published:
            begin_with(self.setup.published, self.model, self.run)
        compile_model(self.model, self.recipe, *self.setup.learns(labels))
        again = refit_epochs(self.recipe) and self.recipe.refit_fresh
        if again and not getattr(self.recipe, "logit_adjustment", 0):
            self._beginning = [kept_value(value) for value in variables_of(self.model)]

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
        if self.recipe.ema:
            use_average(model)
        kept = self.state.kept if stage == "training" else {}
        best = [kept[name] for name in sorted(kept) if name.startswith(_BEST)]
        for variable, value in zip(model.variables, best, strict=bool(best)):
            variable.assign(value)

    def predict(self, model: Any, part: Part, views: int = 1) -> np.ndarray:
        """What ``model`` gives, ``(pictures, …)`` float32, the mean over ``views`` of a picture."""
        if not len(part):
            return np.zeros((0, *model.output_shape[1:]), np.float32)
        steps = math.ceil(len(part) / self.batch)
        self.state.check_time(views * steps / 3)  # a step is forward, and twice back
        total: Any = 0
        with _broken_picture_named([part]):
            for view in range(views):
                batches = self.setup.evaluation(part, view)
                if self.accelerator.processes > 1:
                    found = gathered(model, batches)
                else:
                    found = model.predict(for_keras(batches), steps=steps, verbose=0)
                total = total + np.asarray(found, np.float32)[: len(part)]
        return np.asarray(total / np.float32(views))

    def learning_rate(self, epoch: int) -> float:
        """The rate of the stage's ``epoch`` (from 0); a refit repeats what a plateau found.

        A fresh refit has the schedule of its own number of epochs, but after patience: then it
        repeats the epochs until the best one.
        """
        stage, recipe = self.state.stage, self.recipe
        rows = self.state.rows("training")
        if stage == "refit" and recipe.schedule == "plateau":
            return float(rows[min(epoch, len(rows) - 1)]["learning_rate"])
        if stage == "refit" and recipe.refit_fresh and not self.patience:
            recipe = dataclasses.replace(recipe, epochs=max(1, refit_epochs(recipe)))
        losses = [self.judge(row) for row in rows[:epoch]]
        return float(recipe.learning_rate(epoch, self.accelerator.replicas, losses))

    def diverged(self, what: str, epoch: int) -> UserError:
        """The one line of a training that diverged in ``epoch`` (from 1)."""
        lower = "lr_rates=0:1e-5" if self.recipe.schedule == "piecewise" else "lr_max=1e-5"
        return UserError(
            f"{what} in epoch {epoch} of {self.state.stage}, at learning rate "
            f"{self.learning_rate(epoch - 1):g}: lower it, for example --set {lower}"
        )

    def _fit(
        self, model: Any, parts: Sequence[Part], validation: Part | None, rest: range, first: int
    ) -> None:
        """Train for the epochs ``rest`` of a stage that begins with the epoch ``first``."""
        import keras

        training = self.setup.batches(parts)
        feed = Feed(training.batches(rest), training.steps, self.accelerator.backend == "jax")
        # Keras divides a batch's loss by its rows, those without weight too.
        scale = {"loss": training.steps * self.batch / training.counted}
        measured: dict[str, Any] = {}
        if validation:
            steps = math.ceil(len(validation) / self.batch)
            scale["val_loss"] = self.batch * steps / len(validation)
            batches = for_keras(self.setup.evaluation(validation, 0))
            measured = {"validation_data": batches, "validation_steps": steps}
        # No callback looks at single batches: a device need not wait for the next one to be sent.
        callbacks = [
            *([keras.callbacks.SwapEMAWeights()] if self.recipe.ema else []),
            keras.callbacks.LearningRateScheduler(lambda epoch, _: self.learning_rate(epoch)),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=partial(self._begin_epoch, model, training.steps),
                on_epoch_end=partial(self._end_epoch, model, range(first, rest.stop), scale),
            ),
        ]
        with _broken_picture_named([*parts, *([validation] if validation else [])]):
            # Before ``fit`` traces its step: TensorFlow traces twice if variables appear in it.
            build_optimizer(model)
            if measured:
                model.evaluate(batches, steps=1, verbose=0)
            model.fit(
                for_keras(iter(feed)),
                initial_epoch=rest.start,
                epochs=rest.stop,
                steps_per_epoch=training.steps,
                callbacks=callbacks,
                shuffle=False,  # the batches are drawn already
                verbose=0,
                **measured,
            )
        if self.input_wait is None:
            self.input_wait = feed.waiting

    def _begin_epoch(self, model: Any, steps: int, epoch: int, logs: Mapping[str, float]) -> None:
        set_momentum(model, self.recipe, epoch)
        self.state.begin_epoch(steps)

    def _end_epoch(
        self,
        model: Any,
        epochs: range,
        scale: Mapping[str, float],
        epoch: int,
        logs: Mapping[str, float],
    ) -> None:
        """Measure, report and keep ``epoch`` of a stage's ``epochs``, both from 0."""
        state, number, done = self.state, epoch + 1, epoch + 1 - epochs.start
        row: dict[str, Any] = {"stage": state.stage, "epoch": number}
        row |= {name: logs[name] * scale.get(name, 1) for name in in_order(logs)}
        row["learning_rate"] = self.learning_rate(epoch)
        state.history.append(row)
        finite = math.isfinite(row["loss"])
        if finite:
            with average_in_place(model) if self.recipe.ema else nullcontext():
                row |= self.measure(model, number)
                self._keep_best(model)
        shown = {name: value for name, value in row.items() if name not in HISTORY[:3]}
        report(state.stage, epoch=f"{done}/{len(epochs)}", **shown)
        if not finite:
            raise self.diverged(f"the loss became {row['loss']}", number)
        state.end_epoch(model, done)
        model.stop_training = self._is_over()

    @property
    def best_epoch(self) -> int:
        """The epoch of the training (from 1) whose weights are kept; the last without patience."""
        return len(self.state.rows("training")) - self._since_best()

    def _since_best(self) -> int:
        """How many epochs of the training came after the best one, 0 without patience."""
        losses = [self.judge(row) for row in self.state.rows("training")]
        return since_best(losses) if self.patience else 0

    def _is_over(self) -> bool:
        return self.state.stage == "training" and 0 < self.patience <= self._since_best()

    def _keep_best(self, model: Any) -> None:
        """With patience, keep the weights of the best epoch so far if it is this one."""
        if self.patience and self.state.stage == "training" and not self._since_best():
            for number, variable in enumerate(model.variables):
                self.state.kept[f"{_BEST}{number:04d}"] = copied(variable)


def since_best(losses: Sequence[float]) -> int:
    """How many epochs came after the one with the lowest loss, the first of equal ones."""
    return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


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

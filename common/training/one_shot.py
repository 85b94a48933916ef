"""Training a twin network whose epochs are compared by one-shot trials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.pictures import Pictures
from common.data.squares import Square
from common.kernel import KernelRun
from common.pairs.one_shot import OURS, WAYS, Trials, one_shot_facts, right
from common.pairs.pixels import BASELINES
from common.parameters import Parameters
from common.training.model import copied
from common.training.trainer import Setup, Trainer


@dataclass(frozen=True)
class OneShot:
    """What a kernel gives as its ``trainer``.

    Attributes:
        load: the trials of ``val``, by which epochs are compared, and of ``test``.
        published: one-shot accuracies of others, by who has them, to be shown next to ours.
    """

    load: Callable[[Parameters], Mapping[str, Trials]]
    published: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, run: KernelRun, accelerator: Accelerator, setup: Setup) -> Trainer:
        """Return the trainer; it warns of trials with fewer ways than Lake's."""
        trials = self.load(run.parameters)
        for name, part in trials.items():
            few = sum(len(one.support) < WAYS for one in part.runs)
            least = min(len(one.support) for one in part.runs)
            if few:
                run.warn(
                    f"{few} of {len(part.runs)} one-shot runs of {name} have fewer than {WAYS} "
                    f"characters, the smallest {least}: they are easier"
                )
        return OneShotTrainer(run, accelerator, setup, trials, self.published)


class OneShotTrainer(Trainer):
    """A Trainer of a twin; after each epoch it counts the right one-shot trials of validation."""

    def __init__(
        self,
        run: KernelRun,
        accelerator: Accelerator,
        setup: Setup,
        trials: Mapping[str, Trials],
        published: Mapping[str, float],
    ):
        super().__init__(run, accelerator, setup)
        size, square = run.recipe.image_size + run.recipe.crop_margin, Square.of(run.recipe)
        self._published = published
        self._runs = {name: part.runs for name, part in trials.items()}
        self._pictures = {
            name: Pictures(part.pictures, size, "memory", square) for name, part in trials.items()
        }
        self._branch: tuple[Any, Any] = (None, None)

    def measure(self, model: Any, epoch: int) -> dict[str, float]:
        """The share of validation's trials that are right."""
        return {"val_one_shot": float(np.concatenate(self._right(model, "val")).mean())}

    def judge(self, row: Mapping[str, Any]) -> float:
        """The share of validation's trials that are wrong."""
        return 1 - row.get("val_one_shot", 0.0)

    @property
    def facts(self) -> dict[str, Any]:
        """As Trainer's, with the trials of validation and test by the network and without it."""
        found = {
            name: one_shot_facts(
                runs,
                {OURS: self._right(self.model, name)}
                | {baseline: self._by(score, name) for baseline, score in BASELINES.items()},
            )
            for name, runs in self._runs.items()
        }
        return {**super().facts, "one_shot": {**found, "published": dict(self._published)}}

    def _by(self, score: Any, name: str) -> list[np.ndarray]:
        """What a score of pictures as they are gets right of each run."""
        pictures = self._pictures[name]
        sides = (
            [np.stack([pictures[row] for row in side]) for side in (run.queries, run.support)]
            for run in self._runs[name]
        )
        return [right(score(*side)) for side in sides]

    def _right(self, model: Any, name: str) -> list[np.ndarray]:
        """What the network gets right of each run."""
        pictures, runs = self._pictures[name], self._runs[name]
        vectors = self.predict(self._vectors_of(model), pictures)
        weights = copied(model.layers[-1].kernel)[:, 0]
        return [right(twin_scores(vectors[r.queries], vectors[r.support], weights)) for r in runs]

    def _vectors_of(self, model: Any) -> Any:
        """The branch of a twin, a ``keras.Model`` of single pictures, compiled once."""
        import keras

        if self._branch[0] is not model:
            branch = model.get_layer("branch")
            whole = keras.Model(branch.input, branch.output)
            whole.compile(jit_compile=keras.config.backend() == "jax")
            self._branch = (model, whole)
        return self._branch[1]


def twin_scores(queries: np.ndarray, support: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return how alike a twin finds each query and each of the support, ``(queries, support)``.

    Vectors are ``(pictures, d)``, the last layer's ``weights`` ``(d,)``. It is what the sigmoid
    takes, less the bias: probabilities near 0 or 1 would be equal.
    """
    return np.stack([np.abs(one - support) @ weights for one in queries])

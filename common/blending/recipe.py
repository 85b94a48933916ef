"""The recipe of the ensemble, and what it says of the threshold of two classes."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from common.blending.blend import Method
from common.competition import Competition
from common.errors import UserError
from common.metrics.bootstrap import RESAMPLES
from common.recipes.training import CheckedRecipe, Range
from common.tasks.classification import Classification


@dataclass(frozen=True)
class BlendRecipe(CheckedRecipe):
    """How the members are blended, and of two classes where the second begins.

    Attributes:
        method: how the weights are found.
        calibrate: temper each member's probabilities first.
        resamples: of validation, for the intervals.
        threshold: ``half``, or the ``best`` by the metric on validation.
        recall: at least this one of the second class on validation: the highest such threshold.
    """

    method: Method = "mean"
    calibrate: bool = False
    resamples: Annotated[int, Range(0, 100_000)] = RESAMPLES
    threshold: Literal["half", "best"] = "half"
    recall: Annotated[float | None, Range(0, 1)] = None

    def validate(self) -> None:
        """Raise UserError for two ways to find a threshold."""
        if self.threshold == "best" and self.recall is not None:
            raise UserError(
                f"settings threshold=best recall={self.recall:g}: they are two thresholds: give one"
            )


def with_threshold(
    competition: Competition, threshold: str = "half", recall: float | None = None
) -> Competition:
    """Return the competition, whose task finds the threshold that a BlendRecipe asks for.

    Raises UserError where there is none to find.
    """
    if threshold == "half" and recall is None:
        return competition
    task, metric = competition.task, competition.scoring
    setting = f"threshold={threshold}" if recall is None else f"recall={recall:g}"
    if not isinstance(task, Classification) or len(task.classes) != 2:
        raise UserError(
            f"setting {setting}: a threshold is of two classes, and {competition.name} has "
            f"{len(task.classes) or 'none'} ({task.name}): leave it out"
        )
    if threshold == "best" and metric.kind != "labels":
        raise UserError(
            f"setting {setting}: {metric.name} is of {metric.kind}, whatever the threshold: state "
            f"a recall, such as --set recall=0.95, or leave it out"
        )
    return replace(competition, task=replace(task, threshold=threshold, recall=recall))

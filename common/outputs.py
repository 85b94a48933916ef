"""What a kernel that predicts writes: the contract between it and the ensemble.

Any framework will do. A kernel is finished when its working folder has

- ``predictions.npz`` (``common.files.predictions``): ids and predictions of validation and test,
  and validation's labels, in the shapes of the competition's task;
- ``metrics.json``: what it scores on validation (``common.scoring.kernel_metrics``);
- ``manifest.json``, which ``common.kernel.KernelRun`` writes when the work has ended well.

``history.csv``, ``thumbnails.npz`` and figures (``*.png``) are shown where they are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.competition import Competition
from common.files.predictions import Predictions, save_predictions
from common.manifest import write_json
from common.progress import report
from common.scoring import kernel_metrics


def write_outputs(
    folder: Path,
    competition: Competition,
    predictions: Predictions,
    kernel: str,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``predictions.npz`` and ``metrics.json``; return the content of the latter.

    Args:
        folder: the kernel's working folder.
        competition: whose metric is measured, with an interval.
        predictions: on validation and test. Raises UserError when they are not of its task.
        kernel: its name, for errors.
        facts: for ``metrics.json``, besides the scores.
    """
    for part, values in (("validation", predictions.validation), ("test", predictions.test)):
        competition.task.check_predictions(values, f"{kernel or 'this kernel'}, {part}")
    if len(predictions.validation_labels):
        competition.task.check_labels(predictions.validation_labels, "validation")
    save_predictions(folder, predictions, kernel or "this kernel")
    metrics = {**kernel_metrics(competition, predictions), **(facts or {})}
    write_json(folder / "metrics.json", metrics)
    report("scored", **{name: value for name, value in metrics.items() if _is_number(value)})
    return metrics


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

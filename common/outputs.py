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
from common.scoring import check_predictions, kernel_metrics

_NUMBERS = (int, float)  # a bool is none


def write_outputs(
    folder: Path,
    competition: Competition,
    predictions: Predictions,
    kernel: str,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``predictions.npz`` and ``metrics.json``; return the content of the latter.

    It has the competition's metric with an interval, and ``facts``. Errors name the ``kernel``.
    Raises UserError for predictions that are not of the competition's task.
    """
    source = kernel or "this kernel"
    check_predictions(competition, predictions, source)
    save_predictions(folder, predictions, source)
    metrics = {**kernel_metrics(competition, predictions), **(facts or {})}
    write_json(folder / "metrics.json", metrics)
    report("scored", **{name: value for name, value in metrics.items() if type(value) in _NUMBERS})
    return metrics

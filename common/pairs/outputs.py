"""``metrics.json`` of a kernel that leaves vectors: the AUC of validation's pairs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.files.vectors import Vectors
from common.manifest import write_json
from common.metrics.bootstrap import interval
from common.pairs.bootstrap import resampled_auc
from common.pairs.validation import pairs_of
from common.progress import report


def write_pair_metrics(folder: Path, vectors: Vectors, facts: Mapping[str, Any]) -> None:
    """Write AUC of validation's pairs by channel, of all, seen and unseen classes.

    The score is that of the first channel; its ``interval`` is of ``n`` pictures. ``facts`` are
    written with them.
    """
    pairs = pairs_of(vectors)
    scores = {name: pairs.scores(rows) for name, rows in vectors.validation.items()}
    channels = {name: pairs.auc(found) for name, found in scores.items()}
    name, first = next(iter(channels.items()))
    drawn = resampled_auc(pairs, {name: scores[name]})[name]
    scored = {
        "metric": "roc_auc",
        "greater_is_better": True,
        "validation_score": first["all"],
        "validation_seen": first["seen"],
        "validation_unseen": first["unseen"],
        "n": int(np.count_nonzero(pairs.counted)),
        **facts,
    }
    ends = interval(drawn, float(first["all"] or 0), 0, 1)
    write_json(folder / "metrics.json", {**scored, "interval": ends, "channels": channels})
    report("scored", **{name: value for name, value in scored.items() if value is not None})

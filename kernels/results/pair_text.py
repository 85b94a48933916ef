"""What there is to say of the scores of pairs, besides the numbers."""

from collections.abc import Mapping
from typing import Any

from common.metrics.metric import METRICS
from kernels.results.scores import read_number


def chance_words(metrics: Mapping[str, Any]) -> str:
    """Say the accuracy of pairs that are all called the more frequent of two classes; else empty.

    ``metrics`` are those of a part, of pairs where they have an equal error rate.
    """
    rows = _pairs_of_classes(metrics)
    if "equal_error_rate" not in metrics or not sum(rows):
        return ""
    return f"Always the more frequent class: accuracy {max(rows) / sum(rows):.3f}."


def pair_words(metrics: Mapping[str, Any]) -> str:
    """Return what there is to say of a part's pairs; empty where pictures are scored."""
    return " ".join(filter(None, (far_words(metrics), chance_words(metrics))))


def far_words(metrics: Mapping[str, Any]) -> str:
    """Say which false accept rates allow no false accept at all; empty without any.

    ``metrics`` are those of a part of two classes.
    """
    first, *_ = _pairs_of_classes(metrics)
    rates = [METRICS[name] for name in metrics if name in METRICS]
    none = [metric.title for metric in rates if 0 < metric.far * first < 1]
    if not none:
        return ""
    return f"{' and '.join(none)}: none of the {first:,.0f} different pairs may be accepted."


def _pairs_of_classes(metrics: Mapping[str, Any]) -> tuple[float, ...]:
    """How many rows are of each of two classes; 0 where that is not known."""
    confusion = metrics.get("confusion")
    rows = confusion if isinstance(confusion, list) and len(confusion) == 2 else ((), ())
    return tuple(
        sum(read_number(one) or 0 for one in row) if isinstance(row, list) else 0 for row in rows
    )

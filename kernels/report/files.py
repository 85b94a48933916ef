"""Files that kernels leave, read for the report: one that is missing or broken is empty."""

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read_json(path: Path) -> dict[str, Any]:
    """An object of JSON; empty where there is none."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def read_history(path: Path) -> tuple[Row, ...]:
    """``history.csv``, a row an epoch; numbers are float, what is not finite is left out."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return tuple(_row(row) for row in csv.DictReader(file))
    except (OSError, ValueError, TypeError):
        return ()


def _row(row: Mapping[str, str]) -> Row:
    numbers = {key: float(value) for key, value in row.items() if key != "stage" and value}
    kept = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return {"stage": row.get("stage", ""), **kept}

"""Files for a phone: how large each is, how long a picture takes, and what it is worth."""

from typing import Any

from kernels.report.charts import Chart, bounds
from kernels.report.facts import Facts
from kernels.report.render import Key, Section, Table, known, number
from kernels.results.scores import as_mapping, read_number

LOOKS = {"float32": "one", "float16": "two", "int8": "three"}


def exports(facts: Facts) -> Section | None:
    """A chart of size against the metric, and a table; None where no kernel wrote such files."""
    rows = [
        (kernel.name, as_mapping(one))
        for kernel in facts.kernels
        for one in kernel.metrics.get("exports") or ()
    ]
    files = [(name, one) for name, one in rows if one.get("kind") in LOOKS and _measured(one)]
    if not files:
        return None
    values = [float(one["score"]) for _, one in files]
    most = max(_megabytes(one) for _, one in files)
    label = f"{facts.metric} of validation over the size of the file"
    chart = Chart(label, (0.0, most * 1.08), bounds(values, 0.2), "MB", facts.metric, height=240)
    for (name, one), value in zip(files, values, strict=True):
        title = f"{name}, {one['kind']}: {_megabytes(one):.1f} MB, {value:.4f}"
        chart.dot(_megabytes(one), value, LOOKS[one["kind"]], title, 6)
    return {
        "title": "Files for a phone",
        "n": max(int(read_number(one.get("n")) or 0) for _, one in files),
        "panels": [{"title": f"Size and {facts.metric}", "chart": chart}],
        "legend": [Key(look, kind) for kind, look in LOOKS.items()],
        "table": Table("Size, latency and score of each file", [_row(*one) for one in rows]),
    }


def _measured(one: Any) -> bool:
    return read_number(one.get("bytes")) is not None and read_number(one.get("score")) is not None


def _megabytes(one: Any) -> float:
    return float(read_number(one.get("bytes")) or 0) / 1e6


def _row(name: str, one: Any) -> dict[str, Any]:
    kind, adam = str(one.get("kind")), read_number(one.get("bytes_with_optimizer"))
    words = f"Keras' weights, {number(adam / 1e6, 1)} MB with Adam's state" if adam else kind
    return {
        "Model": name,
        "File": words,
        "MB": known(_megabytes(one), 1),
        "Score": known(read_number(one.get("score")), 4),
        "ms a picture": known(read_number(one.get("milliseconds")), 1),
    }

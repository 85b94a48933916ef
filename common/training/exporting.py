"""The files of a trained network for a phone, and what each is worth on validation."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from common.accelerator import clear_session
from common.competition import Competition
from common.data.batches import evaluation_batches
from common.data.pictures import Pictures
from common.kernel import KernelRun
from common.networks.export import KINDS, LiteFile, convert, latency
from common.progress import report
from common.training.model import parameter_counts
from common.training.prepare import Parts

_SEEN, _BATCH = 100, 16  # training pictures, for the ranges of int8


def check_export(kernel: Any, run: KernelRun) -> None:
    """Convert the network as it begins, before any training. Raises UserError as ``convert``."""
    if run.recipe.export:
        with run.stage("export", checked="float32"):
            convert(kernel.network(run.recipe), "float32")
        clear_session()


def export_network(
    run: KernelRun, competition: Competition, model: Any, parts: Parts
) -> list[dict[str, Any]]:
    """Write ``NAME.KIND.tflite`` of each kind; return what ``metrics.json`` says of them.

    Of each: ``kind``, ``bytes``, ``score`` (the competition's metric of the file on validation),
    ``n``, and ``milliseconds``, the median for a picture on one thread. The first is of Keras: its
    parameters, ``bytes`` of the weights, and ``bytes_with_optimizer``: with two moments of each
    trainable one, as Adam keeps them.
    """
    name, counted = run.parameters.kernel or "network", parameter_counts(model)
    weights = 4 * counted["total_parameters"]
    adam = weights + 8 * counted["trainable_parameters"]
    found: list[dict[str, Any]] = [
        {**counted, "kind": "keras", "bytes": weights, "bytes_with_optimizer": adam}
    ]
    files: dict[str, LiteFile] = {}
    with run.stage("export", kinds=len(KINDS)):
        seen = np.concatenate([*islice(_batches(parts.train, run.recipe), -(-_SEEN // _BATCH))])
        for kind in KINDS:
            content = convert(model, kind, seen[:_SEEN])
            (run.folder / f"{name}.{kind}.tflite").write_bytes(content)
            files[kind] = LiteFile(content)
            found.append({"kind": kind, "bytes": len(content)})
            report("export", **found[-1])
        outputs: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
        for pictures in _batches(parts.validation, run.recipe):
            for kind, file in files.items():
                outputs[kind] += [file(picture) for picture in pictures]
        labels = parts.validation.labels
        for kind, facts in zip(KINDS, found[1:], strict=True):
            predictions = np.stack(outputs[kind])[: len(labels)]
            thresholds = competition.find_thresholds(labels, predictions)
            facts["score"] = competition.score(labels, predictions, thresholds)
            facts["n"], facts["milliseconds"] = len(labels), latency(files[kind], seen[0])
            report("export", **facts)
    return found


def _batches(part: Pictures, recipe: Any) -> Iterator[np.ndarray]:
    """The pictures as the network predicts them, ``(16, size, size, 3)`` uint8, in order."""
    none = lambda labels: np.zeros((len(labels), 1), np.float32)  # noqa: E731
    for pictures, _, _ in evaluation_batches(part, recipe, none, _BATCH):
        yield pictures

"""The files of a trained network for a phone, and what each is worth on validation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from common.accelerator import clear_session
from common.competition import Competition
from common.data.batches import evaluation_batches
from common.data.pictures import Pictures
from common.files.network import WEIGHTS
from common.files.predictions import Predictions
from common.kernel import KernelRun
from common.metrics.bootstrap import RESAMPLES, compare
from common.networks.export import KERAS, KINDS, LiteFile, convert, latency, machine
from common.outputs import score_models
from common.progress import report
from common.training.model import parameter_counts
from common.training.prepare import Parts

_SEEN, _BATCH = 100, 16  # training pictures, for the ranges of int8
_THREADS = 1

Network = Callable[[np.ndarray], Any]  # of a batch of pictures


def check_export(kernel: Any, run: KernelRun) -> None:
    """Convert the network as it begins, before any training. Raises UserError as ``convert``."""
    if run.recipe.export:
        with run.stage("export", checked="float32"):
            convert(kernel.network(run.recipe), "float32")
        clear_session()


def export_network(
    run: KernelRun, competition: Competition, model: Any, parts: Parts, predictions: Predictions
) -> list[dict[str, Any]]:
    """Write ``NAME.KIND.tflite`` of each kind; return what ``metrics.json`` says of them.

    Of each: ``kind``, ``bytes``, what ``_scores`` adds, and ``milliseconds`` of a picture, median
    and ``quartiles``, on ``threads`` of a ``machine``. The first is of Keras: its parameters,
    ``bytes`` of its weights file, and ``bytes_with_optimizer``: with two moments of each trainable
    parameter, as Adam keeps them. ``predictions`` have the pictures of validation. Of a kind that
    LiteRT cannot run there is no file, and a warning.
    """
    name, counted = run.parameters.kernel or "network", parameter_counts(model)
    weights = (run.folder / f"{name}{WEIGHTS}").stat().st_size
    adam = weights + 8 * counted["trainable_parameters"]
    facts: dict[str, dict[str, Any]] = {
        KERAS: {**counted, "kind": KERAS, "bytes": weights, "bytes_with_optimizer": adam}
    }
    files: dict[str, LiteFile] = {}
    with run.stage("export", kinds=len(KINDS)):
        seen = np.concatenate([*islice(_batches(parts.train, run.recipe), -(-_SEEN // _BATCH))])
        for kind in KINDS:
            content = convert(model, kind, seen[:_SEEN])
            try:
                files[kind] = LiteFile(content, _THREADS)
            except RuntimeError:  # seen once, of EfficientNet-Lite0 from JAX as int8
                run.warn(f"no {kind} file: LiteRT cannot run what its converter makes of {name}")
                continue
            (run.folder / f"{name}.{kind}.tflite").write_bytes(content)
            facts[kind] = {"kind": kind, "bytes": len(content)}
            report("export", **facts[kind])
        networks = {KERAS: model.predict_on_batch, **{k: file.batch for k, file in files.items()}}
        found = _predicted(networks, _batches(parts.validation, run.recipe))
        for kind, more in _scores(competition, found, predictions).items():
            facts[kind] |= more
        for kind, file in files.items():
            took = latency(file, seen[0])
            facts[kind] |= {"milliseconds": took.median, "quartiles": [took.low, took.high]}
            facts[kind] |= {"threads": _THREADS, "machine": machine()}
        for one in facts.values():
            report("export", **{key: value for key, value in one.items() if key != "change"})
    return [*facts.values()]


def _predicted(
    networks: Mapping[str, Network], batches: Iterator[np.ndarray]
) -> dict[str, np.ndarray]:
    """What each network gives of all pictures, ``(n, units)`` float32."""
    found: dict[str, list[np.ndarray]] = {kind: [] for kind in networks}
    for pictures in batches:
        for kind, network in networks.items():
            found[kind].append(np.asarray(network(pictures), np.float32))
    return {kind: np.concatenate(outputs) for kind, outputs in found.items()}


def _scores(
    competition: Competition, found: Mapping[str, np.ndarray], predictions: Predictions
) -> dict[str, dict[str, Any]]:
    """The competition's metric of each network on validation: ``score``, ``interval`` and ``n``.

    ``change``: of a file, its score less Keras', with an interval of the same draws of pictures.
    """
    number = len(predictions.validation_ids)  # the last batch is filled up
    models = {
        kind: replace(predictions, validation=competition.task.predictions(outputs[:number]))
        for kind, outputs in found.items()
    }
    scores = score_models(competition, models, RESAMPLES)
    facts: dict[str, dict[str, Any]] = {}
    for kind, score in scores.scores.items():
        facts[kind] = {"score": score, "interval": scores.interval(kind), "n": number}
        if kind != KERAS:
            difference, drawn = score - scores.scores[KERAS], scores.drawn
            both = (drawn[kind], drawn[KERAS])
            facts[kind]["change"] = compare(
                KERAS, difference, *both, competition.scoring.sign, scores.size
            )
    return facts


def _batches(part: Pictures, recipe: Any) -> Iterator[np.ndarray]:
    """The pictures as the network predicts them, ``(16, size, size, 3)`` uint8, in order."""
    none = lambda labels: np.zeros((len(labels), 1), np.float32)  # noqa: E731
    for pictures, _, _ in evaluation_batches(part, recipe, none, _BATCH):
        yield pictures

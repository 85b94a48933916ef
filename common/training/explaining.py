"""What a trained classifier looks at: Grad-CAM of a few pictures, and feature maps of one."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from common.accelerator import Accelerator
from common.data.augment import resize
from common.data.batches import evaluated
from common.data.pictures import Pictures
from common.files.grad_cam import FEATURE_MAPS, Explained, save_explained
from common.kernel import KernelRun
from common.metrics import figures
from common.networks.grad_cam import convolutions, grad_cam, last_map
from common.tasks.task import Task

EACH = 6  # hits, and mistakes
SIDE = 192  # pixels of a picture, at most
ROWS, CHANNELS = 6, 8  # of the feature maps
_QUALITY, _OPACITY = 85, 0.6
_HOTTEST = 225  # of the colours; those above are dark again
_KINDS = {"DepthwiseConv2D": "depthwise conv", "SeparableConv2D": "separable conv"}


def explain(
    run: KernelRun,
    accelerator: Accelerator,
    task: Task,
    pictures: Pictures,
    network: Any,
    predictions: np.ndarray,
    rows: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return files by name, as bytes ``(n,)`` uint8, of validation ``pictures``, or some ``rows``.

    ``grad_cam.npz`` and ``grad_cam.png`` have the surest hits and the worst mistakes by the
    network's own ``predictions`` ``(rows, classes)``, ``feature_maps.png`` the first of them. Empty
    for pairs and tasks without probabilities of classes, networks without feature maps, and, with a
    warning, where several processes train together: each has a part of the network.
    """
    layer, rows = last_map(network), np.arange(len(pictures)) if rows is None else rows
    one_of_classes = task.has_class_numbers and task.units == len(task.classes)
    if layer is None or not one_of_classes or not len(rows) or pictures.rows_of:
        return {}
    if accelerator.processes > 1:
        run.warn("no Grad-CAM and no feature maps: several processes have trained together")
        return {}
    labels = pictures.labels[rows]
    hits, mistakes = hits_and_mistakes(labels, predictions)
    chosen = np.concatenate([hits, mistakes])
    seen = np.stack([evaluated(pictures, run.recipe, row) for row in rows[chosen].tolist()])
    decided, wrong = predictions.argmax(axis=1), slice(len(hits), None)
    # Of mistakes the true class, too.
    asked = np.concatenate([decided[chosen], labels[mistakes]])
    convolved = convolutions(network)
    some = np.unique(np.linspace(0, len(convolved) - 1, ROWS).round().astype(int)).tolist()
    maps, given = grad_cam(
        network, layer, np.concatenate([seen, seen[wrong]]), asked, [convolved[n] for n in some]
    )
    drawn = [overlaid(picture, map_) for picture, map_ in zip(seen, maps, strict=False)]
    true = [overlaid(*both) for both in zip(seen[wrong], maps[len(seen) :], strict=True)]
    jpegs = [[small_jpeg(picture) for picture in part] for part in (seen, drawn, true)]
    explained = [
        Explained(
            str(pictures.records.ids[rows[row]]),
            int(labels[row]),
            int(decided[row]),
            float(predictions[row, decided[row]]),
            *parts,
        )
        for row, *parts in zip(chosen, *jpegs[:2], [b""] * len(hits) + jpegs[2], strict=True)
    ]
    titles = [_title(one, task) for one in explained]
    layers = _titled(network, [convolved[n] for n in some], given)
    with TemporaryDirectory() as name:
        folder = Path(name)
        save_explained(folder, explained)
        figures.picture_grid(drawn, titles, folder / "grad_cam.png")
        figures.feature_maps(seen[0], explained[0].id, layers, folder / FEATURE_MAPS)
        return {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in folder.iterdir()}


def _title(one: Explained, task: Task) -> str:
    """A picture's class, and of a mistake what it is taken for, with the probability."""
    name, sure = task.classes[one.label], f"{one.probability:.2f}"
    taken = f"taken for {task.classes[one.predicted]} {sure}" if one.true_map else sure
    return f"{name}\n{taken}"


def _titled(
    network: Any, layers: Sequence[Any], given: Sequence[np.ndarray]
) -> list[tuple[str, np.ndarray]]:
    """What ``layers`` give, in words with their number in ``network``, and their channels."""
    numbers = {id(one): number for number, one in enumerate(_in_order(network))}
    return [
        (f"{numbers[id(layer)]} · {in_words(layer, found)}", most_varied(found))
        for layer, found in zip(layers, given, strict=True)
    ]


def hits_and_mistakes(
    labels: np.ndarray, predictions: np.ndarray, each: int = EACH
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the surest hits and mistakes, at most ``each``, the surest first.

    Hits are of as many classes as there are: of each class the surest one, then the second.
    """
    decided, sure = predictions.argmax(axis=1), predictions.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    right = order[decided[order] == labels[order]]
    place = np.zeros(len(right), int)
    for label in np.unique(labels[right]):
        own = labels[right] == label
        place[own] = np.arange(np.count_nonzero(own))
    hits = right[np.argsort(place, kind="stable")][:each]
    return hits, order[decided[order] != labels[order]][:each]


def overlaid(picture: np.ndarray, map_: np.ndarray) -> np.ndarray:
    """Return a picture ``(side, side, 3)`` uint8 with a map from 0 to 1 in colours over it."""
    import cv2

    size = picture.shape[:2][::-1]
    share = cv2.resize(map_, size, interpolation=cv2.INTER_CUBIC).clip(0, 1)[..., None]
    colours = cv2.applyColorMap((_HOTTEST * share).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]
    mixed = picture + _OPACITY * share * (colours.astype(np.float32) - picture)
    return np.asarray(mixed.round().astype(np.uint8))


def most_varied(maps: np.ndarray, channels: int = CHANNELS) -> np.ndarray:
    """Return the channels of ``(1, h, w, channels)`` that vary most: ``(n, h, w)`` from 0 to 1."""
    planes = np.moveaxis(maps[0], -1, 0)
    order = np.argsort(-planes.var(axis=(1, 2)), kind="stable")[:channels]
    low, high = np.percentile(planes[order], (1, 99), axis=(1, 2), keepdims=True)
    return ((planes[order] - low) / np.maximum(high - low, 1e-12)).clip(0, 1)


def in_words(layer: Any, given: np.ndarray) -> str:
    """``3x3 conv, 56 x 56 x 96``: a layer's kind, and the size of what it gives."""
    kernel, kind = "x".join(map(str, layer.kernel_size)), _KINDS.get(type(layer).__name__, "conv")
    return f"{kernel} {kind}, {' x '.join(map(str, given.shape[1:]))}"


def _in_order(network: Any) -> Sequence[Any]:
    """The layers as ``network.layers`` has them, those of a nested network in its place."""
    return [
        one
        for layer in network.layers
        for one in (_in_order(layer) if hasattr(layer, "layers") else [layer])
    ]


def small_jpeg(picture: np.ndarray) -> bytes:
    """Return a JPEG file of a picture, at most ``SIDE`` pixels wide and high."""
    import cv2

    small = resize(picture, min(SIDE, len(picture)))
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), options)[1])

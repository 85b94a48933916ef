"""How alike two drawings are without any learning: what a network has to be better than."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Score = Callable[[np.ndarray, np.ndarray], np.ndarray]  # queries, support -> (queries, support)


def pixel_scores(queries: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return minus the Euclidean distance of pixels: the nearest neighbour is the most alike.

    ``queries`` and ``support`` are ``(pictures, size, size, 3)`` uint8, the result is
    ``(queries, support)`` float64.
    """
    from scipy.spatial.distance import cdist

    first, second = (_grey(part).reshape(len(part), -1) for part in (queries, support))
    return -np.asarray(cdist(first, second))


def hausdorff_scores(queries: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return minus the modified Hausdorff distance of ink; shapes are those of ``pixel_scores``.

    Ink is darker than the middle grey, and moved so that its mean is in the middle. Of two
    drawings the distance is the larger mean of the distances of each one's ink to the other's
    (Dubuisson and Jain, 1994), as in Lake's demonstration on Omniglot.
    """
    from scipy.spatial import KDTree

    ink = [[KDTree(_ink(picture)) for picture in part] for part in (queries, support)]
    return -np.array([[_hausdorff(one, other) for other in ink[1]] for one in ink[0]])


BASELINES: Mapping[str, Score] = {
    "nearest pixels": pixel_scores,
    "modified Hausdorff distance": hausdorff_scores,
}


def _grey(pictures: np.ndarray) -> np.ndarray:
    return pictures.mean(axis=-1, dtype=np.float64)


def _ink(picture: np.ndarray) -> np.ndarray:
    """Where ink is, ``(points, 2)``, about its mean; the middle of a picture without any."""
    points = np.argwhere(_grey(picture) < 127.5).astype(np.float64)
    return points - points.mean(axis=0) if len(points) else np.zeros((1, 2))


def _hausdorff(one: Any, other: Any) -> float:
    """The distance of two KD-trees of ink: twice as fast as all distances of their points."""
    ways = ((one, other), (other, one))
    return max(float(tree.query(points.data)[0].mean()) for tree, points in ways)

"""Vectors whose cosines say whether two pictures are of one class, also of one never seen.

A vector is taken to be the mean of its class and what differs within it, both normal, each with a
covariance of its own: the two-covariance model of verification, probabilistic linear discriminant
analysis of full rank (Ioffe, 2006; Brümmer and de Villiers, 2010), or a joint Bayesian of faces
(Chen et al., 2012). Many classes with two pictures each are enough for it.
"""

from collections.abc import Callable

import numpy as np

from common.errors import UserError

SHRINKAGE = 0.2  # of the covariance within classes, towards a sphere


def two_covariance(rows: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes unit vectors ``(n, d)`` float32 of vectors ``(n, d)``.

    It is fitted on ``rows`` with the classes ``labels`` ``(rows,)``. First all are scaled to the
    same variance in each of their dimensions, which are principal components, and to one length:
    that makes them nearly normal (Garcia-Romero and Espy-Wilson, 2011). What returns is then the
    class's mean as it is expected of a picture, each direction in units of what differs within
    classes. Raises UserError where no class has two rows.
    """
    from scipy.linalg import eigh

    spread = rows.std(axis=0) + 1e-6
    own = _unit(rows / spread)
    mean, within = own.mean(axis=0), _within(own, labels)
    between = np.cov(own.T) - within
    sphere = np.eye(len(within)) * np.trace(within) / len(within)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * sphere
    ratios, directions = eigh(between, within)
    ratios = np.maximum(ratios, 0)  # a difference of estimates may be negative
    directions = directions * (ratios / (1 + ratios))
    return lambda others: _unit((_unit(others / spread) - mean) @ directions).astype(np.float32)


def _within(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The covariance ``(d, d)`` of what differs within classes, of those with two rows or more."""
    known, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    several = counts[numbers] > 1
    freedom = np.count_nonzero(several) - np.count_nonzero(counts > 1)
    if not freedom:
        raise UserError("no class of train has two pictures: nothing says how these differ")
    sums = np.zeros((len(known), rows.shape[1]))
    np.add.at(sums, numbers, rows)
    differences = (rows - sums[numbers] / counts[numbers, None])[several]
    return np.asarray(differences.T @ differences / freedom)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12))

"""Classes of unequal size made equal in training: by weights, by copies, or by leaving some out."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Balance:
    """What a recipe's ``balance`` does to the pictures that a training sees.

    ``how`` is ``none``, ``weights``, ``copies``, ``augmented`` or ``undersample``; what is drawn
    depends on ``seed`` and the epoch alone.
    """

    how: str = "none"
    seed: int = 0

    @property
    def resamples(self) -> bool:
        """Whether an epoch has other pictures than each one once."""
        return self.how not in ("none", "weights")

    @property
    def augments_copies_alone(self) -> bool:
        """Whether pictures that are no copies are seen as they are."""
        return self.how == "augmented"

    def rows(self, labels: np.ndarray, epoch: int = 0) -> np.ndarray:
        """Return the pictures of an epoch, ``(pictures,)`` int64, in no order.

        ``labels`` are ``(n,)`` integers. A number from ``n`` on is a copy of the picture whose
        number is ``n`` less. Copies make each class as large as the largest, all pictures of a
        class being repeated equally often, or some once more than others. Undersampling makes each
        as large as the smallest. Classes without pictures are left out.
        """
        if not self.resamples:
            return np.arange(len(labels))
        generator = np.random.default_rng((2, self.seed, epoch))
        classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        drawn = [generator.permutation(own) for own in classes]
        sizes = [len(own) for own in classes]
        if self.how == "undersample":
            return np.concatenate([own[: min(sizes)] for own in drawn])
        missing = [max(sizes) - size for size in sizes]
        copies = [np.resize(own, number) for own, number in zip(drawn, missing, strict=True)]
        return np.concatenate([np.arange(len(labels)), len(labels) + np.concatenate(copies)])

    def weights(self, labels: np.ndarray) -> np.ndarray:
        """Return a weight for each picture, ``(pictures,)`` float32, with mean 1.

        Of ``weights`` they are inverse to the pictures of each class; otherwise all are 1.
        """
        if self.how != "weights":
            return np.ones(len(labels), np.float32)
        from sklearn.utils.class_weight import compute_sample_weight

        return np.asarray(compute_sample_weight("balanced", labels), np.float32)

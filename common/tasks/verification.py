"""Whether the two pictures of a labelled pair show the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from common.tasks.classification import Classification


@dataclass(frozen=True)
class Verification(Classification):
    """A Classification of pairs, which the data list: a row is a pair, of the second class if same.

    Of ``Pairs`` the data label pictures, and a submission asks for their pairs. The network has one
    sigmoid unit; predictions have a column for both classes, as those of other classifications.
    """

    classes: tuple[str, ...] = ("different", "same")

    loss_in_words: ClassVar[str] = "binary cross-entropy"
    activation: ClassVar[str] = "softmax"  # of the predictions: their sum is 1
    row_word: ClassVar[str] = "pair"
    sections: ClassVar[tuple[str, ...]] = (
        *("metrics", "one_shot", "verification", "galleries", "misclassified", "kernels", "blend"),
        *("learning", "exports", "members", "calibration", "settings"),
    )
    ignored_settings: ClassVar[tuple[str, ...]] = ("loss", "logit_adjustment", "mixup", "cutmix")

    @property
    def shown_metrics(self) -> tuple[str, ...]:
        """What papers on face verification state."""
        errors = ("equal_error_rate", "tar_at_1e-2", "tar_at_1e-3")
        return ("accuracy", "roc_auc", *errors, "log_loss")

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """1 where both are the same, ``(rows, 1)`` float32."""
        return np.asarray(labels, np.float32)[:, None]

    def loss(self, recipe: Any, labels: np.ndarray) -> Any:
        """Binary cross-entropy, with the recipe's label smoothing."""
        import keras

        return keras.losses.BinaryCrossentropy(label_smoothing=recipe.label_smoothing)

    def output_layer(self, **options: Any) -> Any:
        """One sigmoid unit, in float32."""
        import keras

        fixed: Mapping[str, Any] = {"activation": "sigmoid", "dtype": "float32", **options}
        return keras.layers.Dense(1, **fixed)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Both probabilities, ``(rows, 2)``, of the unit's; of two columns as they are."""
        if outputs.shape[1] == 2:
            return outputs
        return np.concatenate([1 - outputs, outputs], axis=1)

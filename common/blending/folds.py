"""The folds of a model become one member again."""

from collections.abc import Mapping

import numpy as np

from common.errors import UserError
from common.files.predictions import Predictions, row_order
from common.variants import Recipes, kernels_of_models


def fold_groups(recipes: Recipes) -> dict[str, tuple[str, ...]]:
    """Return the kernels of each model, in the order of their folds.

    ``recipes`` are by kernel, as manifests have them. A kernel ``NAME-foldK`` whose recipe has
    ``folds`` and fold K is a fold of the model NAME; every other kernel is a model of its own.
    Raises UserError when a fold of a model is missing.
    """
    return kernels_of_models(recipes, "fold", "--folds")


def join_folds(parts: Mapping[str, Predictions]) -> Predictions:
    """Return one member of the folds of a model, given by kernel.

    Validation is out of fold: the folds one after another, each picture predicted once, by the
    network that has not seen it. Test is the mean over the folds, rows in the first one's order.

    Raises:
        UserError: two folds have the same validation picture, or differ in test ids or classes.
    """
    (first, reference), *_ = parts.items()
    if len(parts) == 1:
        return reference
    _check_apart(parts)
    tests = [
        part.test[row_order(reference.test_ids, part.test_ids, "test", first, name)]
        for name, part in parts.items()
    ]
    return Predictions(
        np.concatenate([part.validation_ids for part in parts.values()]),
        np.concatenate([part.validation_labels for part in parts.values()]),
        np.concatenate([part.validation for part in parts.values()]),
        reference.test_ids,
        np.asarray(np.mean(tests, axis=0, dtype=np.float64)),
    )


def _check_apart(parts: Mapping[str, Predictions]) -> None:
    if len({part.test.shape[1] for part in parts.values()}) > 1:
        raise UserError(f"{' and '.join(parts)} have a different number of classes")
    owners: dict[str, str] = {}
    for name, part in parts.items():
        for picture in part.validation_ids.tolist():
            if picture in owners:
                raise UserError(
                    f"{owners[picture]} and {name} are both validated on {picture}: they were "
                    f"split with another seed, or on other data; run them again"
                )
            owners[picture] = name

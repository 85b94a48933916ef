"""What is done to a Keras model around its training; Keras is imported late."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from common.accelerator import clear_session
from common.errors import UserError
from common.networks.normalization import fuse_normalization
from common.progress import report


def compile_model(model: Any, recipe: Any, loss: Any, metrics: list[Any]) -> None:
    """Give ``model`` what it learns by, and the recipe's optimizer and momentum of BatchNorm."""
    import keras

    momentum = getattr(recipe, "batchnorm_momentum", None)  # a head has no such layer
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = layer.momentum if momentum is None else momentum
            if keras.config.backend() == "tensorflow":
                fuse_normalization(layer)
    model.compile(
        optimizer=_optimizer(recipe),
        loss=loss,
        weighted_metrics=metrics,
        # On a CPU, TensorFlow without XLA compiles in seconds and trains faster.
        jit_compile=keras.config.backend() == "jax",
    )


def _optimizer(recipe: Any) -> Any:
    """The recipe's optimizer, with its moving average of the weights."""
    import keras

    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    if getattr(recipe, "is_layerwise", False):
        from common.networks.layerwise_sgd import LayerwiseSGD

        return LayerwiseSGD(recipe.factors, **average)
    return type(keras.optimizers.get(recipe.optimizer))(**average)


def set_momentum(model: Any, recipe: Any, epoch: int) -> None:
    """Give a layerwise optimizer the momentum of ``epoch`` (from 0)."""
    if getattr(recipe, "is_layerwise", False):
        model.optimizer.now.assign(recipe.momentum_at(epoch))


def build_optimizer(model: Any) -> None:
    """Create the optimizer's variables, once: that of mixed precision would add them again."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def variables_of(model: Any) -> list[np.ndarray]:
    """The values of all that training changes, in a fixed order."""
    import keras

    build_optimizer(model)
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in variables]


def kept_value(value: np.ndarray) -> np.ndarray:
    """A copy of an array, in memory of its own; zeros, as an optimizer begins with, take none."""
    return value.copy() if value.any() else np.broadcast_to(np.zeros((), value.dtype), value.shape)


def restore(model: Any, values: list[np.ndarray]) -> None:
    """Set what ``variables_of`` gave. Raises UserError when the network has other variables."""
    build_optimizer(model)
    variables = [*model.variables, *model.optimizer.variables]
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise UserError(
            f"the checkpoint is of another network than this {model.name}: start anew without it"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def copied(variable: Any) -> np.ndarray:
    """A variable's values in memory of their own: JAX gives the variable's away."""
    return np.array(variable.value, copy=True)


def use_average(model: Any) -> None:
    """The moving average of the weights takes their place.

    Keras leaves both in the same memory, which JAX gives away with each of them: the weights get
    their own.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    for variable in model.trainable_variables:
        variable.assign(copied(variable))


@contextmanager
def average_in_place(model: Any) -> Iterator[None]:
    """The moving average in the place of the weights for a while."""
    own = [copied(variable) for variable in model.trainable_variables]
    use_average(model)
    yield
    for variable, value in zip(model.trainable_variables, own, strict=True):
        variable.assign(value)


def gathered(model: Any, batches: Any) -> np.ndarray:
    """As ``model.predict``, which cannot read what lies on other machines' devices."""
    import jax
    import keras
    from jax.experimental.multihost_utils import process_allgather

    both = (model.trainable_variables, model.non_trainable_variables)
    state = [[variable.value for variable in variables] for variables in both]
    call = jax.jit(lambda t, n, x: model.stateless_call(t, n, x, training=False)[0])
    found = []
    for pictures, _, _ in batches:
        layout = keras.distribution.distribution().get_data_layout(pictures.shape).backend_layout
        whole = jax.make_array_from_process_local_data(layout, pictures)
        found.append(process_allgather(call(*state, whole), tiled=True))
    return np.concatenate(found)


def check_full_size(kernel: Any) -> dict[str, int]:
    """The parameter counts of the network at full size; those that the recipe states are checked.

    Raises UserError when they differ.
    """
    model = kernel.network(kernel.recipe)
    counted = parameter_counts(model)
    for name, number in counted.items():
        wanted = getattr(kernel.recipe, name)
        if wanted and wanted != number:
            raise UserError(f"{model.name} at full size has {number:,} {name}, not {wanted:,}")
    report("full_size", **counted)
    clear_session()
    return counted


def parameter_counts(model: Any) -> dict[str, int]:
    """``total_parameters`` and ``trainable_parameters`` of a Keras model."""
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return {"total_parameters": model.count_params(), "trainable_parameters": trainable}

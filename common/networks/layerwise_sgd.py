"""Stochastic gradient descent with a rate for each layer and a momentum that may change."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class LayerwiseSGD(keras.optimizers.SGD):
    """SGD whose layers learn at the rate times a factor of their own (Koch et al., 2015).

    Attributes:
        factors: of the layers that have trainable weights, in the network's order; later ones have
            the last factor.
        now: the momentum, a scalar variable: a step that is compiled reads it anew.
    """

    def __init__(self, factors: Sequence[float] = (1.0,), **options: Any):
        super().__init__(momentum=1.0, **options)  # which makes the variables; ``now`` counts
        self.factors = tuple(factors)

    def build(self, variables: Sequence[Any]) -> None:
        """Create the variables, and find out which layer each one is of."""
        if self.built:
            return
        super().build(variables)
        self.now = self.add_variable((), name="momentum_now")
        names = [variable.path.rpartition("/")[0] for variable in variables]
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        last = len(self.factors) - 1
        self._factor = [self.factors[min(places[name], last)] for name in names]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move ``variable`` by its momentum and the gradient."""
        place = self._get_variable_index(variable)
        moved = self.momentums[place]
        rate = ops.cast(learning_rate, variable.dtype) * self._factor[place]
        kept = ops.cast(self.now, variable.dtype) * moved
        self.assign(moved, kept - rate * ops.cast(gradient, variable.dtype))
        self.assign_add(variable, moved)

    def get_config(self) -> dict[str, Any]:
        """As SGD's, with the factors."""
        config = dict(super().get_config())
        del config["momentum"]
        return {**config, "factors": list(self.factors)}

"""Margin softmax: losses that ask more of a picture's own class than of the others.

Each takes targets ``(batch, classes)`` and the cosines between a picture and its classes,
``(batch, classes)``, as ``common.networks.embedding_layers.CosineClasses`` gives them, and gives
losses ``(batch,)`` float32. Targets that are mixed take their share of the margin.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from common.errors import UserError
from common.networks.losses import Loss
from common.recipe import by_name

_LEAST = 1e-6  # of a squared sine: below it float32 cosines have no angle, and 1 / sine explodes


def margin_loss(name: str, scale: float = 30.0, margin: float = 0.3) -> Loss:
    """Cross-entropy of ``scale`` times the cosines, with ``margin`` on the class that is right.

    ``name`` is ``arcface`` (a margin in radians) or ``cosface`` (a margin of the cosine), from 0 (a
    plain softmax of cosines) to below 1.5. Raises UserError for another name, scale or margin.
    """
    within = by_name("margin", name, MARGINS)
    if not 0 < scale < math.inf:
        raise UserError(f"scale {scale} of {name}: it must be above 0")
    if not 0 <= margin < 1.5:
        raise UserError(f"margin {margin} of {name}: it must be from 0 to below 1.5")

    def loss(targets: Any, cosines: Any) -> Any:
        from keras import ops

        targets, cosines = ops.cast(targets, "float32"), ops.cast(cosines, "float32")
        logits = scale * (cosines + targets * (within(cosines, margin) - cosines))
        return -ops.sum(targets * ops.log_softmax(logits, axis=-1), axis=-1)

    return loss


def arcface(cosines: Any, margin: float) -> Any:
    """The cosine of the angle plus ``margin`` radians. Deng et al., 2019 (ArcFace).

    Where the sum would pass pi, and its cosine rise again, ``margin · sin(margin)`` is taken from
    the cosine instead, as the authors' code does: it never grows with the angle.
    """
    from keras import ops

    sines = ops.sqrt(ops.maximum(1.0 - ops.square(cosines), _LEAST))
    turned = cosines * math.cos(margin) - sines * math.sin(margin)
    beyond = cosines - margin * math.sin(margin)
    return ops.where(cosines > -math.cos(margin), turned, beyond)


# ``cosface``: Wang et al., 2018 (CosFace).
MARGINS: Mapping[str, Callable[[Any, float], Any]] = {
    "arcface": arcface,
    "cosface": lambda cosines, margin: cosines - margin,
}

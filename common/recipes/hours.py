"""How long a training is expected to take: what its script states, scaled to the recipe.

A kernel states ``hours={"tpu": 0.35, "gpu": 4.0}``: those of a session that trains its recipe as
it stands, by accelerator. What is not stated is not known.
"""

import math
from typing import Any

# With other values of these it is another network: its hours are not those that were stated.
_NETWORK = ("miniature", "backbone", "freeze_backbone", "unfreeze")


def scaled_hours(hours: float | None, recipe: Any, published: Any) -> float | None:
    """The stated ``hours`` of ``published``, scaled to ``recipe``; None where nobody knows.

    They grow with the epochs of training and refit and with the pixels of a picture. Of a
    recipe without such a field (a recipe may be any dataclass) that part stays as it is.
    """
    differ = any(getattr(recipe, f, None) != getattr(published, f, None) for f in _NETWORK)
    if hours is None or differ:
        return None
    return float(hours) * _work(recipe) / _work(published)


def hours_in_words(hours: float) -> str:
    """For people: ``about 9 min``, ``about 4.0 h``."""
    return f"about {hours:.1f} h" if hours >= 1 else f"about {math.ceil(hours * 60 - 1e-9)} min"


def refit_epochs(recipe: Any) -> int:
    """The epochs that a recipe trains again on train + validation; 0 for none, as with folds."""
    if not getattr(recipe, "refit", False) or getattr(recipe, "folds", False):
        return 0
    again = getattr(recipe, "refit_epochs", 0)  # none of what is not trained in epochs
    return int(recipe.epochs if again is None else again)


def _work(recipe: Any) -> float:
    """What a recipe's training costs, in units of its own: pictures' pixels times epochs."""
    epochs = int(getattr(recipe, "epochs", 1)) + refit_epochs(recipe)
    return float(max(1, epochs) * getattr(recipe, "image_size", 1) ** 2)

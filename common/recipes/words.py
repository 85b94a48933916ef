"""What a recipe says, in words for people."""

from common.recipes.image import ImageRecipe


def seen_in_prediction(recipe: ImageRecipe) -> str:
    """What of a picture validation and test see."""
    size = recipe.image_size
    centre = f"the middle {size} of {size + recipe.crop_margin}"
    seen = "the whole picture" if recipe.evaluates_whole or not recipe.crop_margin else centre
    views = f"mean of {recipe.tta} views of a picture, " if recipe.tta > 1 else ""
    return f"{views}{seen}"


def augmentations(recipe: ImageRecipe) -> str:
    """Those that are on, with their strengths."""
    size = recipe.image_size
    resized = f"{size + recipe.crop_margin} ({recipe.interpolation})"
    crop = f"crop {size} of {resized}" if recipe.crop_margin else ""
    named = {
        "each quarter turn": recipe.rot90_probability,
        "horizontal flip": recipe.horizontal_flip,
        "vertical flip": recipe.vertical_flip,
        "transposition": recipe.transpose_probability,
        "colour jitter": recipe.colour_jitter,
        "rotation in degrees": recipe.rotation,
        "zoom": recipe.zoom,
        "shift": recipe.shift,
        "shear": recipe.shear,
        "MixUp": getattr(recipe, "mixup", 0),
        "CutMix": getattr(recipe, "cutmix", 0),
    }
    on = [crop] * bool(crop) + [
        f"{name} {value_in_words(value)}" for name, value in named.items() if value
    ]
    return ", ".join(on) or "none"


def value_in_words(value: object) -> str:
    """A field's value, numbers in four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)

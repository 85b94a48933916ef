"""The recipe of a frozen network's features, compared and classified without further training."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from common.data.squares import Fit, Interpolation, Padding
from common.recipes.training import CheckedRecipe, Count, CropShare, Range


@dataclass(frozen=True)
class FrozenRecipe(CheckedRecipe):
    """How pictures are seen by a frozen network, and what is made of its features.

    Attributes:
        backbone, weights, preprocessing: as BackboneRecipe's.
        image_size, fit, crop_share, padding, interpolation, cache: as ImageRecipe's.
        batch_size: pictures that one replica takes in a step.
        tta: views of a picture whose features are averaged.
        grid: parts a side, over each of which a layer's outputs are averaged; 1 is all of it.
        components: numbers a picture that a principal component analysis leaves.
        refit: fit once more on train and validation, for test.
        total_parameters, trainable_parameters: of the network; 0 is not checked.
    """

    backbone: str = "EfficientNetLite0"
    weights: str | None = "imagenet"
    preprocessing: Literal["backbone", "1/255"] = "backbone"
    image_size: Annotated[int, Range(8, 1024)] = 224
    fit: Fit = "squash"
    crop_share: CropShare = 1.0
    padding: Padding = "black"
    interpolation: Interpolation = "bilinear"
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    batch_size: Count = 32
    tta: Annotated[int, Range(1, 8)] = 1
    grid: Annotated[int, Range(1, 32)] = 1
    components: Annotated[int, Range(2, 4096)] = 512
    refit: bool = True
    total_parameters: Annotated[int, Range()] = 0
    trainable_parameters: Annotated[int, Range()] = 0

    # What other recipes of pictures vary.
    crop_margin: ClassVar[int] = 0
    evaluates_whole: ClassVar[bool] = False
    miniature: ClassVar[bool] = False

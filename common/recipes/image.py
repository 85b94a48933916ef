"""What the recipes of all networks that see pictures have in common."""

from dataclasses import dataclass
from typing import Annotated, Literal

from common.data.squares import Fit, Interpolation, Padding
from common.errors import UserError
from common.networks.unfreeze import parse_unfreeze
from common.recipes.training import CropShare, Range, Share, TrainingRecipe

AUGMENTATIONS = (
    *("crop_margin", "rot90_probability", "horizontal_flip", "vertical_flip"),
    *("transpose_probability", "rotation", "zoom", "shift", "shear", "colour_jitter"),
    *("mixup", "cutmix"),
)
WARPS = ("rotation", "zoom", "shift", "shear")


@dataclass(frozen=True)
class ImageRecipe(TrainingRecipe):
    """A TrainingRecipe of a network that sees pictures.

    Attributes:
        image_size: side of the square that the network sees, pixels.
        crop_margin: for training pictures are resized to ``image_size + crop_margin``, then
            cropped at random.
        fit: how a picture becomes a square: ``squash`` all of it, ``crop`` its centre, or ``pad``
            its shorter side.
        crop_share: of each side, what is kept around the centre before that; 1 is all of it.
        padding: of ``pad``: ``black``, ``white``, the ``edge``'s pixels, or a ``mirror``.
        interpolation: of that resize: ``bilinear`` (by area where a picture shrinks), ``nearest``
            as TensorFlow's, ``bicubic`` or ``lanczos``.
        evaluation: what of a picture is predicted with a ``crop_margin``: the ``whole``, resized
            to ``image_size``, or its ``centre``, cropped. Views from the ninth on are corners.
        rot90_probability: of each of one, two and three quarters.
        horizontal_flip: the probability of mirroring left to right.
        vertical_flip: likewise, top to bottom.
        transpose_probability: of exchanging rows and columns.
        rotation: to either side at most, degrees.
        zoom: in or out at most, a share of the picture; ``shift`` likewise, ``shear`` radians.
        warp_probability: of each of rotation, shear, and the zoom and shift of an axis.
        colour_jitter: strength of the changes of brightness, contrast and saturation; 0 is none.
        batchnorm_momentum: of every BatchNormalization layer; none keeps the network's own.
        tta: views of each picture that a prediction is averaged over.
        cache: where decoded pictures are kept after the first epoch: ``memory``, ``disk``,
            ``none``, or ``auto`` (memory when they fit).
        miniature: a small network of the same family.
        total_parameters, trainable_parameters: of the full-size network; 0 is not checked.
    """

    image_size: Annotated[int, Range(8, 1024)] = 256
    crop_margin: Annotated[int, Range(0, 256)] = 0
    fit: Fit = "squash"
    crop_share: CropShare = 1.0
    padding: Padding = "black"
    interpolation: Interpolation = "bilinear"
    evaluation: Literal["whole", "centre"] = "centre"
    rot90_probability: Annotated[float, Range(0, 1 / 3)] = 0.0  # each of three turns has it
    horizontal_flip: Share = 0.0
    vertical_flip: Share = 0.0
    transpose_probability: Share = 0.0
    rotation: Annotated[float, Range(0, 180)] = 0.0
    zoom: Annotated[float, Range(0, 0.9)] = 0.0
    shift: Annotated[float, Range(0, 0.9)] = 0.0
    shear: Share = 0.0
    warp_probability: Share = 1.0
    colour_jitter: Share = 0.0
    batchnorm_momentum: Annotated[float | None, Range(0, 1)] = None
    tta: Annotated[int, Range(1, 16)] = 1
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    miniature: bool = False
    total_parameters: Annotated[int, Range()] = 0
    trainable_parameters: Annotated[int, Range()] = 0

    @property
    def evaluates_whole(self) -> bool:
        """Whether whole pictures are predicted at another size than that they are trained at."""
        return self.evaluation == "whole" and self.crop_margin > 0

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The fields with which a training picture looks different in every epoch."""
        return tuple(name for name in AUGMENTATIONS if getattr(self, name, 0))

    def validate(self) -> None:
        """As TrainingRecipe's; without a crop margin a picture has eight views."""
        super().validate()
        if self.tta > 8 and not self.crop_margin:
            raise UserError(f"setting tta={self.tta}: without a crop_margin there are 8 views")
        if self.warp_probability < 1 and not any(getattr(self, name) for name in WARPS):
            raise UserError(
                f"setting warp_probability={self.warp_probability:g}: it is of {', '.join(WARPS)}, "
                f"and all are 0: set one, or leave it out"
            )


@dataclass(frozen=True)
class BackboneRecipe(ImageRecipe):
    """An ImageRecipe of a network that begins with a known one.

    Attributes:
        backbone: that network, by its name in ``common.networks.backbones``.
        weights: its pretrained weights, or none.
        freeze_backbone: train what is on it alone.
        unfreeze: layers of a frozen backbone that are trained all the same, with commas: ``LAYER``,
            ``LAYER+N`` (the N-th behind it), ``LAYER..LAYER`` or ``LAYER..`` (to the end), by their
            names in ``keras.applications``' network; ``input`` is its first.
        preprocessing: of pixels in 0..255: what the ``backbone``'s pretrained weights expect, or
            ``1/255``, which is to 0..1 whatever they expect.
    """

    backbone: str = ""
    weights: str | None = None
    freeze_backbone: bool = False
    unfreeze: str = ""
    preprocessing: Literal["backbone", "1/255"] = "backbone"

    @property
    def is_frozen(self) -> bool:
        """Whether nothing of the backbone is trained."""
        return self.freeze_backbone and not self.unfreeze

    def validate(self) -> None:
        """As ImageRecipe's; of a backbone that is trained whole no layer is unfrozen."""
        super().validate()
        if not self.unfreeze:
            return
        parse_unfreeze(self.unfreeze)
        # A miniature is trained whole, whatever the recipe says of the backbone that it stands for.
        if not (self.freeze_backbone or self.miniature):
            raise UserError(
                f"setting unfreeze={self.unfreeze}: all of the backbone is trained: leave it out, "
                f"or take freeze_backbone=True"
            )

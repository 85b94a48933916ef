"""The recipe of a classifier."""

from dataclasses import dataclass
from typing import Annotated, Literal

from common.errors import UserError
from common.networks.head import POOLS, parse_head
from common.recipes.image import BackboneRecipe
from common.recipes.training import Range

ALL_ANEW = ("random", "grouped")  # what ``split`` does with the pictures of test, too
_LOSSES = {  # in words; of another task, and by default, it is the task's own
    "focal": "focal loss, gamma 2",
    "binary": "binary cross-entropy of each class",
    "squared": "squared error of probabilities",
    "hinge": "hinge loss of probabilities",
}


@dataclass(frozen=True)
class ClassifierRecipe(BackboneRecipe):
    """How a classifier is trained, with the fields of every BackboneRecipe.

    Attributes:
        loss: of one of N classes: ``crossentropy``; ``focal``, with gamma 2 (Lin et al., 2017);
            ``binary``, cross-entropy of each class by itself; ``squared``, the mean squared error
            of probabilities; or ``hinge``, of probabilities, too.
        mixup, cutmix: alpha of the Beta distribution that mixes pairs of pictures; 0 is none.
            With both, each batch is mixed one way or the other.
        label_smoothing: share of a label that is spread over all classes.
        balance: of classes of unequal size, in training alone: ``weights`` weighs a picture by how
            rare its class is, ``copies`` repeats pictures of rarer classes until each class has as
            many as the largest, ``augmented`` does so and augments the copies alone, and
            ``undersample`` draws for each epoch as many of each class as the smallest has.
        logit_adjustment: tau, the share of the classes' log-frequencies that is added to the
            logits while training.
        pictures_per_epoch: at most, drawn anew for each epoch of training and refit; none takes
            every picture once.
        refit: train again on train + validation for the test predictions.
        refit_fresh: with a new model; otherwise the trained one is trained on.
        refit_epochs: of the refit; none takes ``epochs``.
        head_layers: between the backbone and the last layer, in order, with commas: ``average``,
            ``max`` or ``flatten`` (once at least), ``dense UNITS [ACTIVATION]`` (relu unless named;
            of a map at each of its positions), ``dropout RATE``, ``batchnorm``.
        head: the last layer: ``dense``, which begins at random, or ``logistic``, a logistic
            regression on the features of pictures as they are, whose C is chosen on validation. It
            is all there is to train where the backbone is frozen; otherwise the whole network is
            trained from there (linear probing, then fine-tuning: Kumar et al., 2022).
        patience: epochs without a lower validation loss after which training ends, with the
            weights of the best one, and as many epochs of refit; 0 trains to the end.
        folds, fold: with folds, train + validation are split into ``folds`` stratified parts;
            part ``fold`` (from 0) is validation, the others are trained on, without a refit.
            None carries out all of them, one after the other, where ``folds_together`` is true.
        repeats: how often they are split, each time in another way; folds count on from one to
            the next, so that fold 7 of 5 is part 2 of the second.
        augmented_views: with a frozen backbone, how often each picture of train is augmented for
            features that are computed once and learnt from, with those of the picture as it is; 0
            augments anew in each epoch.
        export: write the trained network as LiteRT files too, for a phone (float32, float16, int8),
            and measure each on validation.
        near_duplicates: whether folds keep copies, exact or near, together, of data with a
            validation of their own; ``hold_out`` is asked in the competition's ``data.py``.
        split: ``given`` by the competition's ``data.py``; ``random`` or ``grouped`` split all
            labelled pictures, those of test too, 70/15/15 (``common.data.splits``), where nothing
            is submitted; ``random-validation`` splits train and validation 85/15 and ignores
            groups, as many publications do, and test is as it is given.
    """

    backbone: str = "DenseNet201"
    image_size: Annotated[int, Range(8, 1024)] = 331
    crop_margin: Annotated[int, Range(0, 256)] = 30
    weights: str | None = "imagenet"
    loss: Literal["crossentropy", "focal", "binary", "squared", "hinge"] = "crossentropy"
    mixup: Annotated[float, Range(0, 10)] = 0.0
    cutmix: Annotated[float, Range(0, 10)] = 0.0
    label_smoothing: Annotated[float, Range(0, 0.9999)] = 0.0
    balance: Literal["none", "weights", "copies", "augmented", "undersample"] = "none"
    logit_adjustment: Annotated[float, Range(0, 10)] = 0.0
    pictures_per_epoch: Annotated[int | None, Range(1)] = None
    refit: bool = True
    refit_fresh: bool = True
    refit_epochs: Annotated[int | None, Range(0, 9_999)] = None
    head_layers: str = "average"
    head: Literal["dense", "logistic"] = "dense"
    patience: Annotated[int, Range()] = 0
    folds: Annotated[int, Range(0, 20)] = 0
    fold: Annotated[int | None, Range(0, 19)] = 0
    repeats: Annotated[int, Range(1, 10)] = 1
    near_duplicates: bool = True
    split: Literal["given", "random", "grouped", "random-validation"] = "given"
    export: bool = False
    augmented_views: Annotated[int, Range(0, 32)] = 0

    @property
    def trains_on_features(self) -> bool:
        """Whether a frozen backbone sees the same pictures in every epoch."""
        frozen = self.is_frozen and bool(self.backbone) and not self.miniature
        return frozen and bool(self.augmented_views or not self.augmentations)

    @property
    def folds_together(self) -> bool:
        """Whether a fold is but a logistic regression on features that all folds have in common."""
        return self.trains_on_features and self.head == "logistic"

    def loss_in_words(self, loss: str) -> str:
        """The task's loss, and what this recipe changes of it."""
        values = {name: getattr(self, name) for name in ("label_smoothing", "logit_adjustment")}
        changed = [f"{name} {value}" for name, value in values.items() if value]
        return ", ".join([_LOSSES.get(self.loss, loss), *changed])

    def validate(self) -> None:
        """As TrainingRecipe's; a fold is one of several."""
        if self.fold is None and not (self.folds and self.folds_together):
            raise UserError(
                "setting fold=none: all folds in one kernel need folds, head=logistic and "
                "freeze_backbone=True"
            )
        if self.folds == 1 or (self.fold or 0) >= max(1, self.folds * self.repeats):
            raise UserError(
                f"settings folds={self.folds} fold={self.fold}: folds are 2 or more (0 for none), "
                f"and a fold is one of 0 to folds x repeats - 1"
            )
        if self.folds and self.split != "given":
            raise UserError(
                f"setting split={self.split}: folds are of train and validation as they are given: "
                f"leave one of both out"
            )
        if self.export and (self.refit or self.fold is None):
            raise UserError(
                "setting export=yes: the files are measured on validation, which a refit learns: "
                "write refit=no, too, and give no folds"
            )
        if self.repeats > 1 and not self.folds:
            raise UserError(f"setting repeats={self.repeats}: there are no folds to repeat")
        super().validate()
        self._check_augmented_views()
        self._check_loss()
        self._check_balance()
        self._check_head()

    def _check_head(self) -> None:
        """Raise UserError for a head that cannot be built, or not be fitted."""
        layers = parse_head(self.head_layers)
        if self.head != "logistic":
            return
        # Without a frozen backbone it is where a training begins, in which something is dropped.
        fit = (*POOLS, *(() if self.is_frozen else ("dropout",)))
        if others := [layer.kind for layer in layers if layer.kind not in fit]:
            raise UserError(
                f"settings head=logistic head_layers={self.head_layers}: it is fitted on what the "
                f"backbone gives, without {others[0]} between: take head=dense"
            )
        if self.is_frozen and self.augmentations and not self.augmented_views:
            changing = [f"{name}={getattr(self, name):g}" for name in self.augmentations]
            zeros = " ".join(f"--set {name}=0" for name in self.augmentations)
            them = "it" if len(changing) == 1 else "them"
            raise UserError(
                f"settings head=logistic freeze_backbone=True: the head is fitted on features that "
                f"are computed once, and {' and '.join(changing)} would change them: write 0 for "
                f"{them} ({zeros}), add augmented_views=4, or take head=dense"
            )

    def _check_augmented_views(self) -> None:
        if not self.augmented_views:
            return
        setting = f"setting augmented_views={self.augmented_views}"
        if not self.is_frozen:
            raise UserError(
                f"{setting}: the backbone is trained, and sees new pictures anyway: write "
                f"augmented_views=0"
            )
        if not self.augmentations:
            raise UserError(f"{setting}: nothing augments: set rotation, colour_jitter or others")
        if mixing := [name for name in ("mixup", "cutmix") if getattr(self, name)]:
            raise UserError(f"{setting}: {mixing[0]} mixes pictures of a batch: write 0 for it")

    def _check_loss(self) -> None:
        if self.loss != "crossentropy" and self.logit_adjustment:
            raise UserError(
                f"settings loss={self.loss} logit_adjustment={self.logit_adjustment:g}: the "
                f"adjustment is of loss=crossentropy: write 0 for it"
            )
        if self.loss == "hinge" and self.label_smoothing:
            raise UserError(
                f"settings loss=hinge label_smoothing={self.label_smoothing:g}: it is of losses "
                f"with a target for each class: write 0 for it, or take another loss"
            )

    def _check_balance(self) -> None:
        if self.balance in ("copies", "augmented", "undersample") and self.logit_adjustment:
            raise UserError(
                f"settings balance={self.balance} logit_adjustment={self.logit_adjustment:g}: the "
                f"classes are of one size already: take one of both"
            )
        if self.balance != "augmented":
            return
        if self.is_frozen and (self.augmented_views or self.head == "logistic"):
            raise UserError(
                "setting balance=augmented: features are computed once, for all pictures alike: "
                "take balance=copies, or head=dense without augmented_views"
            )
        if not self.augmentations:
            raise UserError(
                "setting balance=augmented: nothing augments the copies: set rotation, "
                "horizontal_flip or another augmentation, or take balance=copies"
            )
        mixing = [name for name in ("mixup", "cutmix") if getattr(self, name)]
        if mixing:
            raise UserError(
                f"settings balance=augmented {mixing[0]}={getattr(self, mixing[0]):g}: it mixes "
                f"all pictures of a batch, not the copies alone: take balance=copies"
            )

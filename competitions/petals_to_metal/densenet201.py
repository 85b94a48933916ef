"""DenseNet201 on 104 flowers, all layers trained.

Full size, 331 x 331, 25 epochs: published accuracy 0.9450 and loss 0.2462 on validation, 0.9998 and
0.0052 on train, 0.9832 and 0.0669 of the refit, public macro F1 0.92 alone (one run: how far it
spreads is not published), and with efficientnetb7 2,480 s on a TPU v3-8. The dry run's miniature is
another, much smaller network (about 0.95 on generated data, in half a minute on two cores): its
score says only that the path works.

From a clone of the repository: python submit.py petals --model densenet201 [--dry-run]
"""

RECIPE: dict = dict(
    backbone="DenseNet201",
    weights="imagenet",
    freeze_backbone=False,
    preprocessing="1/255",  # of pixels, whatever the pretrained weights expect
    image_size=331,
    crop_margin=30,  # resized to 361 and cropped (the source's 331*30 is read as 331 + 30)
    interpolation="nearest",
    evaluation="whole",  # validation and test are not cropped
    batch_size=16,  # per replica: 128 on a TPU's eight
    pictures_per_epoch=12_672,  # 12,753 // 128 = 99 batches, of the refit's 16,465 pictures too
    epochs=25,
    optimizer="adam",
    schedule="ramp",  # up in lr_ramp_epochs, then towards lr_min, times lr_decay an epoch
    lr_start=1e-5,
    lr_max=5e-5,  # per replica: 4e-4 on eight, and 1.56e-5 in the last epoch
    lr_min=1e-5,  # the source's "+ LR_MIN" on a line of its own is read as part of the formula
    lr_ramp_epochs=5,
    lr_sustain_epochs=0,
    lr_decay=0.8,
    horizontal_flip=0.5,  # probabilities
    vertical_flip=0.5,
    rot90_probability=0.2,  # of each of one, two and three quarter turns
    transpose_probability=0.25,
    colour_jitter=0.0,
    mixup=0.0,
    cutmix=0.0,
    label_smoothing=0.0,
    refit=True,  # once more on train and validation, for test
    refit_fresh=True,
    refit_epochs=None,  # as many
    tta=1,
    total_parameters=18_521_768,
    trainable_parameters=18_292_712,
)
PARAMETERS: dict = {}

from typing import Any

from common.networks.classifier import build_classifier
from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.petals_to_metal import COMPETITION, data, miniatures


def build_model(weights: str | None, recipe: ClassifierRecipe) -> Any:
    """The recipe's backbone, average pooling, softmax over the classes: a ``keras.Model``."""
    head = COMPETITION.task.output_layer()
    return build_classifier(head, weights, recipe, miniatures.densenet)


KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    build_model=build_model,
    best=miniatures.BEST,
    dry_run=miniatures.SMALL,
    accelerators=("tpu", "gpu", "cpu"),
    # Of a session with the refit. TPU: half of the published 2,480 s (v3-8) for this network and
    # EfficientNetB7. GPU: a rough estimate, not measured: 634,000 pictures (both trainings),
    # 9.4 GMAC forward each, at an assumed 50 a second on one T4 in mixed precision.
    hours={"tpu": 0.35, "gpu": 3.5},
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

"""Xception on 104 flowers: the ImageNet network frozen, a small head trained.

Full size, 331 x 331, 25 epochs: published accuracy 0.8357 and loss 0.6770 on validation, 0.9061 and
0.3525 on train (one run: how far it spreads is not published). The cheapest of the three, and not
in the default ensemble. In the dry run a miniature is trained whole.

From a clone of the repository: python submit.py petals --model xception [--dry-run]
"""

RECIPE: dict = dict(
    backbone="Xception",
    weights="imagenet",
    freeze_backbone=True,  # statistics too: its BatchNormalization stays in inference mode
    head_layers="average, batchnorm, dense 512, batchnorm, dropout 0.2",
    preprocessing="1/255",  # of pixels, whatever the pretrained weights expect
    image_size=331,
    crop_margin=30,  # resized to 361 and cropped (the source's 331*30 is read as 331 + 30)
    interpolation="nearest",
    evaluation="whole",  # validation and test are not cropped
    batch_size=16,  # per replica: 128 on a TPU's eight
    pictures_per_epoch=12_672,  # 12,753 // 128 = 99 batches, of the refit's 16,465 pictures too
    epochs=25,
    optimizer="rmsprop",  # made with a rate of 5e-4, which the ramp replaces at once
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
    total_parameters=21_974_160,
    trainable_parameters=1_107_560,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.petals_to_metal import COMPETITION, data, miniatures

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    best=miniatures.BEST,
    dry_run=miniatures.SMALL,
    accelerators=("tpu", "gpu", "cpu"),
    # Of a session with the refit. Rough estimates, not measured: about a third of DenseNet201's,
    # whose forward pass costs as much (10.3 GMAC here), because the backbone has no backward pass.
    hours={"tpu": 0.15, "gpu": 1.2},
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

"""InceptionV3 on chest X-rays: the ImageNet network frozen, dense layers on each place of its map.

Published, on 879 of all 5,856 pictures at random (641 PNEUMONIA, 238 NORMAL): accuracy 0.9647,
precision 0.9664, recall 0.9860, specificity 0.908. Batch, epochs and optimizer are those of its
repository. Its other rows, in parameters, accuracy, precision, recall and specificity:

dropout: 0.9579, 0.9521, 0.9922, 0.866
    --set "head_layers=dense 10, dropout 0.2, dense 6, dropout 0.2, flatten"
augmented: 0.9158, 0.899, 0.997, 0.697, but trained without it in the saved notebook
    --set horizontal_flip=0.5 --set vertical_flip=0.5 --set rotation=72
third convolution: 21,823,996 and 44,828 trainable (layers 7 to 11), 0.9545, 0.9574, 0.9813, 0.882
    --set "head_layers=dense 10, dropout 0.2, flatten" --set unfreeze=input+7..input+11
last convolution: 21,823,996 and 414,748 trainable (layers 299 to 301: conv2d_93, the
BatchNormalization of another branch, an activation), 0.9716, 0.9813, 0.9797, 0.950
    --set "head_layers=dense 10, dropout 0.2, flatten" --set unfreeze=mixed9+20..mixed9+22
balanced, NORMAL copied to 2,991: 0.9534, 0.9839, 0.9516, 0.958
    --set balance=copies

From a clone of the repository: python submit.py pneumonia --model inceptionv3 [--dry-run], and by
patient with --set split=grouped.
"""

RECIPE: dict = dict(
    backbone="InceptionV3",
    weights="imagenet",
    freeze_backbone=True,
    unfreeze="",
    head_layers="dense 10, dense 6, flatten",  # dense: at each position
    preprocessing="1/255",  # of pixels, whatever the pretrained weights expect
    image_size=255,
    crop_margin=0,
    fit="squash",
    split="random",  # as published: all pictures 70/15/15, patients on both sides
    balance="none",
    batch_size=32,  # per replica: 64 on a GPU's two
    epochs=12,
    optimizer="adam",
    schedule="constant",
    lr_max=1e-3,  # Keras' own: none is published
    rotation=0.0,  # degrees, to either side
    horizontal_flip=0.0,
    vertical_flip=0.0,
    refit=False,
    total_parameters=21_823_774,
    trainable_parameters=20_990,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.chest_xray import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    accelerators=("gpu", "cpu"),
    hours={"gpu": 0.1, "cpu": 0.5},  # rough estimates, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

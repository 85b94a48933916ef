"""DenseNet201 on 14 celebrities, all layers trained, with a hidden layer of 4,096.

As the publication's text has it: 256 x 256, Adam 1e-4, 45 epochs, for 30 were too few; 26,247,758
parameters and a file of 315.8 MB, which is the model with Adam's state. It gives no accuracy. The
code that it prints is another network, of 19,312,718 parameters (computed):

    --set image_size=224 --set epochs=35
    --set "head_layers=average, dropout 0.5, dense 512, dropout 0.3"

From a clone of the repository: python submit.py celebrities --model densenet201 [--dry-run]
"""

RECIPE: dict = dict(
    backbone="DenseNet201",
    weights="imagenet",
    freeze_backbone=False,
    head_layers="average, dense 4096, dropout 0.2",
    preprocessing="backbone",
    image_size=256,
    crop_margin=0,
    batch_size=8,  # per replica: 16 on a GPU's two
    epochs=45,
    optimizer="adam",
    schedule="constant",
    lr_max=1e-4,
    rotation=10.0,  # degrees, to either side; borders are mirrored (published: edges repeated)
    zoom=0.1,
    shift=0.1,
    horizontal_flip=0.5,  # and never top to bottom: they are faces
    refit=False,  # there is no test to predict
    total_parameters=26_247_758,
    trainable_parameters=26_018_702,
)
PARAMETERS: dict = {}

from common.recipes.classifier import ClassifierRecipe
from common.training.classifier_training import ClassifierKernel
from competitions.celebrity_faces import COMPETITION, data

KERNEL = ClassifierKernel(
    COMPETITION,
    ClassifierRecipe(**RECIPE),
    load=data.load,
    accelerators=("gpu", "cpu"),
    hours={"gpu": 0.2},  # a rough estimate, not measured
)

if __name__ == "__main__":
    KERNEL.main(PARAMETERS)

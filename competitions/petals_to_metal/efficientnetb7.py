"""EfficientNetB7 on 104 flowers, all layers trained, from noisy-student weights.

Full size, 331 x 331, 25 epochs: published validation accuracy 0.9504, public macro F1 0.93 alone
(one run: how far it spreads is not published), and with densenet201 2,480 s on a TPU v3-8. The
network is that of the ``efficientnet`` package, which has these weights and runs on TensorFlow
only: not on Kaggle's TPUs. The dry run's miniature is another, much smaller network (about 0.94
on generated data, in half a minute on two cores): its score says only that the path works.

    python submit.py petals --model efficientnetb7 [--dry-run]
    python -m competitions.petals_to_metal.efficientnetb7    # here, as it stands
"""

from typing import Any

from common.classifier import ClassifierKernel, ClassifierRecipe
from common.training import train_classifier
from competitions.petals_to_metal import COMPETITION, data, miniatures

PARAMETERS: dict = {}
ACCELERATORS = ("gpu", "cpu")
PACKAGES = {"efficientnet": "1.1.1"}  # not on Kaggle's images
RECIPE = ClassifierRecipe(
    optimizer="adam",
    weights="noisy-student",
    preprocessing="torch",  # as the package's own preprocess_input
    total_parameters=64_364_024,
    trainable_parameters=64_053_304,
)
# Hours of a session with the refit. GPU: a rough estimate, not measured: 730,000 pictures (both
# trainings), 11.3 GMAC forward each, at an assumed 25 a second on one T4 in mixed precision: half
# of DenseNet201's, because depthwise convolutions wait for memory.
HOURS = {"gpu": 8.0}
DRY_RUN = miniatures.SETTINGS
WEIGHTS_FILES = {
    "noisy-student": "efficientnet-b7_noisy-student_notop.h5",
    "imagenet": "efficientnet-b7_weights_tf_dim_ordering_tf_kernels_autoaugment_notop.h5",
}


def build_model(weights: str | None = "noisy-student", recipe: ClassifierRecipe = RECIPE) -> Any:
    """EfficientNetB7, average pooling, softmax over the classes: a ``keras.Model``.

    ``weights`` is None, ``noisy-student``, ``imagenet``, or the path of a weights file.
    """
    import keras

    if recipe.miniature:
        backbone = miniatures.efficientnet(recipe.image_size)
    else:
        from efficientnet.tfkeras import EfficientNetB7

        shape = (recipe.image_size, recipe.image_size, 3)
        backbone = EfficientNetB7(include_top=False, weights=weights, input_shape=shape)
    backbone.trainable = not recipe.freeze_backbone
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    classes = len(COMPETITION.classes)
    outputs = keras.layers.Dense(classes, activation="softmax", dtype="float32")(x)
    return keras.Model(backbone.input, outputs, name="efficientnetb7")


KERNEL = ClassifierKernel(
    COMPETITION,
    data.load,
    build_model,
    RECIPE,
    DRY_RUN,
    WEIGHTS_FILES,
    ACCELERATORS,
    packages=PACKAGES,
)


def main() -> None:
    """Train, predict, and leave everything in the working folder."""
    train_classifier(KERNEL, PARAMETERS)


if __name__ == "__main__":
    main()

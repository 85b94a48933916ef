"""EfficientNet-Lite0 by other libraries, for ``transfer.py``: features and training.

Each function prepares a way and returns its turn.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common.data.batches import Training, one_hot
from common.data.pictures import Pictures
from common.recipes.classifier import ClassifierRecipe

BATCH, CLASSES, SIDE, CORES = 32, 104, 192, os.cpu_count() or 1
LITE0 = "EfficientNetLite0"
RECIPE = ClassifierRecipe(backbone=LITE0, image_size=SIDE, crop_margin=0, batch_size=BATCH)
Turn = Callable[[int], np.ndarray]  # features of all pictures, or losses of so many steps


def stacked(part: Pictures) -> Iterator[np.ndarray]:
    """Batches of the pictures, ``(32, 192, 192, 3)`` uint8."""
    for start in range(0, len(part), BATCH):
        yield np.stack([part[row] for row in range(start, start + BATCH)])


def batches(part: Pictures, steps: int) -> Any:
    """The same batches for all ways of training: the kernels' own, one an epoch."""

    def encode(labels: np.ndarray) -> np.ndarray:
        return one_hot(labels, CLASSES)

    return Training([part], RECIPE, encode, BATCH, 0, pictures=BATCH).batches(range(steps))


def head() -> np.ndarray:
    """The first weights of a head, ``(1280, classes)``, for all ways of training."""
    return np.random.default_rng(0).normal(0, 0.02, (1280, CLASSES)).astype(np.float32)


def keras_network() -> Any:
    """A ``keras.Model`` from pictures to features ``(n, 1280)``, pretrained."""
    import keras

    from common.networks.backbones import build_backbone

    body = build_backbone(LITE0, "imagenet", SIDE)
    return keras.Model(body.input, keras.layers.GlobalAveragePooling2D()(body.output))


def keras_features(part: Pictures) -> Turn:
    """Keras on TensorFlow, as ``predict`` does it."""
    from common.accelerator import set_up

    set_up("cpu")
    network = keras_network()
    network.compile(jit_compile=False)
    return lambda _: by_batches(network.predict_on_batch, part)


def litert_features(part: Pictures) -> Turn:
    """LiteRT by hand: the whole batch as float32, XNNPACK with a thread a core."""
    from common.accelerator import set_up

    set_up("cpu")
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    network = keras_network()
    call = tf.function(lambda pictures: network(pictures, training=False), autograph=False)
    traced = call.get_concrete_function(tf.TensorSpec((BATCH, SIDE, SIDE, 3), tf.float32))
    content = tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert()
    interpreter = Interpreter(model_content=content, num_threads=CORES)
    interpreter.allocate_tensors()
    begin, end = interpreter.get_input_details(), interpreter.get_output_details()

    def features(pictures: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(begin[0]["index"], pictures.astype(np.float32))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(end[0]["index"]))

    return lambda _: by_batches(features, part)


def torch_network() -> Any:
    """The package's network with its weights, channels last, without dropout."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    from common.networks.backbones import BACKBONES
    from common.networks.packaged import find_packaged
    from common.parameters import Parameters

    torch.set_num_threads(CORES)
    package = BACKBONES[LITE0].package
    assert package
    dropped = {"dropout_rate": 0.0, "drop_connect_rate": 0.0}
    network = EfficientNet.from_name("efficientnet-lite0", image_size=SIDE, **dropped)
    network.load_state_dict(torch.load(find_packaged(package, Parameters()), weights_only=True))
    return network.to(memory_format=torch.channels_last)


def torch_pixels(pictures: Any) -> Any:
    """A uint8 tensor ``(n, 192, 192, 3)`` as the network's input, channels last without a copy."""
    return (pictures.permute(0, 3, 1, 2).float() - 127.0) / 128.0


def torch_backbone() -> Any:
    """A ``torch.nn.Module`` from pictures ``(n, 192, 192, 3)`` uint8 to features."""
    import torch

    class Backbone(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = torch_network()

        def forward(self, pictures: Any) -> Any:
            return self.network.extract_features(torch_pixels(pictures)).mean((2, 3))

    return Backbone().eval()


def torch_features(part: Pictures) -> Turn:
    """PyTorch in inference mode."""
    import torch

    backbone = torch_backbone()

    def features(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(backbone(torch.from_numpy(pictures)).numpy())

    return lambda _: by_batches(features, part)


def onnx_features(part: Pictures) -> Turn:
    """ONNX Runtime with the network that PyTorch exports, a thread a core."""
    import onnx  # noqa: F401 (PyTorch's exporter needs it)
    import onnxruntime
    import torch

    example = torch.zeros((BATCH, SIDE, SIDE, 3), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "lite0.onnx")
        torch.onnx.export(
            torch_backbone(), (example,), path, dynamo=False, input_names=["pictures"]
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = CORES
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    return lambda _: by_batches(lambda pictures: session.run(None, {"pictures": pictures})[0], part)


def torch_train(part: Pictures) -> Turn:
    """PyTorch with Adam, fed as ours."""
    import torch

    network = torch_network()
    network._fc = torch.nn.Linear(1280, CLASSES)
    with torch.no_grad():
        network._fc.weight.copy_(torch.from_numpy(head().T))
        network._fc.bias.zero_()
    network = network.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, eps=1e-7, fused=True)
    crossentropy = torch.nn.CrossEntropyLoss()

    def step(pictures: Any, targets: Any) -> float:
        optimizer.zero_grad()
        outputs = network(torch_pixels(torch.from_numpy(pictures)))
        loss = crossentropy(outputs, torch.from_numpy(targets))
        loss.backward()
        optimizer.step()
        return loss.item()

    return lambda steps: np.array([step(*batch[:2]) for batch in batches(part, steps)])


def by_batches(features: Callable[[np.ndarray], np.ndarray], part: Pictures) -> np.ndarray:
    """The features of all pictures, ``(n, 1280)``."""
    return np.concatenate([features(pictures) for pictures in stacked(part)])

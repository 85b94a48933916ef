"""How large the celebrities' networks are as files, and how long a picture takes on this CPU.

Each recipe's network at full size, from random weights: its weights as Keras saves them, the model
with Adam's state (HDF5), which is what the publication's 315.8 MB are, and LiteRT files of float32,
float16 and int8, with milliseconds of one picture (median and quartiles of 30) on one thread and on
two, and the processor's own time for it on one, which other work on the machine disturbs least.
Size and time do not depend on what a network has learnt; what it is worth does, and is
measured where there are weights: EfficientNet-Lite0, frozen, trained on FOLDER by the command
itself, with ``--set export=yes``.

    python benchmarks/sizes.py [FOLDER] [--only NAME …] [--json]

FOLDER has 14-celebrity-faces-dataset or a part of it. With ``--json`` the last line is
``{"DenseNet201": {"weights": …, "float32": {"bytes": …, "ms": …, "cpu_ms": …, …}, …}, …}``.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from common.errors import UserError, shown_in_one_line
from common.networks.export import KINDS, LiteFile, convert, latency, machine
from common.training.model import parameter_counts
from kernels.plan.find import find_competition, load_module

THREADS = (1, 2)
PRINTED = {"head_layers": "average, dropout 0.5, dense 512, dropout 0.3", "image_size": 224}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {  # the recipe, and what differs from it
    "DenseNet201": ("densenet201", {}),
    "DenseNet201, printed code": (
        "densenet201",
        {**PRINTED, "total_parameters": 19_312_718, "trainable_parameters": 0},
    ),
    "DenseNet121": ("densenet121", {}),
    "ResNet50": ("resnet50", {}),
    "MobileNet": ("mobilenet", {}),
    "Lite0": ("efficientnetlite0", {}),
    "cnn": ("cnn", {}),
}


def built(script: str, changes: dict[str, Any]) -> Any:
    """The recipe's network with random weights. Raises UserError if it has other parameters."""
    kernel = load_module(find_competition("celebrities"), script).KERNEL
    recipe = replace(kernel.recipe, **changes)
    model = kernel.network(recipe)
    for name, number in parameter_counts(model).items():
        if getattr(recipe, name) not in (0, number):
            raise UserError(f"{script} has {number:,} {name}, not {getattr(recipe, name):,}")
    return model


def saved(model: Any) -> dict[str, int]:
    """The bytes of the weights, and of the model with Adam's state, as Keras saves them."""
    with TemporaryDirectory() as folder:
        weights, whole = Path(folder, "it.weights.h5"), Path(folder, "it.h5")
        model.save_weights(weights)
        model.compile("adam", "categorical_crossentropy")
        model.optimizer.build(model.trainable_variables)
        model.save(whole)
        return {"weights": weights.stat().st_size, "with_optimizer": whole.stat().st_size}


def measured(model: Any) -> dict[str, Any]:
    """Parameters, bytes and milliseconds of all its files."""
    found: dict[str, Any] = {**parameter_counts(model), **saved(model)}
    noise = np.random.default_rng(0).integers(0, 256, (8, *model.input_shape[1:]), np.uint8)
    for kind in KINDS:
        content = convert(model, kind, noise)
        found[kind] = {"bytes": len(content)}
        for threads in THREADS:
            took = latency(LiteFile(content, threads), noise[0])
            of, ends = (
                "" if threads == 1 else f"_{threads}",
                [round(took.low, 2), round(took.high, 2)],
            )
            found[kind] |= {f"ms{of}": round(took.median, 2), f"quartiles{of}": ends}
            found[kind] |= {f"cpu_ms{of}": round(took.cpu, 2)}
    return found


def trained(folder: Path) -> list[dict[str, Any]]:
    """What the command says of Lite0's files, trained on ``folder``: as ``metrics.json`` has it."""
    with TemporaryDirectory() as scratch:
        asked = ("celebrities", "--model", "efficientnetlite0", "--dry-run", "--data", str(folder))
        settings = ("--set", "export=yes", "--set", "refit=no", "--run-dir", scratch)
        command = [sys.executable, str(ROOT / "submit.py"), *asked, *settings]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            raise UserError(f"{' '.join(asked)}: {done.stderr.strip().splitlines()[-1]}")
        metrics = Path(scratch, "outputs", "efficientnetlite0", "metrics.json").read_text("utf-8")
        return list(json.loads(metrics)["exports"])


def shown(name: str, found: dict[str, Any]) -> None:
    """Print a network's lines."""
    print(
        f"{name}: {found['total_parameters']:,} parameters, {found['trainable_parameters']:,} learn"
    )
    for words, key in (("weights", "weights"), ("with Adam's state", "with_optimizer")):
        print(f"  {words:<18}{found[key] / 1e6:8.1f} MB")
    for kind in KINDS:
        one, times = found[kind], []
        for threads in THREADS:
            of = "" if threads == 1 else f"_{threads}"
            low, high = one[f"quartiles{of}"]
            times.append(f"{one[f'ms{of}']:.1f} ms ({low:.1f} to {high:.1f}) on {threads}")
        words = f"{one['cpu_ms']:.1f} ms of the processor; {', '.join(times)} threads"
        print(f"  {kind:<18}{one['bytes'] / 1e6:8.1f} MB   {words}", flush=True)


@shown_in_one_line()
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=[*NETWORKS], metavar="NAME")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.folder and not arguments.folder.is_dir():
        raise UserError(f"{arguments.folder} is no folder: name the one with the pictures")
    import keras

    found: dict[str, Any] = {}
    for name in arguments.only:
        found[name] = measured(built(*NETWORKS[name]))
        keras.backend.clear_session()
        shown(name, found[name])
    if arguments.folder:
        for one in trained(arguments.folder):
            low, high = one["interval"]
            worth = f"accuracy {one['score']:.3f} ({low:.3f} to {high:.3f}, n {one['n']})"
            print(f"Lite0, trained on {arguments.folder.name}, {one['kind']}: {worth}")
            found["Lite0"] = {**found.get("Lite0", {}), f"accuracy_{one['kind']}": one["score"]}
    else:
        print("without FOLDER nothing is trained, and no file has an accuracy")
    print(f"{machine()}, load {os.getloadavg()[1]:.1f}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()

"""The weights that a training leaves, and a training that begins with such weights."""

import dataclasses
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from common.competition import Competition
from common.errors import UserError
from common.files.network import WEIGHTS, Network, network_name, read_networks, write_network
from common.inputs import as_given, dataset_folder
from common.kernel import KernelRun, installed_versions
from common.manifest import file_sha256
from common.progress import report
from common.recipes.classifier import ALL_ANEW
from common.training.model import copied, parameter_counts

BEGINS_WITH = "begins_with"  # among a manifest's facts
_EVERYTHING = "train and validation"
_VERSIONS = ("python", "keras", "tensorflow", "jax")


@dataclass(frozen=True)
class Published:
    """Weights that an earlier run has left, in the data set ``source``, at ``path``.

    ``saw_validation``: whether they have learnt from pictures that this kernel validates on.
    """

    source: str
    network: Network
    path: Path
    saw_validation: bool


def save_network(run: KernelRun, competition: Competition, model: Any, refit: bool = False) -> None:
    """Write the weights of ``model`` as they are now, and what they are of, into the run's folder.

    After a ``refit`` the network has learnt from validation, too. Of several processes the first
    one writes; Keras gathers the weights from all of them.
    """
    import keras

    recipe, task, kernel = run.recipe, competition.task, _kernel(run)
    begun = run.facts.get(BEGINS_WITH, {})
    seen = refit or begun.get("saw_validation")
    frozen = not any(layer.trainable_weights for layer in model.layers[:-1])
    run.facts["parameters"] = parameter_counts(model)
    with run.stage("weights"), TemporaryDirectory() as others:
        weights = (run.folder if run.primary else Path(others)) / f"{kernel}{WEIGHTS}"
        # The same layers without the optimizer, whose state is twice as large.
        keras.Model(model.inputs, model.outputs).save_weights(weights)
        versions = {n: v for n, v in installed_versions().items() if n in _VERSIONS}
        facts = {
            "kernel": kernel,
            "competition": competition.slug,
            "title": competition.title,
            "task": task.name,
            "network": network_name(recipe, kernel),
            "image_size": getattr(recipe, "image_size", 0),
            "preprocessing": getattr(recipe, "preprocessing", ""),
            "outputs": int(model.output.shape[-1]),
            "trained_on": _EVERYTHING if seen else trained_on(run),
            "head_alone": frozen and begun.get("head_alone", True),
            "parameters": run.facts["parameters"]["total_parameters"],
            "classes": list(task.classes),
            "recipe": dataclasses.asdict(recipe),
            "versions": {**versions, "backend": keras.config.backend()},
        }
        write_network(weights.parent, weights, facts)
    run.facts["stays"] = [*run.facts.get("stays", ()), f"*{WEIGHTS}"]


def trained_on(run: KernelRun) -> str:
    """In words, the pictures that a kernel trains on before any refit."""
    recipe, seed = run.recipe, f"seed {run.parameters.seed}"
    split = getattr(recipe, "split", "given")
    if split != "given":
        share = "70 % of all pictures" if split in ALL_ANEW else "85 % of train + validation"
        return f"{share}, split={split} ({seed})"
    if not getattr(recipe, "folds", 0):
        return "train"
    if recipe.fold is None:
        return f"{_EVERYTHING} but each of {recipe.folds} folds in turn ({seed})"
    again, fold = divmod(recipe.fold, recipe.folds)
    split = f"{seed}, split {again + 1}" if again else seed
    return f"{_EVERYTHING} but fold {fold} of {recipe.folds} ({split})"


def find_published(run: KernelRun, competition: Competition) -> Published | None:
    """The weights for this kernel in the data set of ``--weights-source``; None if it has no such.

    Those of the kernel's own name, else the first of the same network. Raises UserError when all
    are of other networks, or the file is not the one that was published.
    """
    source = run.parameters.weights_source
    folder = dataset_folder(source, run.parameters.internet) if source else None
    networks = read_networks(folder) if folder else {}
    if not networks:
        return None
    own, kernel = network_name(run.recipe, _kernel(run)), _kernel(run)
    known = {name: one for name, one in networks.items() if one[0].network == own}
    if not known:
        others = ", ".join(f"{name} ({one.network})" for name, (one, _) in networks.items())
        raise UserError(
            f"weights source {source} has no weights of this kernel's network, {own}, but of "
            f"{others}: name another --weights-source, or train these"
        )
    network, path = known.get(kernel) or next(iter(known.values()))
    if not path.is_file():
        raise UserError(f"weights source {source} describes {path.name} and has no such file")
    if file_sha256(path) != network.sha256:
        size = path.stat().st_size
        raise UserError(
            f"{as_given(path)} is not the file that was published ({size} bytes, and "
            f"{network.bytes} expected): publish it again"
        )
    kept = not (network.head_alone and getattr(run.recipe, "head", "") == "logistic")
    other = network.trained_on != trained_on(run)
    saw = network.competition == competition.slug and other and kept  # a new head knows nothing
    return Published(source, network, path, saw)


def begin_with(published: Published, model: Any, run: KernelRun) -> None:
    """Give ``model`` the published weights of every layer that they fit.

    Other layers after the last convolution, such as a head of other classes, stay random. The log
    and the manifest say which. Raises UserError where the weights are of another network.
    """
    random, layers = _fill(model, published.path)
    source, kernel = published.source, published.network.kernel
    run.facts[BEGINS_WITH] = {
        **{"source": source, "kernel": kernel, "sha256": published.network.sha256},
        **{"layers": layers - len(random), "random": random},
        "saw_validation": published.saw_validation,
        "head_alone": published.network.head_alone,
    }
    taken, others = f"{layers - len(random)}/{layers}", ", ".join(random) or "none"
    report("weights", source=source, of=kernel, layers=taken, random=others)
    if published.saw_validation:
        warning = (
            f"{_kernel(run)} began with weights that have learnt from its validation pictures: its "
            f"validation score is too good"
        )
        report("weights", warning=warning)
        known = [one for one in run.facts.get("warnings", ()) if one != warning]
        run.facts["warnings"] = [*known, warning]


def _fill(model: Any, path: Path) -> tuple[list[str], int]:
    """Load a file; return the layers that it does not fit, and how many there are in all.

    Those stay as they were. What the file gives is known by NaNs, as Keras names one misfit alone.
    """
    variables = [v for v in model.weights if np.issubdtype(np.dtype(v.dtype), np.floating)]
    before = [copied(variable) for variable in variables]
    for variable, value in zip(variables, before, strict=True):
        variable.assign(np.full_like(value, np.nan))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.load_weights(path, skip_mismatch=True)
    except (OSError, ValueError, KeyError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{as_given(path)} cannot be read as weights of Keras ({said})") from None
    random, convolution, layers = [], -1, 0
    for number, (name, rows) in enumerate(_by_layer(variables, before)):
        layers = number + 1
        if any(value.ndim > 2 for _, value in rows):
            convolution = number
        if any(np.isnan(copied(variable)).any() for variable, _ in rows):
            random.append((number, name))
            for variable, value in rows:
                variable.assign(value)
    wrong = [name for number, name in random if number <= max(convolution, 0)]
    if wrong:
        raise UserError(
            f"{as_given(path)} is of another network than this {model.name}: {len(wrong)} of "
            f"{layers} layers do not fit, such as {wrong[0]}"
        )
    return [name for _, name in random], layers


def _by_layer(variables: list[Any], values: list[np.ndarray]) -> Iterator[tuple[str, list[Any]]]:
    """Each layer's name, and its variables with their values, in the network's order."""

    def layer(row: tuple[Any, np.ndarray]) -> str:
        return str(row[0].path).rpartition("/")[0]

    for name, rows in groupby(zip(variables, values, strict=True), layer):
        yield name, list(rows)


def _kernel(run: KernelRun) -> str:
    return run.parameters.kernel or "network"

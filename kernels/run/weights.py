"""The weights that a run's kernels have left at Kaggle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files.network import DESCRIPTION, WEIGHTS, Network, read_network
from common.manifest import file_sha256, read_manifest, stays
from common.text import size_in_words
from kernels.bundle.build import Bundle
from kernels.kaggle.client import Kaggle
from kernels.kaggle.downloads import fetch_file, inside
from kernels.kaggle.states import KernelState
from kernels.run.state import Run


@dataclass(frozen=True)
class KernelWeights:
    """What one kernel has left: its network, and the two files in its output's folder."""

    bundle: Bundle
    network: Network
    description: Path
    weights: Path


def fetch_weights(
    kaggle: Kaggle, run: Run, bundles: Sequence[Bundle], say: Callable[[str], object]
) -> None:
    """Fetch the weights of all finished kernels that are not here yet, checked by their manifests.

    Raises UserError where Kaggle no longer has them, and as downloads do.
    """
    for bundle in bundles:
        name, known = bundle.kernel.name, run.kernel(bundle.kernel.name)
        if known.state is not KernelState.COMPLETE:  # such as an audit that failed
            continue
        folder = run.output(name)
        manifest = read_manifest(folder, name, known.nonce, fetched=True)
        missing = {
            file: facts
            for file, facts in manifest["files"].items()
            if file.endswith(WEIGHTS) and stays(manifest, file)
            if not _is_here(folder, file, facts)
        }
        if missing:
            _fetch(kaggle, run, bundle, missing, say)


def left_weights(run: Run, bundles: Sequence[Bundle]) -> list[KernelWeights]:
    """Return what the kernels of a run have left, all of it here, in their order.

    Raises UserError for a description that cannot be read.
    """
    found = []
    for bundle in bundles:
        folder = run.output(bundle.kernel.name)
        for path in sorted(folder.glob(f"*{DESCRIPTION}")):
            network = read_network(path)
            if (folder / network.file).is_file():
                found.append(KernelWeights(bundle, network, path, folder / network.file))
    return found


def _is_here(folder: Path, name: str, facts: Mapping[str, Any]) -> bool:
    path = inside(folder, name)
    return path.is_file() and file_sha256(path) == facts["sha256"]


def _fetch(
    kaggle: Kaggle,
    run: Run,
    bundle: Bundle,
    missing: Mapping[str, Mapping[str, Any]],
    say: Callable[[str], object],
) -> None:
    name = bundle.kernel.name
    urls = kaggle.outputs(bundle.kernel.slug, run.kernel(name).version, run.log(name))
    for file, facts in missing.items():
        if file not in urls:
            raise UserError(
                f"kernel {name}: Kaggle no longer lists {file} among its output: --rerun runs it "
                f"again"
            )
        say(f"fetching {file}, {size_in_words(facts.get('bytes', 0))}")
        fetch_file(urls[file], inside(run.output(name), file), facts["sha256"], name)

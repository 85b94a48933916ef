"""What is pushed: one folder a kernel, as plain ``kaggle kernels push -p FOLDER`` takes it.

A kernel is one text file on Kaggle. The shared packages travel as a utility script, a text that
has their files and writes them to its working folder when it runs; every other kernel finds
that output and checks its hash before importing from it.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from common.competition import Competition
from common.errors import UserError
from common.manifest import write_json
from common.parameters import Parameters
from common.secrets import find_secret
from common.shared_code import files_hash
from kernels.bundle.code import collect_shared, imports_hash
from kernels.bundle.rendering import Page, page_text, render_script, render_utility
from kernels.plan.find import kernel_scripts
from kernels.plan.planned import SHARED, PlannedKernel

METADATA = "kernel-metadata.json"
MACHINE_SHAPES = {"cpu": "", "gpu": "NvidiaTeslaT4", "tpu": "TpuV5E8"}

# A new-style token, or a key as it is written in kaggle.json.
_CREDENTIAL = re.compile(
    r"KGAT[_][0-9A-Za-z]{8,}|\\?[\"']key\\?[\"']\s*:\s*\\?[\"'][0-9a-f]{32}\\?[\"']"
)


@dataclass(frozen=True)
class Bundle:
    """One kernel ready to push.

    ``content`` is a hash of what makes a difference to its output: the script and all that it
    imports, its recipe, parameters and metadata; neither the run's nonce nor code it never sees.
    """

    kernel: PlannedKernel
    metadata: dict[str, Any]  # the content of kernel-metadata.json
    page: Page  # the script that Kaggle will run, but for its parameters
    parameters: Parameters  # of this run
    content: str

    @property
    def text(self) -> str:
        """The script that Kaggle will run."""
        return page_text(self.page, self.parameters.to_dict())


def build_bundles(
    competition: Competition, kernels: Sequence[PlannedKernel], owner: str
) -> tuple[Bundle, ...]:
    """The bundles of a run's kernels, in the same order."""
    shared, scripts = collect_shared(competition), kernel_scripts(competition)
    shared_hash = files_hash({name: text.encode() for name, text in shared.items()})
    slugs = {kernel.name: f"{owner}/{kernel.slug}" for kernel in kernels}
    bundles = []
    for kernel in kernels:
        if kernel.name == SHARED:
            page, code, recipe = render_utility(shared, kernel.slug), shared_hash, {}
        else:
            source = scripts[kernel.script].read_text("utf-8")
            page = render_script(source, kernel, None if SHARED in kernel.sources else shared)
            code, recipe = imports_hash(source, shared), asdict(kernel.recipe)
        metadata = _metadata(competition, kernel, slugs)
        parameters = replace(
            kernel.parameters,
            shared=slugs[SHARED] if SHARED in kernel.sources else "",
            shared_hash=shared_hash,
            sources={name: slugs[name] for name in kernel.sources if name != SHARED},
        )
        hashed = json.dumps([metadata, kernel.parameters.to_dict(), recipe, code], sort_keys=True)
        content = hashlib.sha256(hashed.encode()).hexdigest()
        bundle = Bundle(kernel, metadata, page, parameters, content)
        _refuse_credentials(kernel.name, bundle.text)
        bundles.append(bundle)
    return tuple(bundles)


def with_nonces(
    bundle: Bundle, nonce: str, source_nonces: Mapping[str, str], resume: bool = False
) -> Bundle:
    """The bundle as one run pushes it: its nonce, and those that its sources must show.

    With ``resume`` the kernel goes on from its own earlier version's output.
    """
    own, metadata = str(bundle.metadata["id"]), dict(bundle.metadata)
    if resume:
        metadata["kernel_sources"] = [*metadata["kernel_sources"], own]
    parameters = replace(
        bundle.parameters,
        nonce=nonce,
        source_nonces={name: source_nonces[name] for name in bundle.parameters.sources},
        resume=own if resume else "",
    )
    return replace(bundle, parameters=parameters, metadata=metadata)


def write_bundle(bundle: Bundle, folder: Path) -> Path:
    """Write the folder of one kernel: its script and ``kernel-metadata.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / bundle.metadata["code_file"]).write_text(bundle.text, encoding="utf-8")
    write_json(folder / METADATA, bundle.metadata)
    return folder


def _metadata(
    competition: Competition, kernel: PlannedKernel, slugs: dict[str, str]
) -> dict[str, Any]:
    weights = kernel.parameters.weights_source
    is_model = weights.count("/") > 1
    own = [] if kernel.name == SHARED else [competition.slug]
    datasets = [*(own if competition.is_dataset else []), *([] if is_model else [weights])]
    metadata = {
        "id": slugs[kernel.name],
        "title": kernel.slug.replace("-", " "),
        "code_file": f"{kernel.slug.replace('-', '_')}.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": kernel.accelerator == "gpu",
        "enable_tpu": kernel.accelerator == "tpu",
        "enable_internet": kernel.parameters.internet,
        "keywords": ["utility script"] if kernel.name == SHARED else [],
        "competition_sources": [] if competition.is_dataset else own,
        "dataset_sources": list(dict.fromkeys(filter(None, datasets))),
        "kernel_sources": [slugs[name] for name in kernel.sources],
        "model_sources": [weights] if is_model else [],
    }
    shape = MACHINE_SHAPES[kernel.accelerator]
    return {**metadata, "machine_shape": shape} if shape else metadata


def _refuse_credentials(name: str, text: str) -> None:
    source = find_secret(text)
    if source or _CREDENTIAL.search(text):
        found = f"the secret of {source}" if source else "a Kaggle credential"
        raise UserError(f"kernel {name}: its text has {found} in it: take it out and retry")

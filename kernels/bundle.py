"""What is pushed: one folder a kernel, as plain ``kaggle kernels push -p FOLDER`` takes it.

A kernel is one text file on Kaggle. The shared packages travel as a utility script, a text that
holds their files and writes them to its working folder when it runs; every other kernel finds
that output and checks its hash before importing from it.
"""

import ast
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import common.shared_code
from common.competition import Competition
from common.errors import UserError
from common.manifest import write_json
from common.shared_code import files_hash
from competitions import kernel_scripts, modules, parameters_line
from kernels.imports import imports_hash
from kernels.plan import SHARED, Kernel

ROOT = Path(common.shared_code.__file__).parents[1]
METADATA = "kernel-metadata.json"
MACHINE_SHAPES = {"cpu": "", "gpu": "NvidiaTeslaT4", "tpu": "TpuV5E8"}

# A new-style token, or a key as it stands in kaggle.json.
_CREDENTIAL = re.compile(
    r"KGAT[_][0-9A-Za-z]{8,}|\\?[\"']key\\?[\"']\s*:\s*\\?[\"'][0-9a-f]{32}\\?[\"']"
)

_UTILITY = '''\
"""{title}: the code that this run's kernels share, as a Kaggle utility script.

Running it writes the packages below to the working folder, which Kaggle mounts in the kernels
that have this one as a source.
"""

import sys
from pathlib import Path

PARAMETERS: dict = {parameters!r}
{files}

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    for name, text in FILES.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(Path.cwd()))
    from common.kernel import write_shared_manifest

    write_shared_manifest(PARAMETERS)
'''


@dataclass(frozen=True)
class Shared:
    """The shared code of one competition: its files by name, and their hash."""

    files: dict[str, str]
    hash: str


@dataclass(frozen=True)
class Bundle:
    """One kernel ready to push.

    Attributes:
        kernel: of the plan.
        metadata: what stands in ``kernel-metadata.json``.
        text: the script that Kaggle will run.
        content: hash of what makes a difference to its output: the script and all that it
            imports, its parameters and metadata; neither the run's nonce nor code it never sees.
    """

    kernel: Kernel
    metadata: dict[str, Any]
    text: str
    content: str

    @property
    def shared_hash(self) -> str:
        """The hash of the shared code that it was built with."""
        number = parameters_line(self.text)
        assert number is not None
        line = self.text.splitlines()[number - 1].split("=", 1)[1]
        return str(ast.literal_eval(line.strip())["shared_hash"])

    @property
    def code_file(self) -> str:
        """The name of the script in its folder."""
        return str(self.metadata["code_file"])


def collect_shared(competition: Competition) -> Shared:
    """``common`` and the competition's own modules, kernel scripts left out."""
    own = f"competitions/{competition.folder}"
    paths = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "common").rglob("*.py")}
    paths["competitions/__init__.py"] = ROOT / "competitions" / "__init__.py"
    scripts = kernel_scripts(competition)
    for name, path in modules(competition).items():
        if name not in scripts:
            paths[f"{own}/{path.name}"] = path
    files = {name: path.read_text("utf-8") for name, path in sorted(paths.items())}
    hashed = files_hash({name: text.encode() for name, text in files.items()})
    return Shared(files, hashed)


def build_bundles(
    competition: Competition, kernels: tuple[Kernel, ...], owner: str, nonce: str
) -> tuple[Bundle, ...]:
    """The bundles of a run's kernels, in the same order."""
    shared = collect_shared(competition)
    slugs = {kernel.name: f"{owner}/{kernel.slug}" for kernel in kernels}
    bundles = []
    for kernel in kernels:
        text = _text(competition, kernel, shared, slugs, nonce)
        metadata = _metadata(competition, kernel, slugs)
        _refuse_credentials(kernel.name, text)
        content = _content(competition, kernel, metadata, shared)
        bundles.append(Bundle(kernel, metadata, text, content))
    return tuple(bundles)


def with_nonces(
    bundle: Bundle, nonce: str, source_nonces: Mapping[str, str], resume: bool = False
) -> Bundle:
    """The bundle as one run pushes it: its nonce, and those that its sources must show.

    With ``resume`` the kernel goes on from its own earlier version's output.
    """
    own = str(bundle.metadata["id"])
    lines = bundle.text.splitlines(keepends=True)
    number = parameters_line(bundle.text)
    assert number is not None
    values = ast.literal_eval(lines[number - 1].split("=", 1)[1].strip())
    values |= {"nonce": nonce}
    if values.get("sources"):
        values["source_nonces"] = {name: source_nonces[name] for name in values["sources"]}
    metadata = dict(bundle.metadata)
    if resume:
        values["resume"] = own
        metadata["kernel_sources"] = [*metadata["kernel_sources"], own]
    lines[number - 1] = f"PARAMETERS: dict = {values!r}\n"
    return replace(bundle, text="".join(lines), metadata=metadata)


def write_bundle(bundle: Bundle, folder: Path) -> Path:
    """Write the folder of one kernel: its script and ``kernel-metadata.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / bundle.code_file).write_text(bundle.text, encoding="utf-8")
    write_json(folder / METADATA, bundle.metadata)
    return folder


def _text(
    competition: Competition, kernel: Kernel, shared: Shared, slugs: dict[str, str], nonce: str
) -> str:
    members = {name: slugs[name] for name in kernel.sources if name != SHARED}
    parameters = replace(
        kernel.parameters,
        nonce=nonce,
        shared_hash=shared.hash,
        sources=members,
    ).to_dict()
    if kernel.name == SHARED:
        return utility_text(shared, kernel.slug, parameters)
    source = kernel_scripts(competition)[kernel.script].read_text("utf-8")
    return script_text(source, _head(kernel, shared, slugs), parameters)


def _head(kernel: Kernel, shared: Shared, slugs: dict[str, str]) -> list[str]:
    """The lines that bring the shared code, before anything is imported from it."""
    finder = _without_docstring(Path(common.shared_code.__file__).read_text("utf-8"))
    look = ["", "print_surroundings()"] if kernel.parameters.rehearse else []
    if SHARED in kernel.sources:
        owner, slug = slugs[SHARED].split("/")
        bring = ["", f'attach_shared_code("{owner}", "{slug}", "{shared.hash}")']
    else:
        bring = ["", _files_text(shared), "", "embed_shared_code(FILES)"]
    return ["# Bring the shared code of this run.", finder, *look, *bring]


def utility_text(shared: Shared, title: str, parameters: dict[str, Any]) -> str:
    """The utility script: every shared file as a readable literal, and the code that writes it."""
    return _UTILITY.format(title=title, parameters=parameters, files=_files_text(shared))


def script_text(source: str, head: Sequence[str], parameters: dict[str, Any]) -> str:
    """A kernel script as it is pushed.

    The same text with its ``PARAMETERS`` line filled in, and ``head``, the code that finds or
    unpacks the shared packages, put behind its docstring.
    """
    lines = source.splitlines()
    number = parameters_line(source)
    if number is None:
        raise UserError("a kernel script needs the line PARAMETERS: dict = {}")
    lines[number - 1] = f"PARAMETERS: dict = {parameters!r}"
    body = ast.parse(source).body
    docstring = body[0].end_lineno if ast.get_docstring(ast.parse(source)) else 0
    lines[docstring:docstring] = ["", *head, "", "# The kernel itself."]
    return "\n".join(lines) + "\n"


def _content(
    competition: Competition, kernel: Kernel, metadata: dict[str, Any], shared: Shared
) -> str:
    if kernel.name == SHARED:
        imported = shared.hash
    else:
        source = kernel_scripts(competition)[kernel.script].read_text("utf-8")
        imported = imports_hash(source, shared.files)
    told = [metadata, kernel.parameters.to_dict(), imported]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _metadata(competition: Competition, kernel: Kernel, slugs: dict[str, str]) -> dict[str, Any]:
    weights = kernel.parameters.weights_source
    is_model = weights.count("/") > 1
    metadata = {
        "id": slugs[kernel.name],
        "title": kernel.slug.replace("-", " "),
        "code_file": f"{kernel.slug.replace('-', '_')}.py",
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": kernel.accelerator == "gpu",
        "enable_tpu": kernel.accelerator == "tpu",
        "enable_internet": kernel.internet,
        "keywords": ["utility script"] if kernel.name == SHARED else [],
        "competition_sources": [] if kernel.name == SHARED else [competition.slug],
        "dataset_sources": [weights] if weights and not is_model else [],
        "kernel_sources": [slugs[name] for name in kernel.sources],
        "model_sources": [weights] if is_model else [],
    }
    shape = MACHINE_SHAPES[kernel.accelerator]
    return {**metadata, "machine_shape": shape} if shape else metadata


def _refuse_credentials(name: str, text: str) -> None:
    own = [os.environ.get(key, "") for key in ("KAGGLE_KEY", "KAGGLE_API_TOKEN")]
    if _CREDENTIAL.search(text) or any(len(key) >= 8 and key in text for key in own):
        raise UserError(f"kernel {name}: its text holds a Kaggle credential: take it out and retry")


def _files_text(shared: Shared) -> str:
    files = (f"FILES[{name!r}] = {_literal(text)}" for name, text in sorted(shared.files.items()))
    return "\n\n".join(["FILES = {}", *files])


def _literal(text: str) -> str:
    """``text`` as a Python literal that a person can read."""
    readable = f"r'''{text}'''"
    try:
        if ast.literal_eval(readable) == text:
            return readable
    except (SyntaxError, ValueError):
        pass
    return repr(text)


def _without_docstring(source: str) -> str:
    first = ast.parse(source).body[0]
    return "\n".join(source.splitlines()[first.end_lineno :]).strip("\n")

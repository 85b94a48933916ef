"""Finished kernels of earlier runs: what needs no accelerator a second time."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence

from common.errors import UserError
from common.manifest import read_manifest
from kernels.bundle.build import Bundle
from kernels.kaggle.client import Kaggle
from kernels.kaggle.states import KernelState
from kernels.plan.planned import SHARED
from kernels.run.state import KernelRecord, Run, all_runs


def kernel_key(bundle: Bundle, known: Mapping[str, KernelRecord], data: str) -> str:
    """What the kernel's output depends on: its own content, its data, which versions it reads."""
    read = {name: known[name] for name in bundle.kernel.sources if name != SHARED}
    sources = {name: (state.version, state.nonce) for name, state in read.items()}
    own = data if bundle.kernel.name != SHARED else ""
    told = json.dumps([bundle.content, sources, own], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def finished_before(
    kaggle: Kaggle, run: Run, bundles: Sequence[Bundle], competition: str
) -> set[str]:
    """Names of the kernels that an earlier run has finished: they spend no quota.

    ``competition`` is its slug.
    """
    known: dict[str, KernelRecord] = {}
    if run.dry_run or len(all_runs(run.folder.parent)) < 2:
        return set()
    data = kaggle.data_digest(competition)
    for bundle in bundles:
        name, slug = bundle.kernel.name, bundle.kernel.slug
        if set(bundle.kernel.sources) - {SHARED} <= set(known):
            earlier = _find(kaggle, run, name, slug, kernel_key(bundle, known, data))
            if earlier:
                known[name] = earlier.kernels[name]
    return set(known)


def reuse(kaggle: Kaggle, run: Run, name: str, slug: str, key: str) -> KernelRecord | None:
    """Take over kernel ``name`` from an earlier real run beside this one, if it is the same.

    The same: its key (text, imports, recipe, sources), an output that matches its manifest, and
    at Kaggle no later version, because a consumer is given the last one.
    """
    earlier = _find(kaggle, run, name, slug, key)
    return _take(run, earlier, name, earlier.kernels[name]) if earlier else None


def _find(kaggle: Kaggle, run: Run, name: str, slug: str, key: str) -> Run | None:
    if run.dry_run:
        return None  # each dry run has a Kaggle of its own
    for earlier in all_runs(run.folder.parent):
        known = earlier.kernels.get(name)
        mine = earlier.owner == run.owner and earlier.folder != run.folder and not earlier.dry_run
        if mine and known and known.state is KernelState.COMPLETE and known.key == key:
            if _is_whole(earlier, name, known) and _is_latest(kaggle, slug, known):
                return earlier
    return None


def _is_whole(earlier: Run, name: str, known: KernelRecord) -> bool:
    try:
        read_manifest(earlier.output(name), name, known.nonce, fetched=True)
    except (UserError, OSError):
        return False
    return True


def _is_latest(kaggle: Kaggle, slug: str, known: KernelRecord) -> bool:
    latest = kaggle.latest_version(slug)
    return latest == known.version and known.nonce in kaggle.pushed_text(slug, latest)


def _take(run: Run, earlier: Run, name: str, known: KernelRecord) -> KernelRecord:
    target = run.output(name)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(earlier.output(name), target, copy_function=_link)
    run.log(name).parent.mkdir(parents=True, exist_ok=True)
    if earlier.log(name).is_file():
        shutil.copyfile(earlier.log(name), run.log(name))
    return run.set_kernel(
        name,
        version=known.version,
        state=KernelState.COMPLETE,
        key=known.key,
        nonce=known.nonce,
        seconds=known.seconds,
        reused=known.reused or earlier.folder.name,
    )


def _link(source: str, target: str) -> None:
    """The same file under another name where the file system can, else a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)

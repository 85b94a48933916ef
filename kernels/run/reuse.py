"""Which finished kernels need not run again, and which may not without being asked for."""

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
from kernels.run.state import KernelRecord, Run, earlier_runs


def kernel_key(bundle: Bundle, known: Mapping[str, KernelRecord], data: str) -> str:
    """Return a hash of what the output depends on: own content, data, versions of the sources."""
    read = {name: known[name] for name in bundle.kernel.sources if name != SHARED}
    sources = {name: (record.version, record.nonce) for name, record in read.items()}
    own = data if bundle.kernel.name != SHARED else ""
    facts = json.dumps([bundle.content, sources, own], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def finished_before(
    kaggle: Kaggle, run: Run, bundles: Sequence[Bundle], competition: str
) -> set[str]:
    """Return the names of the kernels that an earlier run has finished: they spend no quota.

    ``competition`` is its slug.
    """
    known: dict[str, KernelRecord] = {}
    if not earlier_runs(run):
        return set()
    data = kaggle.data_digest(competition)
    for bundle in bundles:
        if set(bundle.kernel.sources) - {SHARED} <= set(known):
            earlier = find_finished(kaggle, run, bundle, kernel_key(bundle, known, data))
            if earlier:
                known[bundle.kernel.name] = earlier.kernels[bundle.kernel.name]
    return set(known)


def find_finished(kaggle: Kaggle, run: Run, bundle: Bundle, key: str) -> Run | None:
    """Return an earlier run that has finished the very same kernel, or None.

    The same: its key (text, imports, recipe, sources), an output that matches its manifest, and
    at Kaggle no later version, because a consumer is given the last one.
    """
    name, slug = bundle.kernel.name, bundle.kernel.slug
    for earlier in earlier_runs(run):
        known = earlier.kernels.get(name)
        if known and known.state is KernelState.COMPLETE and known.key == key:
            try:
                read_manifest(earlier.output(name), name, known.nonce, fetched=True)
            except (UserError, OSError):
                continue
            latest = kaggle.latest_version(slug)
            if latest == known.version and known.nonce in kaggle.pushed_text(slug, latest):
                return earlier
    return None


def take_over(run: Run, earlier: Run, name: str) -> KernelRecord:
    """Use the finished kernel ``name`` of an earlier run in this one."""
    known, target = earlier.kernels[name], run.output(name)
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
    """Give a file a second name where the file system can, else copy it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def check_change(run: Run, bundle: Bundle, key: str, rerun: bool) -> str:
    """Return what to say of a kernel that was pushed and is to be pushed again, changed; or "".

    Raises UserError when it would spend an accelerator's hours without ``rerun``.
    """
    name, kind = bundle.kernel.name, bundle.kernel.accelerator
    known = run.kernels.get(name)
    if known is None or known.key == key:
        return ""
    finished = known.state in (KernelState.COMPLETE, KernelState.UNFINISHED)
    if not (finished or known.state.running):
        return ""
    said = f"kernel {name} has changed (settings, code, data or sources) since version"
    if kind == "cpu" or rerun:
        return f"{said} {known.version}: it is run again"
    raise UserError(
        f"{said} {known.version}, which is {known.state.lower()} in this run: give the options "
        f"that the run began with, or name a new --run-dir, or --rerun to spend the {kind} on it "
        f"again"
    )


def check_latest(kaggle: Kaggle, run: Run, source: Bundle, rerun: bool) -> str:
    """Return what to say of a source of which another run has pushed a later version; or "".

    Kaggle gives a consumer the last version only. Raises UserError for a training that would run
    again without ``rerun``; the shared code always may.
    """
    name, slug, known = source.kernel.name, source.kernel.slug, run.kernels[source.kernel.name]
    latest = kaggle.latest_version(slug)
    if latest <= known.version:
        return ""
    if name == SHARED and source.parameters.shared_hash in kaggle.pushed_text(slug, latest):
        return ""  # the same code
    said = f"another run has pushed version {latest} of kernel {name} since this run's"
    if name == SHARED or rerun:
        return f"{said} version {known.version}: it is run again"
    raise UserError(
        f"{said} version {known.version}, and Kaggle gives the ensemble the last one alone: "
        f"--rerun runs {name} again, --fresh begins a new run"
    )

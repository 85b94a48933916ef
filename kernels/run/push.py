"""Which kernels are pushed, and which used again; one push is one version, whatever is lost."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.clock import now
from common.errors import UserError
from common.manifest import read_manifest
from kernels.bundle.build import Bundle, with_nonces, write_bundle
from kernels.kaggle.answers import KaggleError, NoAnswerError, SessionLimitError, may_be_done, pause
from kernels.kaggle.client import Kaggle
from kernels.kaggle.lookup import data_digest
from kernels.kaggle.states import KernelState
from kernels.plan.planned import SHARED
from kernels.run.runs import earlier_runs
from kernels.run.state import KernelRecord, Run

Say = Callable[[str], object]

_TRIES = 3  # of a push without an answer
_LOOKS = 8  # for such a push, with growing pauses: two minutes, as Kaggle may carry it out late
_BACK = 2  # versions before the latest that are searched


def kernel_key(bundle: Bundle, known: Mapping[str, KernelRecord], data: str) -> str:
    """Return a hash of what the output depends on: own content, data, versions of the sources."""
    read = {name: known[name] for name in bundle.kernel.sources if name != SHARED}
    sources = {name: (record.version, record.nonce) for name, record in read.items()}
    own = data if bundle.kernel.name != SHARED else ""
    facts = json.dumps([bundle.content, sources, own], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def inputs_digest(kaggle: Kaggle, run: Run, slug: str) -> str:
    """Return a hash of what a real run's kernels read: the competition's data, earlier weights."""
    data = data_digest(kaggle, slug)
    return f"{data}-{run.weights_version}" if run.weights_version else data


def finished_before(kaggle: Kaggle, run: Run, bundles: Sequence[Bundle], slug: str) -> set[str]:
    """Return the names of the kernels that an earlier run has finished: they spend no quota.

    ``slug`` is the competition's.
    """
    known: dict[str, KernelRecord] = {}
    if not earlier_runs(run):
        return set()
    data = inputs_digest(kaggle, run, slug)
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
        known = earlier.kernel(name)
        if known.state is KernelState.COMPLETE and known.key == key:
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
    known, own = earlier.kernel(name), run.kernel(name).pushes
    shutil.rmtree(run.output(name), ignore_errors=True)
    shutil.copytree(earlier.output(name), run.output(name), copy_function=_link)
    if earlier.log(name).is_file():
        shutil.copyfile(earlier.log(name), run.log(name))
    reused = known.reused or earlier.folder.name
    return run.set_kernel(name, known, pushes=own, pushed=0.0, reused=reused)


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
    known = run.kernel(name)
    finished = known.state in (KernelState.COMPLETE, KernelState.UNFINISHED)
    if known.key == key or not (finished or known.state.running):
        return ""
    said = (
        f"kernel {name} has changed (settings, code, data or sources) since version {known.version}"
    )
    if kind == "cpu" or rerun:
        return f"{said}: it is run again"
    raise UserError(
        f"{said}, which is {known.state.lower()} in this run: give the options that the run began "
        f"with, or name a new --run-dir, or --rerun to spend the {kind} on it again"
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
    said = (
        f"another run has pushed version {latest} of kernel {name} since this run's version "
        f"{known.version}"
    )
    if name == SHARED or rerun:
        return f"{said}: it is run again"
    raise UserError(
        f"{said}, and Kaggle gives the ensemble the last one alone: --rerun runs {name} again, "
        f"--fresh begins a new run"
    )


def push_kernel(kaggle: Kaggle, run: Run, bundle: Bundle, key: str, say: Say) -> None:
    """Push ``bundle`` and note its version. The nonce, noted first, lets a later start find it.

    Raises SessionLimitError when Kaggle has no free session, KaggleError when it refuses.
    """
    name, known = bundle.kernel.name, run.kernel(bundle.kernel.name)
    unfinished = known.state in (KernelState.UNFINISHED, KernelState.PUSHING) and known.parts > 0
    resume = unfinished and known.key == key
    before = KernelRecord(
        state=KernelState.UNFINISHED if resume else KernelState.WAITING,
        key=key,
        nonce=f"{run.nonce}-{known.pushes + 1}",
        pushes=known.pushes + 1,
        parts=known.parts if resume else 0,
        seconds=known.seconds if resume else 0.0,
    )
    pushing = replace(before, state=KernelState.PUSHING, pushed=now())
    run.set_kernel(name, pushing)
    sources = {source: record.nonce for source, record in run.kernels.items()}
    folder = write_bundle(with_nonces(bundle, before.nonce, sources, resume), run.bundle(name))
    try:
        version = _push_once(kaggle, folder, bundle.kernel.slug, before.nonce, say)
    except UserError as error:
        clear = not isinstance(error, KaggleError) or not error.foreign
        if clear and not isinstance(error, NoAnswerError):
            run.set_kernel(name, before)
        raise
    run.set_kernel(name, version=version, state=KernelState.QUEUED)


def _push_once(kaggle: Kaggle, folder: Path, slug: str, nonce: str, say: Say) -> int:
    """Push, so that it is done once: whatever is answered, it is looked for before it is repeated.

    Returns the version. Raises NoAnswerError when it is not known whether Kaggle has it.
    """
    for attempt in range(_TRIES):
        try:
            return kaggle.push(folder)
        except SessionLimitError:
            raise
        except KaggleError as error:
            if may_be_done(error):
                say(f"{error}: looking whether Kaggle took {slug} all the same")
            version = find_push(kaggle, slug, nonce, _LOOKS if may_be_done(error) else 1)
            if version:
                return version
            signed_out = error.code == 401  # the sign-in is made anew
            if not (isinstance(error, NoAnswerError) or signed_out) or attempt + 1 == _TRIES:
                raise
            pause(attempt, error.retry_after)
    raise AssertionError("unreachable")


def find_push(kaggle: Kaggle, slug: str, nonce: str, looks: int = _LOOKS) -> int:
    """Return the version whose text contains ``nonce``, or 0. Kaggle may be late to show it."""
    for look in range(looks):
        latest = kaggle.latest_version(slug)
        for version in range(latest, max(0, latest - _BACK - 1), -1):
            try:
                if nonce in kaggle.pushed_text(slug, version):
                    return version
            except NoAnswerError:
                raise
            except KaggleError:
                pass  # this version cannot be read
        if look + 1 < looks:
            pause(look)
    return 0

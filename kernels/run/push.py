"""Push kernels so that one push is one version, whatever answers are lost."""

import time

from common.errors import UserError
from kernels.bundle.build import Bundle, with_nonces, write_bundle
from kernels.kaggle.answers import KaggleError, NoAnswerError, pause
from kernels.kaggle.client import Kaggle
from kernels.kaggle.states import KernelState
from kernels.run.state import KernelRecord, Run

_TRIES = 5
_LOOKS = 3
_BACK = 2  # versions before the latest that are searched


def push_kernel(kaggle: Kaggle, run: Run, bundle: Bundle, key: str) -> None:
    """Push ``bundle`` and note its version. The nonce, noted first, lets a later start find it.

    Raises SessionLimitError when Kaggle has no free session, KaggleError when it refuses.
    """
    name, slug = bundle.kernel.name, bundle.kernel.slug
    known = run.kernels.get(name, KernelRecord())
    unfinished = known.state in (KernelState.UNFINISHED, KernelState.PUSHING) and known.parts > 0
    resume = unfinished and known.key == key
    nonce = f"{run.nonce}-{known.pushes + 1}"
    run.set_kernel(
        name,
        version=0,
        state=KernelState.PUSHING,
        key=key,
        nonce=nonce,
        pushes=known.pushes + 1,
        parts=known.parts if resume else 0,
        seconds=known.seconds if resume else 0.0,
        pushed=time.time(),
        reused="",
    )
    sources = {source: record.nonce for source, record in run.kernels.items()}
    folder = write_bundle(with_nonces(bundle, nonce, sources, resume), run.bundle(name))
    for attempt in range(_TRIES):
        try:
            version = kaggle.push(folder)
        except NoAnswerError:
            version = find_push(kaggle, slug, nonce)
            if not version and attempt + 1 == _TRIES:
                raise
        except UserError:  # it certainly did not happen
            before = KernelState.UNFINISHED if resume else KernelState.WAITING
            run.set_kernel(name, state=before, pushed=0.0)
            raise
        if version:
            break
    run.set_kernel(name, version=version, state=KernelState.QUEUED)


def find_push(kaggle: Kaggle, slug: str, nonce: str) -> int:
    """Return the version whose text contains ``nonce``, or 0. Kaggle may be late to show it."""
    for look in range(_LOOKS):
        latest = kaggle.latest_version(slug)
        for version in range(latest, max(0, latest - _BACK - 1), -1):
            try:
                if nonce in kaggle.pushed_text(slug, version):
                    return version
            except NoAnswerError:
                raise
            except KaggleError:
                pass  # this version cannot be read
        if look + 1 < _LOOKS:
            pause(look)
    return 0

"""Push a kernel so that one push is one version, whatever becomes of Kaggle's answers."""

import time
from collections.abc import Mapping

from common.errors import UserError
from kernels.bundle.build import Bundle, with_nonces, write_bundle
from kernels.kaggle.answers import KaggleError, NoAnswerError, pause
from kernels.kaggle.client import Kaggle
from kernels.kaggle.states import KernelState
from kernels.run.state import KernelRecord, Run

_TRIES = 5
_LOOKS = 3
_BACK = 2  # versions before the latest that are looked through


def push_kernel(
    kaggle: Kaggle, run: Run, bundle: Bundle, key: str, source_nonces: Mapping[str, str]
) -> KernelRecord:
    """Push ``bundle`` and note its version. What is noted first lets a later start look for it.

    Raises SessionLimitError when Kaggle has no session free, KaggleError when it refuses.
    """
    name, slug = bundle.kernel.name, bundle.kernel.slug
    nonce, resume = _intend(run, name, key)
    baked = with_nonces(bundle, nonce, source_nonces, resume)
    folder = write_bundle(baked, run.bundle(name))
    for attempt in range(_TRIES):
        try:
            version = kaggle.push(folder)
            break
        except NoAnswerError:
            version = find_push(kaggle, slug, nonce)
            if version:
                break
            if attempt + 1 == _TRIES:
                raise
        except UserError:
            run.set_kernel(name, state=KernelState.WAITING)  # it certainly did not happen
            raise
    return run.set_kernel(name, version=version, state=KernelState.QUEUED)


def find_push(kaggle: Kaggle, slug: str, nonce: str) -> int:
    """The version whose text holds ``nonce``, or 0. Kaggle may be late to show it."""
    for look in range(_LOOKS):
        latest = kaggle.latest_version(slug)
        for version in range(latest, max(0, latest - _BACK - 1), -1):
            if _holds(kaggle, slug, version, nonce):
                return version
        if look + 1 < _LOOKS:
            pause(look)
    return 0


def _holds(kaggle: Kaggle, slug: str, version: int, nonce: str) -> bool:
    try:
        return nonce in kaggle.pushed_text(slug, version)
    except NoAnswerError:
        raise
    except KaggleError:
        return False  # this version cannot be read


def _intend(run: Run, name: str, key: str) -> tuple[str, bool]:
    """Note that a push is about to happen; its nonce, and whether it goes on from the last."""
    known = run.kernels.get(name, KernelRecord())
    resume = known.state is KernelState.UNFINISHED and known.key == key
    number = known.pushes + 1
    nonce = f"{run.nonce}-{number}"
    run.set_kernel(
        name,
        version=0,
        state=KernelState.PUSHING,
        key=key,
        nonce=nonce,
        pushes=number,
        parts=known.parts if resume else 0,
        seconds=known.seconds if resume else 0.0,
        pushed=time.time(),
        reused="",
    )
    return nonce, resume

"""Looking at a version's state: a silent Kaggle is borne for a while, a lost version is told."""

import time
from collections import Counter
from collections.abc import Callable

from common.errors import UserError
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle, KernelStatus
from kernels.kaggle.states import KernelState
from kernels.run.state import Run

_MISSING = 4  # a version that is not found this often in a row is gone


class Looks:
    """The looks of one watch at its kernels' versions.

    ``patience`` is how long Kaggle may be out of reach, in seconds: what runs there goes on.
    """

    def __init__(self, kaggle: Kaggle, run: Run, patience: float, say: Callable[[str], None]):
        self._kaggle, self._run, self._patience, self._say = kaggle, run, patience, say
        self._missing: Counter[str] = Counter()
        self._silent_since = 0.0

    def status(self, name: str, slug: str) -> KernelStatus | None:
        """The state of the kernel's version; None when it cannot be told just now.

        Raises UserError when the version is gone, NoAnswerError after too long a silence.
        """
        try:
            status = self._kaggle.status(slug, self._run.kernels[name].version)
        except NoAnswerError as error:
            self._bear(error)
            return None
        except KaggleError as error:
            if error.code not in (403, 404):
                raise
            self._miss(name, slug)
            return None
        self._missing[name], self._silent_since = 0, 0.0
        return status

    def _miss(self, name: str, slug: str) -> None:
        self._missing[name] += 1
        if self._missing[name] < _MISSING:
            return
        version = self._run.kernels[name].version
        self._run.set_kernel(name, state=KernelState.VANISHED)
        raise UserError(
            f"kernel {name} has vanished: Kaggle no longer has version {version} of "
            f"{self._kaggle.owner}/{slug}; if it was deleted, the same command pushes it again"
        )

    def _bear(self, error: NoAnswerError) -> None:
        if not self._silent_since:
            self._silent_since = time.monotonic()
            self._say(f"{error}: what runs there goes on; looking again")
        if time.monotonic() - self._silent_since > self._patience:
            raise error

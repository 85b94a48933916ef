"""The local Kaggle: a stand-in server that the real Kaggle client talks to.

It keeps its state in a folder, runs pushed kernels as subprocesses in Kaggle's layout, enforces
what Kaggle enforces, and scores submissions against labels that no kernel sees.
"""

import fcntl
import os
import secrets
import socket
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO

from werkzeug.serving import make_server

from common.errors import UserError
from kernels.local.confine import users_secrets
from kernels.local.door import Door
from kernels.local.faults import Faults
from kernels.local.hosted import HostedCompetition
from kernels.local.mounts import mount_inputs
from kernels.local.server import Application, QuietHandler
from kernels.local.service import Site
from kernels.local.session import Sessions
from kernels.local.store import NAMES, Store
from kernels.local.submissions import Submissions

__all__ = ["HostedCompetition", "LocalKaggle"]

HOST = "127.0.0.1"


class LocalKaggle:
    """Serves in threads from the moment it is made until ``close()``, or as a context.

    Args:
        state: the folder of its state; made when missing, continued when not.
        competitions: what can be entered here, and the data sets of those that stand on one.
        port: 0 takes a free one.
        layout: where inputs are mounted: ``2026`` (today's) or ``2025``.
        max_parallel: kernels that run at the same time, the processors' number by default.
        faults: to inject; none by default.
        key: who knows it may use this server; a new one by default.
        private: what no kernel may read besides the state and the solutions, by default where the
            Kaggle client keeps the user's credentials.
        published: the folder of the data sets that clients make, by default in the state.

    Raises UserError when the port or the state is in use, or a competition's files are not as
    they must be.
    """

    def __init__(
        self,
        state: Path,
        competitions: Sequence[HostedCompetition],
        port: int = 0,
        layout: str = "2026",
        max_parallel: int | None = None,
        faults: Faults | None = None,
        key: str = "",
        private: Sequence[Path] | None = None,
        published: Path | None = None,
    ):
        self.key = key or secrets.token_urlsafe(24)
        for one in competitions:
            if one.generate is None:
                one.folder()
        hosted, datasets = (
            {c.competition.slug: c for c in competitions if c.competition.is_dataset is kind}
            for kind in (False, True)
        )
        with _listen(port) as listener:
            self._state_lock = _lock_state(state.resolve())
            self.store = store = Store(state.resolve(), published and published.resolve())
            store.fail_unfinished()
            mount = partial(mount_inputs, store, hosted, datasets, layout)
            solutions = [one.solution for one in competitions if one.solution]
            hidden = (*(private or users_secrets()), *solutions)
            self._sessions = Sessions(store, mount, max_parallel or os.cpu_count() or 1, hidden)
            self.site = Site(store, hosted, datasets, self._sessions, Submissions(store, hosted))
            port = listener.getsockname()[1]
            application = Application(self.site, Door(port, self.key), faults)
            self._server = make_server(
                HOST, 0, application, True, request_handler=QuietHandler, fd=listener.fileno()
            )
        self.url = f"http://{HOST}:{port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="local Kaggle", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> "LocalKaggle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and end the kernels that run, their whole process groups."""
        if not self._thread.is_alive():
            return
        self._sessions.close()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._state_lock.close()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} cannot be used ({error}): choose another one") from None


def _lock_state(state: Path) -> IO[str]:
    """Keep other users out of the state, and a second local Kaggle until the file is closed."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        if others := sorted({path.name for path in state.iterdir()} - NAMES):
            raise UserError(
                f"{state} has other things in it, such as {others[0]}: name a new or an empty "
                f"folder for the local Kaggle's state"
            )
        state.chmod(0o700)
        file = open(state / "lock", "w", encoding="utf-8")  # noqa: SIM115 (closed by close())
    except FileExistsError:
        raise UserError(f"{state} is not a folder: name a new one for its state") from None
    except OSError as error:
        raise UserError(
            f"{state} cannot be the local Kaggle's state ({error.strerror}): name another folder"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UserError(f"{state} is in use by another local Kaggle: stop it first") from None
    return file

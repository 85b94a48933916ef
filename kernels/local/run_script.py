"""Run a kernel's script as Kaggle does; started as ``run_script.py SCRIPT LIFELINE``.

LIFELINE is the number of a pipe's reading end. The local Kaggle has the other end: when it closes,
the server is gone or has had enough, and the kernel ends.

This file imports only the standard library, so that a kernel finds the shared code only where it
is mounted. ``guard/sitecustomize.py`` has cut the network off before it starts.
"""

import errno
import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which arguments of an audit event are paths that it changes.
_CHANGES = {
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.truncate": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
}


def main() -> None:
    """Run the script that the command line names, guarded, as ``__main__``."""
    script, lifeline = sys.argv[1:]
    if "kernel_network_guard" not in sys.modules:
        sys.exit("the network guard did not start: this kernel must not run")
    landlock = runpy.run_path(str(HERE / "landlock.py"))
    runpy.run_path(str(HERE / "supervise.py"))["fork_kernel"](int(lifeline))
    kaggle = Path(script).parent.parent
    if landlock["version"]():
        landlock["restrict"](**json.loads((kaggle.parent / "allowed.json").read_text("utf-8")))
    keep_read_only(kaggle / "input", kaggle / "usr")
    sys.path[0] = str(Path(script).parent)  # as if the script had been started itself
    sys.argv = [script]
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        sys.stdout.flush()
        traceback.print_exception(type(error), error, own_frames(error.__traceback__, script))
        sys.exit(1)


def keep_read_only(*folders: Path) -> None:
    """Refuse to change anything below ``folders``, as on Kaggle, even to the administrator."""
    roots = tuple(f"{folder}{os.sep}" for folder in folders)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            changed = arguments[:1] if (arguments[2] or 0) & _WRITES else ()
        else:
            changed = tuple(arguments[at] for at in _CHANGES.get(event, ()))
        for path in changed:
            if isinstance(path, str | bytes | os.PathLike):
                name = os.path.abspath(os.fsdecode(path))
                if name.startswith(roots):
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)

    sys.addaudithook(hook)


def own_frames(trace: TracebackType | None, script: str) -> TracebackType | None:
    """The traceback from the script's first frame on."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace


if __name__ == "__main__":
    main()

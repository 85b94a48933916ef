"""Makes this process unable to reach the real Kaggle, for a dry run.

Must be called before the ``kaggle`` client is imported: the import itself signs in, with whatever
credentials it finds.
"""

import os
from pathlib import Path

from kernels.kaggle.offline import forbid_network

USER = "dry-run"
_DROPPED = ("KAGGLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE")


def isolate(home: Path) -> None:
    """Forget the user's credentials and proxies, and forbid every address but this machine's.

    ``home`` becomes the home folder, so that ``~/.kaggle`` and kagglehub's cache are private to
    the run: the cache is keyed by slug alone, and generated pictures must not pass for real ones.
    """
    home.mkdir(parents=True, exist_ok=True)
    for name in list(os.environ):
        if name.upper().startswith(_DROPPED):
            del os.environ[name]
    os.environ.update(
        HOME=str(home),
        KAGGLE_API_ENVIRONMENT="LOCALHOST",
        KAGGLE_USERNAME=USER,
        KAGGLE_KEY="of-the-local-kaggle",
        KAGGLE_CONFIG_DIR=str(home / ".kaggle"),
        KAGGLEHUB_CACHE=str(home / "kagglehub"),
        NO_PROXY="127.0.0.1,localhost",
    )
    forbid_network(loopback=True)

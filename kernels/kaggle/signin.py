"""Which Kaggle this process talks to, and as whom.

The mere import of the ``kaggle`` client signs in, calls out and prints: a dry run must be isolated
before it.
"""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import requests

from common.errors import UserError
from kernels.kaggle import answers
from kernels.kaggle.offline import forbid_network

USER = "dry-run"
_DROPPED = ("KAGGLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE")
_SIGN_IN = (
    "no Kaggle credentials: put an API token from https://www.kaggle.com/settings into "
    "~/.kaggle/access_token, or set KAGGLE_USERNAME and KAGGLE_KEY"
)


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


def sign_in(endpoint: str | None) -> Any:
    """Return the signed-in client of ``endpoint``, a local Kaggle's URL, or of the real Kaggle.

    Raises UserError without credentials.
    """
    if endpoint:
        _point_at(endpoint)
    from kernels.kaggle.decode import check_answers  # imports kagglesdk

    check_answers()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            import kaggle
            from kaggle.api.kaggle_api_extended import KaggleApi

            api = kaggle.api
            if endpoint and "--local" not in KaggleApi.args:
                KaggleApi.args.append("--local")
            if endpoint or not api._authenticated:
                api = KaggleApi()
                api.authenticate()
        except SystemExit:
            raise UserError(_SIGN_IN) from None
        except (OSError, ValueError, requests.RequestException) as error:
            raise UserError(f"cannot sign in to Kaggle: {answers.reason(error)}") from None
    values = api.config_values
    # The client takes empty variables for a key.
    if not (values.get("username") and (values.get("key") or values.get("token"))):
        raise UserError(_SIGN_IN)
    return api


def _point_at(endpoint: str) -> None:
    """Make this process's Kaggle client and kagglehub talk to ``endpoint`` and nothing else.

    ``LOCALHOST`` is the one setting that the client honours (``TEST`` still calls the real
    site); it means port 80 unless kagglesdk's table is changed, which is done here.
    """
    os.environ["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
    answers.PAUSE = 0.1  # a server on this machine needs no long pauses
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = endpoint

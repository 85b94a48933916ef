"""Signing in with the real ``kaggle`` client, whose mere import signs in, calls out and prints."""

import contextlib
import io
import os
from typing import Any

import requests

from common.errors import UserError
from kernels.kaggle import answers
from kernels.kaggle.answers import reason

_SIGN_IN = (
    "no Kaggle credentials: put an API token from https://www.kaggle.com/settings into "
    "~/.kaggle/access_token, or set KAGGLE_USERNAME and KAGGLE_KEY"
)


def point_at(endpoint: str) -> None:
    """Make this process's Kaggle client and kagglehub talk to ``endpoint`` and nothing else.

    ``LOCALHOST`` is the one setting that the client honours (``TEST`` still calls the real
    site); it means port 80 unless kagglesdk's table is changed, which is done here.
    """
    os.environ["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
    answers.PAUSE = 0.1  # a server on this machine needs no long pauses
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = endpoint


def sign_in(endpoint: str | None) -> Any:
    """The signed-in client. Importing it signs in, so credentials are looked for before."""
    if endpoint:
        point_at(endpoint)
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
            raise UserError(f"cannot sign in to Kaggle: {reason(error)}") from None
    if not (api.config_values.get("username") and _has_secret(api.config_values)):
        raise UserError(_SIGN_IN)
    return api


def _has_secret(values: dict[str, str]) -> bool:
    """Whether there is anything to sign in with; the client takes empty variables for a key."""
    return bool(values.get("key") or values.get("token"))

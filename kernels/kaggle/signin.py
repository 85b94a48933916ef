"""Which Kaggle this process talks to, and as whom.

The mere import of the ``kaggle`` client signs in, calls out and prints: a dry run must be isolated
before it.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import requests
from requests.utils import prepend_scheme_if_needed
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from common.errors import UserError
from common.secrets import learn_secrets
from kernels.kaggle import answers
from kernels.kaggle.answers import KaggleError
from kernels.kaggle.credentials import Credentials, find_credentials
from kernels.kaggle.offline import forbid_network

T = TypeVar("T")

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


class SignedIn:
    """The client ``api`` of a user, who is signed in anew when Kaggle no longer accepts it.

    ``endpoint`` is a local Kaggle's URL; without one it is the real Kaggle. Raises UserError
    without credentials, and for those that Kaggle does not accept.
    """

    def __init__(self, endpoint: str | None):
        self._endpoint = endpoint
        self.api, self._credentials = _sign_in(endpoint)
        self.username: str = self.api.config_values["username"]

    def call(self, make: Callable[[Any], T], repeat: bool = True) -> T:
        """Make a call; after a 401 sign in anew and make it once more.

        What is not to ``repeat`` must be looked for first: somebody else may have answered in
        Kaggle's place. Raises KaggleError, which says what to do, when Kaggle then still does not
        accept it.
        """
        try:
            return make(self.api)
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code != 401:
                raise
            self._renew()
            if not repeat:
                raise
        try:
            return make(self.api)
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code != 401:
                raise
            raise KaggleError(self._credentials.refused, 401) from None

    def _renew(self) -> None:
        api, credentials = _sign_in(self._endpoint, self.api.config_values.get("token", ""))
        if (user := api.config_values["username"]) != self.username:
            raise UserError(
                f"{credentials.source} is {user}'s now, and this began as {self.username}'s: sign "
                f"in as {self.username} again"
            )
        self.api, self._credentials = api, credentials


def _sign_in(endpoint: str | None, refused: str = "") -> tuple[Any, Credentials]:
    """Return the signed-in client, and what it has signed in with.

    The credentials are read anew, so that a user may sign in while a run goes on; the token of
    ``kaggle auth login`` is renewed when it has ended or is the one that Kaggle has ``refused``.
    """
    _check_proxies()
    if endpoint:
        _point_at(endpoint)
    credentials = find_credentials()
    kind = _import_client()
    if endpoint and "--local" not in kind.args:
        kind.args.append("--local")
    api, token, username = kind(), credentials.token, credentials.username
    try:
        if credentials.stored:
            token, username = _renewed(api, credentials, refused)
        elif token:
            api.config_values = {"token": token}  # else the client reads variables and files itself
            username = answers.change(lambda: api._introspect_token(token))
    except KaggleError as error:
        if error.code not in (400, 401, 403):
            raise type(error)(f"cannot sign in to Kaggle: {error}", error.code) from None
        username = ""
    if not username:
        raise KaggleError(credentials.refused, 401)
    secret = {"token": token} if token else {"key": credentials.key}
    learn_secrets({"KAGGLE_TOKEN": token, "KAGGLE_KEY": credentials.key})
    api.config_values = {"username": username, **secret}
    return api, credentials


def _import_client() -> Any:
    """Import the client without the sign-in of its own that it then makes, and prints about."""
    from kagglesdk import kaggle_client

    from kernels.kaggle.decode import check_answers

    if "kaggle" not in sys.modules:
        kaggle_client.KaggleHttpClient = None  # it ignores every exception
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import kaggle  # noqa: F401
    check_answers()
    from kaggle.api.kaggle_api_extended import KaggleApi

    return KaggleApi


def _renewed(api: Any, credentials: Credentials, refused: str) -> tuple[str, str]:
    """Return token and user of ``kaggle auth login``, with a new token when the old has ended."""
    from kagglesdk import KaggleCredentials

    fields, until = credentials.stored, None
    with contextlib.suppress(LookupError, ValueError, TypeError):
        until = datetime.fromisoformat(fields["access_token_expiration"]).astimezone(UTC)
    with api.build_kaggle_client() as client:
        stored = KaggleCredentials(
            client=client,
            refresh_token=fields["refresh_token"],
            access_token=credentials.token,
            access_token_expiration=until,
            username=fields.get("username"),
            scopes=fields.get("scopes"),
        )
        if credentials.token in ("", refused) or not until or until < datetime.now(UTC):
            answers.change(stored.refresh_access_token)  # which also writes the file
        return stored._access_token, stored.get_username() or ""


def _check_proxies() -> None:
    """Refuse a proxy that is no address: the errors of urllib3 would show its password."""
    for name, address in os.environ.items():
        if not address or name.upper() not in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            continue
        try:
            host = parse_url(prepend_scheme_if_needed(address, "http")).host
        except (ValueError, TypeError, HTTPError):
            host = None
        if not host:
            raise UserError(
                f"{name} is not the address of a proxy: write http://HOST:PORT, or "
                f"http://USER:PASSWORD@HOST:PORT with %40 for @, %2F for / and %23 for #"
            )


def _point_at(endpoint: str) -> None:
    """Make this process's Kaggle client and kagglehub talk to ``endpoint`` and nothing else.

    ``LOCALHOST`` is the one setting that the client honours (``TEST`` still calls the real
    site); it means port 80 unless kagglesdk's table is changed, which is done here.
    """
    os.environ["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
    answers.PAUSE = 0.1  # a server on this machine needs no long pauses
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = endpoint

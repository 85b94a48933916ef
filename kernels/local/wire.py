"""What the services of the local Kaggle share: calls, errors, links to files."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.kaggle_object import KaggleObject

from kernels.local.files import page_of


class ApiError(Exception):
    """An answer with an HTTP status other than 200."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Call:
    """Who calls, and the address (with a slash at its end) at which they reached the server."""

    user: str
    host_url: str


# What a service does for each method: the request's type, and what answers it.
Method = tuple[type[KaggleObject], Callable[[Call, Any], KaggleObject]]


class Links:
    """Unguessable addresses of single files, as Kaggle's signed ones; they end with the server."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._paths: dict[str, tuple[Path, Path | None]] = {}

    def add(self, call: Call, path: Path, within: Path | None = None) -> str:
        """The address of ``path``, whose last part is its name.

        ``within``: a folder that the file must still lie in when it is fetched.
        """
        token = hmac.new(self._secret, str(path).encode(), hashlib.sha256).hexdigest()[:32]
        self._paths[token] = (path, within)
        return f"{call.host_url}download/{token}/{quote(path.name)}"

    def redirect(self, call: Call, path: Path, within: Path | None = None) -> HttpRedirect:
        """An answer that sends the client to ``path``."""
        answer = HttpRedirect()
        answer.url = self.add(call, path, within)
        return answer

    def path(self, token: str) -> Path | None:
        """The file behind a token, if it is there and where it should be."""
        path, within = self._paths.get(token, (None, None))
        if path is None or not path.is_file():
            return None
        if within and not path.resolve().is_relative_to(within.resolve()):
            return None
        return path


def paged(items: Any, request: Any) -> tuple[list[Any], str]:
    """The page of ``items`` that a request with pageSize and pageToken asks for."""
    try:
        return page_of(items, request.page_token, request.page_size)
    except ValueError:
        raise ApiError(400, f"Invalid page token {request.page_token!r}") from None

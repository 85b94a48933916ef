"""What the services of the local Kaggle share: callers, errors, answers, pages, links to files."""

import inspect
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.kaggle_object import KaggleObject

from kernels.local.files import is_within

T = TypeVar("T")
_PAGE, _LARGEST_PAGE = 20, 200


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


def wire_methods(service: Any) -> dict[str, Callable[..., KaggleObject]]:
    """The public methods of a service by Kaggle's names, such as ``SaveKernel``.

    Each takes the call and its request, as kagglesdk's module ``types`` of the service has it.
    """
    found = inspect.getmembers(service, inspect.isroutine)
    return {
        "".join(word.capitalize() for word in name.split("_")): method
        for name, method in found
        if not name.startswith("_")
    }


def fill(kind: type[T], **fields: Any) -> T:
    """An object of kagglesdk's type ``kind`` with these fields."""
    filled = kind()
    for name, value in fields.items():
        if not hasattr(kind, name):
            raise AttributeError(f"{kind.__name__} has no {name}")
        setattr(filled, name, value)
    return filled


def paged(items: Sequence[T], request: Any) -> tuple[list[T], str]:
    """The page of ``items`` that a request asks for, and the token of the next one, if any."""
    try:
        start = int(request.page_token or 0)
    except ValueError:
        raise ApiError(400, f"Invalid page token {request.page_token!r}") from None
    end = start + min(request.page_size or _PAGE, _LARGEST_PAGE)
    return list(items[start:end]), str(end) if end < len(items) else ""


class Links:
    """Unguessable addresses of single files, like Kaggle's signed ones, for this server's life."""

    def __init__(self) -> None:
        self._tokens: dict[Path, str] = {}
        self._paths: dict[str, tuple[Path, Path | None]] = {}

    def add(self, call: Call, path: Path, within: Path | None = None) -> str:
        """The address of ``path``, whose last part is its name.

        ``within``: a folder that the file must still be in when it is fetched.
        """
        token = self._tokens.setdefault(path, secrets.token_hex(16))
        self._paths[token] = (path, within)
        return f"{call.host_url}download/{token}/{quote(path.name)}"

    def redirect(self, call: Call, path: Path, within: Path | None = None) -> HttpRedirect:
        """An answer that sends the client to ``path``."""
        return fill(HttpRedirect, url=self.add(call, path, within))

    def path(self, token: str) -> Path | None:
        """The file behind a token, if it is there and where it should be."""
        path, within = self._paths.get(token, (None, None))
        if path is None or not path.is_file() or (within and not is_within(path, within)):
            return None
        return path

"""The user's sign-in to Kaggle: where it is, and its value without what editors and shells add.

The order is the client's: ``KAGGLE_API_TOKEN``, ``~/.kaggle/access_token``, a user name and a key
(variables or ``kaggle.json``), ``~/.kaggle/credentials.json`` of ``kaggle auth login``. The client
sends a line break or a BOM along, takes empty variables for a key, and skips what it cannot read.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UserError

SETTINGS = "https://www.kaggle.com/settings"
NONE = (
    f"sign in with `kaggle auth login`, or put an API token from {SETTINGS} into "
    "~/.kaggle/access_token or the variable KAGGLE_API_TOKEN"
)
_AROUND = " \t\r\n\v\f\0\ufeff\"'`\u201c\u201d\u2018\u2019"  # of quotes, too
_SENDABLE = re.compile("[!-~]+")
_LONGEST = 8000  # characters; servers take no longer header
_LARGEST = 1 << 20  # bytes of a file


@dataclass(frozen=True)
class Credentials:
    """A sign-in; ``source`` is the variable or file that it is from.

    It has a ``token``, or a ``username`` and a ``key``; of ``kaggle auth login`` also the
    ``stored`` fields of its file, with which the token is renewed.
    """

    source: str
    token: str = field(default="", repr=False)
    username: str = ""
    key: str = field(default="", repr=False)
    stored: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def refused(self) -> str:
        """What to say when Kaggle does not accept it."""
        what = "key" if self.key else "token"
        todo = f"put a new {what} there, from {SETTINGS}, or remove it and `kaggle auth login`"
        if self.stored:
            todo = "sign in again with `kaggle auth login --force`"
        return f"Kaggle does not accept the {what} in {self.source}, or no longer does: {todo}"


def find_credentials() -> Credentials:
    """Return the user's sign-in, read anew.

    Raises UserError without any, and for a variable or a file that holds none that can be sent.
    """
    seen: list[str] = []
    for source, text in _tokens():
        if token := _word(source, text, "token"):
            return Credentials(source, token)
        seen.append(f"{source} is empty")
    found = _key(seen) or _login()
    if not found:
        raise UserError(f"no Kaggle credentials{f' ({seen[0]})' if seen else ''}: {NONE}")
    return found


def _tokens() -> Iterator[tuple[str, str]]:
    variable = os.environ.get("KAGGLE_API_TOKEN", "")
    path = Path(variable.strip(_AROUND) or "/")
    if len(variable) < 1024 and os.path.isfile(path):  # as the client has it
        yield f"{path} (of KAGGLE_API_TOKEN)", _read(path)
    elif variable:
        yield "KAGGLE_API_TOKEN", variable
    for name in ("access_token", "access_token.txt"):
        path = Path.home() / ".kaggle" / name
        if path.exists():
            yield str(path), _read(path)


def _key(seen: list[str]) -> Credentials | None:
    """Return the user name and the key of the variables, else of ``kaggle.json``."""
    known = {name: os.environ.get(f"KAGGLE_{name.upper()}") for name in ("username", "key")}
    source = "KAGGLE_KEY"
    path = _folder() / "kaggle.json"
    if not all(known.values()) and path.exists():
        stored = _object(path, f"download it again from {SETTINGS}")
        source = source if known["key"] else str(path)
        known = {name: value or stored.get(name) for name, value in known.items()}
        if not all(known.values()):  # the file may be for other settings alone
            missing = " and ".join(name for name, value in known.items() if not value)
            seen.append(f"{path} {f'has no {missing}' if stored else 'is empty'}")
    if not all(known.values()):
        return None
    username, key = (_word(source, known[name], name) for name in ("username", "key"))
    return Credentials(source, username=username, key=key) if username and key else None


def _login() -> Credentials | None:
    """Return what ``kaggle auth login`` has stored."""
    path = Path.home() / ".kaggle" / "credentials.json"
    if not path.exists():
        return None
    stored = _object(path, again := "sign in again with `kaggle auth login --force`")
    if not stored.get("refresh_token"):
        raise UserError(f"{path} has no refresh_token: {again}")
    token = str(stored.get("access_token"))  # a new one is asked for where this cannot be sent
    return Credentials(str(path), token if _SENDABLE.fullmatch(token) else "", stored=stored)


def _folder() -> Path:
    """Return the folder of ``kaggle.json``, where the client looks for it."""
    home = Path.home() / ".kaggle"
    other = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    return Path(os.environ.get("KAGGLE_CONFIG_DIR") or (home if home.exists() else other))


def _read(path: Path) -> str:
    """Return the text of a file in UTF-8 or, as PowerShell writes it, UTF-16."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST)
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeError:
        raise UserError(f"{path} is not text in UTF-8: write it again, from {SETTINGS}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def _object(path: Path, again: str) -> dict[str, Any]:
    text = _read(path)
    try:
        stored = json.loads(text) if text.strip(_AROUND) else {}
    except (ValueError, RecursionError):
        raise UserError(f"{path} is not JSON: {again}") from None
    if not isinstance(stored, dict):
        kind = "a list" if isinstance(stored, list) else "a single value"
        raise UserError(f"{path} holds {kind} instead of an object: {again}")
    return stored


def _word(source: str, value: Any, what: str) -> str:
    """Return a value that a header can carry, without what surrounds it. Raises UserError."""
    if not isinstance(value, str):
        raise UserError(f"{source}: its {what} is not text: get a new one from {SETTINGS}")
    word = value.strip(_AROUND)
    if len(word) > _LONGEST:
        wrong = f"has {len(word):,} characters"
    elif word[:1] in ("{", "["):
        wrong = f"holds JSON instead of the {what} alone (that belongs into ~/.kaggle/kaggle.json)"
    elif re.search(r"\s", word):
        wrong = f"has white space or a line break inside its {what}"
    elif word and not _SENDABLE.fullmatch(word):
        wrong = f"has a character in its {what} that no HTTP header can carry"
    else:
        return word
    raise UserError(f"{source} {wrong}: write it again, from {SETTINGS}")

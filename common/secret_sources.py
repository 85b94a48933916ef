"""Where a user's secrets are: variables, addresses with passwords, the files of Kaggle's client."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

FILES = ("access_token", "access_token.txt", "kaggle.json", "credentials.json")
_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
# Names that end so are of secrets; what others hold may be words: KEY_NAME, SECRETS_PROVIDER.
_SURE = re.compile(r"(KEY|TOKEN|SECRET|PASSW\w*|PASSPHRASE|CREDENTIAL)S?$", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{1,11}([-_. ][A-Za-z]{1,11})*")
_PROXY = re.compile(r"_PROXY$", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][\w+.-]*://", re.IGNORECASE)


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return secret texts with the variable or the file of each; some may be ordinary words."""
    return {**dict(_of_files(environment)), **dict(_of_variables(environment))}


def _of_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (secret, name of its variable)."""
    for name, value in environment.items():
        found: Iterable[str] = ()
        if _PROXY.search(name) or _SCHEME.match(value):
            found = _of_address(value)
        elif _NAMES.search(name) and (_SURE.search(name) or not _WORDS.fullmatch(value)):
            found = _of_text(value)
        yield from ((secret, name) for secret in found)


def _of_address(address: str) -> Iterator[str]:
    """Yield user and password, even where an address is malformed."""
    rest = _SCHEME.sub("", address, count=1)
    user, at, _ = rest.rpartition("@")
    password = (user if at else rest).partition(":")[2]
    if at:
        yield from (f"{user}@", f":{password}@", password, unquote(password))
    elif not password[:1].isdigit():  # not a port
        yield password


def _of_files(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (secret, path of its file)."""
    home = Path(environment.get("HOME") or Path.home())
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    folders = [environment.get("KAGGLE_CONFIG_DIR"), home / ".kaggle", config / "kaggle"]
    paths = [Path(folder) / name for folder in folders if folder for name in FILES]
    paths += [Path(environment.get("KAGGLE_API_TOKEN") or "/")]  # the client takes a path, too
    for path in paths:
        try:
            with open(path, "rb") as file:
                data = file.read(1 << 20)
        except (OSError, ValueError):
            continue
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = data.decode("utf-16" if wide else "utf-8-sig", "replace")
        yield from ((secret, str(path)) for secret in _of_text(text))


def _of_text(text: str) -> Iterator[str]:
    """Yield the secrets in what should be one, or JSON."""
    try:
        yield from _of_json(json.loads(text))
    except (ValueError, RecursionError):
        yield text
        yield from text.split("\n") if "PRIVATE KEY" in text else text.split()
        if "{" in text:  # JSON that is damaged
            yield from re.findall(r"[^\s\"',:{}\[\]]+", text)


def _of_json(value: Any, name: str = "key") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _of_json(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _of_json(item, name)
    elif _NAMES.search(name) and not name.endswith("_expiration"):
        yield str(value)

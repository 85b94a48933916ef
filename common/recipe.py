"""Recipes are frozen dataclasses; this changes their fields by name and checks the types.

Works on any frozen dataclass whose fields are ``int``, ``float``, ``bool``, ``str``, or one of
these ``| None``.
"""

import contextlib
import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from common.errors import UserError
from common.text import some

R = TypeVar("R")
V = TypeVar("V")

_LONGEST = 200  # characters of a value
_LISTED = 16  # names that a line lists
_RENAMED = {"class_weight": "balance=weights"}
_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "yes or no",
    str: "text",
    type(None): "none",
}
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def split_setting(text: str) -> tuple[str, str]:
    """``"epochs=3"`` → ``("epochs", "3")``. Raises UserError without a key or an ``=``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {text}: write KEY=VALUE, for example --set epochs=3")
    if len(value) > _LONGEST:
        raise UserError(f"--set {key[:40]}: a value has at most {_LONGEST} characters")
    return key.strip(), value.strip()


def override(recipe: R, settings: Mapping[str, Any]) -> R:
    """A copy of ``recipe`` with the fields in ``settings`` replaced.

    Values may be text, as they come from a command line, or already of the field's type.
    Raises UserError for an unknown field (naming the nearest) and for a value of another type.
    """
    return dataclasses.replace(recipe, **typed(recipe, settings))  # type: ignore[type-var]


def typed(recipe: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``settings`` with each value of its field's type, whether or not they fit each other.

    Raises UserError as ``override`` does for an unknown field and a value of another type.
    """
    hints = field_types(recipe)
    for key in settings:
        if key not in hints:
            raise unknown_setting(key, hints)
    return {key: _coerce(key, value, hints[key]) for key, value in settings.items()}


def field_types(recipe: Any) -> dict[str, Any]:
    """The recipe's fields and their types, in order."""
    hints = typing.get_type_hints(type(recipe))
    kinds = {field.name: hints[field.name] for field in dataclasses.fields(recipe)}
    literal = typing.Literal  # of text
    return {name: str if typing.get_origin(k) is literal else k for name, k in kinds.items()}


def unknown_setting(key: str, known: typing.Iterable[str]) -> UserError:
    """Return the error of a setting that no recipe has: the nearest ones, and where all are."""
    if key in _RENAMED:
        return UserError(f"unknown setting {key!r}: it is {_RENAMED[key]} now")
    return UserError(f"unknown setting {key!r}: {nearest(key, known, 'docs/reference.md')}")


def nearest(word: str, known: typing.Iterable[str], listed_in: str = "") -> str:
    """A hint for a misspelt name: the nearest known ones, else all of them.

    Of more than 16 the first ones are named, or ``listed_in`` where all are listed.
    """
    names = list(known)
    spelled = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), spelled, n=3, cutoff=0.6)
    close = close or [name for name in spelled if word.lower() in name.split("_")][:3]
    where = f"{listed_in} lists all of them" if listed_in and len(names) > _LISTED else ""
    if close:
        words = f"did you mean {' or '.join(spelled[name] for name in close)}?"
        return f"{words} {where}".rstrip()
    return where or f"known are {some(names, _LISTED)}"


def by_name(kind: str, name: str, known: Mapping[str, V]) -> V:
    """What ``known`` has under ``name``. Raises UserError with the nearest of its names."""
    if name not in known:
        raise UserError(f"unknown {kind} {name!r}: {nearest(name, known)}")
    return known[name]


def _coerce(key: str, value: Any, hint: Any) -> Any:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    text = value.lower() if isinstance(value, str) else ""
    if type(None) in kinds and (value is None or text == "none"):
        return None
    if bool in kinds and (isinstance(value, bool) or text in _WORDS):
        return _WORDS.get(text, value)
    if str in kinds and isinstance(value, str):
        return value
    is_number = isinstance(value, str | int | float) and not isinstance(value, bool)
    with contextlib.suppress(ValueError):
        if int in kinds and is_number and not isinstance(value, float):
            return int(value)
        if float in kinds and is_number:
            if math.isfinite(number := float(value)):
                return number
            raise UserError(f"setting {key}={value!s}: it must be a finite number")
    wanted = " or ".join(_KINDS[kind] for kind in kinds)
    raise UserError(f"setting {key}={str(value)[:40]}: give {wanted}")

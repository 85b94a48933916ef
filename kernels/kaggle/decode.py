"""Kaggle's answers as kagglesdk's types, with every value checked and every wait limited.

kagglesdk stores whatever the JSON holds: a string where a list should be, a date with an offset, a
number as text. Here each field is converted to the type that kagglesdk declares for it, or the
answer cannot be read. Fields that kagglesdk does not know are ignored, missing ones and null have
its default, and a state that it does not know keeps its name.
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

import requests
from kagglesdk import kaggle_client
from kagglesdk.common.types.file_download import FileDownload
from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.kaggle_http_client import KaggleHttpClient
from kagglesdk.kaggle_object import KaggleObject, ListSerializer
from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputResponse
from requests.adapters import HTTPAdapter

from common.secrets import hide
from kernels.kaggle.answers import UnreadableError, within
from kernels.kaggle.logs import BLOCK, take_log

T = TypeVar("T", bound=KaggleObject)

TIMEOUT = (10.0, 60.0)  # seconds to connect, and without a byte
_WHOLE = 600.0  # seconds until an answer is whole


class CheckedClient(KaggleHttpClient):
    """kagglesdk's HTTP client with time limits, and with answers that are checked."""

    def _init_session(self) -> Any:
        if self._session is None:
            super()._init_session()
            session: Any = self._session
            for scheme in ("http://", "https://"):
                session.mount(scheme, TimeLimited())
        return self._session

    def call(self, service: str, method: str, request: Any, kind: Any) -> Any:
        """Make a call; the answer that has a kernel's log comes in blocks."""
        self._init_session()
        session: Any = self._session
        session.stream = kind is ApiListKernelSessionOutputResponse
        return super().call(service, method, request, kind)

    def _prepare_response(self, kind: Any, response: requests.Response) -> Any:
        if not response.ok:
            within(_WHOLE, lambda: _whole(response))  # it is still to come where it comes in blocks
        response.raise_for_status()
        if self._response_processor:
            self._response_processor(response)
        if kind in (None, FileDownload, HttpRedirect):
            return kind and kind.prepare_from(response)
        try:
            if kind is not ApiListKernelSessionOutputResponse:
                return decode_text(kind, response.text)
            text, log = within(_WHOLE, lambda: take_log(response.iter_content(BLOCK)))
            try:
                answer: Any = decode_text(kind, text)
            except ValueError:
                log.close()
                raise
            answer._log = log  # a file in the place of the text
            return answer
        except ValueError as error:
            raise UnreadableError(str(error), response=response) from None


class TimeLimited(HTTPAdapter):
    """Limits every wait but that for the next line of a live log: an epoch may take hours."""

    def send(self, request: Any, *arguments: Any, **options: Any) -> requests.Response:
        """Send it, with a time limit where the caller has none; read the answer, but a stream."""
        live = "/logs/stream/" in request.url
        limit = (TIMEOUT[0], None) if live else TIMEOUT
        options["timeout"] = options.get("timeout") or limit
        send = partial(super().send, request, *arguments, **options)
        stream = live or options.get("stream")
        return send() if stream else within(_WHOLE, lambda: _whole(send()))


def _whole(response: requests.Response) -> requests.Response:
    _ = response.content  # reads it
    return response


def check_answers() -> None:
    """From now on, every client of kagglesdk in this process is a ``CheckedClient``."""
    kaggle_client.KaggleHttpClient = CheckedClient


def decode_text(kind: type[T], text: str) -> T:
    """Return the answer of type ``kind`` in a response's body. Raises ValueError in one line."""
    try:
        return _decode_object(kind, json.loads(text), "the answer")
    except json.JSONDecodeError:
        shown = " ".join(hide(text[:5000])[:60].split())
        raise ValueError(f"it is not JSON: {shown!r}" if shown else "it is empty") from None
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def _decode_object(kind: type[T], value: Any, where: str) -> T:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {_shown(value)} instead of an object")
    answer = kind()
    for field in kind._fields:
        item, name = value.get(field.json_name), f"{where}.{field.json_name}"
        if isinstance(field.serializer, ListSerializer):
            decoded = _decode_list(field.field_type, item, name)
        elif field.json_name not in value or (item is None and not _is(field.field_type, Enum)):
            if not _is(field.field_type, KaggleObject):
                continue
            decoded = field.field_type()
        else:
            decoded = _decode(field.field_type, item, name)
        setattr(answer, field.private_field_name, decoded)
    return answer


def _decode_list(kind: Any, value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{where} is {_shown(value)} instead of a list")
    return [_decode(kind, item, f"{where}[{i}]") for i, item in enumerate(value)]


def _decode(kind: Any, value: Any, where: str) -> Any:
    if _is(kind, KaggleObject):
        return _decode_object(kind, value, where)
    if _is(kind, Enum):
        return _decode_enum(kind, value)
    try:
        return _DECODERS.get(kind, _as_it_is)(value)
    except (TypeError, ValueError, OverflowError, AttributeError):
        raise ValueError(f"{where} is {_shown(value)} instead of {_WORDS.get(kind)}") from None


def _decode_enum(kind: type[Enum], value: Any) -> Any:
    """Return the member, or, where kagglesdk has none, an object with the ``name`` that came.

    ``cancelAcknowledged`` is CANCEL_ACKNOWLEDGED, ``tensorFlow2`` MODEL_FRAMEWORK_TENSOR_FLOW_2.
    """
    if isinstance(value, str) and (wanted := _plain(value)):
        for member in kind:
            name = _plain(member.name)
            if wanted in (name, name.removeprefix(kind.__name__.lower())):
                return member
    return SimpleNamespace(name=_shown(value).strip("'"))


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def _as_it_is(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half of a pair cannot be written
    if isinstance(value, int | float) and not isinstance(value, bool):  # a score as a number
        return str(value)
    raise TypeError


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise TypeError
    return number


def _integer(value: Any) -> int:
    if _number(value) != (number := int(value)):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if value not in (True, False, "true", "false"):
        raise TypeError
    return value in (True, "true")


def _moment(value: str) -> datetime:
    """Return a date in UTC, without an offset, as kagglesdk has them."""
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _duration(value: str) -> timedelta:
    return timedelta(seconds=_number(value.removesuffix("s")))


_DECODERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _boolean,
    datetime: _moment,
    timedelta: _duration,
}
_WORDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    datetime: "a date",
    timedelta: "a duration",
}


def _is(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)


def _shown(value: Any) -> str:
    """Return a value in at most 40 characters of one line."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = "null" if value is None else hide(repr(value))
    return text if len(text) <= 40 else f"{text[:36]} ..."

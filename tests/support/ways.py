"""Ways in which programs write a text, a secret for example."""

import base64
import csv
import html
import io
import json
import shlex
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus


def as_csv(text: str) -> str:
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerow([text])
    return file.getvalue()[1:-3]


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


WAYS: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "percent": lambda s: quote(encoded(s), safe=""),
    "percent, lower case": lambda s: quote(encoded(s), safe="/").replace("%2B", "%2b"),
    "plus": lambda s: quote_plus(encoded(s)),
    "json": lambda s: json.dumps(s)[1:-1],
    "json, not ascii": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "json in json": lambda s: json.dumps(json.dumps({"key": s})),
    "php's json": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "repr": lambda s: repr(s)[1:-1],
    "repr of bytes": lambda s: repr(encoded(s))[2:-1],
    "ascii": lambda s: ascii(s)[1:-1],
    "html": html.escape,
    "shell": shlex.quote,
    "csv": as_csv,
    "base64": lambda s: base64.b64encode(encoded(s)).decode(),
    "basic": lambda s: base64.b64encode(b"al:" + encoded(s)).decode(),
    "basic, longer": lambda s: base64.b64encode(b"alice:" + encoded(s)).decode(),
    "in a longer one": lambda s: base64.b64encode(b"bob:" + encoded(s) + b"\n}").decode(),
    "urlsafe": lambda s: base64.urlsafe_b64encode(b"x" + encoded(s)).decode(),
    "base64 in an address": lambda s: quote(base64.b64encode(encoded(s)), safe=""),
    "base64 in lines": lambda s: base64.encodebytes(b"x: " * 20 + encoded(s)).decode(),
    "wrapped": lambda s: "\n   | ".join(textwrap.wrap(s, 30, drop_whitespace=False)),
}

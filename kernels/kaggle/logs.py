"""A kernel's log, which may have 100 MB, as it comes from Kaggle: read in pieces, never whole.

Kaggle gives it as JSON, an array of events ``{stream_name, time, data}``; in the answer that lists
a kernel's output this array is once more text in JSON.
"""

import codecs
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from common.text import printable

BLOCK = 1 << 16  # bytes
_LONGEST = 1 << 23  # characters of an event; a longer one is text as it is
_KEY = re.compile(r'"log"\s{0,9}:\s{0,9}"')  # inside of a text its quotes would be escaped
# Of text in JSON, as much as is whole: no first half of an escape or of a pair of surrogates.
_WHOLE = re.compile(
    r'(?:[^"\\]++|\\[^u]|\\u(?![dD][89abAB])....'
    r"|\\u[dD][89abAB]..(?:\\u[dD][c-fC-F]..|(?=[^\\]|\\[^u]|\\u[^dD]|\\u.[^c-fC-F])))*+",
    re.DOTALL,
)
_BEGIN = re.compile(r"\s*(?:(\[\s*[{\]])|\[\s*\S|[^\s\[])")  # an array of objects is ``[{`` ...
_BETWEEN = re.compile(r"[\s,]*")


def take_log(blocks: Iterable[bytes]) -> tuple[str, TextIO]:
    """Return an answer's JSON with its ``log`` emptied, and the log's text in a temporary file.

    Raises ValueError for a log that is not text in JSON.
    """
    others: list[str] = []
    file = tempfile.TemporaryFile("w+", -1, "utf-8", "\n", errors="surrogatepass")  # noqa: SIM115
    try:
        file.writelines(log_text(_take_value(blocks, others)))
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return "".join(others), file


def printable_log(log: TextIO) -> Iterator[str]:
    """Yield the lines of a log, and long ones in pieces, as they may be shown on a terminal."""
    for line in iter(lambda: log.readline(BLOCK), ""):
        yield printable(line.removesuffix("\n")) + "\n" * line.endswith("\n")


def log_events(blocks: Iterable[bytes]) -> Iterator[dict[str, str]]:
    """Yield the log of a session that has ended as events, as those of a live one."""
    for text in log_text(codecs.iterdecode(blocks, "utf-8", "replace")):
        yield {"data": text}


def log_text(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the text of a log that comes in pieces; what is no array of events is text itself."""
    decoder, rest, events = json.JSONDecoder(strict=False), "", False
    begun = False
    for piece in pieces:
        rest, at = rest + piece, 0
        if not begun and (start := _BEGIN.match(rest)):
            begun, events = True, start[1] is not None
            at = start.end() - 1 if events else 0
        texts = []
        while events:
            at = _BETWEEN.match(rest, at).end()  # type: ignore[union-attr]
            try:
                event, at = decoder.raw_decode(rest, at)
            except (ValueError, RecursionError):  # it goes on in the next piece
                break
            texts.append(_data(event))
        yield "".join(texts)
        rest = rest[at:]
        if begun and (not events or len(rest) > _LONGEST):
            events = False
            yield rest
            rest = ""
    if rest.strip("[], \r\n"):
        yield rest


def _take_value(blocks: Iterable[bytes], others: list[str]) -> Iterator[str]:
    """Yield the text of the first ``log`` in pieces; the JSON around it goes to ``others``."""
    rest, sought, inside = "", True, False
    for text in codecs.iterdecode(blocks, "utf-8", "replace"):
        rest += text
        if sought and (key := _KEY.search(rest)):
            others.append(rest[: key.end()])
            rest, sought, inside = rest[key.end() :], False, True
        if inside:
            end = _WHOLE.match(rest).end()  # type: ignore[union-attr]
            yield json.loads(f'"{rest[:end]}"', strict=False)
            rest, inside = rest[end:], not rest.startswith('"', end)
        if not inside:
            cut = max(0, len(rest) - 64) if sought else len(rest)  # the key may be in two blocks
            others.append(rest[:cut])
            rest = rest[cut:]
    others.append(rest)


def _data(event: Any) -> str:
    return str(event.get("data") or "") if isinstance(event, dict) else f"{event}\n"

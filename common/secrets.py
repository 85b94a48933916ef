"""Keeps secrets out of every text that leaves this process, however they are written there.

A secret is found by a piece of letters and digits, which no way of writing changes; only a text
with such a piece is searched, with a pattern that knows how each character may be written.
"""

import binascii
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from common.secret_sources import secrets_of

SHOWN = "[secret]"
_AROUND = " \t\r\n\v\f\0\ufeff\"'`"
# What is no secret wherever it stands: short texts, words, numbers, dates, addresses.
_ORDINARY = re.compile(
    r".{0,7}(?<!@)|[A-Za-z]{0,11}|[-+\d.,:;/%_ ETZ]{0,25}|[a-z][\w+.-]*://[^@\s]*", re.DOTALL
)
_PART = 40  # characters of a long secret that are sought by themselves
_PIECE = 1 << 16  # characters that are searched at once
_APART = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
# What may stand between its characters: quotes and backslashes, of the secret itself, too, and
# what a terminal puts where it wraps; each of them also as JSON, URLs and HTML have it.
_NOISE = re.compile("[\"'`\\\\|]")
_BETWEEN = (
    r"(?i:[\s\"'`\\|\u2502]|(?<=\\)(?:[nr]|(?:u00|x)(?:22|27|5c|60|7c))|%(?:22|27|5c|60|7c)|"
    r"&(?:quot|apos|#0*3[49]|#x0*2[27]);)*?"
)
_BEFORE = r"(?:\\+(?i:u[0-9a-f]{0,4}|x[0-9a-f]{0,2})?)?"  # half of an escape is none


@dataclass(frozen=True)
class _Form:
    """A secret of ``source`` in plain or base64 form; one of ``seeds`` is in every text with it."""

    source: str
    text: str

    @cached_property
    def seeds(self) -> tuple[str, str]:
        runs = sorted(re.findall("[A-Za-z0-9]{4,}", self.text), key=len)[::-1] or [""]
        half = len(runs[0]) // 2
        if half >= 4:  # so that a line break leaves one of them whole
            return runs[0][:half][:8], runs[0][half:][-8:]
        return runs[0], runs[-1 if len(runs) == 1 else 1]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it whole; of a long one also what is left where its end is cut off."""
        written = [*map(_written, _bare(self.text))]
        half, end = len(written) // 2, ""
        if half < 12:
            return re.compile(_BEFORE + _BETWEEN.join(written))
        for character in reversed(written[half:]):
            end = f"(?:{_BETWEEN}{character}{end})?"
        more = r"[^\s\"'\\<>]*" if len(self.text) == _PART else ""
        return re.compile(_BEFORE + _BETWEEN.join(written[:half]) + end + more)

    def is_in(self, text: str) -> bool:
        return any(seed in text for seed in self.seeds) and bool(self.pattern.search(text))


_known: dict[str, _Form] = {}  # the longest first


def learn_secrets(environment: Mapping[str, str] = os.environ) -> None:
    """From now on, ``hide`` the secrets of the environment and of Kaggle's files, too.

    These are variables whose names say so, passwords of addresses, and what the files of
    ``~/.kaggle`` and ``KAGGLE_CONFIG_DIR`` hold besides names and dates.
    """
    for text, source in secrets_of(environment).items():
        text = text.strip(_AROUND)
        if not _is_ordinary(text):
            for form in (text, *_base64(text)):
                _known.update((part, _Form(source, part)) for part in _parts(form))
    longest_first = sorted(_known.items(), key=lambda item: -len(item[0]))
    _known.clear()
    _known.update(longest_first)


def hide(text: str) -> str:
    """Return ``text`` with ``[secret]`` for every secret in it, however it is written."""
    return "".join(map(_hide, _pieces(text)))


def _hide(text: str) -> str:
    searched = text
    if len(text) > 2000:  # each of its words once
        words = text.encode("utf-8", "surrogatepass").translate(_APART).split()
        searched = b" ".join(set(words)).decode()
    for form in _known.values():
        first, second = form.seeds
        if first in searched or second in searched:
            text = form.pattern.sub(SHOWN, text)
            searched = text if len(text) < 2000 else searched
    return text


def hidden(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text without secrets, those as well that lie in two pieces."""
    waiting, length = [], 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= _PIECE:
            text = hide("".join(waiting))
            keep = len(text) - unfinished(text)
            yield text[:keep]
            waiting, length = [text[keep:]], 0
    yield hide("".join(waiting))


def find_secret(text: str) -> str:
    """Return the variable or the file whose secret is in ``text``; empty without one."""
    return next((form.source for form in _known.values() if form.is_in(text)), "")


def unfinished(text: str) -> int:
    """Return how many characters at the end of ``text`` may be the beginning of a secret."""
    for length in range(min(len(text), max(map(len, _known), default=0)), 0, -1):
        end = text[-length:]
        if any(form != end and form.startswith(end) for form in _known):
            return length
    return 0


def _parts(text: str) -> Iterator[str]:
    """Yield ``text``, or of a long one parts, after each of which all up to a space is hidden."""
    if len(text) <= 3 * _PART:
        yield text
    else:
        yield from (text[at : at + _PART] for at in range(0, min(len(text), 2000) - _PART, _PART))
        yield text[-_PART:]


def _pieces(text: str) -> Iterator[str]:
    """Yield ``text`` in pieces that end with a line."""
    at = 0
    while at < len(text):
        end = text.find("\n", at + _PIECE) + 1 or len(text)
        yield text[at:end]
        at = end


def _is_ordinary(text: str) -> bool:
    return bool(_ORDINARY.fullmatch(_bare(text))) or ("/" in text and os.path.exists(text))


def _bare(text: str) -> str:
    """Return what cannot be missing where a text is written in whatever way."""
    return " ".join(_NOISE.sub("", text).split())


def _base64(text: str) -> Iterator[str]:
    """Yield what stands for ``text`` wherever it begins in a longer text that is encoded."""
    data = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        encoded = binascii.b2a_base64(bytes(before) + data, newline=False).decode()
        yield encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]


def _written(character: str) -> str:
    """Return a pattern of all the ways to write a character: URL, JSON, repr, HTML, shell, CSV."""
    if character.isascii() and character.isalnum():
        return character
    code, data = ord(character), character.encode("utf-8", "surrogateescape")
    pair = character.encode("utf-16-be", "surrogatepass").hex()
    utf16 = [f"u{pair[at : at + 4]}" for at in range(0, len(pair), 4)]
    same = {"+": "[+-]", "-": "[-+]", "/": "[/_]", "_": "[/_]", " ": r"[\s+]"}  # base64, URLs
    names = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    ways = [
        same.get(character, re.escape(character)),
        "".join(f"%{byte:02x}" for byte in data),
        rf"&#(?:0*{code}|x0*{code:x});",
        names.get(character, ""),
    ]
    escapes = [f"x{code:02x}", r"\\+".join(f"x{byte:02x}" for byte in data), r"\\+".join(utf16)]
    ways += [rf"(?<=\\)(?:{'|'.join([*escapes, f'U{code:08x}'])})"]
    return f"(?i:{'|'.join(filter(None, ways))})"

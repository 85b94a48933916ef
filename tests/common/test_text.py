"""What others wrote is text: nothing of it commands a terminal."""

import io
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.text import LONGEST, prepare_streams, printable, printable_lines, say, size_in_words

TURNS = "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
# Any characters, surrogates too, and often those that a terminal obeys.
ANY = st.text() | st.text(
    st.sampled_from("\x1b[]\\;8mHJ?0a\a\b\r\n\t\0\x7f\x9b\x9d\x9c\ud800é" + TURNS)
)


def obeyed(text: str) -> list[str]:
    """The characters that a terminal or a page would do something with, or cannot show."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in TURNS]


@given(ANY)
@example("\x1b\x1b[31m[31m")
def test_no_text_commands_a_terminal(text: str) -> None:
    shown = printable(text)
    assert [c for c in obeyed(shown) if c != "\t"] == []
    assert printable(shown) == shown
    assert [c for c in obeyed(printable_lines(text)) if c not in "\t\n"] == []
    stream = io.StringIO()
    say(text, stream)
    assert stream.getvalue() == printable_lines(text) + "\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("loss [31m] é 日本 👩‍💻\tx", "loss [31m] é 日本 👩‍💻\tx"),
        ("\x1b[1m10/10\x1b[0m \x1b[38;5;4mok\x1b[K", "10/10 ok"),
        ("\x1b]8;;https://example.com\x1b\\here\x1b]8;;\a!", "here!"),
        ("\x1b]0;title that never ends", "0;title that never ends"),
        ("a\rb\b\b\bc\0d", "a b c d"),
        ("two\nlines", "two lines"),
        ("\x9b2J \u202egnp.exe \ud800", " 2J  gnp.exe \ufffd"),
    ],
)
def test_what_is_to_be_read_stays(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_line_is_cut_and_says_so() -> None:
    assert printable("x" * 5000, 10) == "xxxxxxxxxx ... (5,000 characters)"
    assert printable("x" * 10, 10) == "x" * 10
    stream = io.StringIO()
    say("y" * 10**6 + "\nz", stream)
    first, second = stream.getvalue().splitlines()
    assert (len(first), second) == (LONGEST + len(" ... (1,000,000 characters)"), "z")


def test_a_stream_that_cannot_show_a_text_escapes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", None)  # it is closed
    prepare_streams()
    print("é … 日本", file=sys.stdout, flush=True)
    print("nobody reads it", file=sys.stderr)
    sys.stderr.close()
    assert shown.buffer.getvalue() == b"\\xe9 \\u2026 \\u65e5\\u672c\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_960, "10 kB"),
        (70_900_000, "71 MB"),
        (999_600_000, "1.0 GB"),
        (20_000_000_000, "20.0 GB"),
    ],
)
def test_sizes_are_written_as_people_do(number: int, words: str) -> None:
    assert size_in_words(number) == words

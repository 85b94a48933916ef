"""What a kernel prints is shown as text, on a terminal and in lines, and ends no run."""

import errno
import io
import re
from typing import TextIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.progress import parse
from kernels.kaggle.states import KernelState
from kernels.run.display import PlainDisplay, open_display, row_of
from kernels.run.state import KernelRecord

HOSTILE = st.text() | st.text(st.sampled_from("\x1b[]/x8;mJ:smile\\\a\b\r\n\0\x9b\u202e\ud800 ="))
OBEYED = set("\x1b\a\b\r\0\x9b\u202e\ud800")
RUNNING = KernelRecord(state=KernelState.RUNNING)
# What rich itself sends to a terminal.
RICH = re.compile(r"\x1b\[(\?25[lh]|[\d;]*m|\d*[ABCDGKJ]|2K)|\r")


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    """A terminal that has been closed."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")

    def fileno(self) -> int:
        return self.file.fileno()


def shown(stream: TextIO, line: str, facts: dict[str, str]) -> None:
    rows = [row_of("left", RUNNING, facts, no_session=False)]
    with open_display(stream) as display:
        display.show(rows)
        display.say(f"left | {line}")
        display.show(rows)


@settings(max_examples=60, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
@example("[/x]", "[/x]", "[red]:smile:")
@example("\x1b]8;;https://example.com\x1b\\x\x1b]8;;\x1b\\", "\x1b[2J", "\rdone\b\b")
def test_what_a_kernel_prints_is_text(line: str, stage: str, fact: str) -> None:
    facts = {"stage": stage, "epoch": fact, "loss": fact}
    for stream in (io.StringIO(), Terminal()):
        shown(stream, line, facts)
        left = RICH.sub("", stream.getvalue()) if stream.isatty() else stream.getvalue()
        assert set(left) & OBEYED == set()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["lines", "table"])
def test_markup_and_long_lines_are_shown_as_they_are(stream: TextIO) -> None:
    facts = parse("progress stage='[/x]' epoch=':smile:' loss='[red]'") or {}
    shown(stream, "[/x] :smile: [link=https://example.com]x" + "y" * 9000, facts)
    for text in ("left | [/x] :smile: [link=https://example.com]xyy", "characters)", ":smile:"):
        assert text in stream.getvalue()
    assert "y" * 5000 not in stream.getvalue()
    long = row_of("left", RUNNING, {"stage": "x" * 10**6}, no_session=False)
    assert len("".join(map(str, long))) < 200


def test_a_terminal_that_is_closed_ends_no_run(tmp_path) -> None:
    with open(tmp_path / "terminal", "w") as file:
        for stream in (Gone(), io.StringIO()):
            stream.file = file
            shown(stream, "line", {"stage": "training"})


@pytest.mark.parametrize(("every", "lines"), [(0.0, 3), (1e6, 2)])
def test_lines_show_that_a_long_stage_goes_on(every: float, lines: int) -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream, every)
    for stage, pictures in (("features", 1), ("features", 1), ("features", 2), ("training", 2)):
        facts = {"stage": stage, "pictures": f"{pictures}/9"}
        display.show([row_of("left", RUNNING, facts, no_session=False)])
    shown = [line.split("s  ")[1] for line in stream.getvalue().splitlines()]
    assert len(shown) == lines
    assert ("left RUNNING features pictures=2/9" in shown) is (lines == 3)

"""A kernel's log is read in pieces, whatever its size and whatever Kaggle puts into it."""

import io
import itertools
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.kaggle.logs import BLOCK, log_events, log_text, printable_log, take_log
from kernels.local.kernels_service import log_blocks, log_json

# Of a server that escapes what is not ASCII, and of one that does not.
ASCII = st.booleans()
SOME = st.text(st.sampled_from('"\\\n\t/ud83de👩é日x[]{},:log')) | st.text(
    st.characters(exclude_categories=["Cs"])
)


def in_blocks(text: str, size: int) -> Iterator[bytes]:
    content = text.encode()
    return (content[at : at + size] for at in range(0, len(content), size))


@given(st.lists(SOME), SOME, st.integers(1, 40), ASCII, ASCII)
def test_a_log_is_taken_out_of_its_answer(
    lines: list[str], name: str, size: int, inner: bool, outer: bool
) -> None:
    events = [{"stream_name": "stdout", "time": 1.5, "data": line} for line in lines]
    log = json.dumps(events, ensure_ascii=inner)
    answer = {"files": [{"fileName": name}], "log": log, "nextPageToken": name}
    rest, file = take_log(in_blocks(json.dumps(answer, ensure_ascii=outer), size))
    with file:
        assert file.read() == "".join(lines)
    assert json.loads(rest) == {**answer, "log": ""}
    blob = in_blocks(log, size)
    assert "".join(event["data"] for event in log_events(blob)) == "".join(lines)


@pytest.mark.parametrize(
    ("log", "text"),
    [
        ("", ""),
        ("[]", ""),
        ("  [ ]\n", ""),
        ("[INFO] no\nJSON", "[INFO] no\nJSON"),
        ('{"data": "x"}', '{"data": "x"}'),
        ('[{"data": "a\\n"}\n,{"data": null}, 3, "b", {"data": {"c": 1}}]', "a\n3\nb\n{'c': 1}"),
        ('[{"data": "a\\n"}, {"data": "cut', 'a\n{"data": "cut'),
    ],
)
def test_a_log_of_any_form_is_text(log: str, text: str) -> None:
    assert "".join(log_text([log])) == text
    assert "".join(log_text(log)) == text  # in pieces of one character


def test_an_answer_without_a_log_is_kept() -> None:
    for answer in ("{}", '{"log": null, "files": []}', "<html>", "", '{"log": ["x"]}'):
        rest, file = take_log(in_blocks(answer, 3))
        with file:
            assert (rest, file.read()) == (answer, "")
    rest, file = take_log([b'{"log": "[{\\"data\\": \\"all that came\\"}'])
    with file:
        assert (rest, file.read()) == ('{"log": "', "all that came")
    with pytest.raises(ValueError, match="escape"):
        take_log([b'{"log": "\\x"}'])


@pytest.mark.parametrize("line", ["x" * 99 + "\n", "x" * BLOCK], ids=["lines", "no end of line"])
def test_a_large_log_takes_little_memory(tmp_path: Path, line: str) -> None:
    path, size = tmp_path / "log.jsonl", 8_000_000
    entry = json.dumps({"stream_name": "stdout", "time": 1.0, "data": line})
    with open(path, "w") as file:
        file.writelines(f"{entry}\n" for _ in range(size // len(line)))
    tracemalloc.start()
    text = (json.dumps(piece)[1:-1].encode() for piece in log_json(path))
    _, log = take_log(itertools.chain([b'{"log": "'], text, [b'", "files": []}']))
    with log:
        written = sum(map(len, printable_log(log)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written == size // len(line) * len(line)
    assert peak < 2_500_000


def test_an_entry_of_the_local_log_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"data": "1"}\n{"data": "2"}\n{"da')
    [(entries, end)] = log_blocks(path)
    assert entries == ['{"data": "1"}', '{"data": "2"}']
    assert "".join(log_json(path)) == '[{"data": "1"}\n,{"data": "2"}]'
    with open(path, "a") as file:
        file.write('ta": "é"}\n')
    assert [entries for entries, _ in log_blocks(path, end)] == [['{"data": "é"}']]
    assert list(log_blocks(path, path.stat().st_size)) == []


def test_a_log_on_disk_may_be_shown_on_a_terminal() -> None:
    log = io.StringIO("\x1b[31mred\x1b[0m\n\n[/x]\rover\nno end")
    assert "".join(printable_log(log)) == "red\n\n[/x] over\nno end"

"""Whatever the secret and however it is written: no channel lets it out."""

import io
import json
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelResponse
from rich.console import Console

import submit
from common import secrets
from common.errors import UserError, show
from common.manifest import write_json, write_text
from common.output import HidingStream
from common.text import printable
from kernels.kaggle.answers import KaggleError, change
from kernels.kaggle.decode import decode_text
from kernels.run.collect import follow_log
from kernels.run.display import LiveDisplay, PlainDisplay
from support.ways import WAYS

SECRETS = st.one_of(
    st.from_regex(r"KGAT[_][0-9a-f]{32}", fullmatch=True),
    st.text(st.sampled_from("aB3z+/=-_.~%\"'\\<&>:@é€\U0001f600"), min_size=12, max_size=60),
    st.text(st.characters(categories=("L", "N", "P", "S")), min_size=16, max_size=90),
    st.from_regex(r"[0-9A-Za-z]{900,1000}", fullmatch=True),
)


def answered(text: str, code: int) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = code, "Bad"
    response._content = json.dumps({"error": {"code": code, "message": text}}).encode()
    return response


def an_error(text: str, code: int = 400) -> str:
    """What is said of an answer that echoes the text."""

    def call() -> None:
        raise requests.HTTPError(text, response=answered(text, code))

    with pytest.raises(KaggleError) as caught:
        change(call)
    return str(caught.value)


def unreadable(text: str) -> str:
    """What is said of answers that are no JSON, and of fields that are of another type."""
    bodies = (text, f"{' ' * 30}{text}", json.dumps({"versionNumber": text}))
    said = []
    for body in bodies:
        try:
            decode_text(ApiSaveKernelResponse, body)
        except ValueError as error:
            said.append(str(error))
    return "\n".join(said)


def raised(text: str, *_: object) -> None:
    """Print a traceback as the interpreter does."""
    try:
        try:
            raise KeyError(text)
        except KeyError as error:
            raise RuntimeError(f"after {text}") from error
    except RuntimeError:
        traceback.print_exc()


def a_thread(text: str, *_: object) -> None:
    thread = threading.Thread(target=print, args=(text,))
    thread.start()
    thread.join()


def a_log(text: str, folder: Path) -> None:
    """Follow a kernel's log, and say its lines on a terminal."""
    kaggle = SimpleNamespace(follow_log=lambda slug: iter(["first", f"loss={text}", text]))
    run, live = SimpleNamespace(log=lambda name: folder / "log"), SimpleNamespace()
    live.console = Console(file=sys.stderr, force_terminal=True, width=40)
    follow_log(kaggle, run, "left", "tiny-left", LiveDisplay(live).say, 0.0)  # type: ignore[arg-type]


CHANNELS: dict[str, Callable[[str, Path], Any]] = {
    "print": lambda text, _: print("x", text, 1),
    "pieces": lambda text, _: [print(c, end="") for c in text if c != "\n"],
    "one error": lambda text, _: show(UserError(text, (text, "more"))),
    "--json": lambda text, _: submit._end(
        SimpleNamespace(json=True, competition="tiny", run_dir=Path(text)),  # type: ignore[arg-type]
        {"state": "failed", "error": text},
    ),
    "traceback": raised,
    "thread": a_thread,
    "plain display": lambda text, _: PlainDisplay(sys.stderr).say(text),
    "refusal": lambda text, _: print(an_error(text)),
    "no answer": lambda text, _: print(an_error(text, 503)),
    "unreadable": lambda text, _: print(unreadable(text)),
    "a long line": lambda text, _: print(printable(f"{text} {'x' * 99}", 40)),
    "log": a_log,
    "text file": lambda text, folder: write_text(folder / "a.txt", text),
    "in pieces": lambda text, folder: write_text(folder / "b.txt", iter(text)),
    "json file": lambda text, folder: write_json(folder / "c.json", {"a": [text], text: 1.5}),
}


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(SECRETS, st.sampled_from(sorted(WAYS)))
def test_no_channel_shows_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, way: str
) -> None:
    monkeypatch.setattr(secrets, "_known", {})
    secrets.learn_secrets({"KAGGLE_KEY": secret, "HOME": "/nowhere"})
    assume(secrets._known and len(secret.strip(secrets._AROUND)) == len(secret))
    text = WAYS[way](secret)
    for channel, write in CHANNELS.items():
        with monkeypatch.context() as patch:
            streams = [HidingStream(io.StringIO()) for _ in range(2)]
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            write(f"Bearer {text}", tmp_path)
        for stream in streams:
            stream.flush()
            stream._finish()
        paths = list(tmp_path.iterdir())
        said = [stream.getvalue() for stream in streams] + [path.read_text() for path in paths]
        for one in said:
            assert text.strip() not in one, channel
            assert secret not in one, channel
            assert len(secret) < 32 or secret[:20] not in one, channel
        for path in paths:
            if path.suffix == ".json":
                json.loads(path.read_text())
            path.unlink()

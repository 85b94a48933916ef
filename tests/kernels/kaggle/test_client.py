"""What the adapter makes of Kaggle's answers."""

import threading

import pytest
import requests
from kagglesdk.kernels.types import kernels_api_service as api

from kernels.kaggle import answers
from kernels.kaggle.answers import (
    KaggleError,
    NoAnswerError,
    NotSentError,
    advised,
    change,
    may_be_done,
    read,
    reason,
    shown_score,
)
from kernels.kaggle.client import Kaggle
from kernels.kaggle.decode import decode_text
from kernels.kaggle.states import KernelState


@pytest.mark.parametrize(
    ("word", "state", "running"),
    [
        ("RUNNING", KernelState.RUNNING, True),
        ("COMPLETE", KernelState.COMPLETE, False),
        ("PREEMPTED", KernelState.UNKNOWN, True),  # Kaggle has had such words
    ],
)
def test_a_state_is_one_of_ours(word: str, state: KernelState, running: bool) -> None:
    kaggle = Kaggle.__new__(Kaggle)  # without signing in
    kaggle.owner, answer = "alice", f'{{"status": "{word}", "failureMessage": "no\\nmemory"}}'
    kaggle.ask = lambda *_, **__: decode_text(api.ApiGetKernelSessionStatusResponse, answer)
    status = kaggle.status("tiny-left", 1)
    assert (status.state, status.state.running) == (state, running)
    assert status.message == ("PREEMPTED" if word == "PREEMPTED" else "no memory")


def test_what_has_no_connection_was_certainly_not_done() -> None:
    def call() -> None:
        requests.post("http://127.0.0.1:9/", timeout=5)

    with pytest.raises(NotSentError, match="cannot be reached: Connection refused") as caught:
        change(call)
    assert not may_be_done(caught.value)


@pytest.mark.parametrize("code", [408, 429, 500, 504])
def test_what_is_answered_unclearly_may_have_been_done(code: int) -> None:
    response = requests.Response()
    response.status_code, response.headers["Retry-After"] = code, "7"

    def call() -> None:
        response.raise_for_status()

    with pytest.raises(NoAnswerError) as caught:
        change(call)
    assert (may_be_done(caught.value), caught.value.retry_after) == (True, "7")


@pytest.mark.parametrize(
    ("body", "foreign"),
    [('{"error": {"code": 400, "message": "no"}}', False), ('{"message": "no"}', False),
     ("<html>", True), ("", True), ("[]", True), ('{"error": []}', True), ("[" * 9999, True),
     ('{"error": {"message": 3}}', True)],
)  # fmt: skip
def test_a_refusal_that_is_not_kaggles_own_may_hide_that_it_was_done(
    body: str, foreign: bool
) -> None:
    response = requests.Response()
    response.status_code, response._content = 403, body.encode()

    with pytest.raises(KaggleError, match="Kaggle answered 403: ") as caught:
        change(response.raise_for_status)
    assert not isinstance(caught.value, NoAnswerError)
    assert (may_be_done(caught.value), caught.value.foreign) == (foreign, foreign)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("7", 7), ("4000", 300), ("Fri, 31 Dec 2100 23:59:59 GMT", 300),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("", 0.5), ("soon", 0.5), ("\N{SUPERSCRIPT TWO}", 0.5)],
)  # fmt: skip
def test_a_pause_is_as_long_as_the_server_asks(
    asked: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(answers, "PAUSE", 1.0)
    monkeypatch.setattr("time.sleep", slept.append)
    answers.pause(0, asked)
    assert slept[0] == pytest.approx(seconds, abs=0.5)


def test_a_long_wait_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said, ended = list[str](), threading.Event()

    def say(line: str) -> None:
        said.append(line)
        ended.set()

    monkeypatch.setattr(answers, "say", say)
    monkeypatch.setattr(answers, "_SILENCE", 0.05)
    for call in (lambda: read(ended.wait, "fetching x"), lambda: change(ended.wait)):
        ended.clear()
        assert call()
    assert [line.partition(" for ")[0] for line in said] == ["fetching x", "no answer from Kaggle"]


@pytest.mark.parametrize("text", [None, "", "nan", "NaN", "inf", "None", "-"])
def test_what_is_no_score_is_none(text: str | None) -> None:
    assert shown_score(text) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [("[1]", "Bad"), ('{"error": 3}', "3"), ('{"error": "no"}', "no"), ("[" * 9999, "Bad"),
     ('{"message": "no\\nroom"}', "no room"),
     ('{"error": {"message": "no"}}', "no"), ("<html>", "Bad"), ("null", "Bad")],
)  # fmt: skip
def test_what_kaggle_says_of_a_refusal_is_one_line(body: str, said: str) -> None:
    response = requests.Response()
    response.status_code, response.reason, response._content = 400, "Bad", body.encode()
    error = requests.HTTPError("400 Client Error", response=response)
    assert reason(error) == f"Kaggle answered 400: {said}"


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("Phone verification is required.", "verify your phone at https://www.kaggle.com/settings"),
        ("You must accept this competition's rules", "accept them on the competition's page"),
        ("Maximum weekly GPU quota of 30.00 hours has been reached.", "wait for next week's"),
    ],
)
def test_a_refusal_that_is_known_says_what_helps(said: str, helps: str) -> None:
    assert advised(said).startswith(f"{said.rstrip('.')}: {helps}")
    assert advised("no\nroom.") == "no room"

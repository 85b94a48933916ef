"""Kaggle's answers: what fits is read as kagglesdk reads it, anything else is one line."""

import contextlib
import copy
import itertools
import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from kagglesdk.competitions.types import competition_api_service as competitions
from kagglesdk.datasets.types import dataset_api_service as datasets
from kagglesdk.kernels.types import kernels_api_service as kernels

from kernels.kaggle import decode
from kernels.kaggle.decode import TimeLimited, decode_text

STATUS = kernels.ApiGetKernelSessionStatusResponse
QUOTA = kernels.ApiGetAcceleratorQuotaStatisticsResponse
SUBMISSION = {
    "ref": 7,
    "date": "2026-11-26T07:00:00.000Z",
    "status": "COMPLETE",
    "publicScore": "0.9",
}
ANSWERS = {
    STATUS: {"status": "RUNNING", "failureMessage": "no memory"},
    QUOTA: {
        "quotaRefreshTime": "2026-11-28T00:00:00.000Z",
        "gpuQuota": {"timeUsed": "3600s", "totalTimeAllowed": "108000s", "hasEverRun": True},
        "tpuQuota": {"timeUsed": "0s"},
    },
    kernels.ApiSaveKernelResponse: {"ref": "/alice/k", "versionNumber": 3, "invalidTags": ["x"]},
    kernels.ApiListKernelSessionOutputResponse: {
        "files": [{"url": "http://127.0.0.1/f", "fileName": "manifest.json"}],
        "log": "[]",
        "nextPageToken": "2",
    },
    kernels.ApiGetKernelResponse: {
        "metadata": {
            "ref": "alice/k",
            "currentVersionNumber": 3,
            "categoryIds": ["utility script"],
        },
        "blob": {"source": "print(1)", "kernelType": "script"},
    },
    competitions.ApiCompetition: {
        "title": "Petals",
        "deadline": "2026-12-01T00:00:00Z",
        "maxDailySubmissions": 5,
        "userHasEntered": True,
    },
    competitions.ApiSubmissionLimits: {"numToday": 1, "numTotal": 5, "numAllowedNow": 4},
    competitions.ApiListSubmissionsResponse: {"submissions": [SUBMISSION], "nextPageToken": ""},
    competitions.ApiSubmission: SUBMISSION,
    competitions.ApiCreateSubmissionResponse: {"message": "ok", "ref": 7},
    competitions.ApiListDataFilesResponse: {
        "files": [{"name": "sample.csv", "totalBytes": 12, "creationDate": "2026-11-26T07:00:00Z"}]
    },
    datasets.ApiGetDatasetStatusResponse: {"status": "READY"},
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=9), part, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", ANSWERS, ids=lambda kind: kind.__name__)
def test_an_answer_is_what_kagglesdk_reads(kind) -> None:
    text = json.dumps(ANSWERS[kind])
    assert decode_text(kind, text).to_dict() == kind.from_json(text).to_dict() != {}


def places(value, path=()):
    """Every path to a value inside ``value``."""
    yield path
    keys = (
        range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
    )
    for key in keys:
        yield from places(value[key], (*path, key))


@st.composite
def mutated(draw):
    """A kind of answer, and a body in which one to three values are of any kind."""
    kind = draw(st.sampled_from(list(ANSWERS)))
    body = copy.deepcopy(ANSWERS[kind])
    for _ in range(draw(st.integers(1, 3))):
        path, odd = draw(st.sampled_from(list(places(body)))), draw(ODD)
        if not path:
            body = odd
            continue
        *above, last = path
        inner = body
        for key in above:
            inner = inner[key]
        inner[last] = odd
    text = json.dumps(body)
    return kind, draw(st.sampled_from((text, text, text, text[: len(text) // 2], f"<html>{text}")))


@settings(max_examples=int(os.environ.get("EXAMPLES", "500")), deadline=None)
@given(mutated())
def test_any_answer_is_checked_values_or_one_line(answer) -> None:
    kind, text = answer
    try:
        decoded = decode_text(kind, text)
    except ValueError as error:
        message = str(error)
        assert len(message.splitlines()) == 1, message
        return
    for field in kind._fields:
        value = getattr(decoded, field.field_name)
        if field.field_type in (str, int, bool, datetime) and not isinstance(value, list):
            assert value is None or type(value) is field.field_type, field.field_name
        if isinstance(field.field_type, type) and issubclass(field.field_type, Enum):
            assert all(
                isinstance(one.name, str) for one in (value if isinstance(value, list) else [value])
            )


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("PREEMPTED", "PREEMPTED"),
        (99, "99"),
        (None, "null"),
        ("running", "RUNNING"),
        ("cancelAcknowledged", "CANCEL_ACKNOWLEDGED"),
        ("", ""),
        ("E", "E"),
        ("\u00e9", "\u00e9"),
    ],
)
def test_a_state_that_kagglesdk_does_not_know_keeps_its_name(word, name) -> None:
    assert decode_text(STATUS, json.dumps({"status": word})).status.name == name


def test_true_is_no_text() -> None:
    with pytest.raises(ValueError, match="failureMessage is True instead of text"):
        decode_text(STATUS, '{"failureMessage": true}')


def test_half_of_a_pair_is_a_question_mark() -> None:
    assert decode_text(STATUS, '{"failureMessage": "a \\ud800 b"}').failure_message == "a ? b"


def test_offsets_and_numbers_as_text_are_read() -> None:
    text = '{"quotaRefreshTime": "2026-11-28T02:00:00.5+02:00", "tpuQuota": {"timeUsed": "1.5s"}}'
    quota = decode_text(QUOTA, text)
    assert quota.quota_refresh_time == datetime(2026, 11, 28, 0, 0, 0, 500_000)
    assert quota.tpu_quota.time_used == timedelta(seconds=1.5)
    assert decode_text(competitions.ApiSubmissionLimits, '{"numToday": "5"}').num_today == 5


@pytest.fixture
def slow_server() -> Iterator[str]:
    """A server whose answer comes byte by byte, without an end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while not ended.wait(0.02):
                    self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    ended = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        ended.set()
        server.shutdown()


def test_every_answer_is_limited_in_time_but_a_live_log(
    slow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_WHOLE", 0.2)
    with requests.Session() as session:
        session.mount("http://", TimeLimited())
        with pytest.raises(requests.Timeout, match="timed out after 0 s"):
            session.get(f"{slow_server}/api/v1/kernels.KernelsApiService/GetKernel")
        log = session.get(f"{slow_server}/api/v1/kernels/logs/stream/alice/left", stream=True)
        assert len(list(itertools.islice(log.iter_content(1), 20))) == 20
        log.close()


def test_what_cannot_be_read_is_named() -> None:
    text = '{"submissions": [{"ref": 1}, {"ref": "one"}]}'
    with pytest.raises(
        ValueError, match=r"submissions\[1\]\.ref is 'one' instead of a whole number"
    ):
        decode_text(competitions.ApiListSubmissionsResponse, text)
    with pytest.raises(ValueError, match="not JSON: '<html>'"):
        decode_text(STATUS, "<html>")
    with pytest.raises(ValueError, match="nested too deeply"):
        decode_text(STATUS, "[" * 100_000)

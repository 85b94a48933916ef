"""What the adapter makes of Kaggle's answers."""

import pytest
import requests
from kagglesdk.competitions.types import competition_api_service as competition_api
from kagglesdk.kernels.types import kernels_api_service as api

from kernels.kaggle.answers import NoAnswerError, change, reason, whole
from kernels.kaggle.client import Kaggle, read_score
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
    kaggle.owner, answer = "alice", {"status": word, "failureMessage": "no\nmemory"}
    kaggle.ask = lambda *_, **__: api.ApiGetKernelSessionStatusResponse.from_dict(answer)
    status = kaggle.status("tiny-left", 1)
    assert (status.state, status.state.running) == (state, running)
    assert status.message == ("PREEMPTED" if word == "PREEMPTED" else "no memory")


@pytest.mark.parametrize("text", [None, "", "nan", "NaN", "inf", "None", "-"])
def test_what_is_no_score_is_none(text: str | None) -> None:
    assert read_score(text) is None


def test_null_is_the_default_and_what_is_no_answer_is_one_line() -> None:
    def read(kind: type, answer: object) -> object:
        return change(lambda: whole(kind.from_dict(answer)))

    limits = competition_api.ApiSubmissionLimits
    assert read(limits, {"numAllowedNow": None}).num_allowed_now == 0
    assert read(api.ApiGetKernelResponse, {"metadata": None}).metadata.current_version_number == 0
    files = api.ApiListKernelSessionOutputResponse
    assert read(files, {"files": [{"fileName": None}]}).files[0].file_name == ""
    for kind, answer in (
        (limits, None),
        (limits, {"numAllowedNow": "many"}),
        (files, {"files": 3}),
        (files, {"files": [{"url": 3}]}),
    ):
        with pytest.raises(NoAnswerError, match="Kaggle's answer cannot be read: "):
            read(kind, answer)


@pytest.mark.parametrize(
    ("body", "said"),
    [("[1]", "Bad"), ('{"error": 3}', "Bad"), ('{"message": "no\\nroom"}', "no room"),
     ('{"error": {"message": "no"}}', "no"), ("<html>", "Bad"), ("null", "Bad")],
)  # fmt: skip
def test_what_kaggle_says_of_a_refusal_is_one_line(body: str, said: str) -> None:
    response = requests.Response()
    response.status_code, response.reason, response._content = 400, "Bad", body.encode()
    error = requests.HTTPError("400 Client Error", response=response)
    assert reason(error) == f"Kaggle answered 400: {said}"

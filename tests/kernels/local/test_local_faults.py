"""The local Kaggle fails as it is told to, and the real client meets a real failure."""

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import requests
from kagglesdk.competitions.types import competition_api_service as competition_api
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.datasets.types import dataset_api_service as dataset_api
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.kernels.types import kernels_api_service as kernel_api
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status
from kagglesdk.models.types import model_api_service as model_api
from kagglesdk.models.types.model_enums import ModelFramework

from common.errors import UserError
from kernels.local import LocalKaggle
from kernels.local.faults import CALLS, FAULTS, Faults, Rule, read_faults
from support import tiny
from support.toy_competition import (
    RIGHT,
    TOY,
    connect,
    make_toy,
    output,
    point_client_at,
    push,
    refusal,
    run,
    status,
    submission,
    submit,
    upload,
    wait_for,
)

SLUG = "alice/some-kernel"
WRITES = "open('kept.txt', 'w').write('kept as it is')"
WAITS = "import time; time.sleep(600)"
LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a local Kaggle with these rules; returns it, its faults and a client."""
    open_now = []

    def start(*rules, seed=0, **held):
        faults = Faults(rules, seed)
        folder = tmp_path / "toy"
        shutil.rmtree(folder, ignore_errors=True)
        hosted = [make_toy(folder, **held)]
        kaggle = LocalKaggle(tmp_path / "state", hosted, max_parallel=4, faults=faults)
        point_client_at(monkeypatch, kaggle.url, tmp_path)
        client = connect(kaggle.url)
        open_now.extend((client, kaggle))
        return kaggle, faults, client.__enter__()

    yield start
    for opened in open_now:
        opened.__exit__(None, None, None)


def code_of(error) -> int:
    return error.value.response.status_code


def quota(client):
    request = kernel_api.ApiGetAcceleratorQuotaStatisticsRequest()
    return client.kernels.kernels_api_client.get_accelerator_quota_statistics(request)


def competition(client, method, request_type, **fields):
    request = request_type()
    request.competition_name = TOY.slug
    for name, value in fields.items():
        setattr(request, name, value)
    return getattr(client.competitions.competition_api_client, method)(request)


def listed(client, **fields):
    kind = competition_api.ApiListSubmissionsRequest
    return competition(client, "list_submissions", kind, **fields)


def facts(client):
    return competition(client, "get_competition", competition_api.ApiGetCompetitionRequest)


def submitted(kaggle) -> int:
    return len(list((kaggle.store.root / "submissions").glob("*.json")))


def submit_output(client):
    return competition(
        client,
        "create_code_submission",
        competition_api.ApiCreateCodeSubmissionRequest,
        kernel_owner="alice",
        kernel_slug="some-kernel",
        file_name="submission.csv",
    )


# Calls that fail, and what the server did


def test_a_refused_push_did_not_happen(serve):
    rule = Rule("SaveKernel", "refuse", code=429, retry_after=3, message="Too many requests")
    kaggle, faults, client = serve(rule)
    with pytest.raises(requests.HTTPError) as error:
        push(client, SLUG, WRITES)
    assert code_of(error) == 429
    assert error.value.response.headers["Retry-After"] == "3"
    assert refusal(error.value) == "Too many requests"
    assert kaggle.store.latest(SLUG) is None
    assert faults.injected == [("SaveKernel", "refuse")]
    assert push(client, SLUG, WRITES).version_number == 1


def test_a_refusal_is_a_503_unless_it_says_otherwise(serve):
    _, _, client = serve(Rule("GetCompetition", "refuse"))
    with pytest.raises(requests.HTTPError) as error:
        facts(client)
    assert code_of(error) == 503
    assert "Retry-After" not in error.value.response.headers


def test_a_dropped_push_did_not_happen(serve, capfd):
    kaggle, _, client = serve(Rule("SaveKernel", "drop"))
    with pytest.raises(requests.ConnectionError):
        push(client, SLUG, WRITES)
    assert kaggle.store.latest(SLUG) is None
    assert push(client, SLUG, WRITES).version_number == 1
    assert capfd.readouterr() == ("", "")


def test_a_push_whose_answer_was_lost_has_happened(serve, capfd):
    kaggle, _, client = serve(Rule("SaveKernel", "lose"))
    with pytest.raises(requests.ConnectionError):
        push(client, SLUG, WRITES)
    assert kaggle.store.latest(SLUG).number == 1
    assert push(client, SLUG, WRITES).version_number == 2
    assert capfd.readouterr() == ("", "")


def test_a_push_whose_answer_was_cut_has_happened(serve, capfd):
    kaggle, _, client = serve(Rule("SaveKernel", "cut"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        push(client, SLUG, WRITES)
    assert kaggle.store.latest(SLUG).number == 1
    assert capfd.readouterr() == ("", "")


def test_a_delayed_push_is_answered_late_and_counts_once(serve):
    kaggle, _, client = serve(Rule("SaveKernel", "delay", seconds=1.5))
    url = f"{kaggle.url}/api/v1/kernels.KernelsApiService/SaveKernel"
    asked = {"slug": SLUG, "newTitle": "some kernel", "text": WRITES}
    asked |= {"language": "python", "kernelType": "script"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=asked, auth=("alice", "key"), timeout=0.5)
    assert kaggle.store.latest(SLUG).number == 1
    assert push(client, SLUG, WRITES).version_number == 2


@pytest.mark.parametrize(("fault", "happened"), [("drop", 0), ("lose", 1), ("cut", 1)])
def test_a_submission_without_an_answer(serve, fault, happened):
    kaggle, _, client = serve(Rule("CreateSubmission", fault))
    with pytest.raises(LOST):
        submit(client, RIGHT)
    assert submitted(kaggle) == happened
    assert [entry.description for entry in listed(client).submissions] == happened * ["from a test"]


@pytest.mark.parametrize(("fault", "happened"), [("drop", False), ("lose", True), ("cut", True)])
def test_an_upload_without_an_answer(serve, fault, happened):
    kaggle, _, client = serve(Rule("upload", fault))
    with pytest.raises(LOST):
        upload(client, RIGHT * 10000)
    tokens = [path for path in (kaggle.store.root / "uploads").iterdir() if not path.suffix]
    assert bool(tokens) is happened


def test_an_upload_can_be_refused(serve):
    _, _, client = serve(Rule("upload", "refuse", code=503))
    with pytest.raises(requests.HTTPError) as error:
        upload(client, RIGHT)
    assert code_of(error) == 503
    assert submit(client, RIGHT) == 1


def test_every_call_can_be_lost(serve):
    kaggle, faults, client = serve(Rule("*", "drop", times=None))
    for ask in (facts, quota, listed, lambda client: push(client, SLUG, WRITES)):
        with pytest.raises(requests.ConnectionError):
            ask(client)
    assert [fault for _, fault in faults.injected] == ["drop"] * 4
    assert requests.get(f"{kaggle.url}/nothing", timeout=30).status_code == 404


def test_a_duplicate_is_the_answer_before_this_one(serve):
    rules = [Rule("GetSubmission", "duplicate", times=2), Rule("*", "duplicate", times=0)]
    _, faults, client = serve(*rules)
    ref, other = submit(client, RIGHT), submit(client, RIGHT)
    states = [submission(client, ref).status.name for _ in range(4)]
    assert states == ["PENDING", "PENDING", "PENDING", "COMPLETE"]
    assert submission(client, other).status is SubmissionStatus.PENDING
    assert faults.injected == [("GetSubmission", "duplicate")] * 2


# Files


@pytest.fixture
def kept(serve):
    """Run a kernel that writes a file, under these rules; its address and the faults."""

    def start(*rules):
        _, faults, client = serve(*rules)
        assert run(client, SLUG, WRITES) is Status.COMPLETE
        [file] = output(client, SLUG).files
        return file.url, faults

    return start


def test_a_corrupt_download_has_the_right_length_and_other_bytes(kept):
    url, _ = kept(Rule("download", "corrupt"))
    spoilt, right = requests.get(url, timeout=30), requests.get(url, timeout=30)
    assert right.text == "kept as it is"
    assert len(spoilt.content) == len(right.content)
    assert spoilt.content != right.content
    assert spoilt.headers["Content-Length"] == right.headers["Content-Length"]


def test_a_truncated_download_looks_whole(kept):
    url, _ = kept(Rule("download", "truncate"))
    answer = requests.get(url, timeout=30)
    assert (answer.text, answer.headers["Content-Length"]) == ("kept a", "6")


def test_a_cut_download_can_be_resumed(kept, capfd):
    url, _ = kept(Rule("download", "cut"))
    with requests.get(url, stream=True, timeout=30) as answer:
        assert answer.headers["Content-Length"] == "13"
        blocks = answer.iter_content(1)
        got = b"".join(next(blocks) for _ in range(6))
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            next(blocks)
    assert got == b"kept a"
    rest = requests.get(url, headers={"Range": f"bytes={len(got)}-"}, timeout=30)
    assert rest.status_code == 206
    assert got + rest.content == b"kept as it is"
    assert capfd.readouterr() == ("", "")


def test_a_range_beyond_the_end_is_a_416(kept):
    url, _ = kept()
    answer = requests.get(url, headers={"Range": "bytes=13-"}, timeout=30)
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */13"
    changed = requests.get(url, headers={"Range": "bytes=4-", "If-Range": '"old"'}, timeout=30)
    assert (changed.status_code, changed.text) == (200, "kept as it is")


def test_a_rule_can_be_about_one_file(serve):
    rule = Rule("download", "refuse", code=429, contains="b.txt", times=None)
    _, _, client = serve(rule)
    run(client, SLUG, "for n in 'abc': open(f'{n}.txt', 'w').write(n)")
    codes = [requests.get(file.url, timeout=30).status_code for file in output(client, SLUG).files]
    assert codes == [200, 429, 200]


def test_a_live_log_can_break(serve):
    kaggle, _, client = serve(Rule("log", "cut"))
    push(client, SLUG, f"print('first line')\n{WAITS}")
    url = f"{kaggle.url}/api/v1/kernels/logs/stream/{SLUG}"
    with requests.get(url, auth=("alice", "key"), stream=True, timeout=30) as answer:
        blocks = answer.iter_content(None)
        assert next(blocks) == b"d"
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            next(blocks)


# Kaggle's own ways


@pytest.mark.parametrize(
    ("shape", "words"),
    [("", "batch CPU session count of 5"), ("TpuV5E8", "batch TPU session count of 1")],
)
def test_a_session_too_many_is_refused_in_a_good_answer(serve, shape, words):
    kaggle, _, client = serve(Rule("SaveKernel", "session_limit"))
    answer = push(client, SLUG, WRITES, machine_shape=shape)
    assert answer.error == f"Maximum {words} reached."
    assert not answer.version_number
    assert kaggle.store.latest(SLUG) is None
    assert not push(client, SLUG, WRITES).error


def test_a_push_can_be_refused_in_any_words(serve):
    kaggle, _, client = serve(Rule("SaveKernel", "push_error", message="Out of quota."))
    assert push(client, SLUG, WRITES).error == "Out of quota."
    assert kaggle.store.latest(SLUG) is None


def test_a_push_can_lose_its_sources(serve):
    kaggle, _, client = serve(Rule("SaveKernel", "drop_sources"))
    answer = push(client, SLUG, WRITES, competition_data_sources=[TOY.slug])
    assert answer.version_number == 1
    assert answer.invalid_competition_sources == [TOY.slug]
    assert not answer.invalid_kernel_sources
    pushed = kaggle.store.latest(SLUG).request
    assert not pushed.competition_data_sources
    assert pushed.text == WRITES


def test_a_session_can_meet_the_cap(serve):
    _, _, client = serve(Rule("SaveKernel", "cap", seconds=1))
    assert run(client, SLUG, f"open('part.txt', 'w').close()\n{WAITS}") is (
        Status.CANCEL_ACKNOWLEDGED
    )
    assert [file.file_name for file in output(client, SLUG).files] == ["part.txt"]


def test_a_stale_status_and_output_are_those_of_the_version_before(serve):
    rules = [
        Rule("GetKernelSessionStatus", "stale", contains='"v2"'),
        Rule("ListKernelSessionOutput", "stale", times=2),
    ]
    _, faults, client = serve(*rules)
    run(client, SLUG, "open('old.txt', 'w').close()")
    assert [f.file_name for f in output(client, SLUG, version_label="v1").files] == ["old.txt"]
    push(client, SLUG, "open('new.txt', 'w').close()\nraise SystemExit(3)")
    assert status(client, SLUG, "v2").status is Status.COMPLETE
    assert wait_for(client, SLUG, label="v2") is Status.ERROR
    assert [f.file_name for f in output(client, SLUG, version_label="v2").files] == ["old.txt"]
    assert [f.file_name for f in output(client, SLUG).files] == ["new.txt"]
    assert faults.injected == [
        ("GetKernelSessionStatus", "stale"),
        ("ListKernelSessionOutput", "stale"),
    ]


def test_a_kernel_can_vanish(serve):
    kernel = kernel_api.ApiGetKernelRequest()
    kernel.user_name, kernel.kernel_slug = SLUG.split("/")
    _, faults, client = serve(Rule("*", "vanish", times=3))
    assert not push(client, SLUG, WAITS).error
    get_kernel = client.kernels.kernels_api_client.get_kernel
    for ask in (
        lambda: status(client, SLUG, "v1"),
        lambda: output(client, SLUG),
        lambda: get_kernel(kernel),
    ):
        with pytest.raises(requests.HTTPError) as error:
            ask()
        assert code_of(error) == 404
    assert len(faults.injected) == 3
    assert get_kernel(kernel).blob.source == WAITS


def test_young_submissions_are_not_listed(serve):
    _, _, client = serve(Rule("ListSubmissions", "unlisted", seconds=3600, after=1))
    submit(client, RIGHT)
    assert [len(listed(client).submissions or ()) for _ in range(3)] == [1, 0, 1]


def test_old_submissions_are_listed_all_the_same(serve):
    kaggle, _, client = serve(Rule("ListSubmissions", "unlisted", seconds=3600))
    old, new = submit(client, RIGHT), submit(client, RIGHT)
    path = kaggle.store.root / "submissions" / f"{old}.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "date": record["date"] - 3700}))
    assert [entry.ref for entry in listed(client).submissions] == [old]
    assert [entry.ref for entry in listed(client).submissions] == [new, old]


def test_a_score_can_be_long_in_coming(serve):
    rules = (Rule("GetSubmission", "pending", times=3), Rule("ListSubmissions", "pending"))
    _, _, client = serve(*rules)
    ref = submit(client, RIGHT)
    waits = [submission(client, ref) for _ in range(3)]
    assert {answer.status for answer in waits} == {SubmissionStatus.PENDING}
    assert {answer.public_score for answer in waits} <= {None, ""}
    assert [entry.status for entry in listed(client).submissions] == [SubmissionStatus.PENDING]
    assert [entry.public_score for entry in listed(client).submissions] == ["1.00000"]
    assert submission(client, ref).public_score == "1.00000"


def test_a_submission_can_be_scored_as_an_error(serve):
    rule = Rule("CreateSubmission", "score_error", message="Evaluation Exception")
    _, _, client = serve(rule)
    failed, scored = submit(client, RIGHT), submit(client, RIGHT)
    for ref in (failed, scored):
        assert submission(client, ref).status is SubmissionStatus.PENDING
    answer = submission(client, failed)
    assert answer.status is SubmissionStatus.ERROR
    assert answer.error_description == "Evaluation Exception"
    assert submission(client, scored).status is SubmissionStatus.COMPLETE


def test_a_kernels_submission_can_be_scored_as_an_error(serve):
    _, _, client = serve(Rule("CreateCodeSubmission", "score_error", message="Timed out"))
    run(client, SLUG, f"open('submission.csv', 'w').write({RIGHT!r})")
    ref = submit_output(client).ref
    submission(client, ref)
    assert submission(client, ref).error_description == "Timed out"


def test_a_dataset_can_be_still_in_the_making(serve):
    kaggle, _, client = serve(Rule("GetDatasetStatus", "not_ready"))
    (kaggle.store.root / "datasets" / "alice" / "some-data").mkdir(parents=True)
    request = dataset_api.ApiGetDatasetStatusRequest()
    request.owner_slug, request.dataset_slug = "alice", "some-data"
    ask = client.datasets.dataset_api_client.get_dataset_status
    states = [ask(request).status for _ in range(2)]
    assert states == [DatabundleVersionStatus.BLOBS_RECEIVED, DatabundleVersionStatus.READY]


# Rules


def test_after_and_times_count_the_calls_that_match(serve):
    kaggle, _, client = serve(
        Rule("GetCompetition", "refuse", code=500, after=1, times=2),
        Rule("GetCompetition", "refuse", code=502, after=1),
    )
    codes = []
    for _ in range(6):
        url = f"{kaggle.url}/api/v1/competitions.CompetitionApiService/GetCompetition"
        asked = {"competitionName": TOY.slug}
        codes.append(requests.post(url, json=asked, auth=("a", "b"), timeout=30).status_code)
        quota(client)
    # The second rule does not see the calls that the first has struck.
    assert codes == [200, 500, 500, 502, 200, 200]


def struck_by(seed, calls):
    rules = [
        Rule("*", "drop", times=None, probability=0.3),
        Rule("SaveKernel", "lose", times=None, probability=0.5),
    ]
    faults = Faults(rules, seed)
    return [rule and rule.fault for rule in (faults.next_for(c, "", bool) for c in calls)]


def test_the_same_seed_strikes_the_same_calls():
    calls = random.Random(0).choices(CALLS, k=300)
    assert struck_by(3, calls) == struck_by(3, calls)
    assert struck_by(3, calls) != struck_by(4, calls)
    drops = struck_by(3, calls).count("drop")
    assert 60 < drops < 120


def test_a_rules_draws_do_not_depend_on_the_other_calls():
    pushes = ["SaveKernel"] * 40
    mixed = [call for push in pushes for call in ("GetKernel", push, "download")]

    def lost(calls):
        faults = Faults([Rule("SaveKernel", "lose", times=None, probability=0.5)], 5)
        return [bool(faults.next_for(c, "", bool)) for c in calls]

    assert lost(pushes) == lost(mixed)[1::3]


def test_the_calls_of_a_rule_are_those_that_the_server_answers(serve):
    assert set(CALLS) > {"SaveKernel", "download"}


def test_every_fault_is_in_the_reference():
    section = (tiny.ROOT / "docs/reference.md").read_text("utf-8").partition("## Faults of")[2]
    told = set(re.findall(r"`(\w+)`", section.partition("\n## ")[0]))
    assert set(FAULTS) <= told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "are not JSON"),
        ("[]", 'must be {"seed": 7, "rules": [...]}'),
        ('{"rules": [], "sede": 1}', "unknown 'sede': did you mean seed?"),
        ('{"rules": [], "seed": 0.5}', "seed=0.5 is not a whole number"),
        ('{"rules": [7]}', "rule 1: 7 is not an object"),
        ('{"rules": [{"call": "*"}]}', "rule 1: it names no 'fault'"),
        (
            '{"rules": [{"call": "*", "fault": "drop"}, {"call": "*", "fault": "drap"}]}',
            "rule 2: unknown fault 'drap': did you mean drop",
        ),
        (
            '{"rules": [{"call": "SaveKernal", "fault": "drop"}]}',
            "rule 1: unknown call 'SaveKernal': did you mean SaveKernel",
        ),
        (
            '{"rules": [{"call": "*", "fault": "drop", "time": 2}]}',
            "rule 1: unknown setting 'time': did you mean times",
        ),
        (
            '{"rules": [{"call": "*", "fault": "drop", "times": true}]}',
            "rule 1: setting times=True is not of its type: it takes int or none",
        ),
        (
            '{"rules": [{"call": "*", "fault": "drop", "probability": 1.5}]}',
            "rule 1: probability=1.5: it must be between 0 and 1",
        ),
        (
            '{"rules": [{"call": "*", "fault": "drop", "after": -1}]}',
            "rule 1: after=-1: it must not be negative",
        ),
        (
            '{"rules": [{"call": "*", "fault": "drop", "code": 500}]}',
            "rule 1: 'drop' reads no 'code'",
        ),
        (
            '{"rules": [{"call": "*", "fault": "refuse", "code": 200}]}',
            "rule 1: code=200: it must be between 400 and 599",
        ),
        (
            '{"rules": [{"call": "SaveKernel", "fault": "vanish"}]}',
            "'vanish' cannot be done to SaveKernel: it is for GetKernel, GetKernelSessionStatus, ",
        ),
    ],
)
def test_a_broken_faults_file_is_one_line_that_names_the_rule(tmp_path, text, said):
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_faults(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_faults_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_faults(tmp_path / "faults.json")


def test_serve_takes_a_faults_file_and_says_what_it_does(tmp_path):
    path = tmp_path / "faults.json"
    rule = {"call": "GetAcceleratorQuotaStatistics", "fault": "refuse", "code": 418}
    path.write_text(json.dumps({"seed": 1, "rules": [rule]}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Without competitions, whose data would have to be generated first.
    code = (
        "import competitions; competitions.all_competitions = dict\n"
        "from kernels.__main__ import main\n"
        f"main(['serve', '--port', '{port}', '--state', {str(tmp_path / 'state')!r},"
        f" '--faults', {str(path)!r}])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tiny.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as process:
        try:
            assert "local Kaggle at" in process.stdout.readline()
            service = f"http://127.0.0.1:{port}/api/v1/kernels.KernelsApiService"
            url = f"{service}/GetAcceleratorQuotaStatistics"
            codes = [
                requests.post(url, json={}, auth=("a", "b"), timeout=30).status_code
                for _ in range(2)
            ]
        finally:
            process.terminate()
        said = process.stderr.read()
    assert codes == [418, 200]
    assert said == "fault: refuse GetAcceleratorQuotaStatistics (rule 1)\n"


# What a client asks before and after a run


def test_a_competition_that_is_over_takes_late_submissions(serve):
    over = datetime.now(UTC) - timedelta(days=1)
    kaggle, _, client = serve(deadline=over)
    assert facts(client).deadline.date() == over.date()
    submit(client, RIGHT)
    assert submitted(kaggle) == 1


def test_a_competition_that_takes_no_submissions_says_so(serve):
    kaggle, _, client = serve(submissions_disabled=True)
    assert facts(client).submissions_disabled
    with pytest.raises(requests.HTTPError) as error:
        submit(client, RIGHT)
    assert code_of(error) == 400
    assert "takes no submissions" in refusal(error.value)
    assert submitted(kaggle) == 0


def test_rules_that_are_not_accepted_keep_submissions_out(serve):
    _, _, client = serve(entered=False)
    for send in (lambda: upload(client, RIGHT), lambda: submit_output(client)):
        with pytest.raises(requests.HTTPError) as error:
            send()
        assert code_of(error) == 403
        assert "accept the rules" in refusal(error.value)


def test_an_open_competition_says_until_when(serve):
    _, _, client = serve()
    told = facts(client)
    assert told.deadline > datetime.now(UTC).replace(tzinfo=None) + timedelta(days=300)
    assert not told.submissions_disabled


def test_an_older_version_is_given_back_with_the_latest_number(serve):
    _, _, client = serve()
    for text in ("print('first')", "print('second')"):
        push(client, SLUG, text)
    request = kernel_api.ApiGetKernelRequest()
    request.user_name, request.kernel_slug = SLUG.split("/")
    told = {}
    for label in ("v1", "v2", ""):
        request.version_label = label or None
        answer = client.kernels.kernels_api_client.get_kernel(request)
        told[label] = (answer.blob.source, answer.metadata.current_version_number)
    assert told == {
        "v1": ("print('first')", 2),
        "v2": ("print('second')", 2),
        "": ("print('second')", 2),
    }


def test_submissions_are_listed_in_pages_with_all_that_is_known(serve):
    _, _, client = serve()
    wrong = submit(client, "id\n")
    refs = [wrong, submit(client, RIGHT), submit(client, RIGHT)]
    for ref in refs:
        submission(client, ref)
    first = listed(client, page_size=2)
    rest = listed(client, page_size=2, page_token=first.next_page_token)
    assert not rest.next_page_token
    entries = [*first.submissions, *rest.submissions]
    assert [entry.ref for entry in entries] == refs[::-1]
    assert [entry.status.name for entry in entries] == ["COMPLETE", "COMPLETE", "ERROR"]
    assert [entry.public_score for entry in entries[:2]] == ["1.00000"] * 2
    assert "has id" in entries[2].error_description
    assert {entry.description for entry in entries} == {"from a test"}
    now = datetime.now(UTC).replace(tzinfo=None)
    assert all(timedelta() <= now - entry.date < timedelta(minutes=10) for entry in entries)


def test_what_is_not_there_is_a_404(serve):
    kaggle, _, client = serve()
    root = kaggle.store.root
    (root / "models" / "google" / "some-model" / "keras" / "small" / "1").mkdir(parents=True)
    (root / "datasets" / "alice" / "some-data").mkdir(parents=True)
    models, datasets = client.models.model_api_client, client.datasets.dataset_api_client

    def model(kind, slug, **fields):
        request = kind()
        request.owner_slug, request.model_slug = "google", slug
        for name, value in fields.items():
            setattr(request, name, value)
        return request

    def dataset(kind, slug):
        request = kind()
        request.owner_slug, request.dataset_slug = "alice", slug
        return request

    small = {"framework": ModelFramework.MODEL_FRAMEWORK_KERAS, "instance_slug": "small"}
    large = {**small, "instance_slug": "large"}
    instance, plain = model_api.ApiGetModelInstanceRequest, model_api.ApiGetModelRequest
    assert models.get_model(model(plain, "some-model")).ref == "google/some-model"
    assert models.get_model_instance(model(instance, "some-model", **small)).version_number == 1
    for ask, request in (
        (models.get_model, model(plain, "no-model")),
        (models.get_model_instance, model(instance, "no-model", **small)),
        (models.get_model_instance, model(instance, "some-model", **large)),
        (datasets.get_dataset, dataset(dataset_api.ApiGetDatasetRequest, "no-data")),
        (datasets.get_dataset_status, dataset(dataset_api.ApiGetDatasetStatusRequest, "no-data")),
        (
            datasets.get_dataset_metadata,
            dataset(dataset_api.ApiGetDatasetMetadataRequest, "no-data"),
        ),
        (datasets.get_dataset_status, dataset(dataset_api.ApiGetDatasetStatusRequest, "")),
    ):
        with pytest.raises(requests.HTTPError) as error:
            ask(request)
        assert code_of(error) == 404

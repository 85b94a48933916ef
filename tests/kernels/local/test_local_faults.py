"""Faults are injected as the rules say, and the real client meets a real failure."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from common.errors import UserError
from kernels.local.fault_kinds import FAULTS, Rule
from kernels.local.faults import CALLS, Faults, read_faults
from support import ROOT
from support import toy_competition as toy
from support.tiny import KEY
from support.toy_competition import RIGHT, TOY, WAITS, WRITES_RIGHT, ask_toy, push, refused, submit

SLUG = "alice/some-kernel"
WRITES = "open('kept.txt', 'w').write('kept as it is')"
LOST = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


# Any call


def test_a_refused_call_is_not_done(serve):
    kaggle, client = serve(
        Rule("SaveKernel", "refuse", code=429, retry_after=3, message="Too many requests"),
        Rule("SaveKernel", "refuse", code=429, retry_after=60, dated=True),
        Rule("upload", "refuse"),
    )
    url = f"{kaggle.url}/api/v1/kernels.KernelsApiService/SaveKernel"
    answer = requests.post(url, json={"slug": SLUG}, auth=("alice", KEY), timeout=30)
    assert answer.json()["error"] == {"code": 429, "message": "Too many requests"}
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    answer = requests.post(url, json={"slug": SLUG}, auth=("alice", KEY), timeout=30)
    assert parsedate_to_datetime(answer.headers["Retry-After"]) > datetime.now(UTC)
    assert kaggle.store.latest(SLUG) is None
    with refused(503):
        toy.upload(client, RIGHT)
    assert submit(client, RIGHT) == 1
    assert push(client, SLUG, WRITES).version_number == 1


@pytest.mark.parametrize(("fault", "done"), [("drop", 0), ("lose", 1), ("cut", 1)])
def test_a_call_without_an_answer(serve, capfd, fault, done):
    kaggle, client = serve(
        *(Rule(call, fault) for call in ("SaveKernel", "CreateSubmission", "upload"))
    )
    with pytest.raises(LOST):
        push(client, SLUG, WRITES)
    assert len(kaggle.store.versions(SLUG)) == done
    assert push(client, SLUG, WRITES).version_number == done + 1
    with pytest.raises(LOST):
        toy.upload(client, RIGHT * 10000)
    uploads = kaggle.store.root / "uploads"
    assert len([path for path in uploads.iterdir() if not path.suffix]) == done
    with pytest.raises(LOST):
        submit(client, RIGHT)
    assert len(ask_toy(client, "list_submissions").submissions or ()) == done
    assert capfd.readouterr() == ("", "")


def test_a_call_can_be_done_after_its_refusal_or_with_another_answer(serve):
    kaggle, client = serve(
        Rule("SaveKernel", "late", code=504, seconds=0.5),
        Rule("CreateSubmission", "replace", status=400, message="[]"),
    )
    with refused(504):
        push(client, SLUG, WRITES)
    assert kaggle.store.latest(SLUG) is None
    for _ in range(100):
        if kaggle.store.latest(SLUG):
            break
        time.sleep(0.1)
    assert len(kaggle.store.versions(SLUG)) == 1
    with refused(400):
        submit(client, RIGHT)
    assert len(ask_toy(client, "list_submissions").submissions) == 1


def test_a_delayed_call_is_answered_late(serve):
    _, client = serve(Rule("download", "delay", seconds=0.6))
    toy.run(client, SLUG, WRITES)
    [file] = toy.output(client, SLUG).files
    with pytest.raises(requests.ReadTimeout):
        requests.get(file.url, timeout=0.2)


def test_a_slow_call_is_done_although_the_client_has_gone(serve):
    kaggle, client = serve(
        *(Rule(call, "slow", seconds=0.6) for call in ("CreateSubmission", "upload")),
        Rule("download", "drip"),
    )
    token = toy.upload(client, RIGHT)
    url = f"{kaggle.url}/api/v1/competitions.CompetitionApiService/CreateSubmission"
    asked = {"competitionName": TOY.slug, "blobFileTokens": token}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=asked, auth=("alice", KEY), timeout=0.2)
    assert ask_toy(client, "list_submissions").submissions in (None, [])
    time.sleep(1)
    [sent] = ask_toy(client, "list_submissions").submissions
    assert toy.scored(client, sent.ref).public_score == "1.00000"
    toy.run(client, SLUG, WRITES)
    [file] = toy.output(client, SLUG).files
    start = time.monotonic()
    assert requests.get(file.url, timeout=0.5).text == "kept as it is"  # a part each 0.1 s
    assert time.monotonic() - start > 0.9


def test_a_state_of_any_name_and_pages_without_an_end(serve):
    kaggle, client = serve(
        Rule("GetKernelSessionStatus", "state", message="99"), Rule("ListKernels", "endless")
    )
    push(client, SLUG, WRITES)
    url, asked = f"{kaggle.url}/api/v1/kernels.KernelsApiService", {"userName": "alice"}
    answer = requests.post(
        f"{url}/GetKernelSessionStatus",
        json={**asked, "kernelSlug": "some-kernel"},
        auth=("alice", KEY),
        timeout=30,
    )
    assert answer.json()["status"] == 99
    answer = requests.post(f"{url}/ListKernels", json={}, auth=("alice", KEY), timeout=30)
    assert answer.json()["nextPageToken"] == "0"


def test_a_duplicate_is_the_answer_before_this_one(serve):
    rules = [Rule("GetSubmission", "duplicate", times=2), Rule("*", "duplicate", times=0)]
    _, client = serve(*rules)
    ref, other = submit(client, RIGHT), submit(client, RIGHT)
    states = [toy.submission(client, ref).status.name for _ in range(4)]
    assert states == ["PENDING", "PENDING", "PENDING", "COMPLETE"]
    assert toy.submission(client, other).status is SubmissionStatus.PENDING


# The live log; ``kernels/kaggle/test_downloads.py`` has the faults of files


def test_a_live_log_can_break(serve):
    kaggle, client = serve(Rule("log", "cut"))
    push(client, SLUG, f"print('first line')\n{WAITS}")
    url = f"{kaggle.url}/api/v1/kernels/logs/stream/{SLUG}"
    with requests.get(url, auth=("alice", KEY), stream=True, timeout=30) as answer:
        blocks = answer.iter_content(None)
        assert next(blocks) == b"d"
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            next(blocks)


# Kernels


def test_a_push_is_refused_in_a_good_answer(serve):
    kaggle, client = serve(
        Rule("SaveKernel", "session_limit", times=2),
        Rule("SaveKernel", "push_error", message="Out of quota."),
    )
    options = ({}, {"machine_shape": "TpuV5E8"}, {})
    assert [push(client, SLUG, WRITES, **fields).error for fields in options] == [
        "Maximum batch CPU session count of 5 reached.",
        "Maximum batch TPU session count of 1 reached.",
        "Out of quota.",
    ]
    assert kaggle.store.latest(SLUG) is None
    assert not push(client, SLUG, WRITES).error


def test_a_push_loses_its_sources_or_meets_the_cap(serve):
    kaggle, client = serve(Rule("SaveKernel", "drop_sources"), Rule("SaveKernel", "cap", seconds=1))
    answer = push(client, SLUG, WRITES, competition_data_sources=[TOY.slug])
    assert (answer.version_number, answer.invalid_competition_sources) == (1, [TOY.slug])
    assert not answer.invalid_kernel_sources
    pushed = kaggle.store.latest(SLUG).request
    assert (pushed.competition_data_sources or [], pushed.text) == ([], WRITES)
    assert toy.run(client, SLUG, WAITS) is Status.CANCEL_ACKNOWLEDGED


def test_stale_answers_are_those_of_the_version_before(serve):
    _, client = serve(
        Rule("GetKernelSessionStatus", "stale", contains='"v2"'),
        Rule("ListKernelSessionOutput", "stale"),
    )

    def files(**label):
        return [file.file_name for file in toy.output(client, SLUG, **label).files]

    toy.run(client, SLUG, "open('old.txt', 'w').close()")
    assert files(version_label="v1") == ["old.txt"]
    push(client, SLUG, "open('new.txt', 'w').close()\nraise SystemExit(3)")
    assert toy.status(client, SLUG, "v2").status is Status.COMPLETE
    assert toy.wait_for(client, SLUG, label="v2") is Status.ERROR
    assert files(version_label="v2") == ["old.txt"]
    assert files() == ["new.txt"]


def test_a_kernel_can_vanish(serve):
    _, client = serve(Rule("*", "vanish", times=3))
    assert not push(client, SLUG, WAITS).error
    for method in ("get_kernel_session_status", "list_kernel_session_output", "get_kernel"):
        with refused(404):
            toy.ask_kernel(client, method, SLUG)
    assert toy.ask_kernel(client, "get_kernel", SLUG).blob.source == WAITS


# Submissions and data sets


def test_young_submissions_are_not_listed(serve):
    kaggle, client = serve(Rule("ListSubmissions", "unlisted", seconds=3600, after=1, times=2))
    old = submit(client, RIGHT)

    def listed():
        return [entry.ref for entry in ask_toy(client, "list_submissions").submissions or ()]

    assert [listed(), listed()] == [[old], []]
    new = submit(client, RIGHT)
    path = kaggle.store.root / "submissions" / f"{old}.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "date": record["date"] - 3700}))
    assert [listed(), listed()] == [[old], [new, old]]


def test_a_score_can_be_long_in_coming(serve):
    rules = (Rule("GetSubmission", "pending", times=3), Rule("ListSubmissions", "pending"))
    _, client = serve(*rules)
    ref = submit(client, RIGHT)
    answers = [toy.submission(client, ref) for _ in range(3)]
    answers += ask_toy(client, "list_submissions").submissions
    assert {answer.status for answer in answers} == {SubmissionStatus.PENDING}
    assert {answer.public_score for answer in answers} <= {None, ""}
    [entry] = ask_toy(client, "list_submissions").submissions
    assert entry.public_score == toy.submission(client, ref).public_score == "1.00000"


@pytest.mark.parametrize("kind", ["Submission", "CodeSubmission"])
def test_a_submission_can_be_scored_as_an_error(serve, kind):
    _, client = serve(Rule(f"Create{kind}", "score_error", message="No."))
    toy.run(client, SLUG, WRITES_RIGHT)
    failed, fine = (
        submit(client, RIGHT) if kind == "Submission" else toy.submit_output(client, SLUG)
        for _ in range(2)
    )
    answer = toy.scored(client, failed)
    assert (answer.status.name, answer.error_description) == ("ERROR", "No.")
    assert toy.scored(client, fine).status is SubmissionStatus.COMPLETE


def test_a_dataset_can_be_still_in_the_making(serve):
    kaggle, client = serve(Rule("GetDatasetStatus", "not_ready"))
    (kaggle.store.root / "datasets" / "alice" / "some-data").mkdir(parents=True)
    named = {"owner_slug": "alice", "dataset_slug": "some-data"}
    states = [toy.ask(client, "get_dataset_status", **named).status.name for _ in range(2)]
    assert states == ["BLOBS_RECEIVED", "READY"]


# Rules


def test_after_and_times_count_the_calls_that_match():
    faults = Faults(
        [
            Rule("GetCompetition", "refuse", code=500, after=1, times=2),
            Rule("GetCompetition", "refuse", code=502, after=1),
        ]
    )
    codes = []
    for _ in range(6):
        rule = faults.next_for("GetCompetition", "")
        codes.append(rule.code if rule else 200)
        assert faults.next_for("GetKernel", "") is None
    # The second rule does not see the calls that the first one decides.
    assert codes == [200, 500, 500, 502, 200, 200]
    assert faults.injected == [("GetCompetition", "refuse")] * 3


def test_the_same_seed_gives_the_same_calls_the_same_faults():
    def drawn(seed, calls, rule):
        faults = Faults([rule], seed)
        return [bool(faults.next_for(call, "")) for call in calls]

    calls = random.Random(0).choices(CALLS, k=300)
    drop = Rule("*", "drop", times=None, probability=0.3)
    assert drawn(3, calls, drop) == drawn(3, calls, drop) != drawn(4, calls, drop)
    assert 60 < sum(drawn(3, calls, drop)) < 120
    # A rule's draws do not depend on the other calls.
    lose = Rule("SaveKernel", "lose", times=None, probability=0.5)
    pushes = ["SaveKernel"] * 40
    mixed = [call for push in pushes for call in ("GetKernel", push, "download")]
    assert drawn(5, pushes, lose) == drawn(5, mixed, lose)[1::3]


def test_every_fault_is_documented():
    section = (ROOT / "docs/reference.md").read_text("utf-8").partition("## Faults of")[2]
    assert set(FAULTS) <= set(re.findall(r"`(\w+)`", section.partition("\n## ")[0]))
    assert {"SaveKernel", "GetSubmission", "IntrospectToken", "download", "log"} < set(CALLS)


DROP = '"call": "*", "fault": "drop"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "are not JSON"),
        ("[]", 'must be {"seed": 7, "rules": [...]}'),
        ('{"rules": [], "sede": 1}', "unknown 'sede': did you mean seed?"),
        ('{"rules": [], "seed": 0.5}', "seed=0.5 is not a whole number"),
        ("7", "rule 1: 7 is not an object"),
        ('{"call": "*"}', "is not an object with call and fault"),
        (f'{{{DROP}}}, {{"call": "*", "fault": "drap"}}', "rule 2: unknown fault 'drap': did you"),
        ('{"call": "SaveKernal", "fault": "drop"}', "no call 'SaveKernal' of 'drop': did you"),
        ('{"call": "SaveKernel", "fault": "vanish"}', "no call 'SaveKernel' of 'vanish': did you"),
        (f'{{{DROP}, "time": 2}}', "rule 1: unknown setting 'time': did you mean times"),
        (f'{{{DROP}, "times": true}}', "setting times=True: give a whole number"),
        (f'{{{DROP}, "probability": 1.5}}', "probability=1.5: it must be from 0 to 1"),
        (f'{{{DROP}, "after": -1}}', "rule 1: setting after=-1: it must be at least 0"),
        (f'{{{DROP}, "code": 500}}', "rule 1: 'drop' reads no 'code'"),
        ('{"call": "*", "fault": "refuse", "code": 200}', "code=200: it must be from 400 to 599"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_broken_faults_file_is_one_line_that_names_the_rule(tmp_path, text, said):
    path = tmp_path / "faults.json"
    if text is not None:
        whole = not text or text.startswith(("[]", '{"rules'))
        path.write_text(text if whole else f'{{"rules": [{text}]}}')
    with pytest.raises(UserError) as error:
        read_faults(path, print)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_serve_answers_at_once_injects_faults_and_locks_its_state(tmp_path):
    path, state = tmp_path / "faults.json", tmp_path / "state"
    rule = {"call": "GetCompetition", "fault": "refuse", "code": 418}
    path.write_text(json.dumps({"seed": 1, "rules": [rule]}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kernels", "serve", "--state", str(state), "--port"]
    options = {"cwd": ROOT, "text": True, "env": {**os.environ, "HOME": str(tmp_path)}}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*command, str(port), "--faults", path], **options, **pipes) as process:
        try:
            assert "local Kaggle at" in process.stdout.readline()
            exports = process.stdout.readline() + process.stdout.readline()
            key = re.search("KAGGLE_KEY=(\\S+)", exports)[1]
            asked = {"json": {"competitionName": "tpu-getting-started"}, "auth": ("a", key)}
            url = f"http://127.0.0.1:{port}/api/v1/competitions.CompetitionApiService"
            answers = [
                requests.post(f"{url}/GetCompetition", **asked, timeout=30) for _ in range(2)
            ]
            second = subprocess.run([*command, "0"], **options, **pipes)
        finally:
            process.terminate()
        said = process.stderr.read()
    assert answers[0].status_code == 418
    assert answers[1].json()["title"] == "Petals to the Metal"
    assert said.splitlines()[-1] == "fault: refuse GetCompetition (rule 1)"
    assert not (state / "generated").exists()  # pictures are made when they are first needed
    line = f"error: {state} is in use by another local Kaggle: stop it first"
    assert (second.returncode, second.stderr.splitlines()[-1]) == (1, line)

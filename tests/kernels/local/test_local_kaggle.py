"""The local Kaggle answers as Kaggle does: pushes, limits, data, submissions, scores, state."""

import dataclasses
import io
import shutil
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
import requests
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status
from kagglesdk.models.types.model_enums import ModelFramework
from kagglesdk.security.types.oauth_service import IntrospectTokenRequest

from common.errors import UserError
from kernels.local import LocalKaggle, session
from kernels.local.limits import quota_week
from support.toy_competition import (
    IDS,
    RIGHT,
    TOY,
    WAITS,
    WRITES_RIGHT,
    ask,
    ask_kernel,
    ask_toy,
    connect,
    make_toy,
    output,
    push,
    refused,
    run,
    scored,
    status,
    submission,
    submit,
    submit_output,
    upload,
    wait_for,
)

SLUG = "alice/some-kernel"


# Who calls, and what is not there


@pytest.mark.parametrize(
    ("method", "options", "code", "words"),
    [
        ("ListKernels", {"auth": ("alice", "key")}, 200, "{}"),
        ("ListKernels", {}, 401, "Unauthenticated"),
        ("ListKernels", {"auth": ("alice", "key"), "data": "{"}, 400, "cannot be read"),
        ("ListKernels", {"auth": ("alice", "key"), "json": {"pageToken": "x"}}, 400, "page token"),
        ("Nothing", {"auth": ("alice", "key")}, 404, "no method kernels.KernelsApiService/Nothing"),
        ("ListKernels", {"headers": {"Origin": "http://evil.example"}}, 403, "this machine only"),
        ("ListKernels", {"headers": {"Host": "evil.example:80"}}, 403, "this machine only"),
    ],
)
def test_who_may_call_what(serve, method, options, code, words):
    url = serve()[0].url
    assert url.startswith("http://127.0.0.1:")
    url += f"/api/v1/kernels.KernelsApiService/{method}"
    answer = requests.post(url, timeout=30, **{"json": {}, **options})
    assert (answer.status_code, words in answer.text) == (code, True), answer.text


def test_a_token_belongs_to_the_user_seen_last(client):
    push(client, SLUG, "print(1)")
    request = IntrospectTokenRequest()
    request.token = "anything"
    answer = client.security.oauth_client.introspect_token(request)
    assert (answer.active, answer.username) == (True, "alice")


def test_a_port_or_state_that_cannot_be_used_is_one_line(serve, tmp_path):
    kaggle, _ = serve()
    port = int(kaggle.url.rpartition(":")[2])
    with pytest.raises(UserError, match=f"^port {port} cannot be used .*: choose another one$"):
        LocalKaggle(tmp_path / "other", [], port=port)
    with pytest.raises(UserError, match="state is in use by another local Kaggle: stop it first$"):
        LocalKaggle(tmp_path / "state", [])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is not a folder: name a new one"):
        LocalKaggle(tmp_path / "file", [])


def test_without_its_network_guard_no_kernel_runs(serve, tmp_path, monkeypatch):
    _, client = serve()
    monkeypatch.setattr(session, "GUARD", tmp_path)
    assert run(client, SLUG, "print('ran')") is Status.ERROR
    assert "the network guard did not start" in status(client, SLUG).failure_message


def test_hidden_labels_are_outside_the_data_and_have_the_columns(tmp_path):
    toy = make_toy(tmp_path)
    inside = toy.data / "solution.csv"
    shutil.copy(toy.solution, inside)
    with pytest.raises(UserError, match="is in the data: move it out"):
        LocalKaggle(tmp_path / "state", [dataclasses.replace(toy, solution=inside)])
    toy.solution.write_text("id,class\nflower0,1\n")
    with pytest.raises(UserError, match="columns id,label,Usage, and has id,class"):
        LocalKaggle(tmp_path / "state", [toy])


def test_what_is_not_there_is_a_404(serve):
    kaggle, client = serve()
    model = kaggle.store.root / "models" / "google" / "some-model" / "keras"
    (model / "small" / "3").mkdir(parents=True)
    known = {"owner_slug": "google", "framework": ModelFramework.MODEL_FRAMEWORK_KERAS}
    small = {**known, "model_slug": "some-model", "instance_slug": "small"}
    assert ask(client, "get_model_instance", **small).version_number == 3
    for changes in ({"model_slug": "no-model"}, {"instance_slug": "large"}):
        with refused(404, "Could not find model google/"):
            ask(client, "get_model_instance", **{**small, **changes})
    for slug in ("no-data", ""):
        for method in ("get_dataset", "get_dataset_status", "get_dataset_metadata"):
            with refused(404, f"Could not find data set alice/{slug}"):
                ask(client, method, owner_slug="alice", dataset_slug=slug)
    with refused(404, "Could not find competition 'other'"):
        ask(client, "get_competition", competition_name="other")


# Pushes


def test_versions_count_up_and_are_asked_for_by_label(client):
    for expected in (1, 2):
        answer = push(client, SLUG, f"raise SystemExit({expected - 1})")
        assert answer.version_number == expected
        wait_for(client, SLUG, label=f"v{expected}")
    assert status(client, SLUG, "v1").status is Status.COMPLETE
    assert status(client, SLUG).status is Status.ERROR
    for label in ("1", "v3"):
        with refused(404, "Could not find version"):
            status(client, SLUG, label)
    for label, code in (("v1", 0), ("v2", 1), (None, 1)):
        answer = ask_kernel(client, "get_kernel", SLUG, version_label=label)
        assert answer.blob.source == f"raise SystemExit({code})"
        assert answer.metadata.current_version_number == 2


def test_unknown_sources_are_named_and_the_push_goes_on(client):
    sources = {
        "dataset_data_sources": ["alice/no-dataset"],
        "competition_data_sources": [TOY.slug, "no-competition"],
        "kernel_data_sources": ["alice/no-kernel"],
        "model_data_sources": ["alice/no-model/keras/small/1"],
    }
    answer = push(client, SLUG, "print(1)", **sources)
    assert answer.version_number == 1
    for field, refs in sources.items():
        assert getattr(answer, f"invalid_{field.replace('_data', '')}") == refs[-1:]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"slug": "alice/abc"}, "Invalid slug"),
        ({"slug": "alice/Some Kernel"}, "Invalid slug"),
        ({"slug": "some-kernel"}, "Invalid slug"),
        ({"slug": None}, "Invalid slug"),
        ({"slug": "alice/../outside"}, "Invalid slug"),
        ({"slug": "alice/alice/../../outside"}, "Invalid slug"),
        ({"new_title": "abc"}, "5 to 50 characters"),
        ({"new_title": "Another name"}, "resolves to 'another-name'"),
        ({"text": " "}, "can't be empty"),
        ({"kernel_type": "notebook"}, "scripts only"),
    ],
)
def test_a_push_that_is_refused_is_an_error_in_a_good_answer(client, tmp_path, fields, fault):
    before = set(tmp_path.rglob("*"))
    answer = push(client, SLUG, "print(1)", **fields)
    assert fault in answer.error
    assert not answer.version_number
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("shape", "kind", "most"), [("", "CPU", 5), ("NvidiaTeslaT4", "GPU", 2), ("TpuV5E8", "TPU", 1)]
)
def test_session_counts_are_limited_and_queued_ones_count(serve, shape, kind, most):
    _, client = serve(max_parallel=1)
    for number in range(most):
        assert not push(client, f"alice/kernel-{number}", WAITS, machine_shape=shape).error
    answer = push(client, "alice/one-more", WAITS, machine_shape=shape)
    assert answer.error == f"Maximum batch {kind} session count of {most} reached."
    with refused(404):
        status(client, "alice/one-more")
    # A retired TPU becomes a CPU.
    for other in {"NvidiaTeslaT4", "TpuV5E8", "TpuV232"} - {shape, "TpuV232" if not shape else ""}:
        name = f"alice/on-{other.lower()}"
        assert not push(client, name, WAITS, machine_shape=other).error


def test_quota_counts_the_seconds_of_gpu_sessions(serve):
    kaggle, client = serve()
    run(client, "alice/on-gpu", "import time; time.sleep(0.6)", machine_shape="NvidiaTeslaT4")
    quota = ask(client, "get_accelerator_quota_statistics")
    assert quota.gpu_quota.total_time_allowed == timedelta(hours=30)
    assert quota.tpu_quota.total_time_allowed == timedelta(hours=20)
    assert quota.gpu_quota.time_used >= timedelta(seconds=1)
    assert not quota.tpu_quota.time_used
    kaggle.store.add_usage("TPU", 20 * 3600)
    answer = push(client, "alice/on-tpu", WAITS, machine_shape="TpuV5E8")
    assert answer.error == "Maximum weekly TPU quota of 20.00 hours reached."
    # 2026-11-22 08:00 UTC was a Sunday; the week is from Saturday 21 to 28 November.
    assert quota_week(1795334400.0) == (1795219200.0, 1795824000.0)


# Outputs


def test_output_is_paged_and_links_out_of_it_are_not_served(client, tmp_path):
    (tmp_path / "secret.txt").write_text("mine")
    text = f"""
import os
for n in range(5): open(f'{{n}}.txt', 'w').write(str(n))
os.symlink({str(tmp_path / "secret.txt")!r}, 'link.txt')
os.symlink({str(tmp_path)!r}, 'folder')
"""
    assert run(client, SLUG, text) is Status.COMPLETE
    page = output(client, SLUG, page_size=3)
    rest = output(client, SLUG, page_size=3, page_token=page.next_page_token)
    assert not rest.next_page_token
    files = [*page.files, *rest.files]
    assert [file.file_name for file in files] == [f"{n}.txt" for n in range(5)]
    assert [requests.get(file.url, timeout=30).text for file in files] == list("01234")
    asked = {"owner_slug": "alice", "kernel_slug": "some-kernel"}
    for name in ("link.txt", "folder/secret.txt", "../src/script.py"):
        with refused(404, "There is no file"):
            ask(client, "download_kernel_output", **asked, file_path=name)
        with refused(400, "has no output file"):
            submit_output(client, SLUG, file_name=name)
    zipped = ask(client, "download_kernel_output", **asked).content
    assert zipfile.ZipFile(io.BytesIO(zipped)).namelist() == [f"{n}.txt" for n in range(5)]


def test_kernels_are_given_back_listed_and_deleted(client):
    tags = {"category_ids": ["utility script"], "machine_shape": "TpuV5E8"}
    push(client, "alice/first-kernel", WAITS + "# é", **tags)
    push(client, "alice/second-kernel", WAITS)
    for name in ("first", "second"):
        wait_for(client, f"alice/{name}-kernel", Status.RUNNING)
    answer = ask_kernel(client, "get_kernel", "alice/first-kernel")
    assert answer.blob.source == WAITS + "# é"
    assert (answer.metadata.ref, answer.metadata.is_private) == ("alice/first-kernel", True)
    assert {name: getattr(answer.metadata, name) for name in tags} == tags
    ask_kernel(client, "delete_kernel", "alice/first-kernel")
    [listed] = ask(client, "list_kernels").kernels
    assert listed.slug == "second-kernel"
    assert push(client, "alice/first-kernel", "print(1)").version_number == 1


def test_another_users_private_kernel_cannot_be_read_nor_written(serve):
    kaggle, client = serve()
    run(client, "alice/private-kernel", "print(1)")
    run(client, "alice/public-kernel", "print(1)", is_private=False)
    with connect(kaggle.url, user="bob") as bob:
        assert status(bob, "alice/public-kernel").status is Status.COMPLETE
        with refused(403):
            status(bob, "alice/private-kernel")
        with refused(403, "alice is not you"):
            push(bob, "alice/public-kernel", "print(1)")
        sources = ["alice/private-kernel", "alice/public-kernel"]
        answer = push(bob, "bob/reads-others", "print(1)", kernel_data_sources=sources)
        assert answer.invalid_kernel_sources == ["alice/private-kernel"]


# Competitions


def test_the_facts_of_a_competition(serve):
    _, client = serve()
    facts = ask_toy(client, "get_competition")
    assert (facts.title, facts.max_daily_submissions) == ("Toy Competition", 5)
    assert facts.user_has_entered
    assert (facts.is_kernels_submissions_only, facts.submissions_disabled) == (False, False)
    assert facts.deadline > datetime.now(UTC).replace(tzinfo=None) + timedelta(days=300)
    over = datetime.now(UTC) - timedelta(days=1)
    _, client = serve(deadline=over)
    assert ask_toy(client, "get_competition").deadline.date() == over.date()
    assert submit(client, RIGHT) == 1  # late submissions are scored


def test_data_files_are_paged_and_downloaded(client):
    names, token = [], ""
    while not names or token:
        page = ask_toy(client, "list_data_files", page_size=3, page_token=token)
        names += [file.name for file in page.files]
        token = page.next_page_token
    tests = [f"test/{name}.txt" for name in IDS]
    assert names == ["sample_submission.csv", *tests, "train.csv"]
    answer = ask_toy(client, "download_data_file", file_name="test/flower3.txt")
    assert (answer.text, answer.url.endswith("/flower3.txt")) == ("flower3", True)
    part = requests.get(answer.url, headers={"Range": "bytes=6-"}, timeout=30)
    assert (part.status_code, part.text) == (206, "3")
    assert part.headers["ETag"]
    assert requests.get(answer.url, headers={"Range": "bytes=7-"}, timeout=30).status_code == 416
    for name in ("../hidden/answers.csv", "/etc/hostname", "nothing.csv", ""):
        with refused(404):
            ask_toy(client, "download_data_file", file_name=name)


def test_tables_are_found_however_they_are_packed(serve, tmp_path):
    _, client = serve()
    table = tmp_path / "toy" / "data" / "train.csv"
    content = table.read_text()
    with zipfile.ZipFile(f"{table}.zip", "w") as archive:
        archive.writestr(table.name, content)
    table.unlink()
    zipped = ask_toy(client, "download_data_file", file_name="train.csv").content
    assert zipfile.ZipFile(io.BytesIO(zipped)).read("train.csv") == content.encode()
    table.mkdir()
    (table / table.name).write_text(content)
    assert ask_toy(client, "download_data_file", file_name="train.csv").text == content


def test_data_that_are_generated_are_made_when_they_are_first_needed(serve, tmp_path):
    toy, made = make_toy(tmp_path / "made"), []
    shutil.move(toy.data, tmp_path / "hidden-data")

    def generate():
        made.append(1)
        shutil.copytree(tmp_path / "hidden-data", toy.data)

    later = dataclasses.replace(toy, generate=generate)
    broken = dataclasses.replace(toy, generate=lambda: None)
    for hosted, words in ((later, None), (broken, "is not a folder; expected train.csv")):
        serve()[0].close()
        with LocalKaggle(tmp_path / "state", [hosted]) as kaggle:
            url = f"{kaggle.url}/api/v1/competitions.CompetitionApiService"
            options = {"json": {"competitionName": TOY.slug}, "auth": ("a", "b"), "timeout": 30}
            assert requests.post(f"{url}/GetCompetition", **options).ok
            assert not toy.data.exists()
            answers = [requests.post(f"{url}/ListDataFiles", **options) for _ in range(2)]
        if words:
            assert [words in answer.text for answer in answers] == [True, True]
        else:
            assert [len(answer.json()["files"]) for answer in answers] == [8, 8]
            shutil.rmtree(toy.data)
    assert made == [1]


# Submissions


def test_a_submission_is_pending_first_and_then_scored(client):
    # Public: 0 1 2 all right. Private: 0 right, 1 and 2 taken for 0: F1 of 2/4, 0 and 0.
    half = "id,label\n" + "".join(f"{i},{n}\n" for i, n in zip(IDS, "012000", strict=True))
    refs = [submit(client, half), submit(client, RIGHT), submit(client, "id\n")]
    assert submission(client, refs[0]).status is SubmissionStatus.PENDING
    answers = [scored(client, ref) for ref in refs]
    assert [a.status.name for a in answers] == ["COMPLETE", "COMPLETE", "ERROR"]
    assert (answers[0].public_score, answers[0].private_score) == ("1.00000", "0.16667")
    assert (answers[0].file_name, answers[0].description) == ("submission.csv", "from a test")
    first = ask_toy(client, "list_submissions", page_size=2)
    rest = ask_toy(client, "list_submissions", page_size=2, page_token=first.next_page_token)
    assert not rest.next_page_token
    entries = [*first.submissions, *rest.submissions]
    assert [entry.ref for entry in entries] == refs[::-1]
    assert [entry.public_score for entry in entries[1:]] == ["1.00000"] * 2
    assert "has id" in entries[0].error_description
    assert not entries[0].public_score
    now = datetime.now(UTC).replace(tzinfo=None)
    assert all(timedelta() <= now - entry.date < timedelta(minutes=10) for entry in entries)
    limits = ask_toy(client, "get_submission_limits")
    assert (limits.num_today, limits.num_allowed_now) == (2, 3)  # what failed does not count
    with refused(404, "Could not find submission 9"):
        submission(client, 9)


def test_the_days_submissions_are_limited(serve):
    _, client = serve(max_daily_submissions=2)
    for allowed in (1, 0):
        submit(client, RIGHT)
        assert ask_toy(client, "get_submission_limits").num_allowed_now == allowed
    with refused(400, "daily Submission allowance (2)"):
        submit(client, RIGHT)
    assert ask_toy(client, "get_submission_limits").num_total == 2


def test_an_upload_can_be_submitted_once(serve):
    kaggle, client = serve()
    token = upload(client, RIGHT)
    assert submit(client, token=token)
    for wrong in (token, f"{token}.name", "0" * 32, "../account"):
        with refused(400, "was not uploaded"):
            submit(client, token=wrong)
    url = f"{kaggle.url}/upload/{'0' * 32}"
    assert requests.put(url, data=b"x", timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        ({"entered": False}, 403, "accept the rules"),
        ({"submissions_disabled": True}, 400, "takes no submissions"),
        ({"kernels_only": True}, 400, "only accepts Submissions from Notebooks"),
    ],
)
def test_a_competition_that_is_closed_says_so(serve, facts, code, words):
    kaggle, client = serve(**facts)
    with refused(code, words):
        submit(client, RIGHT)
    if "entered" in facts:
        assert not ask_toy(client, "get_competition").user_has_entered
        with refused(code, words):
            ask_toy(client, "download_data_files")
    if "kernels_only" not in facts:
        with refused(code, words):
            submit_output(client, SLUG)
    assert not list((kaggle.store.root / "submissions").iterdir())


def test_a_kernels_output_is_submitted(serve):
    _, client = serve(kernels_only=True)
    for number, (text, options, words) in enumerate(
        (
            (WRITES_RIGHT, {}, ""),
            (WRITES_RIGHT, {"enable_internet": True}, "your Notebook cannot use internet access"),
            (f"{WRITES_RIGHT}\nraise SystemExit(1)", {}, "v3 is ERROR"),
        ),
        start=1,
    ):
        run(client, SLUG, text, **options)
        if words:
            with refused(400, words):
                submit_output(client, SLUG)
        else:
            ref = submit_output(client, SLUG, kernel_version=number)
            assert scored(client, ref).public_score == "1.00000"


# State


def test_state_survives_a_restart(serve):
    kaggle, client = serve(max_parallel=2)
    run(client, SLUG, "open('kept.txt', 'w').write('kept')")
    for name in ("first", "second", "queued"):
        push(client, f"alice/{name}-kernel", WAITS)
    wait_for(client, "alice/first-kernel", Status.RUNNING)
    assert status(client, "alice/queued-kernel").status is Status.QUEUED
    ref = submit(client, RIGHT)
    kaggle.store.add_usage("GPU", 100.0)
    _, client = serve()
    for name in ("first", "queued"):
        answer = status(client, f"alice/{name}-kernel")
        assert answer.status is Status.ERROR
        assert answer.failure_message == "the local Kaggle was stopped"
    assert status(client, SLUG, "v1").status is Status.COMPLETE
    [file] = output(client, SLUG).files
    assert requests.get(file.url, timeout=30).text == "kept"
    assert scored(client, ref).public_score == "1.00000"
    assert submit(client, RIGHT) == ref + 1
    assert push(client, SLUG, "print(1)").version_number == 2
    quota = ask(client, "get_accelerator_quota_statistics")
    assert quota.gpu_quota.time_used == timedelta(seconds=100)

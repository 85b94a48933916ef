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

from common.errors import UserError
from kernels.local import LocalKaggle
from kernels.local.limits import quota_week
from support import tiny
from support import toy_competition as toy
from support.toy_competition import RIGHT, WAITS, WRITES_RIGHT, ask, ask_toy, push, refused, status

SLUG = "alice/some-kernel"
KEY = {"auth": ("alice", tiny.KEY)}


@pytest.mark.parametrize(
    ("method", "options", "code", "words"),
    [
        ("ListKernels", KEY, 200, "{}"),
        ("ListKernels", {}, 401, "Unauthenticated"),
        ("ListKernels", {**KEY, "data": "{"}, 400, "cannot be read"),
        ("ListKernels", {**KEY, "json": {"pageToken": "x"}}, 400, "page token"),
        ("Nothing", KEY, 404, "no method kernels.KernelsApiService/Nothing"),
        ("ListKernels", {"headers": {"Origin": "http://evil.example"}}, 403, "this machine only"),
    ],
)
def test_who_may_call_what(serve, method, options, code, words):
    url = serve()[0].url
    assert url.startswith("http://127.0.0.1:")
    url += f"/api/v1/kernels.KernelsApiService/{method}"
    answer = requests.post(url, timeout=30, **{"json": {}, **options})
    assert (answer.status_code, words in answer.text) == (code, True), answer.text


def test_a_port_or_state_that_cannot_be_used_is_one_line(serve, tmp_path):
    kaggle, _ = serve()
    port = int(kaggle.url.rpartition(":")[2])
    with pytest.raises(UserError, match=f"^port {port} cannot be used .*: choose another one$"):
        LocalKaggle(tmp_path / "other", [], port=port)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is not a folder: name a new one"):
        LocalKaggle(tmp_path / "file", [])


def test_hidden_labels_are_outside_the_data(tmp_path):
    hosted = toy.make_toy(tmp_path)
    inside = hosted.data / "solution.csv"
    shutil.copy(hosted.solution, inside)
    with pytest.raises(UserError, match="is in the data: move it out"):
        LocalKaggle(tmp_path / "state", [dataclasses.replace(hosted, solution=inside)])


def test_what_is_not_there_is_a_404(serve):
    kaggle, client = serve()
    (kaggle.store.root / "models/google/some-model/keras/small/3").mkdir(parents=True)
    small = {"owner_slug": "google", "model_slug": "some-model", "instance_slug": "small"}
    small["framework"] = ModelFramework.MODEL_FRAMEWORK_KERAS
    assert ask(client, "get_model_instance", **small).version_number == 3
    for changes in ({"model_slug": "no-model"}, {"instance_slug": "large"}):
        with refused(404, "Could not find model google/"):
            ask(client, "get_model_instance", **{**small, **changes})
    for slug in ("no-data", ""):
        with refused(404, f"Could not find data set alice/{slug}"):
            ask(client, "get_dataset_status", owner_slug="alice", dataset_slug=slug)
    with refused(404, "Could not find competition 'other'"):
        ask(client, "get_competition", competition_name="other")


# Kernels


def test_versions_count_up_and_are_asked_for_by_label(client):
    for expected in (1, 2):
        answer = push(client, SLUG, f"raise SystemExit({expected - 1})")
        assert answer.version_number == expected
        toy.wait_for(client, SLUG, label=f"v{expected}")
    assert status(client, SLUG, "v1").status is Status.COMPLETE
    assert status(client, SLUG).status is Status.ERROR
    for label in ("1", "v3"):
        with refused(404, "Could not find version"):
            status(client, SLUG, label)
    for label, code in (("v1", 0), ("v2", 1), (None, 1)):
        answer = toy.ask_kernel(client, "get_kernel", SLUG, version_label=label)
        assert answer.blob.source == f"raise SystemExit({code})"
        assert answer.metadata.current_version_number == 2


def test_unknown_sources_are_named_and_the_push_goes_on(client):
    sources = {
        "dataset_data_sources": ["alice/no-dataset"],
        "competition_data_sources": [toy.TOY.slug, "no-competition"],
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
        *(
            ({"slug": slug}, "Invalid slug")
            for slug in ("alice/abc", "alice/Some Kernel", "some-kernel", None, "alice/../outside")
        ),
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
    toy.run(client, "alice/on-gpu", "import time; time.sleep(0.6)", machine_shape="NvidiaTeslaT4")
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


def test_output_is_paged_and_links_out_of_it_are_not_served(client, tmp_path):
    (tmp_path / "secret.txt").write_text("mine")
    text = f"""
import os
for n in range(5): open(f'{{n}}.txt', 'w').write(str(n))
os.symlink({str(tmp_path / "secret.txt")!r}, 'link.txt')
os.symlink({str(tmp_path)!r}, 'folder')
"""
    assert toy.run(client, SLUG, text) is Status.COMPLETE
    page = toy.output(client, SLUG, page_size=3)
    rest = toy.output(client, SLUG, page_size=3, page_token=page.next_page_token)
    assert not rest.next_page_token
    files = {file.file_name: file.url for file in [*page.files, *rest.files]}
    assert list(files) == [f"{n}.txt" for n in range(5)]
    assert [requests.get(url, timeout=30).text for url in files.values()] == list("01234")
    asked = {"owner_slug": "alice", "kernel_slug": "some-kernel"}
    for name in ("link.txt", "folder/secret.txt", "../src/script.py"):
        with refused(404, "There is no file"):
            ask(client, "download_kernel_output", **asked, file_path=name)
        with refused(400, "has no output file"):
            toy.submit_output(client, SLUG, file_name=name)
    zipped = ask(client, "download_kernel_output", **asked).content
    assert zipfile.ZipFile(io.BytesIO(zipped)).namelist() == list(files)


def test_a_deleted_kernel_ends_and_can_be_pushed_again(client):
    tags = {"category_ids": ["utility script"], "machine_shape": "TpuV5E8"}
    push(client, SLUG, WAITS + "# é", **tags)
    toy.wait_for(client, SLUG, Status.RUNNING)
    answer = toy.ask_kernel(client, "get_kernel", SLUG)
    assert (answer.blob.source, answer.metadata.is_private) == (WAITS + "# é", True)
    assert {name: getattr(answer.metadata, name) for name in tags} == tags
    toy.ask_kernel(client, "delete_kernel", SLUG)
    assert not ask(client, "list_kernels").kernels
    assert push(client, SLUG, "print(1)").version_number == 1


def test_another_users_private_kernel_cannot_be_read_nor_written(serve):
    kaggle, client = serve()
    toy.run(client, "alice/private-kernel", "print(1)")
    toy.run(client, "alice/public-kernel", "print(1)", is_private=False)
    with toy.connect(kaggle.url, user="bob") as bob:
        assert status(bob, "alice/public-kernel").status is Status.COMPLETE
        with refused(403):
            status(bob, "alice/private-kernel")
        with refused(403, "alice is not you"):
            push(bob, "alice/public-kernel", "print(1)")
        sources = ["alice/private-kernel", "alice/public-kernel"]
        answer = push(bob, "bob/reads-others", "print(1)", kernel_data_sources=sources)
        assert answer.invalid_kernel_sources == ["alice/private-kernel"]


# Competitions


def test_a_deadline_is_a_year_away_or_the_competitions_own(serve):
    _, client = serve()
    facts = ask_toy(client, "get_competition")
    assert (facts.title, facts.max_daily_submissions) == ("Toy Competition", 5)
    assert facts.deadline > datetime.now() + timedelta(days=300)
    over = datetime.now(UTC) - timedelta(days=1)
    _, client = serve(deadline=over)
    assert ask_toy(client, "get_competition").deadline.date() == over.date()
    assert toy.submit(client, RIGHT) == 1  # late submissions are scored


def test_data_files_are_downloaded_and_none_from_outside(client):
    answer = ask_toy(client, "download_data_file", file_name="test/flower3.txt")
    assert (answer.text, answer.url.endswith("/flower3.txt")) == ("flower3", True)
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
    hidden, made = tmp_path / "hidden-data", []

    def generate():
        made.append(1)
        if hidden.exists():
            shutil.move(hidden, tmp_path / "toy" / "data")

    _, client = serve(generate=generate)
    shutil.move(tmp_path / "toy" / "data", hidden)
    assert ask_toy(client, "get_competition").title == "Toy Competition"
    assert made == []
    for _ in range(2):
        assert len(ask_toy(client, "list_data_files").files) == 8
    assert made == [1]
    _, client = serve(generate=generate)
    shutil.rmtree(tmp_path / "toy" / "data")
    with refused(500, "is not a folder; expected train.csv"):
        ask_toy(client, "list_data_files")


# Submissions


def test_a_submission_is_pending_first_and_then_scored(client):
    # Public: 0 1 2 all right. Private: 0 right, 1 and 2 taken for 0: F1 of 2/4, 0 and 0.
    half = "id,label\n" + "".join(f"{i},{n}\n" for i, n in zip(toy.IDS, "012000", strict=True))
    refs = [toy.submit(client, half), toy.submit(client, RIGHT), toy.submit(client, "id\n")]
    assert toy.submission(client, refs[0]).status is SubmissionStatus.PENDING
    answers = [toy.scored(client, ref) for ref in refs]
    assert [a.status.name for a in answers] == ["COMPLETE", "COMPLETE", "ERROR"]
    assert (answers[0].public_score, answers[0].private_score) == ("1.00000", "0.16667")
    assert (answers[0].file_name, answers[0].description) == ("submission.csv", "from a test")
    assert "has id" in answers[2].error_description
    assert not answers[2].public_score
    first = ask_toy(client, "list_submissions", page_size=2)
    rest = ask_toy(client, "list_submissions", page_size=2, page_token=first.next_page_token)
    assert not rest.next_page_token
    entries = [*first.submissions, *rest.submissions]
    assert [entry.ref for entry in entries] == refs[::-1]
    now = datetime.now(UTC).replace(tzinfo=None)
    assert all(timedelta() <= now - entry.date < timedelta(minutes=10) for entry in entries)
    limits = ask_toy(client, "get_submission_limits")
    assert (limits.num_today, limits.num_allowed_now) == (2, 3)  # what failed does not count
    with refused(404, "Could not find submission 9"):
        toy.submission(client, 9)


def test_the_days_submissions_are_limited(serve):
    _, client = serve(max_daily_submissions=2)
    for allowed in (1, 0):
        toy.submit(client, RIGHT)
        assert ask_toy(client, "get_submission_limits").num_allowed_now == allowed
    with refused(400, "daily Submission allowance (2)"):
        toy.submit(client, RIGHT)
    assert ask_toy(client, "get_submission_limits").num_total == 2


def test_an_upload_can_be_submitted_once(serve):
    kaggle, client = serve()
    token = toy.upload(client, RIGHT)
    assert toy.submit(client, token=token)
    for wrong in (token, f"{token}.name", "0" * 32, "../account"):
        with refused(400, "was not uploaded"):
            toy.submit(client, token=wrong)
    url = f"{kaggle.url}/upload/{'0' * 32}"
    assert requests.put(url, data=b"x", timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("facts", "code", "words"),
    [
        ({"entered": False}, 403, "accept the rules"),
        ({"submissions_disabled": True}, 400, "takes no submissions"),
        ({"solution": None}, 400, "takes no submissions"),
        ({"kernels_only": True}, 400, "only accepts Submissions from Notebooks"),
    ],
)
def test_a_competition_that_is_closed_says_so(serve, facts, code, words):
    kaggle, client = serve(**facts)
    with refused(code, words):
        toy.submit(client, RIGHT)
    if "entered" in facts:
        assert not ask_toy(client, "get_competition").user_has_entered
        with refused(code, words):
            ask_toy(client, "download_data_files")
    if "kernels_only" not in facts:
        with refused(code, words):
            toy.submit_output(client, SLUG)
    assert not list((kaggle.store.root / "submissions").iterdir())


def test_a_kernels_output_is_submitted(serve):
    _, client = serve(kernels_only=True)
    for text, options, words in (
        (WRITES_RIGHT, {"enable_internet": True}, "your Notebook cannot use internet access"),
        (f"{WRITES_RIGHT}\nraise SystemExit(1)", {}, "v2 is ERROR"),
    ):
        toy.run(client, SLUG, text, **options)
        with refused(400, words):
            toy.submit_output(client, SLUG)
    toy.run(client, SLUG, WRITES_RIGHT)
    ref = toy.submit_output(client, SLUG, kernel_version=3)
    assert toy.scored(client, ref).public_score == "1.00000"


# State


def test_state_survives_a_restart(serve):
    kaggle, client = serve(max_parallel=2)
    toy.run(client, SLUG, "open('kept.txt', 'w').write('kept')")
    for name in ("first", "second", "queued"):
        push(client, f"alice/{name}-kernel", WAITS)
    toy.wait_for(client, "alice/first-kernel", Status.RUNNING)
    assert status(client, "alice/queued-kernel").status is Status.QUEUED
    ref = toy.submit(client, RIGHT)
    kaggle.store.add_usage("GPU", 100.0)
    _, client = serve()
    for name in ("first", "queued"):
        answer = status(client, f"alice/{name}-kernel")
        assert answer.status is Status.ERROR
        assert answer.failure_message == "the local Kaggle was stopped"
    [file] = toy.output(client, SLUG).files
    assert requests.get(file.url, timeout=30).text == "kept"
    assert toy.scored(client, ref).public_score == "1.00000"
    assert toy.submit(client, RIGHT) == ref + 1
    assert push(client, SLUG, "print(1)").version_number == 2
    quota = ask(client, "get_accelerator_quota_statistics")
    assert quota.gpu_quota.time_used == timedelta(seconds=100)

"""The local Kaggle answers as Kaggle does: pushes, limits, data, submissions, scores, state."""

import dataclasses
import io
import shutil
import socket
import zipfile
from datetime import timedelta

import pytest
import requests
from kagglesdk.competitions.types import competition_api_service as competition_api
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.kernels.types import kernels_api_service as kernel_api
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status
from kagglesdk.security.types.oauth_service import IntrospectTokenRequest

from common.errors import UserError
from kernels.local import LocalKaggle
from kernels.local.accelerators import quota_week
from support.toy_competition import (
    IDS,
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

WAITS = "import time\ntime.sleep(600)\n"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start a local Kaggle on the toy competition (again: on the same state)."""
    started = []

    def start(**options):
        options.setdefault("max_parallel", 4)
        for kaggle in started:
            kaggle.close()
        held = {
            k: options.pop(k)
            for k in ("kernels_only", "max_daily_submissions", "entered")
            if k in options
        }
        folder = tmp_path / "toy"
        shutil.rmtree(folder, ignore_errors=True)
        started.append(LocalKaggle(tmp_path / "state", [make_toy(folder, **held)], **options))
        point_client_at(monkeypatch, started[-1].url, tmp_path)
        return started[-1]

    yield start
    for kaggle in started:
        kaggle.close()


@pytest.fixture
def client(serve):
    with connect(serve().url) as client:
        yield client


def competition_call(client, method, request_type, **fields):
    request = request_type()
    request.competition_name = TOY.slug
    for name, value in fields.items():
        setattr(request, name, value)
    return getattr(client.competitions.competition_api_client, method)(request)


def limits(client):
    return competition_call(
        client, "get_submission_limits", competition_api.ApiGetSubmissionLimitsRequest
    )


def submit_output(client, slug, **fields):
    return competition_call(
        client,
        "create_code_submission",
        competition_api.ApiCreateCodeSubmissionRequest,
        kernel_owner=slug.split("/")[0],
        kernel_slug=slug.split("/")[1],
        **fields,
    )


# Who calls, and what is not there


def test_a_call_without_credentials_is_refused(serve):
    url = f"{serve().url}/api/v1/kernels.KernelsApiService/ListKernels"
    answer = requests.post(url, json={}, timeout=30)
    assert answer.status_code == 401
    assert requests.post(url, json={}, auth=("alice", "key"), timeout=30).json() == {}


def test_an_unknown_method_is_a_404_that_names_it(serve):
    url = f"{serve().url}/api/v1/kernels.KernelsApiService/Nothing"
    answer = requests.post(url, json={}, auth=("alice", "key"), timeout=30)
    assert answer.status_code == 404
    assert answer.json()["code"] == 404
    assert "KernelsApiService/Nothing" in answer.json()["message"]


def test_a_request_that_is_not_json_is_a_400(serve):
    url = f"{serve().url}/api/v1/kernels.KernelsApiService/ListKernels"
    assert requests.post(url, data="{", auth=("alice", "key"), timeout=30).status_code == 400


def test_a_token_belongs_to_the_user_seen_last(client):
    status_request = IntrospectTokenRequest()
    status_request.token = "anything"
    answer = client.security.oauth_client.introspect_token(status_request)
    assert (answer.active, answer.username) == (True, "alice")


def test_it_listens_on_this_machine_alone(serve):
    assert serve().url.startswith("http://127.0.0.1:")


def test_a_port_in_use_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be used") as error:
            LocalKaggle(tmp_path / "state", [], port=port)
    assert "\n" not in str(error.value)


def test_a_state_in_use_is_refused(tmp_path, serve):
    serve()
    with pytest.raises(UserError, match="in use by another local Kaggle"):
        LocalKaggle(tmp_path / "state", [])


def test_a_solution_inside_the_data_is_refused(tmp_path):
    toy = make_toy(tmp_path)
    inside = toy.data / "solution.csv"
    shutil.copy(toy.solution, inside)
    with pytest.raises(UserError, match="is in the data"):
        LocalKaggle(tmp_path / "state", [dataclasses.replace(toy, solution=inside)])


def test_a_solution_with_another_header_is_refused(tmp_path):
    toy = make_toy(tmp_path)
    toy.solution.write_text("id,class\nflower0,1\n")
    with pytest.raises(UserError, match="starts with id,class, expected id,label,Usage"):
        LocalKaggle(tmp_path / "state", [toy])


# Pushes


def test_versions_count_up_and_are_asked_for_by_label(client):
    for expected in (1, 2):
        answer = push(client, "alice/some-kernel", f"raise SystemExit({expected - 1})")
        assert answer.version_number == expected
        wait_for(client, "alice/some-kernel", label=f"v{expected}")
    assert status(client, "alice/some-kernel", "v1").status is Status.COMPLETE
    assert status(client, "alice/some-kernel").status is Status.ERROR
    for label in ("1", "v3"):
        with pytest.raises(requests.HTTPError) as error:
            status(client, "alice/some-kernel", label)
        assert error.value.response.status_code == 404


def test_unknown_sources_are_named_and_the_push_goes_on(client):
    answer = push(
        client,
        "alice/some-kernel",
        "print(1)",
        dataset_data_sources=["alice/no-dataset"],
        competition_data_sources=[TOY.slug, "no-competition"],
        kernel_data_sources=["alice/no-kernel"],
        model_data_sources=["alice/no-model/keras/small/1"],
    )
    assert answer.version_number == 1
    assert answer.invalid_dataset_sources == ["alice/no-dataset"]
    assert answer.invalid_competition_sources == ["no-competition"]
    assert answer.invalid_kernel_sources == ["alice/no-kernel"]
    assert answer.invalid_model_sources == ["alice/no-model/keras/small/1"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"slug": "alice/abc"}, "Invalid slug"),
        ({"slug": "alice/Some Kernel"}, "Invalid slug"),
        ({"slug": "some-kernel"}, "Invalid slug"),
        ({"slug": None}, "Invalid slug"),
        ({"new_title": "abc"}, "5 to 50 characters"),
        ({"new_title": "Another name"}, "resolves to 'another-name'"),
        ({"text": " "}, "can't be empty"),
        ({"kernel_type": "notebook"}, "scripts only"),
    ],
)
def test_a_push_that_is_refused_is_an_error_in_a_good_answer(client, fields, fault):
    answer = push(client, "alice/some-kernel", "print(1)", **fields)
    assert fault in answer.error
    assert not answer.version_number


def test_a_push_in_another_users_name_is_forbidden(client):
    with pytest.raises(requests.HTTPError) as error:
        push(client, "bob/some-kernel", "print(1)")
    assert error.value.response.status_code == 403


@pytest.mark.parametrize("path", ["../outside", "..", "alice/../../outside"])
def test_a_slug_cannot_leave_the_state(client, tmp_path, path):
    before = {p.name for p in tmp_path.iterdir()}
    assert "Invalid slug" in push(client, f"alice/{path}", "print(1)").error
    assert {p.name for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("shape", "kind", "most"), [("", "CPU", 5), ("NvidiaTeslaT4", "GPU", 2), ("TpuV5E8", "TPU", 1)]
)
def test_session_counts_are_limited_and_queued_ones_count(serve, shape, kind, most):
    with connect(serve(max_parallel=1).url) as client:
        for number in range(most):
            answer = push(client, f"alice/kernel-{number}", WAITS, machine_shape=shape)
            assert not answer.error
        refused = push(client, "alice/one-more", WAITS, machine_shape=shape)
        assert refused.error == f"Maximum batch {kind} session count of {most} reached."
        with pytest.raises(requests.HTTPError):
            status(client, "alice/one-more")
        other = "TpuV5E8" if kind != "TPU" else "NvidiaTeslaT4"
        assert not push(client, "alice/another-kind", WAITS, machine_shape=other).error


def test_a_retired_tpu_becomes_a_cpu(serve):
    with connect(serve(max_parallel=1).url) as client:
        for number in range(2):  # two, where one TPU session is allowed
            push(client, f"alice/kernel-{number}", WAITS, machine_shape="TpuV232")
        assert not push(client, "alice/real-tpu", WAITS, machine_shape="TpuV5E8").error


def test_quota_counts_the_seconds_of_gpu_sessions(serve):
    kaggle = serve()
    with connect(kaggle.url) as client:
        run(client, "alice/on-gpu", "import time; time.sleep(0.6)", machine_shape="NvidiaTeslaT4")
        request = kernel_api.ApiGetAcceleratorQuotaStatisticsRequest()
        quota = client.kernels.kernels_api_client.get_accelerator_quota_statistics(request)
        assert quota.gpu_quota.total_time_allowed == timedelta(hours=30)
        assert quota.tpu_quota.total_time_allowed == timedelta(hours=20)
        assert quota.gpu_quota.time_used >= timedelta(seconds=1)
        assert not quota.tpu_quota.time_used
        kaggle.store.add_usage("TPU", 20 * 3600)
        refused = push(client, "alice/on-tpu", WAITS, machine_shape="TpuV5E8")
        assert refused.error == "Maximum weekly TPU quota of 20.00 hours reached."


def test_the_quotas_week_begins_on_saturday():
    start, end = quota_week(1795334400.0)  # 2026-11-22 08:00 UTC, a Sunday
    assert (start, end) == (1795219200.0, 1795824000.0)  # 21 and 28 November


# Outputs


def test_output_is_paged_and_its_addresses_lead_to_the_files(client):
    text = "for n in range(5): open(f'{n}.txt', 'w').write(str(n))"
    assert run(client, "alice/some-kernel", text) is Status.COMPLETE
    page = output(client, "alice/some-kernel", page_size=3)
    rest = output(client, "alice/some-kernel", page_size=3, page_token=page.next_page_token)
    assert not rest.next_page_token
    files = [*page.files, *rest.files]
    assert [file.file_name for file in files] == [f"{n}.txt" for n in range(5)]
    texts = [requests.get(file.url, timeout=30).text for file in files]
    assert texts == ["0", "1", "2", "3", "4"]


def test_links_out_of_the_working_folder_are_not_served(client, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    text = f"""
import os
os.symlink({str(secret)!r}, 'link.txt')
os.symlink({str(tmp_path)!r}, 'folder')
open('kept.txt', 'w').close()
"""
    assert run(client, "alice/some-kernel", text) is Status.COMPLETE
    assert [f.file_name for f in output(client, "alice/some-kernel").files] == ["kept.txt"]
    request = kernel_api.ApiDownloadKernelOutputRequest()
    request.owner_slug, request.kernel_slug = "alice", "some-kernel"
    for name in ("link.txt", "folder/secret.txt", "../src/script.py"):
        request.file_path = name
        with pytest.raises(requests.HTTPError) as error:
            client.kernels.kernels_api_client.download_kernel_output(request)
        assert error.value.response.status_code == 404
    request.file_path = None
    zipped = client.kernels.kernels_api_client.download_kernel_output(request).content
    assert zipfile.ZipFile(io.BytesIO(zipped)).namelist() == ["kept.txt"]


def test_a_kernel_is_given_back_as_it_was_pushed(client):
    tags = ["utility script"]
    run(client, "alice/some-kernel", "print('é')", category_ids=tags, machine_shape="TpuV5E8")
    request = kernel_api.ApiGetKernelRequest()
    request.user_name, request.kernel_slug = "alice", "some-kernel"
    answer = client.kernels.kernels_api_client.get_kernel(request)
    assert answer.blob.source == "print('é')"
    assert answer.metadata.category_ids == tags
    assert answer.metadata.machine_shape == "TpuV5E8"
    assert answer.metadata.current_version_number == 1
    assert answer.metadata.ref == "alice/some-kernel"
    assert answer.metadata.is_private


def test_kernels_are_listed_and_deleted(client):
    service = client.kernels.kernels_api_client
    for slug in ("first-kernel", "second-kernel"):
        push(client, f"alice/{slug}", WAITS)
        wait_for(client, f"alice/{slug}", Status.RUNNING)
    listed = service.list_kernels(kernel_api.ApiListKernelsRequest()).kernels
    assert [kernel.slug for kernel in listed] == ["first-kernel", "second-kernel"]
    request = kernel_api.ApiDeleteKernelRequest()
    request.user_name, request.kernel_slug = "alice", "first-kernel"
    service.delete_kernel(request)
    listed = service.list_kernels(kernel_api.ApiListKernelsRequest()).kernels
    assert [kernel.slug for kernel in listed] == ["second-kernel"]
    assert push(client, "alice/first-kernel", "print(1)").version_number == 1


def test_another_users_private_kernel_cannot_be_read(serve):
    kaggle = serve()
    with connect(kaggle.url) as client:
        run(client, "alice/private-kernel", "print(1)")
        run(client, "alice/public-kernel", "print(1)", is_private=False)
    with connect(kaggle.url, user="bob") as client:
        assert status(client, "alice/public-kernel").status is Status.COMPLETE
        with pytest.raises(requests.HTTPError) as error:
            status(client, "alice/private-kernel")
        assert error.value.response.status_code == 403
        sources = ["alice/private-kernel", "alice/public-kernel"]
        answer = push(client, "bob/reads-others", "print(1)", kernel_data_sources=sources)
        assert answer.invalid_kernel_sources == ["alice/private-kernel"]


# Competitions


def test_the_facts_of_a_competition(client):
    facts = competition_call(client, "get_competition", competition_api.ApiGetCompetitionRequest)
    assert facts.title == "Toy Competition"
    assert facts.max_daily_submissions == 5
    assert facts.user_has_entered
    assert not facts.is_kernels_submissions_only


def test_an_unknown_competition_is_a_404(client):
    request = competition_api.ApiGetCompetitionRequest()
    request.competition_name = "no-competition"
    with pytest.raises(requests.HTTPError) as error:
        client.competitions.competition_api_client.get_competition(request)
    assert error.value.response.status_code == 404
    assert "no-competition" in refusal(error.value)


def test_data_files_are_paged_and_downloaded(client):
    names, token = [], ""
    while not names or token:
        page = competition_call(
            client,
            "list_data_files",
            competition_api.ApiListDataFilesRequest,
            page_size=3,
            page_token=token,
        )
        names += [file.name for file in page.files]
        token = page.next_page_token
    tests = [f"test/{name}.txt" for name in IDS]
    assert names == ["sample_submission.csv", *tests, "train.csv"]
    answer = competition_call(
        client,
        "download_data_file",
        competition_api.ApiDownloadDataFileRequest,
        file_name="test/flower3.txt",
    )
    assert answer.text == "flower3"
    assert answer.url.endswith("/flower3.txt")
    part = requests.get(answer.url, headers={"Range": "bytes=6-"}, timeout=30)
    assert (part.status_code, part.text) == (206, "3")
    assert part.headers["ETag"]
    assert part.headers["Last-Modified"]


def test_data_outside_of_the_folder_is_not_served(client):
    for name in ("../hidden/answers.csv", "/etc/hostname", "nothing.csv", ""):
        with pytest.raises(requests.HTTPError) as error:
            competition_call(
                client,
                "download_data_file",
                competition_api.ApiDownloadDataFileRequest,
                file_name=name,
            )
        assert error.value.response.status_code == 404


def test_rules_that_are_not_accepted_keep_the_data_back(serve):
    with connect(serve(entered=False).url) as client:
        facts = competition_call(
            client, "get_competition", competition_api.ApiGetCompetitionRequest
        )
        assert not facts.user_has_entered
        with pytest.raises(requests.HTTPError) as error:
            competition_call(
                client, "download_data_files", competition_api.ApiDownloadDataFilesRequest
            )
        assert error.value.response.status_code == 403
        assert "accept the rules" in refusal(error.value)


# Submissions


def test_a_submission_is_pending_first_and_then_scored(client):
    # Public: 0 1 2 all right. Private: 0 right, 1 and 2 taken for 0: F1 of 2/4, 0 and 0.
    half = "id,label\n" + "".join(
        f"{i},{n}\n" for i, n in zip(IDS, [0, 1, 2, 0, 0, 0], strict=True)
    )
    ref = submit(client, half)
    assert submission(client, ref).status is SubmissionStatus.PENDING
    scored = submission(client, ref)
    assert scored.status is SubmissionStatus.COMPLETE
    assert (scored.public_score, scored.private_score) == ("1.00000", "0.16667")
    assert (scored.file_name, scored.description) == ("submission.csv", "from a test")
    listed = competition_call(
        client, "list_submissions", competition_api.ApiListSubmissionsRequest
    ).submissions
    assert [entry.ref for entry in listed] == [ref]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (RIGHT.replace("id,label", "id,class"), "columns id,label, and has id,class"),
        ("", "has nothing"),
        (RIGHT.replace("flower5,2\n", ""), "must have 6 rows and has 5: id 'flower5' is missing"),
        (RIGHT + "flower9,1\n", "'flower9' in the key column 'id' is not expected (Line 8)"),
        (RIGHT + "flower0,0\n", "already been defined (Line 8)"),
        (RIGHT.replace("flower1,1", "flower1,1.0"), "'1.0' in the column 'label'"),
        (RIGHT.replace("flower1,1", "flower1,"), "'' in the column 'label'"),
        (RIGHT.replace("flower1,1", "flower1,3"), "not one of 0 to 2 (Line 3)"),
        (RIGHT.replace("flower1,1", "flower1,-1"), "not one of 0 to 2"),
        (RIGHT.replace("flower1,1", "flower1,1,1"), "3 columns, but 2 expected (Line 3)"),
        ("\x00\x01", "Submission must start"),
    ],
)
def test_a_wrong_submission_is_an_error_that_names_the_first_fault(client, content, fault):
    ref = submit(client, content)
    submission(client, ref)
    scored = submission(client, ref)
    assert scored.status is SubmissionStatus.ERROR
    assert fault in scored.error_description
    assert not scored.public_score
    assert limits(client).num_today == 0  # as on Kaggle, what failed does not count


def test_rows_may_come_in_any_order_with_any_line_ends(client):
    header, *rows = RIGHT.splitlines()
    ref = submit(client, "\r\n".join([header, *reversed(rows)]))
    submission(client, ref)
    assert submission(client, ref).public_score == "1.00000"


def test_the_days_submissions_are_limited(serve):
    with connect(serve(max_daily_submissions=2).url) as client:
        for left in (1, 0):
            submit(client, RIGHT)
            assert limits(client).num_allowed_now == left
        with pytest.raises(requests.HTTPError) as error:
            submit(client, RIGHT)
        assert error.value.response.status_code == 400
        assert "daily Submission allowance (2)" in refusal(error.value)
        assert limits(client).num_total == 2


def test_an_upload_can_be_submitted_once(client):
    token = upload(client, RIGHT)
    assert submit(client, token=token)
    for wrong in (token, f"{token}.name", "0" * 32, "../account"):
        with pytest.raises(requests.HTTPError) as error:
            submit(client, token=wrong)
        assert "was not uploaded" in refusal(error.value)
    assert limits(client).num_total == 1


def test_an_upload_needs_an_address_that_was_given_out(serve):
    url = f"{serve().url}/upload/{'0' * 32}"
    assert requests.put(url, data=b"x", timeout=30).status_code == 404


def test_a_kernels_output_is_submitted(client):
    text = f"open('submission.csv', 'w').write({RIGHT!r})"
    run(client, "alice/some-kernel", text)
    answer = submit_output(
        client, "alice/some-kernel", kernel_version=1, file_name="submission.csv"
    )
    submission(client, answer.ref)
    assert submission(client, answer.ref).public_score == "1.00000"
    with pytest.raises(requests.HTTPError) as error:
        submit_output(client, "alice/some-kernel", kernel_version=1, file_name="other.csv")
    assert "no output file other.csv" in refusal(error.value)


def test_a_link_out_of_the_working_folder_is_not_submitted(client, tmp_path):
    (tmp_path / "outside.csv").write_text(RIGHT)
    text = f"import os; os.symlink({str(tmp_path / 'outside.csv')!r}, 'submission.csv')"
    run(client, "alice/some-kernel", text)
    with pytest.raises(requests.HTTPError) as error:
        submit_output(client, "alice/some-kernel", file_name="submission.csv")
    assert "no output file" in refusal(error.value)


def test_a_failed_kernels_output_is_not_submitted(client):
    text = f"open('submission.csv', 'w').write({RIGHT!r})\nraise SystemExit(1)"
    run(client, "alice/some-kernel", text)
    with pytest.raises(requests.HTTPError) as error:
        submit_output(client, "alice/some-kernel", kernel_version=1, file_name="submission.csv")
    assert "v1 is ERROR" in refusal(error.value)


def test_a_kernels_only_competition_takes_no_files_and_no_internet(serve):
    with connect(serve(kernels_only=True).url) as client:
        with pytest.raises(requests.HTTPError) as error:
            submit(client, RIGHT)
        assert "only accepts Submissions from Notebooks" in refusal(error.value)
        text = f"open('submission.csv', 'w').write({RIGHT!r})"
        run(client, "alice/some-kernel", text, enable_internet=True)
        with pytest.raises(requests.HTTPError) as error:
            submit_output(client, "alice/some-kernel", file_name="submission.csv")
        assert "internet" in refusal(error.value)
        run(client, "alice/some-kernel", text)
        assert submit_output(client, "alice/some-kernel", file_name="submission.csv").ref


# State


def test_state_survives_a_restart(serve):
    kaggle = serve()
    with connect(kaggle.url) as client:
        run(client, "alice/some-kernel", "open('kept.txt', 'w').write('kept')")
        ref = submit(client, RIGHT)
        kaggle.store.add_usage("GPU", 100.0)
    with connect(serve().url) as client:
        assert status(client, "alice/some-kernel", "v1").status is Status.COMPLETE
        [file] = output(client, "alice/some-kernel").files
        assert requests.get(file.url, timeout=30).text == "kept"
        assert limits(client).num_today == 1
        submission(client, ref)
        assert submission(client, ref).public_score == "1.00000"
        assert submit(client, RIGHT) == ref + 1
        assert push(client, "alice/some-kernel", "print(1)").version_number == 2
        request = kernel_api.ApiGetAcceleratorQuotaStatisticsRequest()
        quota = client.kernels.kernels_api_client.get_accelerator_quota_statistics(request)
        assert quota.gpu_quota.time_used == timedelta(seconds=100)


def test_sessions_that_a_stop_cut_off_are_errors(serve):
    with connect(serve(max_parallel=1).url) as client:
        push(client, "alice/running-kernel", WAITS)
        wait_for(client, "alice/running-kernel", Status.RUNNING)
        push(client, "alice/queued-kernel", WAITS)
        assert status(client, "alice/queued-kernel").status is Status.QUEUED
    with connect(serve().url) as client:
        for slug in ("running-kernel", "queued-kernel"):
            answer = status(client, f"alice/{slug}")
            assert answer.status is Status.ERROR
            assert answer.failure_message == "the local Kaggle was stopped"

"""Names in requests lead nowhere out of the state and the competition's data."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from werkzeug.test import Client

from kernels.local import LocalKaggle
from kernels.local.mounts import mount_inputs
from support.tiny import KEY
from support.toy_competition import TOY, make_toy

SECRET = "this-is-outside"
PARTS = [
    *("", ".", "..", "...", "/", "\\", "\0", "*", "**", "?", "[a-z]*", "~", "alice", "some-data"),
    *("linked", "outside", "some-model", "keras", "small", "1", "secret.csv", "link.csv", "deep"),
    *("some-kernel", "table.csv", "é", "a" * 300, "%2e%2e", "answers.csv", TOY.slug, "CON", "\n"),
]
NAME = st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("/".join) | st.text(max_size=9)


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKaggle]:
    """A local Kaggle whose state has links that lead out of it."""
    root = tmp_path_factory.mktemp("paths")
    outside, state = root / "outside", root / "state"
    outside.mkdir()
    for name in ("secret.csv", "1"):
        (outside / name).write_text(SECRET)
    for place in ("datasets/alice/some-data", "models/alice/some-model/keras/small/1"):
        folder = state / place
        folder.mkdir(parents=True)
        (folder / "table.csv").write_text("a,b\n")
        (folder / "link.csv").symlink_to(outside / "secret.csv")
        (folder / "deep").symlink_to(outside)
    (state / "datasets/alice/linked").symlink_to(outside)
    (state / "models/alice/some-model/keras/small/2").symlink_to(outside)
    (state / "models/alice/some-model/keras/linked").symlink_to(outside)
    with LocalKaggle(state, [make_toy(root / "toy")], key=KEY) as kaggle:
        yield kaggle


@pytest.fixture(scope="module")
def ask(kaggle: LocalKaggle) -> Callable[..., Any]:
    """``ask(method, **fields)`` → status, JSON or the content that its address leads to."""
    client, headers = Client(kaggle._server.app), {"Host": kaggle.url[7:]}

    def ask(method: str, **fields: Any) -> tuple[int, Any]:
        options = {"json": fields, "auth": ("alice", KEY), "headers": headers}
        answer = client.post(f"/api/v1/{method}", **options)
        if answer.status_code != 302:
            return answer.status_code, answer.json
        fetched = client.get(answer.headers["Location"], headers=headers)
        return fetched.status_code, fetched.get_data()

    return ask


DATASETS, MODELS = "datasets.DatasetApiService", "models.ModelApiService/GetModelInstance"
COMPETITIONS, KERNELS = "competitions.CompetitionApiService", "kernels.KernelsApiService"


@pytest.mark.parametrize("slug", ["linked", "", ".", "..", "../alice/some-data", "some-data/deep"])
def test_no_data_set_is_outside_of_the_state(ask, slug):
    for method in ("GetDatasetStatus", "DownloadDataset"):
        fields = {"ownerSlug": "alice", "datasetSlug": slug, "fileName": "secret.csv"}
        assert ask(f"{DATASETS}/{method}", **fields)[0] == 404


def test_a_data_set_has_only_files_of_its_own(ask):
    named = {"ownerSlug": "alice", "datasetSlug": "some-data"}
    assert ask(f"{DATASETS}/DownloadDataset", **named, fileName="table.csv") == (200, b"a,b\n")
    for name in ("link.csv", "deep/secret.csv", "../../../../outside/secret.csv", "/etc/hostname"):
        assert ask(f"{DATASETS}/DownloadDataset", **named, fileName=name)[0] == 404
    status, zipped = ask(f"{DATASETS}/DownloadDataset", **named)
    assert status == 200
    assert SECRET.encode() not in zipped


@pytest.mark.parametrize("small", ["linked", "*", "../small", "..", ""])
def test_no_model_is_outside_of_the_state(ask, small):
    named = {"ownerSlug": "alice", "modelSlug": "some-model", "framework": "MODEL_FRAMEWORK_KERAS"}
    assert ask(MODELS, **named, instanceSlug="small") == (
        200,
        {"slug": "small", "versionNumber": 1},
    )
    assert ask(MODELS, **named, instanceSlug=small)[0] == 404


CALLS = {
    f"{DATASETS}/DownloadDataset": ("ownerSlug", "datasetSlug", "fileName"),
    MODELS: ("ownerSlug", "modelSlug", "instanceSlug"),
    f"{COMPETITIONS}/DownloadDataFile": ("fileName",),
    f"{COMPETITIONS}/StartSubmissionUpload": ("fileName",),
    f"{COMPETITIONS}/CreateSubmission": ("blobFileTokens",),
    f"{COMPETITIONS}/CreateCodeSubmission": ("kernelOwner", "kernelSlug", "fileName"),
    f"{KERNELS}/DownloadKernelOutput": ("ownerSlug", "kernelSlug", "filePath"),
    f"{KERNELS}/GetKernel": ("userName", "kernelSlug", "versionLabel"),
    f"{KERNELS}/DeleteKernel": ("userName", "kernelSlug"),
    f"{KERNELS}/ListKernelSessionOutput": ("userName", "kernelSlug", "pageToken"),
}


@pytest.mark.parametrize("method", CALLS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_name_leads_outside_or_into_an_error(ask, method, data):
    names = {"ownerSlug": "alice", "userName": "alice", "kernelOwner": "alice"}
    fields = {field: names.get(field, data.draw(NAME)) for field in CALLS[method]}
    for field in fields.keys() & names.keys():
        fields[field] = data.draw(st.just("alice") | NAME)
    status, said = ask(method, competitionName=TOY.slug, **fields)
    assert status in (200, 400, 403, 404), said
    assert SECRET not in (said.decode("latin-1") if isinstance(said, bytes) else json.dumps(said))


@settings(max_examples=300, deadline=None)
@given(ref=NAME, owner=st.sampled_from(["", "alice/", "alice/some-model/keras/small/"]))
def test_no_source_of_a_push_is_outside(kaggle, owner, ref):
    for kind, find in (("datasets", kaggle.store.dataset), ("models", kaggle.store.model)):
        found = find(owner + ref)
        assert found is None or found.resolve().is_relative_to(kaggle.store.root / kind / "alice")


def test_a_mounted_data_set_has_only_files_of_its_own(kaggle, tmp_path):
    request = ApiSaveKernelRequest()
    request.dataset_data_sources = ["alice/some-data"]
    request.model_data_sources = ["alice/some-model/keras/small/1"]
    mount_inputs(kaggle.store, {}, {}, "2026", request, tmp_path)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"table.csv"}

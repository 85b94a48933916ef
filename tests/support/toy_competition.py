"""A tiny competition, and short ways to talk to a local Kaggle that holds it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from kagglesdk import kaggle_env
from kagglesdk.competitions.types import competition_api_service as competition_api
from kagglesdk.kaggle_client import KaggleClient
from kagglesdk.kernels.types import kernels_api_service as kernel_api
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification
from kernels.local import HostedCompetition

TOY = Competition(
    name="toy",
    slug="toy-competition",
    title="Toy Competition",
    folder="toy",
    task=Classification(("rose", "iris", "lily")),
    metric="macro_f1",
    submission=LabelColumn("label"),
    ensemble=(),
    layout="train.csv, test/*.txt and sample_submission.csv",
)
IDS = [f"flower{number}" for number in range(6)]
LABELS = [0, 1, 2, 0, 1, 2]  # the first three are public
RIGHT = "id,label\n" + "".join(f"{i},{n}\n" for i, n in zip(IDS, LABELS, strict=True))


def make_toy(folder: Path, **options) -> HostedCompetition:
    """The competition's files below ``folder``."""
    data = folder / "data"
    (data / "test").mkdir(parents=True)
    (data / "train.csv").write_text("id,label\nseen,1\n")
    (data / "sample_submission.csv").write_text("id,label\n" + "".join(f"{i},0\n" for i in IDS))
    for name in IDS:
        (data / "test" / f"{name}.txt").write_text(name)
    solution = folder / "hidden" / "answers.csv"
    solution.parent.mkdir()
    rows = [
        f"{i},{n},{'Public' if at < 3 else 'Private'}"
        for at, (i, n) in enumerate(zip(IDS, LABELS, strict=True))
    ]
    solution.write_text("\n".join(["id,label,Usage", *rows, ""]))
    return HostedCompetition(TOY, data, solution, **options)


@contextmanager
def connect(url: str, user: str = "alice") -> Iterator[KaggleClient]:
    """A client of kagglesdk; the caller has set its endpoint (see ``point_client_at``)."""
    assert kaggle_env.get_endpoint(kaggle_env.KaggleEnv.LOCAL) == url
    with KaggleClient(env=kaggle_env.KaggleEnv.LOCAL, username=user, password="key") as client:
        yield client


def point_client_at(monkeypatch, url: str, home: Path) -> None:
    """Send kagglesdk to ``url``, with no credentials of the machine's own user."""
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, url)
    monkeypatch.setenv("HOME", str(home))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def push(
    client: KaggleClient, slug: str, text: str, /, **fields
) -> kernel_api.ApiSaveKernelResponse:
    """Push a private script kernel, ``fields`` as in ApiSaveKernelRequest."""
    request = kernel_api.ApiSaveKernelRequest()
    request.slug = slug
    request.new_title = slug.partition("/")[2].replace("-", " ")
    request.text = text
    request.language, request.kernel_type = "python", "script"
    request.is_private, request.enable_internet = True, False
    for name, value in fields.items():
        setattr(request, name, value)
    return client.kernels.kernels_api_client.save_kernel(request)


def status(client: KaggleClient, slug: str, label: str = ""):
    """The answer of GetKernelSessionStatus."""
    request = kernel_api.ApiGetKernelSessionStatusRequest()
    request.user_name, _, request.kernel_slug = slug.partition("/")
    request.version_label = label or None
    return client.kernels.kernels_api_client.get_kernel_session_status(request)


def output(client: KaggleClient, slug: str, **fields):
    """The answer of ListKernelSessionOutput."""
    request = kernel_api.ApiListKernelSessionOutputRequest()
    request.user_name, _, request.kernel_slug = slug.partition("/")
    for name, value in fields.items():
        setattr(request, name, value)
    return client.kernels.kernels_api_client.list_kernel_session_output(request)


def wait_for(client: KaggleClient, slug: str, *states: Status, label: str = "") -> Status:
    """Wait until the kernel is in one of ``states`` (by default: has ended); which one."""
    wanted = states or (Status.COMPLETE, Status.ERROR, Status.CANCEL_ACKNOWLEDGED)
    for _ in range(6000):
        state = status(client, slug, label).status
        if state in wanted:
            return state
        time.sleep(0.02)
    raise AssertionError(f"{slug} is still {state}")


def run(client: KaggleClient, slug: str, text: str, /, **fields) -> Status:
    """Push a kernel and wait until it has ended."""
    answer = push(client, slug, text, **fields)
    assert not answer.error, answer.error
    return wait_for(client, slug, label=f"v{answer.version_number}")


def log_text(client: KaggleClient, slug: str) -> str:
    """The whole log of the kernel's latest version, as text."""
    return "".join(entry["data"] for entry in json.loads(output(client, slug).log))


def upload(client: KaggleClient, content: str, name: str = "submission.csv") -> str:
    """Upload ``content``; the token to submit it with."""
    service = client.competitions.competition_api_client
    start = competition_api.ApiStartSubmissionUploadRequest()
    start.competition_name, start.file_name = TOY.slug, name
    start.content_length, start.last_modified_epoch_seconds = len(content), 0
    started = service.start_submission_upload(start)
    requests.put(started.create_url, data=content.encode(), timeout=30).raise_for_status()
    return started.token


def submit(client: KaggleClient, content: str = "", token: str = "") -> int:
    """Submit ``content``, or what was uploaded as ``token``; the submission's number."""
    request = competition_api.ApiCreateSubmissionRequest()
    request.competition_name = TOY.slug
    request.blob_file_tokens = token or upload(client, content)
    request.submission_description = "from a test"
    return client.competitions.competition_api_client.create_submission(request).ref


def submission(client: KaggleClient, ref: int):
    """The answer of GetSubmission."""
    request = competition_api.ApiGetSubmissionRequest()
    request.ref = ref
    return client.competitions.competition_api_client.get_submission(request)


def refusal(error: requests.HTTPError) -> str:
    """The server's own words behind "400 Client Error"."""
    return error.response.json()["error"]["message"]

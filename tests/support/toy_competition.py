"""A tiny competition, and short ways to talk to a local Kaggle that serves it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from kagglesdk import kaggle_client, kaggle_env
from kagglesdk.competitions.types import competition_api_service as competitions
from kagglesdk.datasets.types import dataset_api_service as datasets
from kagglesdk.kaggle_client import KaggleClient
from kagglesdk.kaggle_http_client import KaggleHttpClient
from kagglesdk.kernels.types import kernels_api_service as kernels
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status
from kagglesdk.models.types import model_api_service as models

from common.competition import Competition
from common.forms import LabelColumn
from common.tasks.classification import Classification
from kernels.local import HostedCompetition
from support.tiny import KEY

TOY = Competition(
    name="toy",
    slug="toy-competition",
    title="Toy Competition",
    folder="toy",
    task=Classification(("rose", "iris", "lily")),
    metric="macro_f1",
    submission=LabelColumn("label"),
    ensemble=(),
    files="train.csv, test/*.txt and sample_submission.csv",
)
IDS = [f"flower{number}" for number in range(6)]
LABELS = [0, 1, 2, 0, 1, 2]  # the first three are public
RIGHT = "id,label\n" + "".join(f"{i},{n}\n" for i, n in zip(IDS, LABELS, strict=True))
WRITES_RIGHT = f"open('submission.csv', 'w').write({RIGHT!r})"
WAITS = "import time\ntime.sleep(600)\n"


def make_toy(folder: Path, **options: Any) -> HostedCompetition:
    """The competition's files below ``folder``."""
    data = folder / "data"
    (data / "test").mkdir(parents=True)
    (data / "train.csv").write_text("id,label\nseen,1\n")
    (data / "sample_submission.csv").write_text("id,label\n" + "".join(f"{i},0\n" for i in IDS))
    for name in IDS:
        (data / "test" / f"{name}.txt").write_text(name)
    solution = folder / "hidden" / "answers.csv"
    solution.parent.mkdir()
    parts = ["Public"] * 3 + ["Private"] * 3
    rows = [f"{i},{n},{part}\n" for i, n, part in zip(IDS, LABELS, parts, strict=True)]
    solution.write_text("id,label,Usage\n" + "".join(rows))
    return HostedCompetition(TOY, data, **{"solution": solution, **options})


@contextmanager
def connect(url: str, user: str = "alice") -> Iterator[KaggleClient]:
    """A client of kagglesdk; the caller has set its endpoint (see ``point_client_at``)."""
    assert kaggle_env.get_endpoint(kaggle_env.KaggleEnv.LOCAL) == url
    with KaggleClient(env=kaggle_env.KaggleEnv.LOCAL, username=user, password=KEY) as client:
        yield client


def point_client_at(monkeypatch: pytest.MonkeyPatch, url: str, home: Path) -> None:
    """Send kagglesdk, as it is, to ``url``, with no credentials of the machine's own user."""
    monkeypatch.setattr(kaggle_client, "KaggleHttpClient", KaggleHttpClient)  # not the checked one
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.LOCAL, url)
    monkeypatch.setenv("HOME", str(home))
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_KERNEL_RUN_TYPE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def ask(client: KaggleClient, method: str, **fields: Any) -> Any:
    """What kagglesdk's ``method``, such as ``get_kernel``, answers to a request of ``fields``."""
    name = "".join(word.capitalize() for word in method.split("_"))
    for service, types in (
        (client.kernels.kernels_api_client, kernels),
        (client.competitions.competition_api_client, competitions),
        (client.datasets.dataset_api_client, datasets),
        (client.models.model_api_client, models),
    ):
        if hasattr(service, method):
            request = getattr(types, f"Api{name}Request")()
            for field, value in fields.items():
                setattr(request, field, value)
            return getattr(service, method)(request)
    raise AttributeError(method)


ask_toy = partial(ask, competition_name=TOY.slug)


def ask_kernel(client: KaggleClient, method: str, ref: str, **fields: Any) -> Any:
    """``ask`` about kernel ``owner/slug``."""
    owner, _, slug = ref.partition("/")
    return ask(client, method, user_name=owner, kernel_slug=slug, **fields)


def push(client: KaggleClient, ref: str, text: str, /, **fields: Any) -> Any:
    """Push a private script kernel, ``fields`` as in ApiSaveKernelRequest."""
    title = ref.partition("/")[2].replace("-", " ")
    facts = {"slug": ref, "new_title": title, "language": "python", "kernel_type": "script"}
    options = {"text": text, "is_private": True, "enable_internet": False, **fields}
    return ask(client, "save_kernel", **{**facts, **options})


def status(client: KaggleClient, ref: str, label: str = "") -> Any:
    """The answer of GetKernelSessionStatus."""
    return ask_kernel(client, "get_kernel_session_status", ref, version_label=label or None)


def output(client: KaggleClient, ref: str, **fields: Any) -> Any:
    """The answer of ListKernelSessionOutput."""
    return ask_kernel(client, "list_kernel_session_output", ref, **fields)


def wait_for(client: KaggleClient, ref: str, *states: Status, label: str = "") -> Status:
    """Wait until the kernel is in one of ``states`` (by default: has ended); which one."""
    wanted = states or (Status.COMPLETE, Status.ERROR, Status.CANCEL_ACKNOWLEDGED)
    for _ in range(6000):
        state = status(client, ref, label).status
        if state in wanted:
            return state
        time.sleep(0.02)
    raise AssertionError(f"{ref} is still {state}")


def run(client: KaggleClient, ref: str, text: str, /, **fields: Any) -> Status:
    """Push a kernel and wait until it has ended."""
    answer = push(client, ref, text, **fields)
    assert not answer.error, answer.error
    return wait_for(client, ref, label=f"v{answer.version_number}")


def log_text(client: KaggleClient, ref: str) -> str:
    """The whole log of the kernel's latest version, as text."""
    return "".join(entry["data"] for entry in json.loads(output(client, ref).log))


def upload(client: KaggleClient, content: str) -> str:
    """Upload ``content``; the token to submit it with."""
    facts = {"content_length": len(content), "last_modified_epoch_seconds": 0}
    started = ask_toy(client, "start_submission_upload", file_name="submission.csv", **facts)
    requests.put(started.create_url, data=content.encode(), timeout=30).raise_for_status()
    return started.token


def submit(client: KaggleClient, content: str = "", token: str = "") -> int:
    """Submit ``content``, or what was uploaded as ``token``; the submission's number."""
    fields = {"blob_file_tokens": token or upload(client, content)}
    return ask_toy(client, "create_submission", submission_description="from a test", **fields).ref


def submit_output(client: KaggleClient, ref: str, **fields: Any) -> int:
    """Submit ``submission.csv``, or another output of a kernel; the submission's number."""
    owner, _, slug = ref.partition("/")
    named = {"kernel_owner": owner, "kernel_slug": slug, "file_name": "submission.csv"}
    return ask_toy(client, "create_code_submission", **{**named, **fields}).ref


def submission(client: KaggleClient, ref: int) -> Any:
    """The answer of GetSubmission."""
    return ask(client, "get_submission", ref=ref)


def scored(client: KaggleClient, ref: int) -> Any:
    """The second answer of GetSubmission: the first one is always pending."""
    submission(client, ref)
    return submission(client, ref)


@contextmanager
def refused(code: int, words: str = "") -> Iterator[None]:
    """Within it the server answers ``code`` with these words, behind "400 Client Error"."""
    with pytest.raises(requests.HTTPError) as caught:
        yield
    response = caught.value.response
    assert response is not None
    assert (response.status_code, words in response.text) == (code, True), response.text

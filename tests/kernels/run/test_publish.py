"""A run's weights are published once, as a private data set, whatever is answered."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.errors import UserError
from kernels.kaggle import answers
from kernels.kaggle.client import Kaggle
from kernels.kaggle.datasets import DatasetText, create_dataset, dataset_facts, upload_files
from kernels.local import LocalKaggle
from kernels.local.fault_kinds import Rule
from kernels.local.faults import Faults
from kernels.local.published import DatasetVersion
from kernels.run.display import PlainDisplay
from kernels.run.publish import MARK, Publication, check_target, publish_once
from kernels.run.state import Run, RunOptions, open_run
from support import tiny

REF = "alice/tiny-weights"
TEXT = DatasetText("Tiny: weights", "Weights of left, trained on Tiny Digits", "**Words.**")
YES = RunOptions(yes=True, poll=0.01, score_limit=20)
Serve = Callable[..., tuple[LocalKaggle, Kaggle]]


class Screen(PlainDisplay):
    """Keeps what is said, and answers questions."""

    def __init__(self, answer: bool = True):
        self.lines: list[str] = []
        self._yes = answer

    def say(self, line: str) -> None:
        """Keep it."""
        self.lines.append(line)

    def ask(self, question: str) -> bool:
        """Keep it, and answer."""
        self.say(question)
        return self._yes


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve the tiny competition, with faults; the client is alice's."""
    with ExitStack() as stack:

        def start(*rules: Rule) -> tuple[LocalKaggle, Kaggle]:
            faults = Faults(rules)
            server, env = stack.enter_context(tiny.local_kaggle(tmp_path, faults=faults))
            for name, value in env.items():
                monkeypatch.setenv(name, value)
            kaggle = Kaggle(server.url)
            monkeypatch.setattr(answers, "PAUSE", 0.02)
            monkeypatch.setattr("kernels.local.published._MADE", 0.1)
            return server, kaggle

        yield start


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = open_run(tmp_path / "runs" / "run", "tiny", dry_run=False)
    run.update(owner="alice")
    return run


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    for name in ("left.weights.h5", "left.network.json"):
        (folder / name).write_text(name)
    return Publication(REF, tuple(sorted(folder.glob("left.*"))), TEXT)


def publish(
    kaggle: Kaggle, run: Run, publication: Publication, screen: Screen | None = None, **how: Any
) -> list[str]:
    """One start of the command: what it knows is on disk and at Kaggle."""
    screen = screen or Screen()
    again = open_run(run.folder, "tiny", dry_run=False)
    publish_once(kaggle, again, publication, replace(YES, **how), screen)
    run.published_weights = again.published_weights
    return screen.lines


def versions(server: LocalKaggle, ref: str = REF) -> list[DatasetVersion]:
    return server.store.dataset_versions(ref)


def test_a_private_data_set_is_made_once_and_changed_with_the_weights(
    serve: Serve, run: Run, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kaggle = serve()
    # Long enough for a busy machine to ask while it is not ready.
    monkeypatch.setattr("kernels.local.published._MADE", 1.0)
    said = publish(kaggle, run, publication)
    assert said[0] == f"publishing 2 files, 32 bytes, as the private data set {REF}"
    assert any("is BLOBS_RECEIVED at Kaggle: waiting until it is ready" in line for line in said)
    assert run.published_weights == f"{REF}/versions/1"
    [first] = versions(server)
    assert first.facts["is_private"] is True
    assert first.facts["license_name"] == "other"
    assert str(first.facts["description"]).startswith("**Words.**\n\n[" + run.nonce)
    assert {path.name for path in first.files.iterdir()} == {p.name for p in publication.files}
    said = publish(kaggle, run, publication)
    assert said == [f"these weights are in {REF} already, as version 1: nothing is sent"]
    publication.files[1].write_text("other weights")
    said = publish(kaggle, run, publication)
    assert (
        said[0] == f"publishing 2 files, 30 bytes, as a new version of the private data set {REF}"
    )
    assert run.published_weights == f"{REF}/versions/2"
    _, second = versions(server)
    assert (second.files / publication.files[1].name).read_text() == "other weights"
    assert MARK.search(str(second.facts["notes"]))
    # What was published before it is not the latest any more.
    publication.files[1].write_text(publication.files[1].name)
    publish(kaggle, run, publication)
    assert run.published_weights == f"{REF}/versions/3"


def test_a_person_is_asked_and_may_say_no(serve: Serve, run: Run, publication: Publication) -> None:
    server, kaggle = serve()
    said = publish(kaggle, run, publication, Screen(answer=False), yes=False)
    question = f"publish 2 files, 32 bytes, as the private data set {REF}?"
    assert said == [question, "nothing is published"]
    assert (versions(server), run.published_weights) == ([], "")
    assert publish(kaggle, run, publication, Screen(), yes=False)[0] == question
    assert len(versions(server)) == 1


FAULTS = [
    Rule("CreateDataset", "lose"),
    Rule("CreateDataset", "cut"),
    Rule("CreateDataset", "drop"),
    Rule("CreateDataset", "refuse", code=503),
    Rule("CreateDataset", "refuse", code=401),
    Rule("CreateDataset", "late", code=503, seconds=0.4),
    Rule("CreateDataset", "replace", message="<html>", status=200),
    Rule("CreateDataset", "replace", message='{"error": 7}', status=403),
    Rule("StartBlobUpload", "refuse", times=2),
    Rule("StartBlobUpload", "cut"),
    Rule("upload", "lose"),
    Rule("upload", "refuse", code=500),
    Rule("GetDataset", "refuse", times=3),
    Rule("GetDatasetMetadata", "cut"),
    Rule("GetDatasetStatus", "not_ready", times=3),
    Rule("GetDatasetStatus", "refuse", times=2),
]


@pytest.mark.parametrize("rule", FAULTS, ids=lambda rule: f"{rule.call} {rule.fault} {rule.code}")
@pytest.mark.parametrize("before", [0, 1])
def test_one_version_is_made_whatever_is_answered(
    serve: Serve, run: Run, publication: Publication, rule: Rule, before: int
) -> None:
    call = rule.call.replace("CreateDataset", "CreateDatasetVersion") if before else rule.call
    server, kaggle = serve(replace(rule, call=call, after=0))
    if before:
        create_dataset(kaggle, REF, TEXT, upload_files(kaggle, publication.files[:1]))
    publish(kaggle, run, publication)
    made = versions(server)
    assert len(made) == before + 1
    assert run.published_weights == f"{REF}/versions/{before + 1}"
    assert len(list(made[-1].files.iterdir())) == 2
    publish(kaggle, run, publication)
    assert len(versions(server)) == before + 1


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            Rule("CreateDataset", "refuse", code=403, message="Not yours.", times=None),
            "Kaggle answered 403: Not yours",
        ),
        (
            Rule("GetDatasetStatus", "delay", seconds=0.0),
            f"Kaggle refused data set {REF}: The slug or the title is not valid",
        ),
        (
            Rule("CreateDataset", "refuse", code=503, times=None, message="Down."),
            "Kaggle answered 503: Down",
        ),
    ],
)
def test_what_is_refused_is_one_line_and_nothing_is_made(
    serve: Serve, run: Run, publication: Publication, rule: Rule, said: str
) -> None:
    server, kaggle = serve(rule)
    title = 1 if "title" in said else 20
    with pytest.raises(UserError, match=said) as caught:
        publish(kaggle, run, replace(publication, text=replace(TEXT, title="T" * title)))
    assert "\n" not in str(caught.value)
    assert versions(server) == []
    assert run.published_weights == ""


BODIES = (
    "null",
    "[]",
    '{"versions": 3}',
    '{"token": null, "createUrl": 7}',
    '{"status": []}',
    "{}",
)
CALLS = ("GetDataset", "GetDatasetMetadata", "GetDatasetStatus", "StartBlobUpload", "CreateDataset")


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("call", CALLS)
def test_a_kaggle_that_answers_anything_ends_in_one_line_or_one_version(
    serve: Serve, run: Run, publication: Publication, call: str, body: str
) -> None:
    server, kaggle = serve(Rule(call, "replace", message=body, times=None))
    try:
        publish(kaggle, run, publication, score_limit=0.2)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017 (it may end well)
        assert run.published_weights == ""
    assert len(versions(server)) <= 1


def test_what_takes_too_long_is_looked_at_again(
    serve: Serve, run: Run, publication: Publication
) -> None:
    server, kaggle = serve(Rule("GetDatasetStatus", "not_ready", times=30))
    with pytest.raises(UserError, match=f"data set {REF} is still being prepared after 0 s"):
        publish(kaggle, run, publication, score_limit=0.1)
    publish(kaggle, run, publication)
    assert len(versions(server)) == 1
    assert run.published_weights == f"{REF}/versions/1"


def test_an_interruption_makes_no_second_version(
    serve: Serve, run: Run, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kaggle = serve()
    with monkeypatch.context() as patch:
        patch.setattr("kernels.run.publish._await_ready", interrupt)
        with pytest.raises(KeyboardInterrupt):
            publish(kaggle, run, publication)
    publish(kaggle, run, publication)
    assert len(versions(server)) == 1


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def make(kaggle: Kaggle, publication: Publication, description: str, private: bool) -> None:
    owner, slug = REF.split("/")
    text = {**vars(TEXT), "description": description}
    files = upload_files(kaggle, publication.files)
    named = {"owner_slug": owner, "slug": slug, "is_private": private, "license_name": "other"}
    kaggle.make("datasets", "create_dataset", **named, **text, files=files)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("", ""),
        ("alice/my-weights", ""),
        ("my-weights", ""),
        ("bob/my-weights", "signed in as alice: name a data set of alice's"),
        (
            "My Weights",
            "a slug of 6 to 50 small letters, digits and single hyphens, such as tiny-w",
        ),
        ("short", "--publish short: write OWNER/SLUG or SLUG alone"),
        ("a/b/my-weights", "--publish a/b/my-weights: write OWNER/SLUG or SLUG alone"),
        ("/my-weights", "write OWNER/SLUG"),
        ("w" * 51, "write OWNER/SLUG"),
    ],
)
def test_the_data_set_can_have_its_name(serve: Serve, wanted: str, said: str) -> None:
    _, kaggle = serve()
    if said:
        with pytest.raises(UserError, match=said):
            check_target(kaggle, wanted, "tiny")
    else:
        slug = wanted.rpartition("/")[2] or "tiny-weights"
        assert check_target(kaggle, wanted, "tiny") == f"alice/{slug}"


@pytest.mark.parametrize(
    ("description", "private", "said"),
    [
        ("Photographs of my cat.", True, f"{REF} is there, of something else: name another data"),
        ("[0123456789ab-01234567]", False, f"{REF} is public, and weights are published private"),
        ("[0123456789ab-01234567]", True, ""),
    ],
)
def test_another_data_set_of_that_name_is_left_alone(
    serve: Serve, publication: Publication, description: str, private: bool, said: str
) -> None:
    _, kaggle = serve()
    make(kaggle, publication, description, private)
    if said:
        with pytest.raises(UserError, match=said):
            check_target(kaggle, "", "tiny")
    else:
        assert check_target(kaggle, "", "tiny") == REF


def test_the_private_data_set_of_another_user_is_not_shown(
    serve: Serve, run: Run, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kaggle = serve()
    publish(kaggle, run, publication)
    monkeypatch.setenv("KAGGLE_USERNAME", "bob")
    assert dataset_facts(kaggle, REF)
    assert dataset_facts(Kaggle(server.url), REF) is None


def test_a_file_that_never_arrives_ends_in_one_line(
    serve: Serve, run: Run, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kaggle = serve(Rule("StartBlobUpload", "refuse", times=None, message="Full."))
    monkeypatch.setattr(answers, "PAUSE", 0.0)
    with pytest.raises(UserError, match="Kaggle answered 503: Full"):
        publish(kaggle, run, publication)
    assert versions(server) == []

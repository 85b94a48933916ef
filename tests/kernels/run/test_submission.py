"""A submission is checked, sent at most once, and waited for until it is scored."""

import contextlib
import io
import shutil
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from common.errors import UserError
from kernels.kaggle.answers import KaggleError
from kernels.plan.find import find_competition
from kernels.run.state import KernelRecord, Run, RunOptions, Submission, open_run
from kernels.run.submission import await_score, check_output, send_once
from support import tiny
from support.quick_kaggle import LOST, QuickKaggle

tiny.add_tiny()
TINY = find_competition("tiny")
OPTIONS = RunOptions(message="night", poll=0.01, score_limit=5)


def a_run(folder: Path, content: str = "id,label\nr1,0\n") -> Run:
    """A run with a blend, as an interrupted command has it on disk."""
    run = open_run(folder, "tiny", dry_run=False)
    run.update(owner="alice", kernels={"ensemble": KernelRecord(3)})
    run.output("ensemble").mkdir(parents=True, exist_ok=True)
    (run.output("ensemble") / "submission.csv").write_text(content)
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return a_run(tmp_path / "runs" / "run")


def upload(kaggle: QuickKaggle, file: Path) -> str:
    named = {"competition_name": TINY.slug, "file_name": file.name}
    return kaggle.upload(file, "competitions", "start_submission_upload", **named)


def send(kaggle: QuickKaggle, run: Run, **options: object) -> tuple[Submission | None, list[str]]:
    """One start of the command: what it knows of the run is on disk."""
    said: list[str] = []
    again = open_run(run.folder, "tiny", dry_run=False)
    how = RunOptions(message="night", **options)
    return send_once(kaggle, TINY, again, "tiny-ensemble", how, said.append), said


def refs(kaggle: QuickKaggle) -> list[int]:
    return [ref for ref, _ in kaggle.submissions(TINY.slug)[::-1]]


@pytest.mark.parametrize("faults", [[], [(LOST,)], [(KaggleError("Kaggle answered 400", 400),)]])
def test_a_file_is_sent_once_whatever_is_answered_when_it_was_taken(
    kaggle: QuickKaggle, run: Run, faults: list
) -> None:
    kaggle.faults["submit"] = [*faults]
    for number in range(2):
        sent, said = send(kaggle, run)
        assert sent
        assert ([sent.ref], bool(said)) == (refs(kaggle), bool(number or faults))
    assert [text.startswith(f"night [{run.nonce}-") for text in kaggle.sent] == [True]


@pytest.mark.parametrize(
    "fault",
    [LOST, KeyboardInterrupt(), KaggleError("Kaggle answered 403", foreign=True)],
)
def test_what_may_have_been_sent_is_sent_again_only_when_asked_for(
    kaggle: QuickKaggle, run: Run, fault: BaseException
) -> None:
    kaggle.faults["submit"] = [fault]
    with pytest.raises((UserError, KeyboardInterrupt)):
        send(kaggle, run)
    with pytest.raises(UserError, match=r"not known whether .* look for \[.*--submit-again sends"):
        send(kaggle, run)
    assert refs(kaggle) == []
    sent, _ = send(kaggle, run, submit_again=True)
    assert sent
    assert [sent.ref] == refs(kaggle)


def test_what_kaggle_lists_late_is_found(kaggle: QuickKaggle, run: Run) -> None:
    listed, looks = kaggle.submissions, []

    def late(slug: str) -> list[tuple[int, str]]:
        looks.append(slug)
        # Kaggle may change white space.
        return [(ref, f" {text} \n") for ref, text in listed(slug)] if len(looks) > 4 else []

    kaggle.faults["submit"], kaggle.submissions = [(LOST,)], late
    sent, _ = send(kaggle, run)
    assert sent
    assert [sent.ref] == [ref for ref, _ in listed(TINY.slug)]


def test_copies_of_a_run_find_each_others_submission(
    kaggle: QuickKaggle, run: Run, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(run.folder, copy)
    first, _ = send(kaggle, run)
    again, said = send(kaggle, open_run(copy, "tiny", dry_run=False))
    assert first
    assert again
    assert (again.ref, refs(kaggle)) == (first.ref, [first.ref])
    assert said == [f"this file was sent already, as submission {first.ref}: it is not sent again"]
    (copy / "outputs" / "ensemble" / "submission.csv").write_text("another blend")
    assert send(kaggle, open_run(copy, "tiny", dry_run=False))[0] is None


def test_what_a_copy_may_have_sent_is_looked_for(
    kaggle: QuickKaggle, run: Run, tmp_path: Path
) -> None:
    copy, again = (tmp_path / name / "copy" for name in ("elsewhere", "too"))
    for folder in (copy, again):
        shutil.copytree(run.folder, folder)
    kaggle.faults["submit"] = [KeyboardInterrupt()]  # killed while Kaggle carries it out
    with pytest.raises(KeyboardInterrupt):
        send(kaggle, run)
    copies = [open_run(folder, "tiny", dry_run=False) for folder in (copy, again)]
    with pytest.raises(UserError, match=r"not known whether .*another command ended while"):
        send(kaggle, copies[0])
    description = open_run(run.folder, "tiny", dry_run=False).submissions[0].description
    file = run.output("ensemble") / "submission.csv"
    ref = kaggle.submit(TINY.slug, upload(kaggle, file), description)
    for one in (*copies, run):
        sent, _ = send(kaggle, one)
        assert sent
        assert sent.ref == ref
    assert refs(kaggle) == [ref]


def test_two_copies_at_once_send_one_after_the_other(
    kaggle: QuickKaggle, run: Run, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(run.folder, copy)
    runs = [run, open_run(copy, "tiny", dry_run=False)]
    upload, both, listed = kaggle.upload, threading.Barrier(2), kaggle.submissions
    kaggle.submissions = lambda slug: []  # what was sent is listed late

    def slow_upload(*named: Any, **fields: Any) -> str:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(1.0)  # where both have looked before either sends, both send
        return upload(*named, **fields)

    kaggle.upload = slow_upload
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda one: send(kaggle, one), runs))
    kaggle.submissions = listed
    assert [sent.ref for sent, _ in ends if sent] == refs(kaggle) * 2
    assert ["another command is sending" in said[0] for _, said in ends if said] == [True]


def test_a_run_that_has_sent_one_file_sends_another_only_when_asked_for(
    kaggle: QuickKaggle, run: Run
) -> None:
    send(kaggle, run)
    (run.output("ensemble") / "submission.csv").write_text("another blend")
    sent, [said] = send(kaggle, run)
    assert sent is None
    [first] = refs(kaggle)
    assert said.startswith(f"this run has sent submission {first}, of another file: one is enough")
    sent, _ = send(kaggle, run, submit_again=True)
    assert sent
    assert refs(kaggle) == [first, sent.ref]


@pytest.mark.parametrize("body", ["Unauthorized", '{"message": "Unauthenticated"}'])
def test_what_is_answered_with_401_may_have_been_taken(
    kaggle: QuickKaggle, run: Run, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    once, asked = kaggle._once, list[str]()

    def answered(service: str, method: str, **fields: Any) -> Any:
        asked.append(method)
        answer = once(service, method, **fields)
        if method != "create_submission":
            return answer
        response = requests.Response()
        response.status_code, response._content = 401, body.encode()
        return kaggle._signed_in.call(lambda api: response.raise_for_status(), repeat=False)

    monkeypatch.setattr(kaggle, "_once", answered)
    sent, _ = send(kaggle, run)
    assert sent
    assert [sent.ref] == refs(kaggle)
    assert asked.count("create_submission") == 1


def test_a_refused_submission_does_not_count(kaggle: QuickKaggle, run: Run) -> None:
    kaggle.faults["submit"] = [KaggleError("Kaggle answered 400: no", 400)]
    with pytest.raises(UserError, match="400"):
        send(kaggle, run)
    assert open_run(run.folder, "tiny", dry_run=False).submissions == []
    assert send(kaggle, run)[0]


def test_a_file_that_an_earlier_run_has_sent_is_not_sent(
    kaggle: QuickKaggle, run: Run, tmp_path: Path
) -> None:
    send(kaggle, run)
    later = a_run(tmp_path / "runs" / "later")
    sent, said = send(kaggle, later)
    assert sent
    assert [sent.ref] == refs(kaggle)
    assert said == [f"an earlier run sent this very file as submission {sent.ref}: not sent again"]
    assert later.submissions == []
    # Its mark at Kaggle is enough: the earlier run's folder may be gone.
    sent, _ = send(kaggle, a_run(tmp_path / "other runs" / "later"))
    assert sent
    assert [sent.ref] == refs(kaggle)


def test_a_file_with_other_ids_is_refused(kaggle: QuickKaggle, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", "id,label\nx1,0\n")
    with pytest.raises(UserError, match="line 2: x1"):
        check_output(kaggle, TINY, run)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_sample_that_was_cut_is_fetched_again(
    kaggle: QuickKaggle, tmp_path: Path, zipped: bool
) -> None:
    sample = kaggle.hosted.data / "sample_submission.csv"
    content = sample.read_text()
    run = a_run(tmp_path / "run", content)
    if zipped:
        with zipfile.ZipFile(f"{sample}.zip", "w") as archive:
            archive.write(sample, f"deep/{sample.name}")
            archive.writestr("state.json", "{}")
        sample.unlink()
    (run.folder / sample.name).write_text("id,label\n")
    assert check_output(kaggle, TINY, run).read_text() == content
    assert (run.folder / sample.name).read_text() == content
    assert open_run(run.folder, "tiny", dry_run=False).nonce == run.nonce


def test_a_sample_that_stays_cut_or_damaged_is_refused(
    kaggle: QuickKaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = kaggle.hosted.data / "sample_submission.csv"
    size = sample.stat().st_size
    files = [SimpleNamespace(name=sample.name, total_bytes=size + 1)]
    with monkeypatch.context() as patch:
        patch.setattr(kaggle, "data_files", lambda slug: files)
        with pytest.raises(UserError, match=f"{size} bytes here, twice, and {size + 1} at Kaggle"):
            kaggle.download_competition_file(TINY.slug, sample.name, tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(sample.name, "id,label\n")
    sample.write_bytes(packed.getvalue().replace(b"id,label", b"id,lobel"))
    with pytest.raises(UserError, match="arrives as a zip that cannot be read"):
        kaggle.download_competition_file(TINY.slug, sample.name, tmp_path)


@pytest.mark.parametrize(("public", "private"), [(None, None), (None, 0.25), (0.75, None)])
def test_what_is_scored_is_not_waited_for(
    kaggle: QuickKaggle, run: Run, public: float | None, private: float | None
) -> None:
    scores = {"public_score": public, "private_score": private, "error": ""}
    states = ["PENDING", "RESCORING", "RESCORING", "COMPLETE"]  # one of them is new at Kaggle
    looks = [(state, {**scores, "scored": state == "COMPLETE"}) for state in states]
    kaggle.score, said = lambda ref: looks.pop(0), list[str]()
    run.update(submissions=[Submission("0" * 64, "sent", ref=7)])
    sent = await_score(kaggle, run, run.submissions[0], OPTIONS, said.append)
    line = "submission 7 is {} at Kaggle: waiting for its score"
    assert said == [line.format("PENDING"), line.format("RESCORING")]
    assert (sent.public_score, sent.private_score, looks) == (public, private, [])
    again = open_run(run.folder, "tiny", dry_run=False)
    assert again.submissions == [sent]
    known = await_score(kaggle, again, again.submissions[0], OPTIONS, lambda _: None)
    assert known == sent  # Kaggle is not asked again


def test_a_submission_that_cannot_be_scored_or_takes_too_long_is_one_line(
    kaggle: QuickKaggle, run: Run
) -> None:
    run.update(submissions=[Submission("0" * 64, "sent", ref=7)])
    late = RunOptions(score_limit=-1.0)
    with pytest.raises(UserError, match=r"still being scored .* looks again and sends nothing"):
        await_score(kaggle, run, run.submissions[0], late, lambda _: None)
    failed = {"scored": False, "error": "Submission Scoring Error"}
    kaggle.score = lambda ref: ("ERROR", failed)
    for _ in range(2):
        with pytest.raises(UserError, match="could not score submission 7: Submission Scoring Err"):
            await_score(kaggle, run, run.submissions[0], OPTIONS, lambda _: None)

"""A submission that Kaggle has scored and shows no public score of: nobody waits for one."""

import json
import shutil
from pathlib import Path

import pytest
from kagglesdk.competitions.types.submission_status import SubmissionStatus

from kernels.kaggle.client import SubmissionScore, read_score
from kernels.local import LocalKaggle
from kernels.run.options import RunOptions
from kernels.run.state import Run, Submission, open_run
from kernels.run.submission import await_score
from support.toy_competition import RIGHT, connect, make_toy, point_client_at, submission, submit


class Shows:
    """A Kaggle that answers with these scores, one after the other."""

    def __init__(self, *scores: SubmissionScore):
        self.scores = list(scores)

    def score(self, ref: int) -> SubmissionScore:
        """The next; none is left when somebody asks once too often."""
        return self.scores.pop(0)


OPTIONS = RunOptions(poll=0.01, score_limit=5)
PENDING = SubmissionScore(7, "PENDING", None, None, "")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = open_run(tmp_path / "run", "tiny", dry_run=True)
    run.submissions.append(Submission("0" * 64, "sent", ref=7))
    run.save()
    return run


def wait(run: Run, *scores: SubmissionScore) -> Submission:
    kaggle, say = Shows(*scores), lambda _: None
    sent = await_score(kaggle, run, run.submissions[0], OPTIONS, say)  # type: ignore[arg-type]
    assert not kaggle.scores
    return sent


@pytest.mark.parametrize(("public", "private"), [(None, None), (None, 0.25), (0.75, None)])
def test_what_is_scored_is_not_waited_for(
    run: Run, public: float | None, private: float | None
) -> None:
    done = SubmissionScore(7, "COMPLETE", public, private, "")
    sent = wait(run, PENDING, PENDING, done)
    assert (sent.public_score, sent.private_score, sent.scored) == (public, private, True)
    again = open_run(run.folder, "tiny", dry_run=True)
    assert again.submissions == [sent]
    assert wait(again) == sent  # it is known: Kaggle is not asked again


def test_a_run_of_before_knows_its_score(run: Run) -> None:
    run.submissions[0] = Submission("0" * 64, "sent", ref=7, public_score=0.5)
    run.save()
    state = json.loads((run.folder / "state.json").read_text())
    del state["submissions"][0]["scored"]
    (run.folder / "state.json").write_text(json.dumps(state))
    assert wait(open_run(run.folder, "tiny", dry_run=True)).public_score == 0.5


@pytest.mark.parametrize("text", [None, "", "nan", "NaN", "inf", "None", "-"])
def test_what_is_no_score_is_none(text: str | None) -> None:
    assert read_score(text) is None


@pytest.mark.parametrize(
    ("ref", "public", "private", "line"),
    [
        (7, None, None, "public not given   private not given"),
        (7, None, 0.25, "public not given   private 0.2500"),
        (7, 0.5, None, "public 0.5000   private not given"),
        (None, None, None, None),
    ],
)
def test_a_score_that_is_not_shown_is_not_given(
    ref: int | None, public: float | None, private: float | None, line: str | None, tmp_path: Path
) -> None:
    from kernels.results.result import result_of
    from kernels.results.terminal import show_result

    run = open_run(tmp_path / "run", "tiny", True)
    sent = (
        Submission("0" * 64, ref=ref, public_score=public, private_score=private) if ref else None
    )
    said = show_result(result_of(run, sent, 1)).splitlines()
    scores = [line.strip() for line in said if line.startswith("  score")]
    assert scores == ([] if line is None else [f"score            {line}"])


def test_the_local_kaggle_leaves_a_score_out_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = make_toy(tmp_path / "toy")
    hosted.solution.write_text(hosted.solution.read_text().replace("Public", "Ignored"))
    with LocalKaggle(tmp_path / "state", [hosted]) as server:
        point_client_at(monkeypatch, server.url, tmp_path)
        with connect(server.url) as client:
            ref = submit(client, RIGHT)
            submission(client, ref)
            scored = submission(client, ref)
    assert scored.status is SubmissionStatus.COMPLETE
    assert not scored.public_score
    assert scored.private_score == "1.00000"
    shutil.rmtree(tmp_path / "state")

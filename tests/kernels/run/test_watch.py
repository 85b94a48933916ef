"""Kernels of a run are pushed once, watched to their end, and taken up again after any kill."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

import kernels.run.state
from common.errors import UserError
from competitions import find_competition
from kernels.bundle.build import Bundle, build_bundles
from kernels.kaggle.answers import KaggleError, NoAnswerError, SessionLimitError
from kernels.kaggle.client import KernelStatus
from kernels.kaggle.states import KernelState
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request
from kernels.run.options import RunOptions
from kernels.run.reuse import finished_before
from kernels.run.state import Run, open_run
from kernels.run.watch import MAX_PARTS, Watch
from support.memory_kaggle import LOST, MemoryKaggle

ONCE = {"tinycommon": 1, "tiny-left": 1, "tiny-ensemble": 1}
NO_SESSION = SessionLimitError("Maximum batch GPU session count of 2 reached.")


class Said(list):
    """A display that remembers its lines."""

    def say(self, line: str) -> None:
        self.append(line)

    def show(self, views: object) -> None:
        pass


class Killed(BaseException):
    """Stands for ``kill -9``."""


@pytest.fixture(scope="module")
def bundles() -> tuple[Bundle, ...]:
    return bundles_of()


def bundles_of(*models: str, **options: object) -> tuple[Bundle, ...]:
    return bundles_of_request(Request(find_competition("tiny"), models or ("left",), **options))


def bundles_of_request(request: Request) -> tuple[Bundle, ...]:
    return build_bundles(request.competition, plan_kernels(request), "alice", "")


def watch(
    kaggle: MemoryKaggle, folder: Path, bundles: tuple[Bundle, ...], **options: object
) -> tuple[Run, Said]:
    """One start of the command, to its end."""
    run, said = open_run(folder, "tiny", dry_run=False), Said()
    run.update(owner="alice", data=kaggle.data)
    options = RunOptions(**{"poll": 0.0, **options})
    Watch(kaggle, run, bundles, said, options).run()
    return run, said


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """``kill(3, "before")``: break off at the third save of a state from now, before or after."""
    write = kernels.run.state.write_json

    def arm(number: int, when: str) -> None:
        counted = itertools.count(1)

        def counting(path: Path, value: object) -> Path:
            now = next(counted) == number
            if now and when == "before":
                raise Killed
            write(path, value)
            if now:
                raise Killed
            return path

        monkeypatch.setattr(kernels.run.state, "write_json", counting)

    return arm


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_save_every_kernel_runs_once(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path, kill: Callable, when: str
) -> None:
    for number in itertools.count(2):  # the first makes the run's folder
        folder = tmp_path / f"run{number}"
        kaggle = MemoryKaggle(tmp_path / f"kaggle{number}")
        kaggle.ends["tiny-left"] = ["unfinished", "unfinished"]
        kill(number, when)
        broken_off = False
        try:
            watch(kaggle, folder, bundles)
        except Killed:
            broken_off = True
        kill(0, when)
        run, _ = watch(kaggle, folder, bundles)
        assert kaggle.pushed == {**ONCE, "tiny-left": 3}
        assert {known.state for known in run.kernels.values()} == {KernelState.COMPLETE}
        assert all(known.pushed == 0 for known in run.kernels.values())  # its seconds are noted
        resumes = ["'resume'" in version.text for version in kaggle.kernels["tiny-left"]]
        assert resumes == [False, True, True]
        if not broken_off:
            break
    assert number > 20


@pytest.mark.parametrize(
    "faults",
    [
        [(LOST,)],  # carried out, and the answer was lost
        [LOST, LOST, None],  # not carried out
        [LOST, (LOST,)],
        [NO_SESSION, NO_SESSION, None],
    ],
)
def test_a_push_without_an_answer_is_looked_for(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path, faults: list
) -> None:
    kaggle.faults["push"] = [*faults]
    _, said = watch(kaggle, tmp_path / "run", bundles)
    assert kaggle.pushed == ONCE
    waits = [line for line in said if "shared waits until one is free" in line]
    assert len(waits) == (NO_SESSION in faults)


def test_an_unfinished_training_goes_on_in_its_next_version(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    kaggle.ends["tiny-left"] = ["unfinished"]
    kaggle.faults["push"] = [None, None, NO_SESSION]
    _, said = watch(kaggle, tmp_path / "run", bundles)
    assert ["'resume'" in version.text for version in kaggle.kernels["tiny-left"]] == [False, True]
    assert sum("the next version goes on from there" in line for line in said) == 1
    kaggle = MemoryKaggle(tmp_path / "long")
    kaggle.ends["tiny-left"] = ["unfinished"] * 9
    with pytest.raises(UserError, match=f"left is not finished after {MAX_PARTS} sessions"):
        watch(kaggle, tmp_path / "other", bundles)
    assert kaggle.pushed["tiny-left"] == MAX_PARTS


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("ERROR", r"left ended as ERROR: ValueError: to the moon \(whole log: .*left.log\)"),
        ("CANCEL_ACKNOWLEDGED", "left was stopped at its time cap, or cancelled by hand"),
        ("nothing", r"left: no manifest.json in .*outputs/left.*\(whole log: "),
    ],
)
def test_a_kernel_that_fails_is_one_line_and_the_same_command_pushes_it_again(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path, end: str, said: str
) -> None:
    kaggle.ends["tiny-left"] = [end]
    with pytest.raises(UserError, match=said):
        watch(kaggle, tmp_path / "run", bundles)
    known = open_run(tmp_path / "run", "tiny", dry_run=False).kernels["left"]
    assert known.state == {"nothing": "INVALID"}.get(end, end)
    watch(kaggle, tmp_path / "run", bundles)
    assert kaggle.pushed == {**ONCE, "tiny-left": 2}


def test_an_output_that_kaggle_shows_late_is_not_trained_again(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    kaggle.ends["tiny-left"] = ["nothing"]
    with pytest.raises(UserError, match="no manifest"):
        watch(kaggle, tmp_path / "run", bundles)
    kaggle.kernels["tiny-left"][0].end = "COMPLETE"
    watch(kaggle, tmp_path / "run", bundles)
    (tmp_path / "run" / "outputs" / "left" / "result.txt").unlink()  # lost here
    _, said = watch(kaggle, tmp_path / "run", bundles)
    assert any("result.txt stands in its manifest and is not in" in line for line in said)
    assert kaggle.pushed == ONCE


def test_looks_that_bring_no_answer_cost_nothing(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    gone = KaggleError("Kaggle answered 404: Not Found", 404)
    kaggle.faults["status"] = [None, LOST, LOST, gone, gone, gone, None]
    _, said = watch(kaggle, tmp_path / "run", bundles)
    assert sum("what runs there goes on; looking again" in line for line in said) == 1
    assert kaggle.pushed == ONCE
    kaggle.faults["status"] = [LOST] * 9
    kaggle.kernels.clear()
    with pytest.raises(NoAnswerError, match="503"):
        watch(kaggle, tmp_path / "other", bundles, patience=-1.0)


def test_a_version_that_has_vanished_is_told_apart(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    kaggle.faults["status"] = [None] * 3 + [KaggleError("Kaggle answered 404: Not Found", 404)] * 9
    vanished = "left has vanished: Kaggle no longer has version 1 of alice/tiny-left"
    with pytest.raises(UserError, match=vanished):
        watch(kaggle, tmp_path / "run", bundles)
    known = open_run(tmp_path / "run", "tiny", dry_run=False).kernels["left"]
    assert known.state is KernelState.VANISHED


def test_a_state_that_is_new_is_watched_on_and_named_once(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    new = KernelStatus(KernelState.UNKNOWN, "PREEMPTED")
    looks, status = iter([new, new]), kaggle.status
    kaggle.status = lambda slug, version: next(looks, None) or status(slug, version)
    _, said = watch(kaggle, tmp_path / "run", bundles)
    assert said.count("kernel shared is PREEMPTED at Kaggle: still watching") == 1
    assert kaggle.pushed == ONCE


def test_an_accelerator_is_not_spent_again_unless_it_is_asked_for(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    gpu, changed = (
        bundles_of(accelerator="gpu", settings={"epochs": epochs}) for epochs in ("1", "2")
    )
    watch(kaggle, tmp_path / "run", gpu)
    with pytest.raises(UserError, match=r"left has changed \(settings, code, data or sources\)"):
        watch(kaggle, tmp_path / "run", changed)
    assert kaggle.pushed == ONCE
    watch(kaggle, tmp_path / "run", changed, rerun=True)
    assert kaggle.pushed == {**ONCE, "tiny-left": 2, "tiny-ensemble": 2}


def test_a_source_that_another_run_has_replaced_is_not_trained_unasked(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    kaggle.faults["push"] = [None, None, KaggleError("Kaggle refused kernel ensemble: no")]
    with pytest.raises(UserError, match="refused kernel ensemble"):
        watch(kaggle, tmp_path / "run", bundles)
    watch(kaggle, tmp_path / "other", bundles_of(settings={"epochs": 5}))
    before = kaggle.pushed
    with pytest.raises(UserError, match="another run has pushed version 2 of kernel left"):
        watch(kaggle, tmp_path / "run", bundles)
    assert kaggle.pushed == before
    watch(kaggle, tmp_path / "run", bundles, rerun=True)
    assert kaggle.pushed["tiny-left"] == 3


def test_what_is_finished_is_used_again(
    kaggle: MemoryKaggle, bundles: tuple, tmp_path: Path
) -> None:
    watch(kaggle, tmp_path / "first", bundles)
    second = open_run(tmp_path / "second", "tiny", dry_run=False)
    second.update(owner="alice")
    finished = finished_before(kaggle, second, bundles, "tiny-digits")
    assert finished == {"shared", "left", "ensemble"}
    second, said = watch(kaggle, tmp_path / "second", bundles)
    assert said == [f"{name}: used again from run first" for name in ("shared", "left", "ensemble")]
    assert kaggle.pushed == ONCE
    assert second.kernels["left"].reused == "first"
    assert (second.output("left") / "result.txt").read_text() == "tiny-left"
    _, said = watch(kaggle, tmp_path / "blended", bundles_of(blend="greedy"))
    assert kaggle.pushed == {**ONCE, "tiny-ensemble": 2}
    kaggle.data = "other data"
    watch(kaggle, tmp_path / "third", bundles)
    assert kaggle.pushed == {**ONCE, "tiny-left": 2, "tiny-ensemble": 3}
    watch(kaggle, tmp_path / "fourth", bundles, fresh=True)
    assert kaggle.pushed == {"tinycommon": 2, "tiny-left": 3, "tiny-ensemble": 4}


def test_an_audit_that_fails_does_not_stop_a_training(kaggle: MemoryKaggle, tmp_path: Path) -> None:
    kaggle.ends["tiny-audit"] = ["ERROR"]
    run, said = watch(kaggle, tmp_path / "run", bundles_of(audit=True))
    assert sum(line.endswith("the run goes on without its audit") for line in said) == 1
    assert run.kernels["ensemble"].state is KernelState.COMPLETE
    kaggle.ends["tiny-audit"] = ["ERROR"]
    alone = Request(find_competition("tiny"), (), audit=True)
    with pytest.raises(UserError, match="audit ended as ERROR"):
        watch(kaggle, tmp_path / "alone", bundles_of_request(alone))

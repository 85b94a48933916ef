"""Kernels of a run are pushed once, watched to their end, and taken up again after any kill."""

import io
import itertools
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kernels.run.state
from common.clock import now
from common.errors import UserError
from kernels.bundle.build import Bundle
from kernels.kaggle.answers import KaggleError, NoAnswerError, SessionLimitError
from kernels.kaggle.lookup import data_digest
from kernels.kaggle.states import KernelState, KernelStatus
from kernels.results.result import gather_figures
from kernels.run.collect import note_complete
from kernels.run.display import open_display, row_of
from kernels.run.push import finished_before
from kernels.run.state import LONGEST, KernelRecord, Run, RunOptions, open_run
from kernels.run.watch import MAX_PARTS, SESSIONS, Watch
from support import planned, tiny
from support.quick_kaggle import LOST, QuickKaggle, write_outputs
from support.sweep_run import chosen, sweep_bundles

ONCE = {"tinycommon": 1, "tiny-left": 1, "tiny-ensemble": 1}
TWICE = {**ONCE, "tiny-left": 2}
GONE = KaggleError("Kaggle answered 404: Not Found", 404)
NO_SESSION = SessionLimitError("Maximum batch GPU session count of 2 reached.")


def bundles_of(*models: str, **options: object) -> tuple[Bundle, ...]:
    return tuple(planned.bundles("tiny", models=models, **options).values())


@pytest.fixture(scope="module")
def bundles() -> tuple[Bundle, ...]:
    return bundles_of("left")


@pytest.fixture
def start(kaggle: QuickKaggle, bundles: tuple, tmp_path: Path) -> Callable:
    """``start()``: one start of the command; the run after it, and what it said."""

    def start(folder: str = "run", of: tuple = bundles, **options: object) -> tuple[Run, list[str]]:
        run, said = open_run(tmp_path / folder, "tiny", dry_run=False), list[str]()
        run.update(owner=kaggle.owner, data=data_digest(kaggle, "tiny-digits"))
        display = SimpleNamespace(say=said.append, show=list)
        Watch(kaggle, run, of, display, RunOptions(**{"poll": 0.0, **options})).run()
        return run, said

    return start


def resumes(kaggle: QuickKaggle) -> list[bool]:
    """Whether each version of the training goes on from the one before."""
    return ["'resume'" in (version.request.text or "") for version in kaggle.versions("tiny-left")]


def known(run: Path, name: str = "left") -> KernelRecord:
    return open_run(run, "tiny", dry_run=False).kernels[name]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_save_every_kernel_runs_once(
    start: Callable, kaggle: QuickKaggle, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def kill() -> None:
        raise KeyboardInterrupt  # which nothing on the way catches

    for number in itertools.count(2):  # the first makes the run's folder
        before = dict.fromkeys(ONCE, 0) | kaggle.pushed
        kaggle.ends["tiny-left"] = ["unfinished"]
        broken_off = True
        with monkeypatch.context() as patch:
            patch.setattr(kernels.run.state, "write_json", kernels.run.state.write_json)
            tiny.kill_at(f"{number}:{when}", kill)
            try:
                start(f"run{number}", fresh=True)
                broken_off = False
            except KeyboardInterrupt:
                pass
        run, _ = start(f"run{number}", fresh=True)
        pushed = {slug: count - before[slug] for slug, count in kaggle.pushed.items()}
        assert pushed == TWICE
        assert {known.state for known in run.kernels.values()} == {KernelState.COMPLETE}
        assert all(known.pushed == 0 for known in run.kernels.values())  # its seconds are noted
        assert resumes(kaggle)[-2:] == [False, True]
        if not broken_off:
            break
    assert number > 15


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
    start: Callable, kaggle: QuickKaggle, faults: list
) -> None:
    kaggle.faults["push"] = [*faults]
    _, said = start()
    assert kaggle.pushed == ONCE
    waits = [line for line in said if "shared waits until one is free" in line]
    assert len(waits) == (NO_SESSION in faults)


def test_an_unfinished_training_goes_on_in_its_next_version(
    start: Callable, kaggle: QuickKaggle
) -> None:
    kaggle.ends["tiny-left"] = ["unfinished"]
    kaggle.faults["push"] = [None, None, NO_SESSION]
    _, said = start()
    assert resumes(kaggle) == [False, True]
    assert sum("the next version goes on from there" in line for line in said) == 1
    kaggle.ends["tiny-left"] = ["unfinished"] * 9
    with pytest.raises(UserError, match=f"left is not finished after {MAX_PARTS} sessions"):
        start("long", fresh=True)
    assert kaggle.pushed["tiny-left"] == 2 + MAX_PARTS


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("ERROR", r"left ended as ERROR: ValueError: to the moon \(whole log: .*left.log\)"),
        ("CANCEL_ACKNOWLEDGED", "left was stopped at its time cap, or cancelled by hand"),
        ("INVALID", r"left: no manifest.json in .*outputs/left.*\(whole log: "),
    ],
)
def test_a_kernel_that_fails_is_one_line_and_the_same_command_pushes_it_again(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path, end: str, said: str
) -> None:
    kaggle.ends["tiny-left"] = ["nothing" if end == "INVALID" else end]
    with pytest.raises(UserError, match=said):
        start()
    assert known(tmp_path / "run").state == end
    start()
    assert kaggle.pushed == TWICE


def test_a_cell_that_fails_lets_the_others_go_on_and_is_pushed_again(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path
) -> None:
    cells = sweep_bundles(chosen("sharpness", seeds=1))
    bad = "left-sharpness-2-seed0"
    kaggle.ends[f"tiny-{bad}"] = ["ERROR"]
    run, said = start(of=cells)
    assert (
        sum(
            "ValueError: to the moon" in line and "the run goes on without it" in line
            for line in said
        )
        == 1
    )
    states = {name: known.state for name, known in run.kernels.items()}
    assert states.pop(bad) is KernelState.ERROR
    assert {*states.values()} == {KernelState.COMPLETE}
    start(of=cells)
    others = {bundle.kernel.slug: 1 for bundle in cells}
    assert kaggle.pushed == {**others, f"tiny-{bad}": 2}
    assert known(tmp_path / "run", bad).state is KernelState.COMPLETE
    # A kernel that cells read is no cell.
    kaggle.ends["tinycommon"] = ["ERROR"]
    with pytest.raises(UserError, match="shared ended as ERROR"):
        start("second", of=cells, fresh=True)


def test_an_output_that_kaggle_shows_late_is_not_trained_again(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path
) -> None:
    kaggle.ends["tiny-left"] = ["nothing"]
    with pytest.raises(UserError, match="no manifest"):
        start()
    write_outputs(kaggle.versions("tiny-left")[0])
    start()
    (tmp_path / "run" / "outputs" / "left" / "result.txt").unlink()  # lost here
    _, said = start()
    assert any("kernel left: result.txt" in line for line in said)
    shutil.rmtree(tmp_path / "run" / "outputs")
    start()
    assert (tmp_path / "run" / "outputs" / "left" / "result.txt").is_file()
    assert kaggle.pushed == ONCE


def test_an_output_that_kaggle_refuses_to_show_is_not_trained_again(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path
) -> None:
    for number in (1, 2):  # once after the kernel has ended, once in a later start
        kaggle.faults["outputs"] = [GONE] * 4
        with pytest.raises(KaggleError, match="404"):
            start()
        assert kaggle.pushed == {"tinycommon": 1}, number
    start()
    assert kaggle.pushed == ONCE
    kaggle.ends["tiny-left"] = ["nothing"]
    with pytest.raises(UserError, match="no manifest"):
        start("second", fresh=True)
    kaggle.faults["outputs"] = [GONE] * 4
    with pytest.raises(KaggleError, match="404"):
        start("second", fresh=True)
    assert known(tmp_path / "second").state is KernelState.INVALID
    assert kaggle.pushed["tiny-left"] == 2
    start("second", fresh=True, rerun=True)
    assert kaggle.pushed["tiny-left"] == 3


def test_a_clock_that_is_set_makes_no_wrong_seconds(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps, true = itertools.cycle([3e7, -3e7, 0.0, 9e9]), time.time
    monkeypatch.setattr(time, "time", lambda: true() + next(jumps))
    kaggle.ends["tiny-left"] = ["unfinished"]
    run, _ = start()
    assert all(0 <= known.seconds < 100 for known in run.kernels.values())
    assert [u["seconds"] < 100 for u in kaggle.store.usage()].count(True) == 4


@pytest.mark.parametrize(
    ("pushed", "measured", "seconds"),
    [
        (-100, {"training": 60.0, "figures": 3.5}, 110.0),
        (-100, {"training": 600.0}, 600.0),  # set back since it was pushed
        (+9000, {"training": 60.0, "figures": 3.5}, 63.5),
        (-3e7, {"training": 60.0}, 60.0),  # set forwards
        (-3e7, {}, 10.0),
        (-3e7, {"training": "x", "figures": 1e308}, 10.0),
        (-3e7, ["training"], 10.0),
    ],
)
def test_between_two_starts_seconds_are_what_is_possible(
    tmp_path: Path, pushed: float, measured: object, seconds: float
) -> None:
    run = open_run(tmp_path / "run", "tiny", dry_run=False)
    run.set_kernel("left", version=1, seconds=10.0, pushed=now() + pushed)
    assert 10 <= row_of("left", run.kernel("left"), {}, no_session=False)[2] <= 10 + LONGEST
    note_complete(run, "left", {"seconds": measured})
    assert run.kernel("left").seconds == pytest.approx(seconds, abs=1)


def test_links_in_the_run_are_not_followed(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path
) -> None:
    mine, run = tmp_path / "mine", tmp_path / "run"
    mine.mkdir()
    for name in ("result.txt", "manifest.json", "figure.png"):
        (mine / name).write_text("mine")
    start()
    shutil.rmtree(run / "outputs" / "left")
    for name in ("left", "left.arriving"):
        (run / "outputs" / name).symlink_to(mine)
    (run / "logs" / "left.log").unlink()
    (run / "logs" / "left.log").symlink_to(mine / "result.txt")
    made, _ = start()
    (run / "outputs" / "left" / "figure.png").write_text("new")
    (run / "figures").mkdir()
    (run / "figures" / "left-figure.png").symlink_to(mine / "figure.png")
    gather_figures(made)
    assert [path.read_text() for path in mine.iterdir()] == ["mine"] * 3
    assert (run / "outputs" / "left" / "result.txt").read_text() == "tiny-left"
    assert (run / "figures" / "left-figure.png").read_text() == "new"
    assert not any(path.is_symlink() for path in run.rglob("*"))
    assert kaggle.pushed == ONCE


def test_looks_that_bring_no_answer_cost_nothing(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path
) -> None:
    kaggle.faults["status"] = [None, LOST, LOST, GONE, GONE, GONE, None]
    _, said = start()
    assert sum("what runs there goes on; looking again" in line for line in said) == 1
    assert kaggle.pushed == ONCE
    kaggle.faults["outputs"] = [LOST] * 4
    with pytest.raises(NoAnswerError, match="503"):
        start("second", fresh=True)
    assert known(tmp_path / "second", "shared").state is KernelState.COMPLETE
    start("second", fresh=True)
    assert kaggle.pushed == dict.fromkeys(ONCE, 2)
    kaggle.faults["status"] = [LOST] * 9
    with pytest.raises(NoAnswerError, match="503"):
        start("third", fresh=True, patience=-1.0)


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        # COMPLETE may be the state of an older version.
        ([KernelStatus(KernelState.COMPLETE), KernelStatus(KernelState.RUNNING)], ""),
        ([KernelStatus(KernelState.UNKNOWN, "PREEMPTED")] * 2, "PREEMPTED at Kaggle: still watch"),
    ],
)
def test_a_state_that_is_old_or_new_is_watched_on(
    start: Callable, kaggle: QuickKaggle, looks: list[KernelStatus], said: str
) -> None:
    kaggle.ends["tinycommon"], status, states = ["nothing"], kaggle.status, iter(looks)

    def look(slug: str, version: int) -> KernelStatus:
        state = next(states, None)
        if state is not looks[0]:
            write_outputs(kaggle.versions("tinycommon")[0])
        return state or status(slug, version)

    kaggle.status = look
    _, lines = start()
    assert sum(said in line for line in lines if said) == bool(said)
    assert kaggle.pushed == ONCE


@pytest.mark.parametrize("state", ["ERROR", "CANCEL_ACKNOWLEDGED"])
def test_an_output_that_is_whole_is_complete_whatever_the_status_says(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path, state: str
) -> None:
    kaggle.ends["tiny-left"] = [f"written {state}"]
    start()
    assert known(tmp_path / "run").state is KernelState.COMPLETE
    assert kaggle.pushed == ONCE


def test_a_kernel_that_was_deleted_is_pushed_again(
    start: Callable, kaggle: QuickKaggle, tmp_path: Path
) -> None:
    kaggle.ends["tiny-left"], status = ["RUNNING"], kaggle.status

    def look(slug: str, version: int) -> KernelStatus:
        if slug == "tiny-left" and kaggle.versions(slug):
            kaggle.delete(slug)
        return status(slug, version)

    kaggle.status = look
    said = "left has vanished: Kaggle no longer has version 1 of alice/tiny-left"
    with pytest.raises(UserError, match=said):
        start()
    assert known(tmp_path / "run").state is KernelState.VANISHED
    kaggle.status = status
    start()
    assert kaggle.pushed == ONCE


@pytest.mark.parametrize("code", [403, 404])
def test_a_kernel_that_is_listed_has_not_vanished(
    start: Callable, kaggle: QuickKaggle, code: int
) -> None:
    refused = KaggleError(f"Kaggle answered {code}: no", code)
    kaggle.faults["status"] = [None] + [refused] * 9
    ask, refusals = kaggle._ask_kernel, [refused] * 9  # of GetKernel, as by a firewall

    def ask_kernel(method: str, *arguments: Any, **fields: Any) -> Any:
        if method == "get_kernel" and kaggle.versions("tiny-left") and refusals:
            raise refusals.pop()
        return ask(method, *arguments, **fields)

    kaggle._ask_kernel = ask_kernel
    _, said = start()
    assert sum("what runs there goes on; looking again" in line for line in said) == 1
    assert (kaggle.pushed, refusals) == (ONCE, [])
    refusals += [refused] * 9
    with pytest.raises(NoAnswerError, match=f"answered {code}: no, of tiny-left, which it lists"):
        kaggle.latest_version("tiny-left")


def test_kaggle_runs_only_so_many_sessions_at_once(start: Callable, kaggle: QuickKaggle) -> None:
    running: list[int] = []
    status = kaggle.status
    for fold in range(3):
        kaggle.ends[f"tiny-left-fold{fold}"] = kaggle.ends[f"tiny-right-fold{fold}"] = ["RUNNING"]

    def counting(slug: str, version: int) -> KernelStatus:
        running.append(kaggle.finish())
        return status(slug, version)

    kaggle.status = counting
    start(of=bundles_of("left", "right", accelerator="gpu", folds=3))
    assert max(running) == SESSIONS["gpu"]


def test_an_accelerator_is_not_spent_again_unless_it_is_asked_for(
    start: Callable, kaggle: QuickKaggle
) -> None:
    start(of=bundles_of("left", accelerator="gpu", settings={"epochs": 1}))
    changed = bundles_of("left", accelerator="gpu", settings={"epochs": 2})
    with pytest.raises(UserError, match=r"left has changed \(settings, code, data or sources\)"):
        start(of=changed)
    assert kaggle.pushed == ONCE
    start(of=changed, rerun=True)
    assert kaggle.pushed == {**TWICE, "tiny-ensemble": 2}


def test_a_source_that_another_run_has_replaced_is_not_trained_unasked(
    start: Callable, kaggle: QuickKaggle
) -> None:
    kaggle.faults["push"] = [None, None, KaggleError("Kaggle refused kernel ensemble: no")]
    with pytest.raises(UserError, match="refused kernel ensemble"):
        start()
    start("other", of=bundles_of("left", settings={"epochs": 5}))
    before = kaggle.pushed
    with pytest.raises(UserError, match="another run has pushed version 2 of kernel left"):
        start()
    assert kaggle.pushed == before
    start(rerun=True)
    assert kaggle.pushed["tiny-left"] == 3


def test_what_is_finished_is_used_again(
    start: Callable, kaggle: QuickKaggle, bundles: tuple, tmp_path: Path
) -> None:
    start("first")
    second = open_run(tmp_path / "second", "tiny", dry_run=False)
    second.update(owner=kaggle.owner)
    names = ["shared", "left", "ensemble"]
    assert finished_before(kaggle, second, bundles, "tiny-digits") == set(names)
    newer = open_run(tmp_path / "newer", "tiny", dry_run=False)
    newer.update(owner=kaggle.owner, weights_version=2)  # of what it would begin with
    assert finished_before(kaggle, newer, bundles, "tiny-digits") == {"shared"}
    second, said = start("second")
    assert said == [f"{name}: used again from run first" for name in names]
    assert kaggle.pushed == ONCE
    assert second.kernels["left"].reused == "first"
    assert (second.output("left") / "result.txt").read_text() == "tiny-left"
    start("blended", of=bundles_of("left", blend="greedy"))
    assert kaggle.pushed == {**ONCE, "tiny-ensemble": 2}
    (kaggle.hosted.data / "more.csv").write_text("other data")
    start("third")
    assert kaggle.pushed == {**TWICE, "tiny-ensemble": 3}
    start("fourth", fresh=True)
    assert kaggle.pushed == {"tinycommon": 2, "tiny-left": 3, "tiny-ensemble": 4}


def test_a_terminal_shows_a_table_and_a_pipe_one_line_a_change() -> None:
    running = KernelRecord(1, KernelState.RUNNING, seconds=4.0)
    facts = {"stage": "training", "epoch": "3/12", "loss": "[1]"}
    rows = [row_of("left", running, facts, False), row_of("right", KernelRecord(), {}, True)]
    said = {}
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        with open_display(stream) as display:
            display.show(rows)
            display.show(rows)
        said[terminal] = re.sub("\x1b[^a-zA-Z]*[a-zA-Z]", "", stream.getvalue()).splitlines()
    assert said[False] == [
        "   4.0 s  left RUNNING training 3/12 loss=[1]",
        "   0.0 s  right NO SESSION",
    ]
    *_, left, right = (line.split() for line in said[True])
    assert left == ["left", "running", "training", "3/12", "4", "s", "loss=[1]"]
    assert right == ["right", "no", "session"]


def test_an_audit_that_fails_does_not_stop_a_training(start: Callable, kaggle: QuickKaggle) -> None:
    kaggle.ends["tiny-audit"] = ["ERROR", "ERROR"]
    run, said = start(of=bundles_of("left", audit=True))
    assert sum(line.endswith("the run goes on without it") for line in said) == 1
    assert run.kernels["ensemble"].state is KernelState.COMPLETE
    with pytest.raises(UserError, match="audit ended as ERROR"):
        start("alone", of=bundles_of(audit=True))


def test_data_files_that_kaggle_does_not_list_are_asked_for_again(
    kaggle: QuickKaggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, ask, empty = data_digest(kaggle, "tiny-digits"), kaggle.ask, [True, True]

    def look(*names: str, **fields: object) -> object:
        return SimpleNamespace(files=[]) if empty and empty.pop() else ask(*names, **fields)

    monkeypatch.setattr(kaggle, "ask", look)
    assert data_digest(kaggle, "tiny-digits") == digest  # or every kernel would run again
    empty += [True] * 4
    with pytest.raises(NoAnswerError, match="lists no data files of tiny-digits"):
        data_digest(kaggle, "tiny-digits")

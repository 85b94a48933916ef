"""Which run a command goes on with, and what it does with runs that cannot be read."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import UserError
from kernels.kaggle.states import KernelState
from kernels.run.runs import pick_run, read_runs
from kernels.run.state import Run, Submission, open_run, read_run

FACTS = {"seed": 0}


def pick(root: Path, competition: str = "tiny", dry_run: bool = False, fresh: bool = False) -> Run:
    return pick_run(root, competition, dry_run, FACTS, fresh, print)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has pushed and submitted."""
    run = pick(tmp_path)
    run.set_kernel("left", version=1, state=KernelState.COMPLETE, seconds=3)
    run.update(submissions=[Submission("ab" * 32, "left [c0ffee-abababab]", ref=1)])
    return run


def cut(state: Path) -> None:
    state.write_text(state.read_text()[:150])


def empty(state: Path) -> None:
    state.write_text("")


def newer(state: Path) -> None:
    state.write_text(state.read_text().replace('"format": 2', '"format": 3'))


def nested(state: Path) -> None:
    state.write_text("[" * 99_999)


def binary(state: Path) -> None:
    state.write_bytes(b"\xff\xfe{")


def folder(state: Path) -> None:
    state.unlink()
    state.mkdir()


def pipe(state: Path) -> None:
    state.unlink()
    os.mkfifo(state)


def link(state: Path) -> None:
    state.unlink()
    state.symlink_to("nothing")


def changed(*path: str, to: object) -> Callable[[Path], None]:
    def change(state: Path) -> None:
        values = inner = json.loads(state.read_text())
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to
        state.write_text(json.dumps(values, indent=1))

    change.__name__ = f"{'.'.join(path)}={to!r}"
    return change


DAMAGES = {
    cut: "it is cut or damaged",
    empty: "it is cut or damaged",
    newer: "its format is 3, and 2 is read here: update this clone",
    nested: "it is cut or damaged",
    binary: "it is cut or damaged",
    folder: "it is not a file",
    pipe: "it is not a file",
    link: "it is not a file",
    changed("started", to=None): "started of run is None",
    changed("kernels", to=[]): "its kernels or submissions are missing",
    changed("kernels", "left", to="x"): "left is not an object",
    changed("kernels", "left", "seconds", to="3"): "seconds of left is '3'",
    changed("kernels", "left", "state", to="DANCING"): "state of left is 'DANCING'",
    changed("kernels", "left", "colour", to=1): "left has other fields than this version reads",
    changed("submissions", to=[{}]): "submissions has other fields than this version reads",
    changed("submissions", to=["x"]): "submissions is not an object",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_run_that_cannot_be_read_is_never_begun_anew(
    run: Run, damage: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    root, state = run.folder.parent, run.folder / "state.json"
    damage(state)
    line = f"{state} cannot be read ({DAMAGES[damage]})"
    for again in (lambda: pick(root), lambda: open_run(run.folder, "tiny", False)):
        with pytest.raises(UserError) as refused:
            again()
        assert str(refused.value).startswith(line)
    assert len(list(root.iterdir())) == 2  # the lock and the run
    # To others it is a neighbour that is named.
    others = [pick(root, "other"), pick(root, dry_run=True), pick(root, fresh=True)]
    assert capsys.readouterr().out.splitlines() == [f"{line}: it is left out"] * 3
    runs, unreadable = read_runs(root)
    assert {found.folder for found in runs} == {other.folder for other in others}
    assert list(unreadable) == [run.folder]


def test_an_older_run_is_not_gone_on_with_where_the_newest_is_damaged(run: Run) -> None:
    again = pick(run.folder.parent)
    assert again.folder == run.folder
    newest = open_run(run.folder.with_name("tiny-29991231-000000"), "tiny", False)
    cut(newest.folder / "state.json")
    with pytest.raises(UserError, match="tiny-29991231-000000/state.json cannot be read"):
        pick(run.folder.parent)


def test_a_damaged_run_of_any_name_is_not_begun_anew(tmp_path: Path) -> None:
    own = open_run(tmp_path / "my-petals", "petals", False)
    cut(own.folder / "state.json")
    with pytest.raises(UserError, match="my-petals/state.json cannot be read"):
        pick(tmp_path, "petals")
    pick(tmp_path, "tiny")  # the beginning of the file says that it is of another competition
    empty(own.folder / "state.json")
    with pytest.raises(UserError, match=r"move .*my-petals away"):
        pick(tmp_path, "other")


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "tiny-20261126-010203").symlink_to(tmp_path / "a disk that is not mounted")
    with pytest.raises(UserError, match="it is not a file"):
        pick(tmp_path)
    assert pick(tmp_path, "petals").competition == "petals"


def test_what_is_no_run_is_no_neighbour(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    assert read_runs(tmp_path) == ([], {})


def test_a_state_is_read_as_it_was_written(run: Run) -> None:
    assert read_run(run.folder) == run


def test_a_refused_request_leaves_a_finished_run_as_it_was(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", "petals", True)
    run.update(state="complete", request={"models": ["one"]}, owner="alice")
    with pytest.raises(UserError, match="began with alice"), run.attempt({"models": ["two"]}):
        run.require_owner("bob")
    known = read_run(run.folder)
    assert (known.state, known.request) == ("complete", {"models": ["one"]})

    def begin_and_fail() -> None:
        run.set_kernel("two", version=1)
        raise UserError("it failed")

    with pytest.raises(UserError, match="it failed"), run.attempt({"models": ["two"]}):
        begin_and_fail()
    known = read_run(run.folder)
    assert (known.state, known.request) == ("failed", {"models": ["two"]})


def test_changed_data_begin_a_run_anew_unless_something_was_done_with_them(run: Run) -> None:
    said: list[str] = []
    failed = pick(run.folder.parent / "other")
    failed.set_kernel("shared", state=KernelState.COMPLETE)
    failed.set_kernel("left", version=1, state=KernelState.ERROR)
    for digest in ("a1", "a1", "b2"):
        failed.take_data(f"the data in /D and S ({digest})", said.append)
    assert said == [
        "the data in /D and S have changed, and nothing was completed before: the run begins anew "
        "with them"
    ]
    assert read_run(failed.folder).data == "the data in /D and S (b2)"
    run.update(data="the data in /D and S (a1)")
    with pytest.raises(UserError, match=r"S have changed: .* completed left .* with --fresh"):
        run.take_data("the data in /D and S (b2)", said.append)
    run.kernels.clear()
    with pytest.raises(UserError, match=r"/E and S, instead of the data in /D and S: .* submitted"):
        run.take_data("the data in /E and S (b2)", said.append)
    assert len(said) == 1

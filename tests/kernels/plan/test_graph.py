"""Kernels that read other kernels: steps, parts, and what stays at Kaggle."""

import json
from pathlib import Path

import pytest

from common.errors import UserError
from common.manifest import read_manifest, write_manifest
from competitions import find_competition
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Member, Request, choose_members, in_short
from support import tiny

tiny.add_tiny()
STEPS = find_competition("steps")


def planned(*models: str, **changes: object) -> dict[str, tuple[str, ...]]:
    members = choose_members(STEPS, list(models), False)
    kernels = plan_kernels(Request(STEPS, members, **changes))  # type: ignore[arg-type]
    return {kernel.name: kernel.sources for kernel in kernels}


def test_a_model_brings_what_it_reads_with_it() -> None:
    both = planned("both")
    assert list(both) == ["shared", "prepare", "half-part0", "half-part1", "both", "ensemble"]
    assert both["prepare"] == ("shared",)
    assert both["half-part1"] == ("shared", "prepare")
    assert both["both"] == ("shared", "half-part0", "half-part1")
    assert both["ensemble"] == ("shared", "both")
    assert planned("half")["ensemble"] == ("shared", "half-part0", "half-part1")
    assert planned("both", "half")["ensemble"] == ("shared", "both", "half-part0", "half-part1")


def test_the_number_of_parts_is_a_setting() -> None:
    three = planned("both", settings={"parts": 3})
    assert three["both"] == ("shared", "half-part0", "half-part1", "half-part2")
    with pytest.raises(UserError, match="--set part: each kernel has its own"):
        planned("both", settings={"part": 1})


def test_a_source_runs_on_what_it_can() -> None:
    members = (Member("both"),)
    kernels = plan_kernels(Request(STEPS, members, accelerator="gpu"))
    assert {k.name: k.accelerator for k in kernels} == {
        **dict.fromkeys(("shared", "prepare", "ensemble"), "cpu"),
        **dict.fromkeys(("half-part0", "half-part1", "both"), "gpu"),
    }


def test_what_only_others_read_is_no_model() -> None:
    with pytest.raises(UserError, match="unknown model 'prepare': known are both, half"):
        choose_members(STEPS, ["prepare"], False)


@pytest.mark.parametrize(
    ("script", "sources", "said"),
    [
        ("half", ("both",), "half.py has 'both' in its sources, which reads it in turn"),
        ("prepare", ("nothing",), "prepare.py has 'nothing' in its sources, which is not there"),
    ],
)
def test_sources_that_cannot_be(
    script: str, sources: tuple, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.redeclare(monkeypatch, STEPS, script, sources=sources)
    with pytest.raises(UserError, match=said):
        planned("both")


def test_parts_in_short() -> None:
    assert in_short(["a-part0", "a-part1", "b"]) == "a-part0 to part1, b"


def test_a_run_of_steps(tmp_path: Path) -> None:
    data, solution = tiny.write_data(tmp_path)
    run = tmp_path / "run"
    given = ("--data", data, "--solution", solution)
    told = tiny.last_json(
        tiny.submit("steps", "--ensemble", "--dry-run", *given, "--run-dir", run, "--json")
    )
    assert told["public_score"] == 1.0
    assert [member["name"] for member in told["members"]] == ["both"]
    assert told["blend"]["members"] == {"both": 1.0}
    left = run / "outputs" / "prepare"
    assert (left / "counts.json").is_file()
    assert not (left / "parts").exists()
    again = tiny.last_json(
        tiny.submit("steps", "--ensemble", "--dry-run", *given, "--run-dir", run, "--json")
    )
    assert again["submission_ref"] == told["submission_ref"]


def test_what_stays_may_be_missing_only_where_it_was_not_fetched(tmp_path: Path) -> None:
    for name in ("kept.txt", "parts/a.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    write_manifest(tmp_path, {"nonce": "n", "stays": ["parts/*"]})
    read_manifest(tmp_path, "k", "n")
    (tmp_path / "parts" / "a.bin").unlink()
    read_manifest(tmp_path, "k", "n", fetched=True)
    with pytest.raises(UserError, match=r"parts/a.bin stands in its manifest and is not in"):
        read_manifest(tmp_path, "k", "n")
    (tmp_path / "kept.txt").unlink()
    with pytest.raises(UserError, match=r"kept.txt stands in its manifest"):
        read_manifest(tmp_path, "k", "n", fetched=True)
    assert json.loads((tmp_path / "manifest.json").read_text())["stays"] == ["parts/*"]

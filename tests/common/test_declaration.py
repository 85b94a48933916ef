"""One declaration a kernel: what it runs is resolved from it, and its work needs no framework."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from common.declaration import Kernel
from common.errors import UserError
from common.kernel import KernelRun
from common.manifest import read_manifest
from common.recipes.classifier import ClassifierRecipe
from support import ROOT
from support.toy_competition import TOY


@dataclass(frozen=True)
class OwnRecipe:
    trees: int = 100
    depth: int | None = None

    def __post_init__(self) -> None:
        if self.trees < (self.depth or 0):
            raise UserError(f"setting trees={self.trees}: at least depth={self.depth}")


def train(run: KernelRun) -> None:
    (run.folder / "trees.txt").write_text(f"{run.recipe.trees} {run.parameters.seed}")


KERNEL = Kernel(
    TOY,
    OwnRecipe(),
    work=train,
    best={"trees": 500},
    dry_run={"trees": 2, "depth": 2},
    predicts=False,
)


def test_the_users_settings_come_before_the_small_ones_and_these_before_the_best() -> None:
    assert KERNEL.resolve() == OwnRecipe()
    assert KERNEL.resolve(best=True) == OwnRecipe(500)
    assert KERNEL.resolve(best=True, small=True) == OwnRecipe(2, 2)
    assert KERNEL.resolve(small=True, settings={"trees": "3"}) == OwnRecipe(3, 2)
    assert replace(KERNEL, best=None).resolve(best=True) == OwnRecipe()


def test_another_network_has_not_the_parameters_that_are_stated() -> None:
    recipe = ClassifierRecipe(total_parameters=7, trainable_parameters=6)
    kernel = replace(KERNEL, recipe=recipe, best=None, dry_run={})
    assert kernel.resolve(settings={"epochs": 2}) == replace(recipe, epochs=2)
    other = kernel.resolve(settings={"backbone": "MobileNet", "total_parameters": 5})
    assert (other.total_parameters, other.trainable_parameters) == (5, 0)


def test_only_what_runs_must_fit() -> None:
    # One tree is too few for the depth of a small run, which is changed as well.
    assert KERNEL.resolve(small=True, settings={"trees": 1, "depth": "none"}) == OwnRecipe(1)
    with pytest.raises(UserError, match="setting trees=1: at least depth=2"):
        KERNEL.resolve(small=True, settings={"trees": 1})
    with pytest.raises(UserError, match="unknown setting 'tree': did you mean trees"):
        KERNEL.resolve(settings={"tree": 1})


def test_a_kernel_of_any_framework_leaves_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    KERNEL.main({"kernel": "forest", "nonce": "n1", "seed": 7, "accelerator": "cpu"}, [])
    assert (tmp_path / "trees.txt").read_text() == "100 7"
    manifest = read_manifest(tmp_path, "forest", "n1")
    assert manifest["recipe"] == {"trees": 100, "depth": None}
    assert manifest["accelerator"] == {"asked": "cpu", "seen": "cpu", "replicas": 1}
    assert "trees.txt" in manifest["files"]


def test_what_the_kernel_says_of_its_accelerator_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_two(run: KernelRun) -> None:
        run.facts["accelerator"] = {"asked": "gpu", "seen": "gpu", "replicas": 2}

    monkeypatch.chdir(tmp_path)
    replace(KERNEL, work=on_two).main({"kernel": "forest"}, [])
    assert read_manifest(tmp_path, "forest", "")["accelerator"]["replicas"] == 2


@pytest.mark.parametrize("hours", ["x", -5, 0, True])
def test_hours_are_a_number_above_zero(hours: object) -> None:
    with pytest.raises(UserError, match="hours= of gpu are .*: give a number above 0"):
        replace(KERNEL, hours={"gpu": hours})


@pytest.mark.parametrize(
    ("kernel", "arguments", "said"),
    [
        (KERNEL, ["--set", "trees=3"], "--set trees=3: this kernel takes no arguments and"),
        (replace(KERNEL, predicts=True), [], "forest has written no predictions.npz to blend: ca"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    kernel: Kernel,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        kernel.main({"kernel": "forest"}, arguments)
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {said}")
    assert printed.count("\n") == 1
    assert not (tmp_path / "manifest.json").exists()


SCRIPT = """
RECIPE = {}
PARAMETERS = {"kernel": "forest"}
import threading, time
from dataclasses import dataclass
from common.declaration import Kernel
from common.errors import UserError
from support.toy_competition import TOY

@dataclass(frozen=True)
class Recipe:
    trees: int = 1

def train(run):
    threading.Thread(target=time.sleep, args=(600,)).start()  # as an input pipeline may
    raise FAULT

KERNEL = Kernel(TOY, Recipe(), work=train)
KERNEL.main(PARAMETERS, [])
"""


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        ("UserError('no pictures: look at data.py')", "error: no pictures: look at data.py"),
        ("ZeroDivisionError('of nothing')", "ZeroDivisionError: of nothing"),
    ],
)
def test_a_script_that_fails_ends_whatever_still_runs_in_it(
    tmp_path: Path, fault: str, last: str
) -> None:
    script = tmp_path / "forest.py"
    script.write_text(SCRIPT.replace("FAULT", fault))
    tests = ROOT / "tests"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == last
    assert ("Traceback" in done.stderr) is (fault[0] == "Z")


def test_a_kernel_prints_what_its_log_cannot_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    Kernel(TOY, OwnRecipe(), work=lambda run: print("é … 日本"), predicts=False).main({}, [])
    assert b"\n\\xe9 \\u2026 \\u65e5\\u672c\n" in shown.buffer.getvalue()  # type: ignore[attr-defined]
    assert (tmp_path / "manifest.json").is_file()

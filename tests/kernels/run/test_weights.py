"""The weights that kernels leave are fetched when asked for, and published by the command."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.files.network import read_network
from common.manifest import file_sha256
from kernels.local.fault_kinds import Rule
from kernels.local.faults import Faults
from support import tiny

pytestmark = pytest.mark.slow
WEIGHTS = ("outputs/left/left.weights.h5", "outputs/right/right.weights.h5")
PUBLISHED = "dry-run/tiny-weights"


@pytest.fixture(scope="module")
def story(
    tiny_data: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """A dry run, its weights fetched, published, and again."""
    folder = tmp_path_factory.mktemp("weights")
    data = ("--data", tiny_data[0], "--solution", tiny_data[1])
    command = ("tiny", "--ensemble", "--dry-run", "--json", *data, "--run-dir", folder / "run")
    first = tiny.submit(*command)
    absent = [name for name in WEIGHTS if not (folder / "run" / name).exists()]
    fetched = tiny.submit(*command, "--fetch-weights")
    (folder / "run" / WEIGHTS[0]).write_bytes(b"spoilt")
    path = folder / "run" / "state.json"
    path.write_text(path.read_text().replace('"key": "', '"key": "other'))  # the code has changed
    again = tiny.submit(*command, "--fetch-weights")
    before = file_sha256(folder / "run" / WEIGHTS[0])
    published = tiny.submit(*command, "--publish", "--yes")
    return SimpleNamespace(
        **{"folder": folder, "run": folder / "run", "data": data, "command": command},
        **{"first": first, "absent": absent, "fetched": fetched, "again": again},
        **{"sha256": before, "published": published},
        twice=tiny.submit(*command, "--publish", "--yes"),
    )


def test_weights_stay_at_kaggle_until_they_are_asked_for(story: SimpleNamespace) -> None:
    assert tiny.last_json(story.first)["published_weights"] is None
    assert story.absent == list(WEIGHTS)
    for name in ("left", "right"):
        assert f"fetching {name}.weights.h5" in story.fetched.stderr
    assert "fetching left.weights.h5, 4.0 kB" in story.again.stderr  # it was spoilt
    assert "fetching right" not in story.again.stderr
    assert "the run is finished: nothing is run or sent again for its weights" in story.again.stderr
    kernels = json.loads((story.run / "state.json").read_text())["kernels"]
    assert {kernel["version"] for kernel in kernels.values()} == {1}
    network = read_network(story.run / "outputs/left/left.network.json")
    assert story.sha256 == network.sha256


def test_the_command_publishes_once_and_says_where(story: SimpleNamespace) -> None:
    result = tiny.last_json(story.published)
    assert result["published_weights"] == f"{PUBLISHED}/versions/1"
    said = story.published.stderr
    assert f"publishing 4 files, 11 kB, as the private data set {PUBLISHED}" in said
    assert f"weights     {PUBLISHED}/versions/1" in said
    assert f"these weights are in {PUBLISHED} already" in story.twice.stderr
    assert tiny.last_json(story.twice) == result
    assert f"datasets/{PUBLISHED}/versions/1" in (story.run / "report.html").read_text()
    history = tiny.submit("--history", "tiny", "--run-dir", story.folder)
    assert f"weights {PUBLISHED}/versions/1" in " ".join(history.stdout.split())


def test_the_data_set_says_what_its_weights_are(story: SimpleNamespace) -> None:
    [version] = (story.folder / "published" / PUBLISHED).glob("v*/version.json")
    facts = json.loads(version.read_text())
    files = {path.name for path in (version.parent / "files").iterdir()}
    ends = ("weights.h5", "network.json")
    assert files == {f"{name}.{end}" for name in ("left", "right") for end in ends}
    text = facts["description"]
    assert (facts["title"], facts["license_name"]) == ("Tiny weights", "other")
    assert facts["subtitle"] == "Weights of left, right, trained on Tiny Digits"
    for words in (
        "Weights of **left, right**, trained on [Tiny Digits](https://www.kaggle.com/competi",
        "They are of a dry run.",
        "| weights | network | pictures | parameters | learnt from | validation macro F1 |",
        "| `left.weights.h5` | tiny | 32 x 32 | 1,000 | train | 0.5000 |",
        "Macro F1: higher is better; in parentheses the 95 % interval and the number of pic",
        "Their blend (mean) has ",
        "### How left was trained",
        "- **epochs**: 1 on train",
        "- **versions**: python 3.",
        f"python submit.py tiny --model left --weights-source {PUBLISHED}",
        "0 zero, 1 one, 2 two.",
        "Licence: other.",
    ):
        assert words in text
    machine = (str(story.folder), str(Path.home()), os.uname().nodename, tiny.KEY)
    assert not [word for word in machine if word in json.dumps(facts)]


def test_the_next_dry_run_finds_what_this_one_has_published(story: SimpleNamespace) -> None:
    command = ("tiny", "--model", "left", "--dry-run", "--json", "--no-submit", *story.data)
    source = ("--weights-source", PUBLISHED)
    done = tiny.submit(*command, "--run-dir", story.folder / "next", *source)
    assert tiny.last_json(done)["state"] == "complete"
    mounts = (story.folder / "next" / "kaggle" / "kernels").rglob("left.weights.h5")
    mounted = [path for path in mounts if "input/datasets/dry-run/tiny-weights" in str(path)]
    assert mounted
    assert {file_sha256(path) for path in mounted} == {story.sha256}
    lacking = ("--weights-source", "dry-run/other-weights")
    done = tiny.submit(*command, "--run-dir", story.folder / "lacking", *lacking)
    assert done.returncode == 1
    assert "no data set dry-run/other-weights" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--publish",), "--publish asks before it sends, and nobody can answer here: add --yes"),
        (("--yes",), "--yes answers the question of --publish: leave it out"),
        (("--publish", "x", "--yes"), "--publish x: write OWNER/SLUG or SLUG alone"),
        (("--publish", "bob/a-data-set", "--yes"), "signed in as dry-run: name a data set of dry"),
    ],
)
def test_what_cannot_be_published_is_one_line_before_anything_is_pushed(
    dry: list, tmp_path: Path, options: tuple, said: str
) -> None:
    done = tiny.submit(*dry, "--model", "left", *options)
    assert done.returncode == 1
    assert said in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "run" / "kernels").glob("*"))


def test_weights_that_arrive_broken_are_not_published(tmp_path: Path) -> None:
    broken = Rule("download", "corrupt", contains="weights.h5", times=2)
    command = ("tiny", "--model", "left", "--accelerator", "cpu", "--no-submit", "--json")
    with tiny.local_kaggle(tmp_path, faults=Faults([broken])) as (server, env):
        first, again = (
            tiny.submit(*command, "--publish", "--yes", env=env, cwd=tmp_path) for _ in range(2)
        )
        made = server.store.dataset_versions("alice/tiny-weights")
        pushed = len(server.store.versions("alice/tiny-left"))
        texts = [path.read_text("latin-1") for path in made[0].files.parent.rglob("*.*")]
        assert not [text for text in texts if tiny.KEY in text or str(tmp_path) in text]
    assert first.returncode == 1
    assert "left.weights.h5 is not the file that the kernel wrote" in first.stderr.splitlines()[-1]
    assert tiny.last_json(again)["published_weights"] == "alice/tiny-weights/versions/1"
    assert (len(made), pushed) == (1, 1)


@pytest.mark.parametrize(("answer", "number"), [("y", 1), ("n", 0), ("", 0)])
def test_a_person_is_asked_on_a_terminal(
    dry: list, tmp_path: Path, answer: str, number: int
) -> None:
    ours, theirs = pty.openpty()
    command = tiny.command(*dry, "--model", "left", "--no-submit", "--publish", "some-weights")
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL, cwd=tiny.ROOT
    ) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())  # a terminal keeps it until it is read
        shown = b""
        while piece := read(ours):
            shown += piece
    assert process.returncode == 0
    what = r"publish 2 files, 4\.\d kB, as the private data set dry-run/some-weights\? \[y/N\]"
    assert re.search(what, shown.decode())
    made = (tmp_path / "published" / "dry-run" / "some-weights").glob("v*")
    assert len(list(made)) == number


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # closed by the other side
        return b""

"""The real ``kaggle`` command and kagglehub, as they are installed, against the local Kaggle."""

import dataclasses
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernels.local import HostedCompetition, LocalKaggle
from support import tiny
from support.toy_competition import IDS, RIGHT, TOY, WAITS, make_toy

# Runs ``kaggle ARGUMENTS`` for each line of JSON: importing the client takes a second.
COMMANDS = """
import contextlib, io, json, sys
from kaggle.cli import main
for line in sys.stdin:
    sys.argv = ["kaggle", *json.loads(line)]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main() or 0
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, said.getvalue()]), flush=True)
"""
HUB = """
import kagglesdk.kaggle_env as env
env._env_to_endpoint[env.KaggleEnv.LOCAL] = {url!r}
import json, os, kagglehub
toy, finished = {toy!r}, "alice/some-kernel"
read = lambda *parts: open(os.path.join(*parts)).read().strip()
competition = kagglehub.competition_download(toy)
output = kagglehub.notebook_output_download(finished)
kagglehub.utility_script_install("alice/shared-code")
import shared_module
print(json.dumps([
    sorted(os.listdir(competition)),
    read(kagglehub.competition_download(toy, "test/flower2.txt")),
    sorted(os.listdir(output)),
    read(kagglehub.notebook_output_download(finished + "/versions/1", "deep/figure.txt")),
    shared_module.ANSWER,
    read(kagglehub.dataset_download("alice/some-data"), "deep", "table.csv"),
    read(kagglehub.dataset_download("bob/three-shapes"), "train", "ring", "1.png"),
    read(kagglehub.dataset_download("bob/three-shapes", "train/ring/1.png")),
]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(scope="module")
def kaggle(folder: Path) -> Iterator[LocalKaggle]:
    dataset = folder / "state" / "datasets" / "alice" / "some-data"
    (dataset / "deep").mkdir(parents=True)
    (dataset / "deep" / "table.csv").write_text("a,b\n")
    shapes = dataclasses.replace(TOY, slug="bob/three-shapes", submission=None)
    (folder / "shapes" / "train" / "ring").mkdir(parents=True)
    (folder / "ring.png").write_text("a ring")
    (folder / "shapes" / "train" / "ring" / "1.png").symlink_to(folder / "ring.png")
    secret = dataclasses.replace(shapes, slug="bob/secret")
    hosted = [
        make_toy(folder / "toy"),
        HostedCompetition(shapes, folder / "shapes"),
        HostedCompetition(secret, folder / "shapes", entered=False),
    ]
    with LocalKaggle(folder / "state", hosted, max_parallel=4, key=tiny.KEY) as kaggle:
        yield kaggle


def environment(kaggle: LocalKaggle, folder: Path, **more: str) -> dict[str, str]:
    """A user's environment with nothing of this machine's user, pointed at the local Kaggle."""
    own = tiny.real_environment(kaggle.url, folder / "home")
    hub = {"KAGGLEHUB_CACHE": str(folder / "kagglehub"), "KAGGLEHUB_VERBOSITY": "error"}
    return {"PATH": os.environ["PATH"], **own, **hub, **more}


@pytest.fixture(scope="module")
def command(kaggle: LocalKaggle, folder: Path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    own = environment(kaggle, folder)
    with subprocess.Popen(
        [sys.executable, "-c", COMMANDS], cwd=folder, env=own, **pipes
    ) as process:

        def run(*arguments: object) -> str:
            """What ``kaggle ARGUMENTS`` prints."""
            print(json.dumps(list(map(str, arguments))), file=process.stdin, flush=True)
            code, said = json.loads(process.stdout.readline())
            assert code == 0, said
            return said

        yield run
        process.stdin.close()


@pytest.fixture(scope="module")
def push(command, folder: Path):
    def push(slug: str, text: str, **metadata: object) -> str:
        """Push ``text`` by ``kaggle kernels push``; what it prints."""
        kernel = folder / slug
        kernel.mkdir(exist_ok=True)
        (kernel / "kernel.py").write_text(text)
        facts = {"id": f"alice/{slug}", "title": slug.replace("-", " "), "code_file": "kernel.py"}
        facts |= {"language": "python", "kernel_type": "script", "is_private": True}
        facts |= {"enable_internet": False, **metadata}
        (kernel / "kernel-metadata.json").write_text(json.dumps(facts))
        return command("kernels", "push", "-p", kernel)

    return push


@pytest.fixture(scope="module")
def finished(push, command) -> str:
    """A complete kernel with a submission and a file in a folder, and a utility script."""
    text = f"""
import os
os.mkdir("deep")
open("deep/figure.txt", "w").write("figure")
open("submission.csv", "w").write({RIGHT!r})
print("trained")
"""
    printed = push("some-kernel", text, competition_sources=[TOY.slug], keywords=["classification"])
    assert "Kernel version 1 successfully pushed" in printed
    module = "open('shared_module.py', 'w').write('ANSWER = 42')"
    push("shared-code", module, keywords=["utility script"])
    for slug in ("some-kernel", "shared-code"):
        command("kernels", "logs", f"alice/{slug}", "--follow")
    return "alice/some-kernel"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("kernels status alice/some-kernel", ['has status "KernelWorkerStatus.COMPLETE"']),
        ("kernels files alice/some-kernel", ["deep/figure.txt", "submission.csv"]),
        ("kernels logs alice/some-kernel", ["trained"]),
        ("kernels list --mine", ["alice/some-kernel"]),
        ("quota", ["30.00h", "20.00h"]),
        (f"competitions files {TOY.slug}", ["sample_submission.csv", "test/flower5.txt"]),
        (f"competitions files {TOY.slug} --page-size 2", ["Next Page Token"]),
        ("datasets status alice/some-data", ["ready"]),
        ("datasets files alice/some-data", ["deep/table.csv"]),
        ("datasets files bob/three-shapes", ["train/ring/1.png", "6"]),
    ],
)
def test_what_the_command_prints(command, finished, arguments, said):
    printed = command(*arguments.split())
    assert [words for words in said if words not in printed] == []


def test_kernels_output_and_pull(command, finished, folder):
    command("kernels", "output", finished, "-p", folder / "output", "--page-size", "1")
    assert (folder / "output" / "deep" / "figure.txt").read_text() == "figure"
    assert (folder / "output" / "submission.csv").read_text() == RIGHT
    log = json.loads((folder / "output" / "some-kernel.log").read_text())
    assert [entry["data"] for entry in log] == ["trained\n"]
    command("kernels", "pull", finished, "-p", folder / "pulled", "--metadata")
    assert "trained" in (folder / "pulled" / "some-kernel.py").read_text()
    facts = json.loads((folder / "pulled" / "kernel-metadata.json").read_text())
    assert (facts["id"], facts["competition_sources"]) == (finished, [TOY.slug])
    assert (facts["enable_internet"], facts["is_private"]) == (False, True)


def test_logs_are_followed_and_a_kernel_is_deleted(command, push, kaggle):
    push("slow-kernel", "import time\nprint('first')\ntime.sleep(0.5)\nprint('last')")
    assert command("kernels", "logs", "alice/slow-kernel", "--follow") == "first\nlast\n"
    command("kernels", "delete", "alice/slow-kernel", "--yes")
    assert kaggle.store.latest("alice/slow-kernel") is None


def test_a_push_that_goes_wrong_exits_0(push):
    push("first-on-tpu", WAITS, machine_shape="TpuV5E8")
    printed = push("second-on-tpu", WAITS, machine_shape="TpuV5E8")
    assert printed == "Kernel push error: Maximum batch TPU session count of 1 reached.\n"
    lost = ["alice/not-there", "bob/secret"]
    printed = push("lost-sources", "print(1)", dataset_sources=[*lost, "bob/three-shapes"])
    assert "not valid dataset sources" in printed
    assert [ref for ref in (*lost, "bob/three-shapes") if ref in printed] == lost
    assert "Kernel version 1 successfully pushed" in printed


def test_downloads(command, folder):
    command("competitions", "download", TOY.slug, "-p", folder / "all")
    with zipfile.ZipFile(folder / "all" / f"{TOY.slug}.zip") as archive:
        assert archive.read("test/flower1.txt") == b"flower1"
        assert len(archive.namelist()) == len(IDS) + 2
    command("competitions", "download", TOY.slug, "-f", "train.csv", "-p", folder / "one")
    assert (folder / "one" / "train.csv").read_text() == "id,label\nseen,1\n"
    command("datasets", "download", "alice/some-data", "-p", folder / "data", "--unzip")
    assert (folder / "data" / "deep" / "table.csv").read_text() == "a,b\n"
    for place, what in (("whole", ("--unzip",)), ("single", ("-f", "train/ring/1.png"))):
        command("datasets", "download", "bob/three-shapes", "-p", folder / place, *what)
        assert (folder / place / "train" / "ring" / "1.png").read_text() == "a ring"


def test_a_hosted_data_set_is_mounted_at_kaggles_place(command, push):
    text = "import glob; print(glob.glob('../input/**/*.*', recursive=True))"
    push("sees-shapes", text, dataset_sources=["bob/three-shapes", "alice/some-data"])
    printed = command("kernels", "logs", "alice/sees-shapes", "--follow")
    for place in ("bob/three-shapes/train/ring/1.png", "alice/some-data/deep/table.csv"):
        assert f"../input/datasets/{place}" in printed


def test_a_data_set_is_made_changed_and_downloaded(command, folder, kaggle):
    made = folder / "made"
    made.mkdir()
    (made / "first.txt").write_text("first")
    facts = {"id": "alice/some-weights", "title": "Some weights", "licenses": [{"name": "other"}]}
    (made / "dataset-metadata.json").write_text(json.dumps({**facts, "description": "words"}))
    printed = command("datasets", "create", "-p", made)
    assert "Your private Dataset is being created" in printed
    printed = command("datasets", "create", "-p", made)
    assert 'The requested slug "some-weights" is already in use by a dataset.' in printed
    (made / "first.txt").unlink()
    (made / "second.txt").write_text("second")
    printed = command("datasets", "version", "-p", made, "-m", "the second")
    assert "Dataset version is being created" in printed
    first, second = kaggle.store.dataset_versions("alice/some-weights")
    assert (first.facts["notes"], second.facts["notes"]) == ("Initial release", "the second")
    assert (first.facts["description"], first.facts["is_private"]) == ("words", True)
    time.sleep(0.6)
    assert "ready" in command("datasets", "status", "alice/some-weights")
    command("datasets", "download", "alice/some-weights", "-p", folder / "fetched", "--unzip")
    assert [path.name for path in (folder / "fetched").iterdir()] == ["second.txt"]
    assert (kaggle.store.dataset("alice/some-weights") / "second.txt").read_text() == "second"


def test_competitions_submit_and_the_scores(command, finished, folder):
    (folder / "wrong.csv").write_text(RIGHT.replace("id,", "key,"))
    (folder / "mine.csv").write_text(RIGHT)
    command("competitions", "submit", TOY.slug, "-f", folder / "wrong.csv", "-m", "wrong one")
    printed = command("competitions", "submit", TOY.slug, "-f", folder / "mine.csv", "-m", "mine")
    assert "Successfully submitted to Toy Competition" in printed
    code = ("-k", finished, "-v", "1", "-f", "submission.csv", "-m", "from a kernel")
    assert "Successfully submitted" in command("competitions", "submit", TOY.slug, *code)
    assert "PENDING" in command("competitions", "submissions", TOY.slug)
    rows = command("competitions", "submissions", TOY.slug, "--csv").splitlines()
    assert [row.split(",")[4:] for row in rows[1:]] == [
        ["SubmissionStatus.COMPLETE", "1.00000", "1.00000"],
        ["SubmissionStatus.COMPLETE", "1.00000", "1.00000"],
        ["SubmissionStatus.ERROR", "", ""],
    ]
    limits = command("competitions", "submission-limits", TOY.slug)
    assert "Submissions today: 2" in limits
    assert "Remaining today: 3" in limits


def python(code: str, folder: Path, own: dict[str, str]) -> str:
    run = [sys.executable, "-c", code]
    answer = subprocess.run(run, cwd=folder, env=own, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_a_token_is_taken_as_well(kaggle, folder, finished):
    """A token wins over a key, and is asked about first."""
    own = environment(kaggle, folder, KAGGLE_API_TOKEN=tiny.KEY)
    code = "import sys, kaggle.cli\nsys.argv[1:] = ['kernels', 'list', '--mine']; kaggle.cli.main()"
    assert finished in python(code, folder, own)


def test_the_exports_that_serve_prints_are_enough(folder):
    """Even where there is a real token, which must not be sent; and nothing works without them."""
    home = folder / "user"
    (home / ".kaggle").mkdir(parents=True)
    (home / ".kaggle" / "access_token").write_text("a-real-token")
    dataset = folder / "served" / "datasets" / "alice" / "some-data"
    dataset.mkdir(parents=True)
    (dataset / "table.csv").write_text("a,b")
    state = ("--state", str(folder / "served"))
    serve = [sys.executable, "-m", "kernels", "serve", "--port", "0", *state]
    code = "import kagglehub, os, sys, kaggle.cli\n"
    code += "print(os.listdir(kagglehub.dataset_download('alice/some-data')))\n"
    code += "sys.argv[1:] = ['kernels', 'list', '--mine']; kaggle.cli.main()"
    with subprocess.Popen(serve, cwd=tiny.ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        lines = [server.stdout.readline() for _ in range(4)]
        own = dict(pair.split("=", 1) for line in lines[1:] for pair in line.split()[1:])
        plain = {"PATH": os.environ["PATH"], "HOME": str(home), "KAGGLEHUB_VERBOSITY": "error"}
        plain["KAGGLEHUB_CACHE"] = str(folder / "exports")
        try:
            said = python(code, folder, {**plain, **own})
            asked = {**plain, **own, "KAGGLE_KEY": "local", "KAGGLE_API_TOKEN": ""}
            command = [sys.executable, "-c", code]
            refused = subprocess.run(command, env=asked, cwd=folder, capture_output=True, text=True)
        finally:
            server.terminate()
    assert said.splitlines() == ["['table.csv']", "Not found"]
    assert refused.returncode != 0
    assert "401" in refused.stdout + refused.stderr


def test_kagglehub_downloads_everything(kaggle, folder, finished):
    code = HUB.format(url=kaggle.url, toy=TOY.slug)
    own = environment(kaggle, folder, HTTP_PROXY="")
    assert json.loads(python(code, folder, own).splitlines()[-1]) == [
        ["sample_submission.csv", "test", "train.csv"],
        "flower2",
        ["deep", "submission.csv"],
        "figure",
        42,
        "a,b",
        "a ring",
        "a ring",
    ]

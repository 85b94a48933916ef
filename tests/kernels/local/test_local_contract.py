"""The real ``kaggle`` command and kagglehub, as they are installed, against the local Kaggle."""

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from kernels.local import LocalKaggle
from support.toy_competition import IDS, RIGHT, TOY, make_toy

KAGGLE = Path(sys.executable).with_name("kaggle")

pytestmark = pytest.mark.skipif(not KAGGLE.exists(), reason="the kaggle command is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(scope="module")
def kaggle(folder):
    dataset = folder / "state" / "datasets" / "alice" / "some-data"
    (dataset / "deep").mkdir(parents=True)
    (dataset / "deep" / "table.csv").write_text("a,b\n")
    model = folder / "state" / "models" / "google" / "some-model" / "tensorFlow2" / "small" / "2"
    model.mkdir(parents=True)
    (model / "weights.txt").write_text("w")
    with LocalKaggle(folder / "state", [make_toy(folder / "toy")], max_parallel=4) as kaggle:
        yield kaggle


@pytest.fixture(scope="module")
def environment(kaggle, folder):
    """A user's environment with nothing of this machine's user, pointed at the local Kaggle."""
    home = folder / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KAGGLE_USERNAME": "alice",
        "KAGGLE_KEY": "key",
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "HTTP_PROXY": kaggle.url,
        "KAGGLEHUB_CACHE": str(folder / "kagglehub"),
        "KAGGLEHUB_VERBOSITY": "error",
    }


@pytest.fixture(scope="module")
def command(environment, folder):
    def run(*arguments: object) -> str:
        """What ``kaggle ARGUMENTS`` prints."""
        line = [str(KAGGLE), *map(str, arguments)]
        answer = subprocess.run(
            line, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    return run


@pytest.fixture(scope="module")
def push(command, folder):
    def push(slug: str, text: str, **metadata: object) -> str:
        """Push ``text`` by ``kaggle kernels push``; what it prints."""
        kernel = folder / slug
        kernel.mkdir(exist_ok=True)
        (kernel / "kernel.py").write_text(text)
        facts = {
            "id": f"alice/{slug}",
            "title": slug.replace("-", " "),
            "code_file": "kernel.py",
            "language": "python",
            "kernel_type": "script",
            "is_private": True,
            "enable_internet": False,
            **metadata,
        }
        (kernel / "kernel-metadata.json").write_text(json.dumps(facts))
        return command("kernels", "push", "-p", kernel)

    return push


@pytest.fixture(scope="module")
def finished(push, command, kaggle):
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
        wait(kaggle, f"alice/{slug}")
    return "alice/some-kernel"


def wait(kaggle, ref: str) -> None:
    for _ in range(3000):
        latest = kaggle.store.latest(ref)
        if latest and "ended" in latest.session:
            return
        time.sleep(0.02)
    raise AssertionError(f"{ref} has not ended")


def test_kernels_status(command, finished):
    assert 'has status "KernelWorkerStatus.COMPLETE"' in command("kernels", "status", finished)


def test_kernels_output(command, finished, folder):
    command("kernels", "output", finished, "-p", folder / "output", "--page-size", "1")
    assert (folder / "output" / "deep" / "figure.txt").read_text() == "figure"
    assert (folder / "output" / "submission.csv").read_text() == RIGHT
    log = json.loads((folder / "output" / "some-kernel.log").read_text())
    assert [entry["data"] for entry in log] == ["trained\n"]


def test_kernels_files(command, finished):
    printed = command("kernels", "files", finished)
    assert "deep/figure.txt" in printed
    assert "submission.csv" in printed


def test_kernels_logs(command, finished):
    assert "trained" in command("kernels", "logs", finished)
    assert command("kernels", "logs", finished, "--follow") == "trained\n"


def test_kernels_logs_follow_a_running_kernel(command, push):
    push("slow-kernel", "import time\nprint('first')\ntime.sleep(1.5)\nprint('last')")
    assert command("kernels", "logs", "alice/slow-kernel", "--follow") == "first\nlast\n"


def test_kernels_pull(command, finished, folder):
    command("kernels", "pull", finished, "-p", folder / "pulled", "--metadata")
    assert "trained" in (folder / "pulled" / "some-kernel.py").read_text()
    facts = json.loads((folder / "pulled" / "kernel-metadata.json").read_text())
    assert facts["id"] == finished
    assert facts["competition_sources"] == [TOY.slug]
    assert facts["enable_internet"] is False
    assert facts["is_private"] is True


def test_kernels_list(command, finished):
    assert finished in command("kernels", "list", "--mine")


def test_kernels_delete(command, push, kaggle):
    push("short-lived", "print(1)")
    wait(kaggle, "alice/short-lived")
    command("kernels", "delete", "alice/short-lived", "--yes")
    assert kaggle.store.latest("alice/short-lived") is None


def test_a_push_over_the_session_limit_exits_0(push):
    waits = "import time; time.sleep(600)"
    push("first-on-tpu", waits, machine_shape="TpuV5E8")
    printed = push("second-on-tpu", waits, machine_shape="TpuV5E8")
    assert printed == "Kernel push error: Maximum batch TPU session count of 1 reached.\n"


def test_invalid_sources_are_told_and_the_push_goes_on(push):
    printed = push("lost-sources", "print(1)", dataset_sources=["alice/not-there"])
    assert "not valid dataset sources" in printed
    assert "alice/not-there" in printed
    assert "Kernel version 1 successfully pushed" in printed


def test_quota(command):
    printed = command("quota")
    assert "30.00h" in printed
    assert "20.00h" in printed


def test_competitions_files(command):
    printed = command("competitions", "files", TOY.slug)
    assert "sample_submission.csv" in printed
    assert "test/flower5.txt" in printed
    page = command("competitions", "files", TOY.slug, "--page-size", "2")
    assert "Next Page Token" in page


def test_competitions_download(command, folder):
    command("competitions", "download", TOY.slug, "-p", folder / "all")
    with zipfile.ZipFile(folder / "all" / f"{TOY.slug}.zip") as archive:
        assert archive.read("test/flower1.txt") == b"flower1"
        assert len(archive.namelist()) == len(IDS) + 2
    command("competitions", "download", TOY.slug, "-f", "train.csv", "-p", folder / "one")
    assert (folder / "one" / "train.csv").read_text() == "id,label\nseen,1\n"


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


def test_datasets(command, folder):
    assert command("datasets", "status", "alice/some-data").strip() == "ready"
    assert "deep/table.csv" in command("datasets", "files", "alice/some-data")
    command("datasets", "download", "alice/some-data", "-p", folder / "data", "--unzip")
    assert (folder / "data" / "deep" / "table.csv").read_text() == "a,b\n"


def test_a_token_is_taken_as_well(environment, folder, finished):
    """A token wins over a key, and is asked about first."""
    line = [str(KAGGLE), "kernels", "list", "--mine"]
    with_token = {**environment, "KAGGLE_API_TOKEN": "token"}
    answer = subprocess.run(
        line, cwd=folder, env=with_token, capture_output=True, text=True, timeout=60
    )
    assert finished in answer.stdout, answer.stderr


@pytest.fixture(scope="module")
def hub(environment, kaggle, folder):
    def run(code: str) -> list[str]:
        """The lines that ``code`` prints with kagglehub imported, pointed by its own variable."""
        head = f"""
import kagglesdk.kaggle_env as env
env._env_to_endpoint[env.KaggleEnv.LOCAL] = {kaggle.url!r}
import os, kagglehub
"""
        own = {name: value for name, value in environment.items() if name != "HTTP_PROXY"}
        answer = subprocess.run(
            [sys.executable, "-c", head + code],
            cwd=folder,
            env=own,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()

    return run


def test_kagglehub_competition_download(hub):
    lines = hub(
        f"""
path = kagglehub.competition_download({TOY.slug!r})
print(path)
print(sorted(os.listdir(path)))
print(open(kagglehub.competition_download({TOY.slug!r}, "test/flower2.txt")).read())
"""
    )
    assert "/kagglehub/competitions/" in lines[0]
    assert lines[1:] == ["['sample_submission.csv', 'test', 'train.csv']", "flower2"]


def test_kagglehub_notebook_output_download(hub, finished):
    lines = hub(
        f"""
print(sorted(os.listdir(kagglehub.notebook_output_download({finished!r}))))
print(open(kagglehub.notebook_output_download("{finished}/versions/1", "deep/figure.txt")).read())
"""
    )
    assert lines == ["['deep', 'submission.csv']", "figure"]


def test_kagglehub_utility_script_install(hub, finished):
    lines = hub(
        """
kagglehub.utility_script_install("alice/shared-code")
import shared_module
print(shared_module.ANSWER)
"""
    )
    assert lines == ["42"]


def test_kagglehub_dataset_and_model_download(hub):
    lines = hub(
        """
path = kagglehub.dataset_download("alice/some-data")
print(open(os.path.join(path, "deep", "table.csv")).read().strip())
print(os.listdir(kagglehub.model_download("google/some-model/tensorFlow2/small")))
"""
    )
    assert lines == ["a,b", "['weights.txt']"]

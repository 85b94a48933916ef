"""What is pushed: metadata that is always written, shared code that is found and checked."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from competitions import find_competition
from kernels.__main__ import main
from kernels.bundle.build import build_bundles, collect_shared, write_bundle
from kernels.bundle.rendering import render_script, render_utility
from kernels.kaggle.paths import inside, unzip
from kernels.plan.planned import plan_kernels
from kernels.plan.request import Request


def bundles(owner: str = "alice", nonce: str = "n1", **changes: object) -> dict:
    competition = find_competition("tiny")
    request = Request(competition, ("left", "right"), **changes)  # type: ignore[arg-type]
    built = build_bundles(competition, plan_kernels(request), owner, nonce)
    return {bundle.kernel.name: bundle for bundle in built}


def test_the_metadata_says_always_what_kaggle_would_guess() -> None:
    for name, bundle in bundles().items():
        assert bundle.metadata["is_private"] is True
        assert bundle.metadata["enable_internet"] is (name in ("left", "right"))
        assert "docker_image" not in bundle.metadata
    left = bundles()["left"].metadata
    assert left["machine_shape"] == "TpuV5E8"  # the first that a script names, or the first known
    assert (left["enable_gpu"], left["enable_tpu"]) == (False, True)
    assert left["kernel_sources"] == ["alice/tinycommon"]
    assert left["competition_sources"] == ["tiny-digits"]
    gpu = bundles(accelerator="gpu")["left"].metadata
    assert gpu["machine_shape"] == "NvidiaTeslaT4"
    assert (gpu["enable_gpu"], gpu["enable_tpu"]) == (True, False)
    assert "machine_shape" not in bundles(accelerator="cpu")["left"].metadata
    assert bundles()["shared"].metadata["keywords"] == ["utility script"]
    assert bundles()["ensemble"].metadata["kernel_sources"] == [
        "alice/tinycommon",
        "alice/tiny-left",
        "alice/tiny-right",
    ]


@pytest.mark.parametrize(
    ("source", "field"),
    [("alice/keras-weights", "dataset_sources"), ("a/b/keras/v1/2", "model_sources")],
)
def test_weights_come_from_a_data_set_or_a_model(source: str, field: str) -> None:
    built = bundles(internet=False, weights_source=source)
    assert built["left"].metadata[field] == [source]
    assert built["left"].metadata["enable_internet"] is False
    assert built["ensemble"].metadata[field] == []


def test_the_same_script_with_other_parameters_is_another_kernel() -> None:
    competition = find_competition("tiny")
    kernels = plan_kernels(Request(competition, ("left",), folds=2))
    built = {b.kernel.name: b for b in build_bundles(competition, kernels, "alice", "n")}
    assert built["left-fold0"].metadata["id"] == "alice/tiny-left-fold0"
    assert "    fold=1,  # instead of 0\n" in built["left-fold1"].text
    assert "alice/tiny-left-fold1" in built["ensemble"].text


def test_titles_resolve_to_their_slugs() -> None:
    from slugify import slugify

    for bundle in bundles().values():
        assert f"alice/{slugify(bundle.metadata['title'])}" == bundle.metadata["id"]
        assert len(bundle.metadata["title"]) >= 5


def test_parameters_stand_in_one_visible_line() -> None:
    text = bundles(seed=5)["left"].text
    lines = [line for line in text.splitlines() if line.startswith("PARAMETERS")]
    assert len(lines) == 1
    values = ast.literal_eval(lines[0].split("=", 1)[1].strip())
    assert (values["seed"], values["nonce"]) == (5, "n1")
    assert values["shared_hash"] == collect_shared(find_competition("tiny")).hash


def test_awkward_sources_survive_the_utility_script(tmp_path: Path) -> None:
    texts = {
        "common/a.py": 'x = """quotes"""\n',
        "common/b.py": "x = '''three'''\n",
        "common/c.py": "x = 'back\\\\slash \\n'\n",
        "common/d.py": "x = 'é'",
        "common/e.py": "",
    }
    namespace: dict = {"__name__": "imported"}
    exec(render_utility(texts, "title").text({}), namespace)
    assert namespace["FILES"] == texts


def run_script(folder: Path, script: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "KAGGLE_CACHE_MOUNT_FOLDER": str(folder / "kaggle" / "input"),
        "HOME": str(folder),
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
    }
    working = folder / "working"
    working.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, str(script)], cwd=working, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("place", ["notebooks/alice/tinycommon", "tinycommon"])
def test_a_kernel_finds_the_shared_code_and_refuses_a_stale_one(tmp_path: Path, place: str) -> None:
    built = bundles()
    mount = tmp_path / "kaggle" / "usr" / "lib" / place
    mount.mkdir(parents=True)
    utility = write_bundle(built["shared"], tmp_path / "shared") / "tinycommon.py"
    done = subprocess.run([sys.executable, str(utility)], cwd=mount, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    script = write_bundle(built["left"], tmp_path / "left") / "tiny_left.py"
    found = run_script(tmp_path, script)
    # It got as far as looking for the competition's data: the shared code was imported.
    assert found.stderr.startswith("error: the data of competition tiny-digits")
    (mount / "common" / "errors.py").write_text("# another one\n")
    stale = run_script(tmp_path, script)
    assert "is not the one this kernel was built with" in stale.stderr.splitlines()[-1]


def test_shared_code_that_is_nowhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    script = write_bundle(bundles()["left"], tmp_path / "left") / "tiny_left.py"
    last = run_script(tmp_path, script).stderr.splitlines()[-1]
    assert last.startswith("ImportError: the shared code alice/tinycommon is not mounted")
    assert "usr/lib/notebooks/alice/tinycommon" in last


@pytest.mark.parametrize(
    "secret",
    ["_".join(("KGAT", "0123456789abcdef")), "{'username': 'a', \"key\": '" + "0f" * 16 + "'}"],
)
def test_a_bundle_with_a_credential_is_refused(secret: str) -> None:
    with pytest.raises(
        UserError, match="kernel left: its text holds a Kaggle credential"
    ) as caught:
        bundles(settings={"misbehave": secret})
    assert secret not in str(caught.value)


def test_the_users_own_key_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "my-own-secret-key")
    with pytest.raises(UserError, match="holds a Kaggle credential"):
        bundles(settings={"misbehave": "my-own-secret-key"})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "RECIPE: dict = dict()\n",
            "left.py: a kernel script needs the line PARAMETERS: dict = {}",
        ),
        ("PARAMETERS: dict = {}\n", "needs the line RECIPE: dict = dict"),
        ("RECIPE = {}\nPARAMETERS: dict = {}\n", "RECIPE must be a dict.* and stand first"),
        ("PARAMETERS: dict = {}\nRECIPE = dict()\n", "RECIPE must be a dict.* and stand first"),
    ],
)
def test_a_script_without_its_two_lines_is_refused(source: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        render_script(source, bundles()["left"].kernel, None)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..\\x", "C:/x", ""])
def test_names_that_lead_out_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="points outside"):
        inside(tmp_path, name)
    assert inside(tmp_path, "a/b.txt") == tmp_path / "a" / "b.txt"


def test_an_archive_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr("../evil.txt", "x")
    with pytest.raises(UserError, match=r"\.\./evil.txt"):
        unzip(tmp_path / "bad.zip", tmp_path / "out")
    assert not (tmp_path / "evil.txt").exists()
    assert not (tmp_path / "out").exists()


def test_build_takes_what_submit_takes(tmp_path: Path) -> None:
    options = ["--dry-run", "--set", "epochs=3", "--seed", "5", "--blend", "greedy"]
    where = ["--owner", "alice", "--out", str(tmp_path)]
    assert main(["build", "petals", "--model", "xception", *where, *options]) == 0
    text = (tmp_path / "petals-xception" / "petals_xception.py").read_text()
    line = next(line for line in text.splitlines() if line.startswith("PARAMETERS"))
    values = ast.literal_eval(line.split("=", 1)[1].strip())
    assert (values["seed"], values["accelerator"]) == (5, "cpu")
    assert "    epochs=3,  # instead of 25\n" in text
    assert "    miniature=True,  # instead of False\n" in text
    assert (
        'method="greedy",  # instead of "mean"\n'
        in (tmp_path / "petals-ensemble" / "petals_ensemble.py").read_text()
    )


def test_build_writes_folders_that_kaggle_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "petals", "--owner", "alice", "--out", str(tmp_path)]) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "petals-densenet201",
        "petals-efficientnetb7",
        "petals-ensemble",
        "petalscommon",
    ]
    for folder in tmp_path.iterdir():
        metadata = json.loads((folder / "kernel-metadata.json").read_text())
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            ["kernel-metadata.json", metadata["code_file"]]
        )
        compile((folder / metadata["code_file"]).read_text(), metadata["code_file"], "exec")

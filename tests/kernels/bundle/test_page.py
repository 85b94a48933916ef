"""What is pushed: metadata, and a page whose recipe is the one that runs, first and once."""

import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from common import secrets
from common.errors import UserError
from common.shared_code import source_hash
from kernels.__main__ import main
from kernels.bundle import code, rendering
from kernels.bundle.build import MACHINE_SHAPES, with_nonces
from kernels.bundle.pushed import attach
from kernels.bundle.rendering import page_text, render_script, render_utility
from kernels.plan.find import find_competition, kernel_scripts
from kernels.plan.request import model_scripts
from support.every_kernel import KERNELS, NAMES
from support.planned import bundles, planned

WAYS: dict[str, dict] = {
    "as it stands": {},
    "small": {"dry_run": True, "settings": {"tta": "3"}},
    "rehearsed": {"rehearse": True, "full_size": True},
    "embedded": {"embed": True},
}


def everything(name: str, **options: Any) -> list[Any]:
    """Every kernel of a competition, of as many runs as its models split the data in ways.

    A model that predicts other rows than the others has a run of its own.
    """
    competition, by_split = find_competition(name), defaultdict(list)
    for model in model_scripts(competition):
        kernel = KERNELS[f"{name}/{model}"]
        split = getattr(kernel.recipe, "split", "") if kernel.blends else model
        by_split[split].append(model)
    audit = "audit" in kernel_scripts(competition)
    runs = [bundles(name, models=tuple(one), audit=audit, **options) for one in by_split.values()]
    return [bundle for run in runs for bundle in run.values()]


def head(text: str) -> tuple[dict, dict]:
    """RECIPE and PARAMETERS, which come before anything is imported."""
    named: dict = {}
    exec(re.split("^# (The shared code|What this machine)", text, flags=re.M)[0], named)
    return named["RECIPE"], named["PARAMETERS"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_page_begins_with_the_recipe_that_runs(name: str, way: str) -> None:
    for bundle in everything(name, **WAYS[way]):
        kernel, text = bundle.kernel, bundle.text
        assert text.count(bundle.parameters.shared_hash) == 1
        docstring, recipe, line, *_ = ast.parse(text).body
        if kernel.declared is None:
            continue
        lines = text.splitlines()
        space, first = lines[docstring.end_lineno or 0 : recipe.lineno][:2]
        assert (space, first.partition("(")[0]) == ("", "RECIPE: dict = dict")
        assert lines[line.lineno - 1].startswith("PARAMETERS: dict = {")
        runs, published = asdict(kernel.recipe), asdict(kernel.declared.recipe)
        written, _ = head(text)
        assert type(kernel.recipe)(**written) == kernel.recipe, kernel.name
        for field, value in runs.items():
            if value != published[field]:
                assert written[field] == value
                assert f"# instead of {rendering._spelled(published[field])}" in text
        assert ("print(surroundings(" in text) is (way == "rehearsed")
        if way != "embedded":  # what brings the shared code is short
            call = lines.index('attach(PARAMETERS["shared"], PARAMETERS["shared_hash"])')
            begin = next(n for n, line in enumerate(lines) if line.startswith("# The shared code"))
            assert 0 < call - begin < 45


SOURCE = '''"""A page — with an odd\x0cline."""

RECIPE: dict = dict(
    sharpness=1.0,  # „wie“ 1.0
    epochs=2, misbehave="",  # two on a line
)
PARAMETERS: dict = {}

x = 1
'''
PAGE = '''"""A page — with an odd\x0cline."""

RECIPE: dict = dict(
    sessions=3,  # instead of 1
    sharpness=2.5,  # instead of 1.0
    epochs=7, misbehave="say \\"ö\\"",  # instead of ""
)
PARAMETERS: dict = {'seed': 1}

# The shared code'''


def test_values_are_written_where_the_old_ones_stand() -> None:
    left = planned("tiny", "left")["left"]
    changes = {"sharpness": 2.5, "epochs": 7, "misbehave": 'say "ö"', "sessions": 3}
    changed = replace(left, recipe=replace(left.recipe, **changes))
    text = page_text(render_script(SOURCE, changed, None), {"seed": 1})
    assert text.startswith(PAGE)
    assert text.endswith("\n\nx = 1\n")
    assert head(text)[0] == changes
    for recipe in (
        "dict()",
        "dict(epochs=1)",
        'dict(epochs=1,\n    misbehave=""  # none\n)',
        'dict(\n    epochs=(\n        2\n    ),\n    misbehave=""  # none\n)',
    ):
        source = f"RECIPE: dict = {recipe}\nPARAMETERS: dict = {{}}\n"
        text = page_text(render_script(source, changed, None), {})
        assert head(text)[0] == changes, text
        assert "# none" not in text


def test_nonces_are_written_into_the_same_page() -> None:
    ensemble = bundles("tiny")["ensemble"]
    nonces = {name: f"n-{name}" for name in ensemble.parameters.sources}
    assert set(nonces) == set(find_competition("tiny").ensemble)
    pushed = with_nonces(ensemble, "n-7", nonces, resume=True)
    assert pushed.parameters.source_nonces == nonces
    assert pushed.parameters.resume == "alice/tiny-ensemble"
    assert pushed.metadata["kernel_sources"][-1] == "alice/tiny-ensemble"
    both = zip(ensemble.text.splitlines(), pushed.text.splitlines(), strict=True)
    assert [a.startswith("PARAMETERS") for a, b in both if a != b] == [True]


def test_the_metadata_says_always_what_kaggle_would_guess() -> None:
    built = bundles("tiny", folds=2)
    for name, bundle in built.items():
        assert bundle.metadata["is_private"] is True
        assert bundle.metadata["enable_internet"] is (name not in ("shared", "ensemble"))
        # On a TPU an image would put the kernel on the CPU's. Kaggle takes any name of a shape,
        # and gives something else for one that it has retired.
        assert "docker_image" not in bundle.metadata
    assert set(MACHINE_SHAPES.values()) == {"", "NvidiaTeslaT4", "TpuV5E8"}
    assert built["shared"].metadata["keywords"] == ["utility script"]
    left, ensemble = built["left-fold1"].metadata, built["ensemble"].metadata
    assert left["id"] == "alice/tiny-left-fold1"
    assert left["kernel_sources"] == ["alice/tinycommon"]
    assert left["competition_sources"] == ["tiny-digits"]
    members = [f"alice/tiny-{name}-fold{n}" for name in ("left", "right") for n in (0, 1)]
    assert ensemble["kernel_sources"] == ["alice/tinycommon", *members]


@pytest.mark.parametrize(
    ("changes", "metadata"),
    [
        ({}, {"machine_shape": "TpuV5E8", "enable_gpu": False, "enable_tpu": True}),
        ({"accelerator": "gpu"}, {"machine_shape": "NvidiaTeslaT4", "enable_gpu": True}),
        ({"accelerator": "cpu"}, {"machine_shape": None, "enable_gpu": False}),
        ({"weights_source": "alice/nets", "internet": False},
         {"dataset_sources": ["alice/nets"], "model_sources": [], "enable_internet": False}),
        ({"weights_source": "a/b/keras/v1/2"},
         {"dataset_sources": [], "model_sources": ["a/b/keras/v1/2"], "enable_internet": True}),
    ],
)  # fmt: skip
def test_what_a_kernel_asks_for(changes: dict, metadata: Mapping) -> None:
    built = bundles("tiny", **changes)
    assert {key: built["left"].metadata.get(key) for key in metadata} == metadata
    assert built["ensemble"].metadata["dataset_sources"] == []


def test_awkward_sources_survive_the_utility_script() -> None:
    texts = {
        "common/a.py": 'x = """quotes"""\n',
        "common/b.py": "x = '''three'''\n",
        "common/c.py": "x = 'back\\\\slash \\n'\n",
        "common/d.py": "x = 'é'",
        "common/e.py": "",
    }
    namespace: dict = {"__name__": "imported"}
    exec(page_text(render_utility(texts, "title"), {}), namespace)
    assert namespace["FILES"] == texts


@pytest.mark.parametrize(
    "place", ["lib/some-code", "lib/some_code", "lib/notebooks/alice/some-code", "hub"]
)
def test_the_code_that_is_found_is_hashed_as_the_kernels_hash_it(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kagglehub

    root = tmp_path / "usr" / place
    for name in ("common/b.py", "common/a/__init__.py", "common/a-b.py", "competitions/x.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"# {name}\n")
    (root / "common" / "other.txt").write_text("of no matter")
    hub = mock.Mock(return_value=root)
    monkeypatch.setattr(kagglehub, "utility_script_install", hub)
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "input"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    attach("alice/some_code", source_hash(root))
    assert sys.path[0] == str(root)
    assert hub.called is (place == "hub")  # what is not mounted is asked of kagglehub
    wanted = "is not the one this kernel was built with"
    with pytest.raises(ImportError, match=rf"{root} .* there, 0000 wanted\) {wanted}"):
        attach("alice/some_code", "0000")


def test_code_that_is_nowhere_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kagglehub

    monkeypatch.setattr(kagglehub, "utility_script_install", mock.Mock(side_effect=OSError("off")))
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path / "input"))
    mount = tmp_path / "usr" / "lib" / "notebooks" / "alice" / "some_code"
    mount.mkdir(parents=True)
    with pytest.raises(ImportError, match=f"alice/some_code is not mounted; .*{mount}.*; saw"):
        attach("alice/some_code", "0000")


def test_a_recipe_that_cannot_be_is_one_line_where_it_runs(tmp_path: Path) -> None:
    """Who changes a number on Kaggle's page gets no traceback for it."""
    page = bundles("petals", embed=True)["densenet201"].text
    script = tmp_path / "script.py"
    script.write_text(page.replace("epochs=25,", "epochs=0,"), encoding="utf-8")
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "error: setting epochs=0: it must be from 1 to 9,999\n"


@pytest.mark.parametrize(
    "secret",
    [
        "_".join(("KGAT", "0123456789abcdef")),
        "{'username': 'a', \"key\": '" + "0f" * 16 + "'}",
        "my-own-secret-key",
    ],
)
def test_a_bundle_with_a_credential_is_refused(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_known", {})
    secrets.learn_secrets({"KAGGLE_KEY": "my-own-secret-key"})
    said = "kernel left: its text has (a Kaggle credential|the secret of KAGGLE_KEY) in it"
    with pytest.raises(UserError, match=said) as caught:
        bundles("tiny", settings={"misbehave": secret})
    assert secret not in str(caught.value)


def test_build_writes_folders_that_kaggle_takes(tmp_path: Path) -> None:
    options = ["--dry-run", "--set", "epochs=3", "--seed", "5", "--blend", "greedy"]
    assert main(["build", "petals", "--owner", "alice", "--out", str(tmp_path), *options]) == 0
    texts = {}
    for folder in tmp_path.iterdir():
        code = json.loads((folder / "kernel-metadata.json").read_text())["code_file"]
        assert {path.name for path in folder.iterdir()} == {"kernel-metadata.json", code}
        texts[folder.name] = (folder / code).read_text()
    members = find_competition("petals").ensemble
    assert texts.keys() == {"petalscommon", "petals-ensemble", *(f"petals-{m}" for m in members)}
    assert head(texts["petals-ensemble"])[0]["method"] == "greedy"
    recipe, parameters = head(texts[f"petals-{members[0]}"])
    assert (recipe["epochs"], recipe["miniature"]) == (3, True)
    assert (parameters["seed"], parameters["accelerator"]) == (5, "cpu")


@pytest.mark.parametrize(
    ("remote", "link"),
    [
        ("https://github.com/alice/flowers.git", "https://github.com/alice/flowers"),
        ("https://alice:token@github.com/alice/flowers", "https://github.com/alice/flowers"),
        ("git@github.com:alice/flowers.git", "https://github.com/alice/flowers"),
        ("ssh://git@gitlab.com/alice/more/flowers.git", "https://gitlab.com/alice/more/flowers"),
        ("/srv/flowers.git", ""),
        ("file:///srv/flowers", ""),
        ("", ""),
    ],
)
def test_the_repository_is_linked_without_credentials(
    remote: str, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "_git", lambda *_: remote)
    monkeypatch.setattr(rendering, "repository_link", code.repository_link.__wrapped__)
    docstring = ast.get_docstring(ast.parse(bundles("petals")["ensemble"].text)) or ""
    assert ("with its documentation: " in docstring) is bool(link)
    assert link in docstring

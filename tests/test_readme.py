"""The README's example of a competition, followed to the letter on pictures in its layout."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from support import tiny, warm

pytestmark = pytest.mark.slow
README = (tiny.ROOT / "README.md").read_text("utf-8")
SECTION = README.split("## Add a competition")[1].split("\n## ")[0]
COMPETITIONS = (tiny.ROOT / "docs" / "competitions.md").read_text("utf-8")
NAMES = ("__init__", "data", "efficientnetlite0", "ensemble", "neighbours")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose ``competitions`` has the example's folder and nothing else that is new."""
    root = tmp_path_factory.mktemp("clone")
    for name in ("common", "kernels", "competitions"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(tiny.ROOT / name, root / name, ignore=ignored)
    shutil.copyfile(tiny.ROOT / "submit.py", root / "submit.py")
    folder = root / "competitions" / "leaf_spots"
    folder.mkdir()
    framework = COMPETITIONS.split("### A kernel in another framework")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", SECTION + framework, re.DOTALL)
    assert len(blocks) == len(NAMES)
    for name, block in zip(NAMES, blocks, strict=True):
        (folder / f"{name}.py").write_text(block, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Leaves whose spots differ in colour, a quarter of them for test."""
    root, random = tmp_path_factory.mktemp("leaves"), np.random.default_rng(0)
    colours = {"blight": (40, 60, 70), "healthy": (40, 120, 40), "rust": (30, 80, 190)}
    rows = []
    for number in range(120):
        label = list(colours)[number % 3]
        picture = random.integers(0, 60, (60, 72, 3), np.uint8)
        for _ in range(6):
            centre = tuple(int(place) for place in random.integers(8, 52, 2))
            cv2.circle(picture, centre, 7, colours[label], -1)
        part = "test" if number >= 90 else "train"
        (root / part).mkdir(exist_ok=True)
        cv2.imwrite(str(root / part / f"leaf{number}.jpg"), picture)
        rows.append((f"leaf{number}", label))
    table = pd.DataFrame(rows, columns=["image_id", "label"])
    table[:90].to_csv(root / "train.csv", index=False)
    table[90:].assign(label="healthy").to_csv(root / "sample_submission.csv", index=False)
    solution = root.parent / "answers.csv"
    usage = ["Public", "Private"] * 15
    table[90:].assign(Usage=usage).to_csv(solution, index=False)
    return root, solution


def submit(clone: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    return warm.run(clone / "submit.py", list(map(str, arguments)), environment, clone)


def test_the_example_is_planned_and_runs_to_its_score(
    clone: Path, data: tuple[Path, Path], tmp_path: Path
) -> None:
    own = ("--data", data[0], "--solution", data[1])
    planned = submit(clone, "leaves", "--ensemble", "--dry-run", "--plan")
    assert planned.returncode == 0, planned.stderr
    assert "leaves-efficientnetlite0" in planned.stdout
    done = submit(
        clone,
        *("leaves", "--model", "efficientnetlite0", "--model", "neighbours", "--dry-run", "--json"),
        *("--blend", "weighted", *own, "--run-dir", tmp_path / "run"),
        *("--set", "resamples=20"),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "looking for copies: 0/" not in done.stderr  # only what takes long is shown
    split = pd.read_csv(tmp_path / "run/outputs/efficientnetlite0/split.csv")
    assert split.part.value_counts(normalize=True)["val"] == pytest.approx(0.2, abs=0.05)
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(result["blend"]["members"]) == {"efficientnetlite0", "neighbours"}
    sent = pd.read_csv(result["submission"])
    true = pd.read_csv(data[1])
    both = sent.merge(true, on="image_id")
    public = both[both["Usage"] == "Public"]
    assert result["public_score"] == pytest.approx((public.label_x == public.label_y).mean())
    assert result["public_score"] > 0.8


def test_the_kinds_that_the_readme_names_are_there() -> None:
    from common import forms
    from common.metrics.metric import find_metric
    from common.tasks import classification, multilabel, number, pairs

    table = COMPETITIONS.split("| what is predicted |")[1].split("\n\n")[0]
    tasks = {**vars(classification), **vars(multilabel), **vars(number), **vars(pairs)}
    for name in re.findall(r"`(\w+)\(", table):
        assert name in tasks or hasattr(forms, name), name
    for name in re.findall(r"`([a-z_0-9@]+)`", table):
        if name not in ("task", "metric", "submission"):
            find_metric(name)


def test_a_broken_picture_is_refused_before_anything_is_pushed(
    clone: Path, data: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copytree(data[0], tmp_path / "mine")
    (tmp_path / "mine" / "train" / "leaf7.jpg").write_text("<html>Sign in</html>")
    own = ("--data", tmp_path / "mine", "--solution", data[1], "--run-dir", tmp_path / "run")
    done = submit(clone, "leaves", "--ensemble", "--dry-run", *own)
    assert done.returncode == 1
    picture = tmp_path / "mine" / "train" / "leaf7.jpg"
    said = (
        f"error: {picture} has no readable picture (no picture: a web page): fetch the file "
        "again, or leave it out in the competition's data.py"
    )
    assert done.stderr.splitlines()[-1] == said
    assert not (tmp_path / "run").exists()

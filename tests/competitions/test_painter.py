"""The README's command on Painter by Numbers, with generated paintings."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from common.files.vectors import load_vectors
from common.metrics.verification import roc_auc
from common.pairs.scored import load_scored_pairs
from support import tiny

pytestmark = pytest.mark.slow
SMALL = ("image_size=16", "crop_margin=2", "epochs=2", "batch_size=24", "resamples=20")
MEMBERS = ("triplets", "classes")


def command(folder: Path) -> list[object]:
    models = [word for name in MEMBERS for word in ("--model", name)]
    settings = [word for setting in SMALL for word in ("--set", setting)]
    options = ("--dry-run", "--blend", "weighted", "--json", "--run-dir", folder)
    return ["painter", *models, *settings, *options]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of the whole dry run, which several tests look at."""
    return tiny.last_json(tiny.submit(*command(tmp_path_factory.mktemp("painter") / "run")))


@pytest.fixture
def outputs(painter: dict) -> Path:
    return Path(painter["run_dir"]) / "outputs"


@pytest.fixture
def scores(painter: dict, outputs: Path) -> dict[str, float]:
    found = rows(outputs / "ensemble" / "submission.csv")
    assert list(found[0]) == ["index", "sameArtist"]
    return {row["index"]: float(row["sameArtist"]) for row in found}


def pairs(painter: dict) -> list[dict[str, str]]:
    return rows(Path(painter["run_dir"]) / "data" / "painter-by-numbers" / "submission_info.csv")


def test_every_pair_is_in_the_submission_once(
    painter: dict, outputs: Path, scores: dict[str, float]
) -> None:
    wanted = [row["index"] for row in pairs(painter)]
    assert list(scores) == wanted
    assert len(rows(outputs / "ensemble" / "submission.csv")) == len(wanted)
    assert 0 <= min(scores.values()) < max(scores.values()) <= 1


def test_the_score_is_the_submissions(painter: dict, scores: dict[str, float]) -> None:
    hidden = rows(Path(painter["run_dir"]) / "data" / "solution.csv")
    for part in ("public", "private"):
        known = [row for row in hidden if row["Usage"] == part.title()]
        same = np.array([row["sameArtist"] == "1" for row in known])
        wanted = roc_auc(same, np.array([scores[row["index"]] for row in known]))
        assert painter[f"{part}_score"] == pytest.approx(wanted, abs=1e-5)
        assert wanted > 0.5
    assert (painter["state"], painter["submissions"]) == ("complete", 1)


def test_pictures_that_cannot_be_read_are_scored_by_the_prior(
    painter: dict, outputs: Path, scores: dict[str, float]
) -> None:
    broken = {
        row["file"] for row in rows(outputs / "prepare" / "broken.csv") if row["part"] == "test"
    }
    assert broken
    share = json.loads((outputs / "ensemble" / "metrics.json").read_text())["same_share"]
    hit = {row["index"]: bool({row["image1"], row["image2"]} & broken) for row in pairs(painter)}
    of_broken = [value for index, value in scores.items() if hit[index]]
    assert of_broken
    np.testing.assert_allclose(of_broken, share, rtol=1e-6)
    assert len({value for index, value in scores.items() if not hit[index]}) > 1000


def test_the_blend_is_of_both_members_and_no_worse_than_either(
    painter: dict, outputs: Path
) -> None:
    metrics = json.loads((outputs / "ensemble" / "metrics.json").read_text())
    assert set(metrics["weights"]) == {"triplets/embedding", "classes/classes"}
    assert sum(metrics["weights"].values()) == pytest.approx(1)
    assert painter["blend"]["method"] == "weighted"
    alone = {member["name"]: member["validation_score"] for member in painter["members"]}
    assert metrics["members"] == pytest.approx(alone)
    assert metrics["validation_score"] >= max(alone.values()) - 1e-9
    assert None not in (metrics["validation_seen"], metrics["validation_unseen"])


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_leaves_its_vectors_and_its_history(outputs: Path, name: str) -> None:
    found = load_vectors(outputs / name, name)
    channel = "embedding" if name == "triplets" else "classes"
    assert list(found.test) == [channel]
    assert 0 < found.validation_seen.sum() < len(found.validation_seen)
    history = rows(outputs / name / "history.csv")
    assert [row["epoch"] for row in history] == ["1", "2"]
    for column in ("val_auc", "val_auc_seen", "val_auc_unseen"):
        assert all(0 <= float(row[column]) <= 1 for row in history)


def test_the_report_has_the_scored_pairs(painter: dict, outputs: Path) -> None:
    found = load_scored_pairs(outputs / "ensemble")
    assert found is not None
    metrics = json.loads((outputs / "ensemble" / "metrics.json").read_text())
    counted = found.parts["all"]
    score = roc_auc(found.same[counted], found.probabilities[counted])
    assert score == pytest.approx(metrics["validation_score"], abs=1e-5)
    assert Path(painter["report"]).is_file()


def test_the_same_command_again_runs_nothing(painter: dict) -> None:
    folder = Path(painter["run_dir"])
    kernels = folder / "kaggle" / "kernels"
    before = sorted(path.relative_to(kernels) for path in kernels.glob("*/*/v*"))
    assert len(before) == 5  # the shared code, prepare, two members, the ensemble
    done = tiny.submit(*command(folder))
    again = tiny.last_json(done)
    assert again == painter
    assert "RUNNING" not in done.stderr
    assert sorted(path.relative_to(kernels) for path in kernels.glob("*/*/v*")) == before

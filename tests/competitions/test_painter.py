"""The README's command on Painter by Numbers, with generated paintings."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from common.files.features import load_features
from common.files.predictions import load_vectors
from common.pairs.validation import channel_auc
from competitions.painter_by_numbers import submodel, supermodel
from support import tiny

pytestmark = pytest.mark.slow
SMALL = ("image_size=16", "crop_margin=2", "epochs=2", "batch_size=24", "resamples=20", "parts=2")
# Members and their channels; the super-model is a head on the vectors of the submodel's two parts.
MEMBERS = {"triplets": "embedding", "classes": "classes", "supermodel": "embedding"}


def command(folder: Path) -> list[object]:
    models = [word for name in MEMBERS for word in ("--model", name)]
    settings = [word for setting in SMALL for word in ("--set", setting)]
    options = ("--dry-run", "--blend", "weighted", "--json", "--run-dir", folder)
    return ["painter", *models, *settings, *options]


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The JSON of the whole dry run, which several tests look at."""
    folder = tmp_path_factory.mktemp("painter") / "run"
    return tiny.last_json(tiny.submit(*command(folder), keras=True))


@pytest.fixture
def outputs(painter: dict) -> Path:
    return Path(painter["run_dir"]) / "outputs"


@pytest.fixture
def metrics(outputs: Path) -> dict:
    """The ensemble's."""
    return dict(json.loads((outputs / "ensemble" / "metrics.json").read_text()))


@pytest.fixture
def pairs(painter: dict, outputs: Path) -> pd.DataFrame:
    """Every pair that was asked for, its hidden answer, and its score in the submission."""
    data = Path(painter["run_dir"]) / "data"
    asked = pd.read_csv(data / "painter-by-numbers" / "submission_info.csv", index_col="index")
    hidden = pd.read_csv(data / "solution.csv", index_col="index")
    sent = pd.read_csv(outputs / "ensemble" / "submission.csv", index_col="index")
    assert list(sent) == ["sameArtist"]
    assert sent.index.tolist() == asked.index.tolist()
    return asked.join(hidden).join(sent["sameArtist"].rename("score"))


def test_the_score_is_the_submissions(painter: dict, pairs: pd.DataFrame) -> None:
    assert 0 <= pairs["score"].min() < pairs["score"].max() <= 1
    for part, rows in pairs.groupby("Usage"):
        wanted = roc_auc_score(rows["sameArtist"], rows["score"])
        assert painter[f"{str(part).lower()}_score"] == pytest.approx(wanted, abs=1e-5)
        assert wanted > 0.5
    assert (painter["state"], painter["submissions"]) == ("complete", 1)
    assert Path(painter["report"]).is_file()


def test_pictures_that_cannot_be_read_are_scored_by_the_prior(
    outputs: Path, pairs: pd.DataFrame, metrics: dict
) -> None:
    broken = pd.read_csv(outputs / "prepare" / "broken.csv")
    unread = pairs[["image1", "image2"]].isin(set(broken["file"][broken["part"] == "test"]))
    hit = unread.any(axis=1)
    assert hit.any()
    np.testing.assert_allclose(pairs["score"][hit], metrics["same_share"], rtol=1e-6)
    assert pairs["score"][~hit].nunique() > 1000


def test_the_blend_is_of_all_members_and_no_worse_than_either(painter: dict, metrics: dict) -> None:
    assert set(metrics["weights"]) == {f"{name}/{channel}" for name, channel in MEMBERS.items()}
    assert sum(metrics["weights"].values()) == pytest.approx(1)
    assert painter["blend"]["method"] == "weighted"
    alone = {member["name"]: member["validation_score"] for member in painter["members"]}
    assert metrics["members"] == pytest.approx(alone)
    assert metrics["validation_score"] >= max(alone.values()) - 1e-9
    assert None not in (metrics["validation_seen"], metrics["validation_unseen"])


@pytest.mark.parametrize(("name", "channel"), MEMBERS.items())
def test_a_member_leaves_its_vectors_and_its_history(
    outputs: Path, name: str, channel: str
) -> None:
    found = load_vectors(outputs / name, name)
    assert list(found.test) == [channel]
    assert 0 < found.validation_seen.sum() < len(found.validation_seen)
    history = pd.read_csv(outputs / name / "history.csv")
    assert history["epoch"].tolist() == [1, 2]
    assert history[["val_auc", "val_auc_seen", "val_auc_unseen"]].stack().between(0, 1).all()


def test_a_part_of_the_submodel_writes_the_vectors_of_all_artists(outputs: Path) -> None:
    parts = [outputs / f"submodel-part{part}" for part in range(2)]
    ids, labels, rows = load_features(parts[0], "part 0")
    assert rows.shape == (len(ids), submodel.KERNEL.dry_run["embedding"])
    assert len(np.unique(labels)) > 12, "not of the part's artists alone"
    recipes = [json.loads((part / "manifest.json").read_text())["recipe"] for part in parts]
    assert [recipe["part"] for recipe in recipes] == [0, 1]


def test_the_score_of_a_head_is_that_of_its_vectors(outputs: Path) -> None:
    found = load_vectors(outputs / "supermodel", "supermodel")
    width = supermodel.KERNEL.dry_run["embedding"]
    assert found.validation["embedding"].shape == (len(found.validation_ids), width)
    metrics = json.loads((outputs / "supermodel" / "metrics.json").read_text())
    assert metrics["validation_score"] == channel_auc(found)["embedding"]["all"]


def test_the_same_command_again_runs_nothing(painter: dict) -> None:
    folder = Path(painter["run_dir"])
    kernels = folder / "kaggle" / "kernels"
    before = sorted(kernels.glob("*/*/v*"))
    assert len(before) == 8  # the shared code, prepare, two parts, three members, the ensemble
    done = tiny.submit(*command(folder))
    assert tiny.last_json(done) == painter
    assert "RUNNING" not in done.stderr
    assert sorted(kernels.glob("*/*/v*")) == before

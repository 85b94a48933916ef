"""All folds of a logistic head in one kernel: what a kernel for each of them would predict."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.blending.members import join_folds, kernels_of_models, read_recipes
from common.errors import UserError
from common.files.predictions import load_predictions, split_folder
from common.manifest import read_manifest
from common.parameters import Parameters
from common.recipe import override
from common.training import logistic
from kernels.plan.planned import PlannedKernel
from support import small_classifier
from support.planned import planned

pytestmark = pytest.mark.slow
Train = Callable[..., str]
SETTINGS: dict[str, Any] = {"folds": 3, "repeats": 2, "head": "logistic"}
FROZEN = replace(
    small_classifier.KERNEL,
    recipe=replace(
        small_classifier.RECIPE,
        **{"backbone": "EfficientNetLite0", "weights": "imagenet", "freeze_backbone": True},
        **{"image_size": 32, "crop_margin": 0, "tta": 2},
    ),
    build_model=None,
)


def test_one_kernel_gives_what_a_kernel_for_each_fold_gives(
    train: Train,
    inputs: Path,
    output_of_small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    monkeypatch.setattr(logistic, "CS", (30.0,))  # a fold by itself would choose its own
    said = train(FROZEN, tmp_path / "all", settings={**SETTINGS, "fold": "none"}, nonce="n1")
    assert said.count("stage=features of=train pictures=33/33 view=") == 2
    assert "stage=training c=30 fold=6/6" in said
    train(FROZEN, tmp_path / "one", settings={**SETTINGS, "fold": 4}, nonce="n1")
    mine, alone = (load_predictions(tmp_path / at, at) for at in ("all/fold4", "one"))
    assert mine.validation_ids.tolist() == alone.validation_ids.tolist()
    assert mine.test_ids.tolist() == alone.test_ids.tolist()
    for part in ("validation", "test"):
        np.testing.assert_allclose(getattr(mine, part), getattr(alone, part), atol=1e-4)
    # What the kernel predicts itself is out of fold, each picture once.
    folds = {f"{n}": load_predictions(tmp_path / f"all/fold{n}", f"{n}") for n in range(6)}
    joined = join_folds(folds, 2)
    own = load_predictions(tmp_path / "all", "all")
    assert own.validation_ids.tolist() == joined.validation_ids.tolist()
    assert len({*own.validation_ids.tolist()}) == 33
    np.testing.assert_allclose(own.validation, joined.validation, atol=1e-6)
    # A sweep scores each split by itself.
    for number in (0, 1):
        split = load_predictions(split_folder(tmp_path / "all", number), "all")
        alone = join_folds({n: folds[n] for n in list(folds)[3 * number : 3 * number + 3]})
        assert split.validation_ids.tolist() == alone.validation_ids.tolist()
        np.testing.assert_allclose(split.validation, alone.validation, atol=1e-6)
        assert split.test.shape == (0, own.test.shape[1])
    with open(tmp_path / "all" / "split.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["part"] for row in rows} == {"val"}
    assert Counter(row["fold"] for row in rows) == dict.fromkeys("012345", 11)
    manifest = read_manifest(tmp_path / "all", "small", "n1")
    assert manifest["validation"].endswith("and 5 more folds")
    assert "fold*/*" in manifest["stays"]
    assert "the head's C is 30, the lowest that is tried: a lower" in " ".join(manifest["warnings"])
    network = json.loads((tmp_path / "all" / "small.network.json").read_text())
    assert network["trained_on"] == "train and validation"
    # The ensemble sees six kernels of one model.
    output_of_small.symlink_to(tmp_path / "all")
    read = read_recipes(Parameters("ensemble", sources={"small": "alice/small"}))
    folders, recipes = read
    assert [path.name for path in folders.values()] == [f"fold{n}" for n in range(6)]
    names = tuple(f"small-fold{n}" for n in range(6))
    assert kernels_of_models(recipes) == {"small": names}


def test_folds_are_planned_as_one_kernel_where_they_share_features() -> None:
    def folds_of(model: str, **settings: Any) -> dict[str, PlannedKernel]:
        return planned("petals", model, folds=3, repeats=2, settings=settings)

    one = folds_of("efficientnetlite0")
    assert list(one) == ["shared", "efficientnetlite0", "ensemble"]
    recipe = one["efficientnetlite0"].recipe
    assert (recipe.folds, recipe.repeats, recipe.fold) == (3, 2, None)
    assert one["ensemble"].sources == ("shared", "efficientnetlite0")
    for settings in ({"head": "dense"}, {"freeze_backbone": "no"}):
        several = folds_of("efficientnetlite0", **settings)
        assert list(several)[1:-1] == [f"efficientnetlite0-fold{n}" for n in range(6)]
    with pytest.raises(UserError, match="--set fold: each kernel has its own"):
        folds_of("efficientnetlite0", fold="none")
    with pytest.raises(UserError, match="setting fold=none: all folds in one kernel need folds, h"):
        override(FROZEN.recipe, {"folds": 3, "fold": "none", "head": "dense"})
    with pytest.raises(UserError, match="setting fold=none"):
        override(FROZEN.recipe, {"fold": "none", "head": "logistic"})

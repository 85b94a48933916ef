"""What a training says of what its network looks at: of its own predictions, by its own weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.accelerator import Accelerator
from common.data.batches import evaluated
from common.data.pictures import Pictures
from common.data.squares import Square
from common.files.grad_cam import Explained, load_explained
from common.files.predictions import load_predictions
from common.manifest import read_manifest
from common.networks.grad_cam import grad_cam, last_map
from common.recipe import override
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades
from common.training.explaining import (
    explain,
    hits_and_mistakes,
    in_words,
    most_varied,
    overlaid,
    small_jpeg,
)
from support import small_classifier

Train = Callable[..., str]
KERNEL = small_classifier.KERNEL
FROZEN = replace(
    KERNEL,
    recipe=replace(
        KERNEL.recipe,
        **{"backbone": "EfficientNetLite0", "weights": "imagenet", "freeze_backbone": True},
        **{"image_size": 96, "crop_margin": 0, "tta": 2},
    ),
    build_model=None,
)
CPU = Accelerator("cpu", "cpu", 1, "CPU", "tensorflow", "float32")


def of_predictions(folder: Path, name: str = "small") -> list[Explained]:
    """What a kernel has explained, compared with what it has predicted."""
    rows, found = load_explained(folder), load_predictions(folder, name)
    places = {id_: row for row, id_ in enumerate(found.validation_ids.tolist())}
    hits, mistakes = hits_and_mistakes(found.validation_labels, found.validation)
    assert [places[row.id] for row in rows] == [*hits.tolist(), *mistakes.tolist()]
    for row in rows:
        own = found.validation[places[row.id]]
        assert row.label == found.validation_labels[places[row.id]]
        assert (row.predicted, row.probability) == (own.argmax(), pytest.approx(own.max()))
        assert (row.true_map != b"") is (row.label != row.predicted)
    return rows


def pixels(jpeg: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded[..., ::-1], np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "settings"),
    [
        (KERNEL, {}),
        (FROZEN, {"head": "logistic"}),
        (FROZEN, {"head_layers": "dense 5, dropout 0.2, flatten", "epochs": 2}),
    ],
)
def test_the_maps_are_of_the_network_that_has_predicted_validation(
    train: Train, inputs: Path, tmp_path: Path, kernel: Any, settings: dict, monkeypatch: Any
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    train(kernel, tmp_path, settings={**settings, "refit": False}, nonce="n1")
    rows = of_predictions(tmp_path)
    files = read_manifest(tmp_path, "small", "n1")["files"]
    assert {"grad_cam.npz", "grad_cam.png", "feature_maps.png"} < set(files)
    recipe = override(kernel.recipe, settings)
    network = kernel.network(recipe)
    network.load_weights(tmp_path / "small.weights.h5")
    _, validation, _ = small_classifier.load(0, None)  # type: ignore[arg-type]
    size = recipe.image_size + recipe.crop_margin
    part = Pictures(validation, size, "none", Square.of(recipe))
    ids, others = validation.ids.tolist(), list[float]()
    for row in rows:
        seen = evaluated(part, recipe, ids.index(row.id))
        assert row.picture == small_jpeg(seen)
        three = np.stack([seen] * 3)
        maps, _ = grad_cam(network, last_map(network), three, np.arange(3))
        drawn = [pixels(small_jpeg(overlaid(seen, one))) for one in maps]
        for number, jpeg in ((row.predicted, row.map), (row.label, row.true_map)):
            if jpeg:
                off = [np.abs(pixels(jpeg) - one).mean() for one in drawn]
                assert off[number] < 1
                others += [one for n, one in enumerate(off) if n != number]
    assert max(others) > 3


@pytest.mark.slow
def test_a_refit_does_not_change_what_is_explained(train: Train, tmp_path: Path) -> None:
    for name, refit in (("with", True), ("without", False)):
        train(KERNEL, tmp_path / name, settings={"refit": refit})
    one, other = (of_predictions(tmp_path / name) for name in ("with", "without"))
    assert one == other


@pytest.mark.slow
def test_of_folds_in_one_kernel_the_first_is_explained(
    train: Train, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    settings = {"folds": 3, "fold": "none", "head": "logistic"}
    train(FROZEN, tmp_path, settings=settings)
    (tmp_path / "fold0/grad_cam.npz").write_bytes((tmp_path / "grad_cam.npz").read_bytes())
    assert of_predictions(tmp_path / "fold0")


def test_only_one_class_of_several_is_explained_and_only_where_there_are_maps() -> None:
    import keras
    from keras import layers

    class Two(list[int]):
        rows_of = ()

    pictures: Any = Two([0, 1])
    inputs = layers.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    maps = keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))
    none = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(inputs)))
    classes, even = ("a", "b", "c"), np.full((2, 3), 1 / 3)
    for task, network, accelerator in (
        (MultiLabel(classes), maps, CPU),
        (Grades(classes), maps, CPU),
        (Classification(classes), none, CPU),
        (Classification(classes), maps, replace(CPU, processes=2)),
    ):
        warned: list[str] = []
        run: Any = SimpleNamespace(warn=warned.append)
        assert explain(run, accelerator, task, pictures, network, even) == {}
        several = "no Grad-CAM and no feature maps: several processes have trained together"
        assert warned == [several] * (accelerator.processes - 1)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0.4, 1)), max_size=40))
def test_hits_are_of_all_classes_and_mistakes_the_surest(rows: list) -> None:
    labels = np.array([label for label, *_ in rows], int)
    predictions = np.zeros((len(rows), 3))
    for row, (_, guess, sure) in enumerate(rows):
        predictions[row] = (1 - sure) / 2
        predictions[row, guess] = sure
    decided = predictions.argmax(axis=1)
    hits, mistakes = hits_and_mistakes(labels, predictions)
    right, sure = decided == labels, predictions.max(axis=1, initial=0)
    assert right[hits].all()
    assert not right[mistakes].any()
    assert len(hits) == min(6, right.sum())
    assert len(mistakes) == min(6, (~right).sum())
    assert sorted(sure[mistakes], reverse=True) == sorted(sure[~right], reverse=True)[:6]
    counts = np.bincount(labels[hits], minlength=3)
    for label, count in enumerate(counts):
        own = sure[right & (labels == label)]
        assert sorted(sure[hits[labels[hits] == label]]) == sorted(own)[len(own) - count :]
        if count < len(own):  # no other class has more than one more
            assert counts.max() <= count + 1


def test_colours_are_over_what_speaks_for_a_class_alone() -> None:
    picture = np.full((8, 8, 3), 100, np.uint8)
    np.testing.assert_array_equal(overlaid(picture, np.zeros((2, 2), np.float32)), picture)
    half = overlaid(picture, np.array([[1, 0], [1, 0]], np.float32))
    assert half[4, 0, 0] > 150 > 60 > half[4, 0, 2]  # red
    assert np.abs(half[4, 7].astype(int) - 100).max() < 12


def test_channels_that_vary_most_come_first_each_in_its_own_scale() -> None:
    planes = np.random.default_rng(0).normal(size=(1, 5, 5, 4)) * [1, 3, 0, 2]
    found = most_varied(planes, 3)
    assert found.shape == (3, 5, 5)
    assert (found.min(), found.max()) == (0, 1)
    for plane, own in zip(found, (1, 3, 0), strict=True):
        assert np.corrcoef(plane.ravel(), planes[0, ..., own].ravel())[0, 1] > 0.95
    assert not most_varied(np.ones((1, 5, 5, 2))).any()


def test_a_layer_is_said_by_its_kernel_and_the_size_of_its_maps() -> None:
    from keras import layers

    given_ = np.zeros((1, 56, 50, 96))
    assert in_words(layers.Conv2D(96, 3), given_) == "3x3 conv, 56 x 50 x 96"
    assert in_words(layers.DepthwiseConv2D((5, 1)), given_) == "5x1 depthwise conv, 56 x 50 x 96"

"""A frozen network's features are computed once, and its head is trained on them."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from common.data.balance import Balance
from common.data.rows import Rows
from common.errors import UserError
from common.files.predictions import load_predictions
from common.manifest import read_manifest
from common.networks.backbones import build_backbone
from common.networks.classifier import freeze
from common.networks.litert import LiteNetwork
from common.recipe import override
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from common.training.features import below, check_room, head_of, takes_rows
from common.training.logistic import choose_head, choose_heads, cross_entropy, end_of_grid, fit_head
from common.training.stages import predictions_of
from support import legacy_weights, small_classifier

pytestmark = pytest.mark.slow
Train = Callable[..., str]
FROZEN = replace(
    small_classifier.KERNEL,
    recipe=replace(
        small_classifier.RECIPE,
        backbone="EfficientNetLite0",
        weights="imagenet",
        freeze_backbone=True,
        image_size=32,
        crop_margin=0,
        tta=2,
    ),
    build_model=None,
)


@pytest.mark.parametrize("name", ["EfficientNetLite0", "MobileNet"])
def test_litert_gives_what_keras_gives(name: str) -> None:
    import keras

    weights = "imagenet" if name == "EfficientNetLite0" else None
    body = build_backbone(name, weights, 64)
    if not weights:
        legacy_weights.randomise(body)
    model = keras.Model(body.input, keras.layers.GlobalAveragePooling2D()(body.output))
    shape = (6, 64, 64, 3)  # more pictures than it computes at once, and no multiple of them
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    expected = model.predict(pictures.astype("float32"), verbose=0)
    found = LiteNetwork(model)(pictures)
    largest = np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > largest / 100
    np.testing.assert_allclose(found, expected, rtol=0, atol=min(1e-4, 1e-4 * largest))


@pytest.mark.parametrize(
    ("head", "layers"),
    [
        ("logistic", "flatten"),
        ("dense", "average"),
        ("dense", "max, batchnorm, dense 9 tanh, dropout 0.5"),
        ("dense", "dense 6, dropout 0.2, dense 4, flatten"),  # of a map
    ],
)
def test_the_network_predicts_what_its_head_predicted_of_features(
    train: Train,
    inputs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    head: str,
    layers: str,
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(inputs))
    settings = {"head": head, "head_layers": layers, "epochs": 3, "refit_epochs": 2}
    settings["image_size"] = 64  # a map of 2 x 2
    said = train(FROZEN, tmp_path, settings=settings, nonce="n1")
    assert "stage=features of=train pictures=24/24 " in said
    assert "stage=features of=test pictures=7/7 view=2/2" in said
    assert (tmp_path / "history.csv").exists() == (head == "dense")
    assert "training" in read_manifest(tmp_path, "small", "n1")["seconds"]
    predictions = load_predictions(tmp_path, "small")
    network = FROZEN.network(override(FROZEN.recipe, settings))
    network.load_weights(tmp_path / "small.weights.h5")
    _, _, test = small_classifier.load(64, None)  # type: ignore[arg-type]
    from common.data.pictures import Pictures
    from common.data.squares import Square

    pictures = Pictures(test, 64, "none", Square())
    seen = np.stack([pictures[row] for row in range(len(test))]).astype("float32")
    views = [network.predict(one, verbose=0) for one in (seen, seen[:, :, ::-1])]
    np.testing.assert_allclose(predictions.test, np.mean(views, axis=0), atol=1e-4)


@pytest.mark.parametrize("head", ["logistic", "dense"])
def test_a_head_learns_from_augmented_views_that_are_computed_once(
    train: Train, tmp_path: Path, head: str
) -> None:
    asked = {"head": head, "epochs": 2, "refit_epochs": 1, "tta": 1, "horizontal_flip": 1.0}
    said = train(FROZEN, tmp_path / "views", settings={**asked, "augmented_views": 3})
    assert "stage=features of=train pictures=24/24 view=4/4" in said
    assert "of=val pictures=9/9 view=4/4" in said  # for C, and for the refit
    assert "of=test pictures=7/7 a_second" in said  # one view, as it is
    if head == "dense":
        plain = train(FROZEN, tmp_path / "plain", settings={**asked, "horizontal_flip": 0.0})
        assert "view=" not in plain
        ours, theirs = (pd.read_csv(tmp_path / run / "history.csv") for run in ("views", "plain"))
        assert ours["loss"][0] != theirs["loss"][0]


def test_rows_to_learn_from_are_each_picture_and_then_its_augmented_views() -> None:
    views, more = np.arange(8.0).reshape(2, 2, 2), np.arange(8.0, 20.0).reshape(3, 2, 2)
    records = SimpleNamespace(take=lambda rows: None)
    rows = Rows(views, np.array([5, 6]), records, more)
    learnt = rows.learnt
    assert learnt.rows.tolist() == [[0, 1], [2, 3], *more.reshape(-1, 2).tolist()]
    assert learnt.labels.tolist() == [5, 6] * 4
    second = rows.take(np.array([1])).learnt
    assert second.rows.tolist() == [[2, 3], [10, 11], [14, 15], [18, 19]]
    assert second.labels.tolist() == [6] * 4
    assert Rows(views, rows.labels).learnt.rows.tolist() == [[0, 1], [2, 3]]


def test_a_head_on_features_begins_with_the_published_one(
    train: Train, inputs: Path, tmp_path: Path
) -> None:
    plain = {"refit": False, "head": "dense", "tta": 1}
    train(FROZEN, tmp_path / "first", settings={**plain, "epochs": 8, "lr_max": 0.1})
    folder = inputs / "datasets" / "alice" / "frozen"
    folder.mkdir(parents=True)
    for path in (tmp_path / "first").glob("small.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    few = {**plain, "epochs": 1, "lr_max": 1e-9, "weights": "none"}
    said = train(FROZEN, tmp_path / "next", weights_source="alice/frozen", settings=few)
    assert "source=alice/frozen of=small " in said
    ours, theirs = (
        pd.read_csv(tmp_path / run / "history.csv")["val_loss"] for run in ("next", "first")
    )
    assert ours[0] == pytest.approx(theirs.iloc[-1], rel=1e-3)
    assert ours[0] < 0.95 * theirs[0]


def test_a_head_that_is_fitted_anew_has_not_seen_validation(
    train: Train, inputs: Path, tmp_path: Path
) -> None:
    def published(run: str, source: str = "", **settings: Any) -> str:
        """Train, publish what is left, and return the log."""
        said = train(FROZEN, tmp_path / run, weights_source=source, settings=settings)
        folder = inputs / "datasets" / "alice" / run
        folder.mkdir(parents=True)
        for path in (tmp_path / run).glob("small.*"):
            (folder / path.name).write_bytes(path.read_bytes())
        return said

    warning, few = "have learnt from its validation pictures", {"epochs": 1, "tta": 1}
    published("head", head="logistic")
    assert warning not in published("same", "alice/head", head="logistic", refit=False)
    assert warning in published("taken", "alice/head", head="dense", **few)
    whole = {"head": "logistic", "freeze_backbone": False, **few}
    assert warning not in published("whole", "alice/head", **whole)
    assert warning in published("kept", "alice/whole", head="logistic")
    assert warning in published("again", "alice/kept", head="logistic")


@pytest.mark.parametrize("head", ["logistic", "dense"])
def test_a_head_on_features_is_trained_on_classes_of_one_size(
    train: Train, inputs: Path, tmp_path: Path, head: str
) -> None:
    def load(size: int, parameters: Any) -> Any:
        """With half of the pictures of two classes left out."""
        parts, number = small_classifier.load(size, parameters), np.arange(24)
        few = (number % 3 == 0) | (number % 2 == 0)
        return parts[0].take(few), *parts[1:]

    uneven, found = replace(FROZEN, load=load), []
    for how in ("none", "copies", "undersample"):
        settings = {"head": head, "epochs": 2, "refit": False, "balance": how}
        said = train(uneven, tmp_path / how, settings=settings)
        counts = {"none": 0, "copies": 24, "undersample": 12}[how]
        assert (f"stage=balance how={how} pictures={counts} of=16" in said) == (
            head == "dense" and how != "none"
        )
        found.append(load_predictions(tmp_path / how, "small").test)
    assert not np.allclose(found[0], found[1], atol=1e-4)
    assert not np.allclose(found[0], found[2], atol=1e-4)


def test_what_is_dropped_is_dropped_anew_in_each_epoch_of_features(
    train: Train, tmp_path: Path
) -> None:
    settings = {"refit": False, "head": "dense", "epochs": 4, "tta": 1, "lr_max": 1e-9}
    settings["head_layers"] = "average, dropout 0.5"
    said = train(FROZEN, tmp_path, settings=settings)
    assert "stage=features of=train pictures=24/24 " in said
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].nunique() == 4
    assert np.ptp(history["val_loss"]) < 1e-5


@pytest.mark.parametrize(("free", "fits"), [(12_288, True), (12_287, False), (0, True)])
def test_features_take_half_of_the_memory_that_is_free(
    monkeypatch: pytest.MonkeyPatch, free: int, fits: bool
) -> None:
    monkeypatch.setattr("common.training.features.free_memory", lambda: free)
    network = SimpleNamespace(output_shape=(None, 2, 2, 64))  # 1,024 bytes a picture
    said = check_room(network, [1, 2, 3])
    words = "features of 6 pictures take 0.0 GB, and of 0.0 GB that are free they may take half"
    assert said == ("" if fits else words)


def test_features_that_do_not_fit_into_memory_are_computed_in_each_epoch(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.training.feature_training.check_room", lambda *_: "too large")
    settings = {"refit": False, "epochs": 1, "tta": 1, "head_layers": "dense 6, flatten"}
    said = train(FROZEN, tmp_path, settings=settings)
    assert "none='too large: each epoch computes them anew'" in said
    assert "stage=features of=train" not in said
    assert "stage=training epoch=1/1" in said
    refused = train(FROZEN, tmp_path, settings={"head": "logistic"})
    assert refused == "error: too large: take head_layers=average, or a smaller image_size"


def test_more_than_one_layer_to_train_is_trained_as_ever(train: Train, tmp_path: Path) -> None:
    settings = {"epochs": 1, "crop_margin": 0, "refit": False, "weights": "none"}
    frozen = replace(FROZEN, build_model=small_classifier.build_model)
    said = train(frozen, tmp_path, settings=settings)
    assert "stage=features" not in said
    assert "stage=training epoch=1/1" in said
    refused = train(frozen, tmp_path, settings={**settings, "head": "logistic"})
    assert "head=logistic: this network has more to train than its last dense layer" in refused


def test_a_frozen_network_drops_nothing_in_training() -> None:
    body = build_backbone("EfficientNetV2B0", None, 64)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype("float32")
    legacy_weights.randomise(body)
    before = np.asarray(body(pictures, training=True))
    freeze(body)
    in_training, predicted = (np.asarray(body(pictures, training=way)) for way in (True, False))
    np.testing.assert_array_equal(in_training, predicted)
    assert not np.allclose(before, predicted)


def test_a_head_begins_with_the_first_layer_that_learns_or_is_random() -> None:
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    convolution = layers.Conv2D(4, 3)
    maps = layers.Dropout(0.0)(convolution(inputs))
    for on_it, width, number in (
        ([layers.GlobalAveragePooling2D(), layers.Dense(3)], (4,), 1),
        ([layers.Flatten(), layers.Dropout(0.1), layers.Dense(3)], (144,), 2),
        ([layers.Dense(5), layers.GlobalMaxPooling2D(), layers.Dense(3)], (6, 6, 4), 3),
        ([layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)], (6, 6, 4), 3),
    ):
        x = maps
        for layer in on_it:
            x = layer(x)
        network = keras.Model(inputs, x)
        convolution.trainable = True
        assert head_of(network) == []
        convolution.trainable = False
        assert head_of(network) == on_it[-number:]
        assert below(network, on_it[-number]).output_shape[1:] == width
        assert takes_rows(on_it[-1])
    on_it[-1].trainable = on_it[0].trainable = False
    assert head_of(network) == []
    # What is no chain is no head.
    rows = layers.Flatten()(maps)
    both = layers.Add()([layers.Dense(2)(rows), layers.Dense(2)(rows)])
    assert head_of(keras.Model(inputs, layers.Dense(3)(both))) == []
    assert not takes_rows(layers.Conv2D(1, 1))


def rows(
    number: int, classes: int, seed: int, spread: float = 1.5
) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(number) % classes
    centres = np.random.default_rng(0).normal(0, 3, (classes, 6))
    features = centres[labels] + generator.normal(0, spread, (number, 6))
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3])
def test_a_logistic_head_is_scikit_learns(classes: int) -> None:
    features, labels = rows(60, classes, 1)
    task = Classification(("a", "b", "c", "d", "e")[: classes + 1])  # the last has no picture
    head = fit_head(features, labels, task, 2.0, Balance())
    scale = np.sqrt(np.mean(np.square(features).sum(axis=1)))
    model = LogisticRegression(C=2.0, max_iter=1000).fit(features / scale, labels)
    found = head.outputs(features[None], "softmax")
    np.testing.assert_allclose(found[:, :classes], model.predict_proba(features / scale), atol=2e-3)
    assert found[:, classes].max() < 1e-9
    two = head.outputs(np.stack([features, features[::-1]]), "softmax")
    np.testing.assert_allclose(two, (found + found[::-1]) / 2, atol=1e-6)


def test_a_logistic_head_of_labels_is_one_regression_each() -> None:
    features, numbers = rows(60, 3, 1)
    labels = np.stack([numbers == 0, numbers != 1, numbers < 9, numbers > 9], axis=1).astype(int)
    head = fit_head(
        features, labels, MultiLabel(("x", "y", "always", "never")), 100.0, Balance("weights")
    )
    found = head.outputs(features[None], "sigmoid")
    assert np.mean((found > 0.5) == labels) > 0.9
    assert found[:, 2].min() > 0.99
    assert found[:, 3].max() < 0.01


def test_a_logistic_head_has_classes_of_one_size() -> None:
    """Of features that say nothing, a probability is the share of a class."""
    features = np.random.default_rng(0).normal(0, 1, (400, 3)).astype(np.float32)
    labels, task = (np.arange(400) % 5 == 0).astype(int), Classification(("many", "few"))
    drawn = set()
    for how, share in (("none", 0.2), ("weights", 0.5), ("copies", 0.5), ("undersample", 0.5)):
        for seed in (0, 1):
            head = fit_head(features, labels, task, 1.0, Balance(how, seed))
            again = fit_head(features, labels, task, 1.0, Balance(how, seed))
            np.testing.assert_array_equal(head.kernel, again.kernel)
            assert head.outputs(features[None], "softmax")[:, 1].mean() == pytest.approx(
                share, abs=0.03
            )
            drawn.add((how, head.kernel.tobytes()))
    # 80 pictures are repeated 4 times each, whatever the seed; 80 of 320 are drawn by it.
    assert len(drawn) == 5
    weighed, copied = (
        fit_head(features, labels, task, 1e5, Balance(how)) for how in ("weights", "copies")
    )
    np.testing.assert_allclose(weighed.kernel, copied.kernel, rtol=1e-2)


def test_what_a_head_predicts_has_the_groups_of_its_pictures() -> None:
    parts = []
    for name, groups in (("v", np.array(["a", "", "a"])), ("t", None)):
        ids, values = np.array([f"{name}{n}" for n in range(3)]), np.eye(3, dtype=np.float32)
        records = SimpleNamespace(ids=ids, groups=groups, labels=None)
        parts.append((Rows(values[None], np.arange(3), records), values))
    found = predictions_of(*parts[0], *parts[1])
    assert found.validation_groups.tolist() == ["a", "", "a"]
    assert found.validation_ids.tolist() == ["v0", "v1", "v2"]
    assert found.test_groups is None


def test_c_is_the_best_of_validation() -> None:
    (features, labels), (others, known) = rows(40, 3, 1, 9.0), rows(200, 3, 2, 9.0)
    task = Classification(("a", "b", "c"))
    train, validation = Rows(features[None], labels), Rows(others[None], known)
    head, losses = choose_head(train, validation, task, Balance())
    assert losses[head.c] == min(losses.values())
    own = head.outputs(others[None], "softmax")
    assert losses[head.c] == pytest.approx(cross_entropy(task.targets(known), own))
    assert len(losses) < 11, "it goes on after validation has become worse"
    with pytest.raises(UserError, match="head=logistic: the task is number: take head=dense"):
        choose_head(train, validation, Number(0, 2), Balance())


def test_a_c_at_the_end_of_those_tried_is_said() -> None:
    assert (
        end_of_grid(1.0)
        == "the head's C is 1, the lowest that is tried: a lower one may fit better"
    )
    assert end_of_grid(1e5).startswith(
        "the head's C is 100000, the highest that is tried: a higher"
    )
    assert not end_of_grid(30.0)


def test_folds_have_one_c_which_is_the_best_for_all_together() -> None:
    task, parts = Classification(("a", "b", "c")), []
    for seed, noise in enumerate((9.0, 2.0, 1.0)):
        (features, labels), (others, known) = rows(40, 3, 1, noise), rows(20, 3, seed + 2, noise)
        parts.append((Rows(features[None], labels), Rows(others[None], known)))
    heads, losses = choose_heads(parts.__getitem__, 3, task, Balance())
    own = {choose_head(*part, task, Balance())[0].c for part in parts}
    assert len(own) > 1, "each fold would choose another"
    assert {head.c for head in heads} == {min(losses, key=losses.__getitem__)}
    both = zip(heads, parts, strict=True)
    found = np.concatenate([head.outputs(one.views, "softmax") for head, (_, one) in both])
    known = np.concatenate([validation.labels for _, validation in parts])
    best = losses[heads[0].c]
    assert best == pytest.approx(cross_entropy(task.targets(known), found))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"freeze_backbone": False}, "sees new pictures anyway: write augmented_views=0"),
        ({"horizontal_flip": 0}, "nothing augments: set rotation, colour_jitter or others"),
        ({"mixup": 0.2, "head": "dense"}, "mixup mixes pictures of a batch: write 0 for it"),
        ({"balance": "augmented"}, "balance=augmented: features are computed once"),
    ],
)
def test_augmented_views_that_make_no_sense_are_refused(settings: dict, said: str) -> None:
    asked = {"head": "logistic", "augmented_views": 2, "horizontal_flip": 0.5}
    with pytest.raises(UserError, match=said):
        override(FROZEN.recipe, {**asked, **settings})


def test_a_logistic_head_needs_features_that_stay() -> None:
    recipe: Any = FROZEN.recipe
    with pytest.raises(UserError, match=r"=0.5 .* would .* them \(--set h.*=0 --set mixup=0"):
        replace(recipe, head="logistic", horizontal_flip=0.5, mixup=0.2)
    with pytest.raises(UserError, match="balance=augmented: features are computed once"):
        replace(recipe, head="logistic", horizontal_flip=0.5, balance="augmented")


def test_a_network_begins_with_a_logistic_head_and_is_trained_from_there(
    train: Train, tmp_path: Path
) -> None:
    still = {"batchnorm_momentum": 1.0, "lr_max": 1e-9, "epochs": 1, "head": "logistic"}
    said = train(small_classifier.KERNEL, tmp_path, settings=still, nonce="n1")
    losses = [float(loss) for loss in re.findall(r" c=\S+ val_loss=(\S+)", said)]
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["val_loss"][0] == pytest.approx(min(losses), rel=1e-3)
    assert min(losses) < np.log(3) - 0.1, "better than a guess"
    both = history[history["stage"] == "refit"]["accuracy"].iloc[0]
    assert both > 0.7, "the refit's head has seen train and validation"


def test_layers_of_a_frozen_network_are_trained_from_a_logistic_head(
    train: Train, tmp_path: Path
) -> None:
    settings = {"head": "logistic", "unfreeze": "head, head_bn", "batchnorm_momentum": 1.0}
    settings |= {"head_layers": "average, dropout 0.2", "refit": False, "tta": 1, "epochs": 1}
    said = train(FROZEN, tmp_path, settings={**settings, "lr_max": 1e-9})
    losses = [float(loss) for loss in re.findall(r" c=\S+ val_loss=(\S+)", said)]
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["val_loss"][0] == pytest.approx(min(losses), rel=1e-3)


def test_layers_to_unfreeze_that_there_are_not_are_refused_before_data_are_read(
    train: Train, tmp_path: Path
) -> None:
    kernel = replace(FROZEN, load=lambda *_: 1 / 0)
    said = train(kernel, tmp_path, settings={"unfreeze": "block99..", "head": "dense"})
    assert said.startswith("error: setting unfreeze=block99..: efficientnetlite0 has no layer 'bl")


def test_patience_ends_training_with_the_best_weights_and_as_long_a_refit(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from common.training.trainer import Trainer

    losses = [3.0, 1.0, 2.0, 2.0, 0.5]

    def judge(trainer: Any, row: Any) -> float:
        return losses[row["epoch"] - 1]

    monkeypatch.setattr(Trainer, "judge", judge)
    settings = {"epochs": 9, "patience": 2, "refit_epochs": "none", "head": "dense"}
    train(FROZEN, tmp_path, settings=settings)
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history[history.stage == "training"].epoch) == [1, 2, 3, 4]
    assert list(history[history.stage == "refit"].epoch) == [1, 2]

"""The kernels that an ensemble reads: folds or networks of one model become one member again."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.blending.members import join_folds, join_networks, kernels_of_models
from common.errors import UserError
from common.files.predictions import Predictions, Vectors, save_vectors
from common.kernel import KernelRun
from common.pairs.ensemble import read_members
from common.parameters import Parameters
from common.recipes.embedding import NetworksRecipe

LABELS = np.array([0, 0, 1, 1, 2])
VALIDATION = np.array([f"v{n}.jpg" for n in range(5)])
TEST = np.array([f"{n}.jpg" for n in range(4)])


def of(number: int, *which: int, kind: str = "fold") -> dict[str, dict[str, int]]:
    return {f"a-{kind}{one}": {f"{kind}s": number, kind: one} for one in which}


def test_kernels_of_one_model_belong_together() -> None:
    alone = {
        "b": {"epochs": 3, "networks": 1},
        "c": {"folds": 5, "fold": 2},  # one part, asked for with --set
        "d-fold1": {},
        "e-part0": {"parts": 1, "part": 0},
    }
    single = {name: (name,) for name in alone}
    for kind in ("fold", "network"):
        groups = kernels_of_models({**of(2, 1, 0, kind=kind), **alone})
        assert groups == {"a": (f"a-{kind}0", f"a-{kind}1"), **single}
    repeated = {name: {**recipe, "repeats": 2} for name, recipe in of(2, *range(4)).items()}
    assert kernels_of_models(repeated) == {"a": tuple(repeated)}
    del repeated["a-fold1"]
    with pytest.raises(UserError, match="a has 4 folds"):
        kernels_of_models(repeated)


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        (of(3, 0, 2), "a has 3 folds, .* are a-fold0, a-fold2: run them .* the same --folds"),
        (of(3, 0, 2, kind="network"), "a has 3 networks, .*: run them .* the same --set networks"),
        ({**of(2, 0, 1), "a": {}}, "are a-fold0, a-fold1, a: run"),
        ({**of(2, 0), **of(3, 1)}, "a has 3 folds, .* are a-fold0, a-fold1: run"),
    ],
)
def test_a_missing_kernel_of_a_model_is_one_line(recipes: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        kernels_of_models(recipes)


def fold(ids: list[str], test_ids: list[str], seed: int, classes: int = 3) -> Predictions:
    random = np.random.default_rng(seed)
    labels = np.array([int(name[1:]) % classes for name in ids])
    values = random.dirichlet(np.ones(classes), len(ids) + len(test_ids)).astype(np.float32)
    parts = values[: len(ids)], np.array(test_ids), values[len(ids) :]
    return Predictions(np.array(ids), labels, *parts)


def test_folds_are_joined_out_of_fold_and_averaged_on_test() -> None:
    first, second = fold(["v1", "v2"], ["t1", "t2"], 0), fold(["v4", "v3"], ["t2", "t1"], 1)
    joined = join_folds({"a-fold0": first, "a-fold1": second})
    assert joined.validation_ids.tolist() == ["v1", "v2", "v4", "v3"]
    assert joined.validation_labels.tolist() == [1, 2, 1, 0]
    assert np.array_equal(joined.validation[2:], second.validation)
    assert joined.test_ids.tolist() == ["t1", "t2"]
    assert joined.test[0] == pytest.approx((first.test[0] + second.test[1]) / 2)
    assert join_folds({"a": first}) is first


def test_the_groups_of_folds_go_with_their_pictures() -> None:
    first, second = fold(["v1", "v2"], ["t1", "t2"], 0), fold(["v4", "v3"], ["t2", "t1"], 1)
    known = dataclasses.replace(
        first, validation_groups=np.array(["a", "b"]), test_groups=np.array(["", "c"])
    )
    joined = join_folds({"a-fold0": known, "a-fold1": second})
    assert joined.validation_groups.tolist() == ["a", "b", "", ""]
    assert joined.test_groups.tolist() == ["", "c"]
    behind = join_folds({"a-fold1": second, "a-fold0": known})
    assert behind.test_groups.tolist() == ["c", ""], "in the order of the first one's ids"
    neither = join_folds({"a-fold0": first, "a-fold1": second})
    assert neither.validation_groups is neither.test_groups is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (fold(["v3", "v2"], ["t1", "t2"], 1), "a-fold0 and a-fold1 are both validated on v2"),
        (fold(["v3"], ["t1", "t3"], 1), "test ids of a-fold0 .* and a-fold1 .* differ in 2 ids"),
        (fold(["v3"], ["t1", "t2"], 1, 4), "a-fold0 and a-fold1 have a different number of cla"),
    ],
)
def test_folds_that_do_not_fit_together_are_refused(other: Predictions, said: str) -> None:
    with pytest.raises(UserError, match=said):
        join_folds({"a-fold0": fold(["v1", "v2"], ["t1", "t2"], 0), "a-fold1": other})


def test_repeated_folds_are_averaged_over_the_splits() -> None:
    parts = {
        "a-fold0": fold(["v1", "v2"], ["t1", "t2"], 0),
        "a-fold1": fold(["v3", "v4"], ["t1", "t2"], 1),
        "a-fold2": fold(["v4", "v1"], ["t2", "t1"], 2),
        "a-fold3": fold(["v2", "v3"], ["t1", "t2"], 3),
    }
    joined = join_folds(parts, 2)
    assert joined.validation_ids.tolist() == ["v1", "v2", "v3", "v4"]
    assert joined.validation_labels.tolist() == [1, 2, 0, 1]
    once, again = parts["a-fold0"].validation[0], parts["a-fold2"].validation[1]
    assert joined.validation[0] == pytest.approx((once + again) / 2)
    tests = [part.test[int(name == "a-fold2")] for name, part in parts.items()]
    assert joined.test[0] == pytest.approx(np.mean(tests, axis=0))
    with pytest.raises(UserError, match="a-fold0 and a-fold1 are both validated on v1"):
        join_folds({**parts, "a-fold1": fold(["v3", "v1"], ["t1", "t2"], 1)}, 2)
    with pytest.raises(UserError, match="a-fold0 .* and a-fold2 .* differ in 2 ids"):
        join_folds({**parts, "a-fold3": fold(["v2", "v7"], ["t1", "t2"], 3)}, 2)


def network(seed: int, shuffled: bool = False, classes: int = 3) -> Vectors:
    """Unit vectors and probabilities of one network, its rows in an order of its own."""
    random = np.random.default_rng(seed)
    parts = []
    for number in (len(VALIDATION), len(TEST)):
        rows = random.normal(size=(number, 6))
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        channels = {"embedding": unit, "classes": random.dirichlet(np.ones(classes), number)}
        parts.append({name: values.astype(np.float32) for name, values in channels.items()})
    found = Vectors(VALIDATION, LABELS, LABELS < 2, parts[0], TEST, parts[1])
    return found.take(random.permutation(5), random.permutation(4)) if shuffled else found


def scores(rows: np.ndarray) -> np.ndarray:
    return rows.astype(np.float64) @ rows.astype(np.float64).T


@given(st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_score_is_of_mean_probabilities_and_the_mean_of_cosines(number: int, seed: int) -> None:
    plain = [network(seed + n) for n in range(number)]
    mixed = [network(seed + n, shuffled=n > 0) for n in range(number)]
    joined = join_networks((f"a-network{n}", found) for n, found in enumerate(mixed))
    assert joined.validation_ids.tolist() == VALIDATION.tolist()
    assert joined.test_ids.tolist() == TEST.tolist()
    for part in ("validation", "test"):
        rows, alone = getattr(joined, part), [getattr(one, part) for one in plain]
        wanted = np.mean([one["classes"].astype(np.float64) for one in alone], axis=0)
        np.testing.assert_allclose(rows["classes"], wanted, atol=1e-6)
        cosines = np.mean([scores(one["embedding"]) for one in alone], axis=0)
        np.testing.assert_allclose(scores(rows["embedding"]), cosines, atol=1e-6)
        assert {values.dtype for values in rows.values()} == {np.dtype(np.float32)}


def test_networks_that_do_not_fit_together_are_refused() -> None:
    first, other = network(0), network(1)
    few = {part: {"classes": getattr(other, part)["classes"]} for part in ("validation", "test")}
    for wrong, said in (
        (network(1, classes=4), "a-network0 and a-network1 have other channels or classes"),
        (dataclasses.replace(other, **few), "a-network0 and a-network1 have other channels or"),
        (dataclasses.replace(other, test_ids=np.char.add("o", TEST)), "test ids of a-network0"),
    ):
        with pytest.raises(UserError, match=said):
            join_networks([("a-network0", first), ("a-network1", wrong)])


def test_the_ensemble_reads_networks_as_one_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    recipes = {f"classes-network{n}": NetworksRecipe(networks=3, network=n) for n in range(3)}
    for seed, (name, recipe) in enumerate({"triplets": NetworksRecipe(), **recipes}.items()):
        folder = tmp_path / "notebooks" / "alice" / name
        folder.mkdir(parents=True)
        with KernelRun(Parameters(kernel=name), recipe, folder):
            save_vectors(folder, network(seed, shuffled=True), name)
    sources = {name: f"alice/{name}" for name in ("triplets", *recipes, "prepare")}
    members = read_members(Parameters("ensemble", sources=sources), ("prepare",))
    assert list(members) == ["triplets", "classes"]
    assert members["classes"].test_ids.tolist() == members["triplets"].test_ids.tolist()
    assert members["classes"].test["embedding"].shape == (4, 18)

"""Several networks of one model: kernels side by side, and one member of the ensemble."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.files.vectors import Vectors, save_vectors
from common.kernel import KernelRun
from common.manifest import write_json
from common.pairs.ensemble import read_members
from common.pairs.networks import join_networks, network_groups
from common.parameters import Parameters
from common.recipes.embedding import NetworksRecipe
from kernels.kaggle.states import KernelState
from kernels.plan.find import find_competition
from kernels.plan.planned import PlannedKernel, plan_kernels
from kernels.plan.request import Request, choose_models, in_short
from kernels.preflight.show_plan import plan_text
from kernels.results.result import read_result
from kernels.results.terminal import show_history, show_result
from kernels.run.state import open_run

PAINTER = find_competition("painter")
LABELS = np.array([0, 0, 1, 1, 2])
VALIDATION = np.array([f"v{n}.jpg" for n in range(5)])
TEST = np.array([f"{n}.jpg" for n in range(4)])


def network(seed: int, order: bool = False, classes: int = 3) -> Vectors:
    """Unit vectors and probabilities of one network, its rows in an order of its own."""
    generator = np.random.default_rng(seed)
    parts = []
    for number in (len(VALIDATION), len(TEST)):
        rows = generator.normal(size=(number, 6))
        chances = generator.dirichlet(np.ones(classes), number)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        found = {"embedding": unit, "classes": chances}
        parts.append({name: values.astype(np.float32) for name, values in found.items()})
    places = [generator.permutation(n) if order else np.arange(n) for n in (5, 4)]
    validation, test = (
        {name: values[place] for name, values in part.items()}
        for part, place in zip(parts, places, strict=True)
    )
    labels = LABELS[places[0]]
    return Vectors(VALIDATION[places[0]], labels, labels < 2, validation, TEST[places[1]], test)


def scores(rows: np.ndarray) -> np.ndarray:
    return rows.astype(np.float64) @ rows.astype(np.float64).T


@given(st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_score_is_of_mean_probabilities_and_the_mean_of_cosines(number: int, seed: int) -> None:
    plain = [network(seed + n) for n in range(number)]
    mixed = [network(seed + n, order=n > 0) for n in range(number)]
    joined = join_networks((f"a-network{n}", found) for n, found in enumerate(mixed))
    assert joined.validation_ids.tolist() == VALIDATION.tolist()
    assert joined.test_ids.tolist() == TEST.tolist()
    for part in ("validation", "test"):
        rows = getattr(joined, part)
        alone = [getattr(one, part) for one in plain]
        wanted = np.mean([one["classes"].astype(np.float64) for one in alone], axis=0)
        np.testing.assert_allclose(rows["classes"], wanted, atol=1e-6)
        cosines = np.mean([scores(one["embedding"]) for one in alone], axis=0)
        np.testing.assert_allclose(scores(rows["embedding"]), cosines, atol=1e-6)
        assert rows["embedding"].shape[1] == 6 * number
        assert {values.dtype for values in rows.values()} == {np.dtype(np.float32)}


def test_networks_that_do_not_fit_together_are_refused() -> None:
    first, other = network(0), network(1)
    few = dataclasses.replace(
        other, **{p: {"classes": getattr(other, p)["classes"]} for p in ("validation", "test")}
    )
    strange = dataclasses.replace(other, test_ids=np.char.add("o", TEST))
    for wrong, said in (
        (network(1, classes=4), "a-network0 and a-network1 predict 3 and 4 classes"),
        (few, "a-network0 and a-network1 have other channels"),
        (strange, r"test ids of a-network0 \(4\) and a-network1 \(4\) differ"),
    ):
        with pytest.raises(UserError, match=said):
            join_networks([("a-network0", first), ("a-network1", wrong)])


def of(networks: int, *which: int) -> dict[str, dict[str, int]]:
    return {f"a-network{n}": {"networks": networks, "network": n} for n in which}


def test_networks_of_one_model_belong_together() -> None:
    recipes = {**of(2, 1, 0), "a-part0": {"parts": 1, "part": 0}, "b": {"networks": 1}}
    assert network_groups(recipes) == {
        "a": ("a-network0", "a-network1"),
        "a-part0": ("a-part0",),
        "b": ("b",),
    }
    said = "a has 3 networks, .* a-network1 missing: run them all with the same --set networks"
    with pytest.raises(UserError, match=said):
        network_groups(of(3, 0, 2))


def leave(root: Path, name: str, recipe: NetworksRecipe, vectors: Vectors) -> None:
    folder = root / "notebooks" / "alice" / name
    folder.mkdir(parents=True)
    with KernelRun(Parameters(kernel=name), recipe, folder):
        save_vectors(folder, vectors, name)


def test_the_ensemble_reads_networks_as_one_member(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    alone = {f"classes-network{n}": network(n, order=True) for n in range(3)}
    for n, (name, vectors) in enumerate(alone.items()):
        leave(tmp_path, name, NetworksRecipe(networks=3, network=n), vectors)
    leave(tmp_path, "triplets", NetworksRecipe(), network(9))

    def read(*names: str) -> dict[str, Vectors]:
        sources = {name: f"alice/{name}" for name in names}
        return read_members(Parameters("ensemble", sources=sources, internet=False), ("prepare",))

    members = read("triplets", *alone)
    assert list(members) == ["triplets", "classes"]
    assert members["classes"].test_ids.tolist() == TEST.tolist()
    means = np.mean([network(n).test["classes"] for n in range(3)], axis=0)
    np.testing.assert_allclose(members["classes"].test["classes"], means, atol=1e-6)
    with pytest.raises(UserError, match="classes has 3 networks, .* classes-network1 missing"):
        read("triplets", "classes-network0", "classes-network2")


def planned(*models: str, **changes: object) -> dict[str, PlannedKernel]:
    members = choose_models(PAINTER, list(models), not models)
    kernels = plan_kernels(Request(PAINTER, members, **changes))  # type: ignore[arg-type]
    return {kernel.name: kernel for kernel in kernels}


def test_each_network_is_a_kernel_with_a_seed_of_its_own() -> None:
    found = planned("classes", settings={"networks": "3"}, seed=2**32 - 2)
    three = [f"classes-network{n}" for n in range(3)]
    assert list(found) == ["shared", "prepare", *three, "ensemble"]
    assert [found[name].parameters.seed for name in three] == [2**32 - 2, 2**32 - 1, 0]
    assert [found[name].recipe.network for name in three] == [0, 1, 2]
    assert found["ensemble"].sources == ("shared", "prepare", *three)
    assert found["prepare"].parameters.seed == 2**32 - 2
    for one in ({}, {"networks": "0"}, {"networks": "1"}):
        assert list(planned("classes", settings=one)) == [
            "shared", "prepare", "classes", "ensemble"
        ]  # fmt: skip


def test_what_others_read_is_not_multiplied() -> None:
    found = planned(settings={"networks": "2"})
    assert sum(name.startswith("submodel-part") for name in found) == 10
    models = ["triplets", "classes", "margin"]
    assert [name for name in found if "-network" in name] == [
        f"{model}-network{n}" for model in models for n in range(2)
    ]
    assert "supermodel" in found
    assert not hasattr(found["supermodel"].recipe, "networks")
    with pytest.raises(UserError, match="unknown setting 'networks'"):
        planned("submodel", settings={"networks": "2"})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"networks": "101"}, "setting networks=101: it must be from 0 to 100"),
        ({"network": "1"}, "settings networks=0 network=1: they count from 0"),
        ({"networks": "3", "network": "1"}, "--set network: each kernel has its own"),
        ({"networks": "many"}, "setting networks=many is not of its type: it takes int"),
    ],
)
def test_networks_that_cannot_be(asked: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        planned("classes", settings=asked)


def test_a_plan_tells_networks_together() -> None:
    members = choose_models(PAINTER, ["classes"], False)
    request = Request(PAINTER, members, settings={"networks": "18"}, dry_run=True)
    text = plan_text(request, plan_kernels(request), None, {"can": False, "latest": None})
    assert "3-20  painter-classes-network0 to network17" in text
    assert "networks    one of 18\n" in text
    assert in_short([f"a-network{n}" for n in range(3)]) == "a-network0 to network2"


OWN = {"classes-network0": 0.75, "classes-network1": 0.7, "triplets": 0.65}
BLEND = {
    "method": "mean",
    "weights": {"classes/classes": 0.5, "triplets/embedding": 0.5},
    "validation_score": 0.85,
    "members": {"classes": 0.8, "triplets": 0.65},
    "channels": {"classes/classes": {"all": 0.8, "seen": 0.82, "unseen": 0.6}},
}


def test_terminal_and_history_show_the_joined_score_and_each_networks_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(tmp_path / "run", "painter", True)
    for name, score in OWN.items():
        run.set_kernel(name, state=KernelState.COMPLETE, seconds=60.0)
        run.output(name).mkdir(parents=True)
        write_json(run.output(name) / "metrics.json", {"validation_score": score})
        write_json(run.output(name) / "manifest.json", {"accelerator": {"seen": "cpu"}})
    assert "networks" not in read_result(run).blend  # no blend has joined them
    run.output("ensemble").mkdir()
    write_json(run.output("ensemble") / "metrics.json", BLEND)
    result = read_result(run)
    assert result.blend["networks"] == {"classes": dict(list(OWN.items())[:2])}
    assert result.validation_score == 0.85
    lines = [" ".join(line.split()) for line in show_result(result).splitlines()]
    assert "classes validation 0.8000 seen 0.8200 unseen 0.6000 120 s on cpu" in lines
    assert "2 networks: 0.7500, 0.7000" in lines
    assert "triplets validation 0.6500 60 s on cpu" in lines
    assert not any("classes-network" in line for line in lines)
    show_history([result])
    said = capsys.readouterr().out
    assert "classes 0.8000 (2 networks)" in said
    assert "0.7500" not in said
    write_json(run.output("ensemble") / "metrics.json", {"members": {"classes-network0": 0.7}})
    assert "networks" not in read_result(run).blend

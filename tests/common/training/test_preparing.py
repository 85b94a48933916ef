"""Any competition's pictures prepared once: shards, labels of every kind, broken pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from common.competition import Competition
from common.data.images import decode_file
from common.data.layouts import folder_of_pictures, folder_per_class, table
from common.data.pictures import Pictures
from common.data.records import Records, no_records
from common.data.splits import hold_out
from common.data.tables import write_table
from common.errors import UserError
from common.files import prepared
from common.files.prepared import PrepareRecipe, read_broken, read_prepared
from common.forms import LabelColumn, LabelList, NumberColumn
from common.kernel import KernelRun
from common.parameters import Parameters
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Number
from common.training import loading
from common.training.preparing import PrepareKernel

FACTS: dict[str, tuple[Any, str, Any]] = {  # the task, its metric, its form, and a table's cells
    "classes": (Classification(("cat", "dog")), "accuracy", LabelColumn("label")),
    "labels": (MultiLabel(("cat", "dog")), "macro_f1", LabelList("label", "id")),
    "number": (Number(0, 1), "rmse", NumberColumn("label", "id")),
}
CELLS = {"classes": ("cat", "dog"), "labels": ("cat", "cat dog"), "number": ("0.25", "0.75")}
NUMBER = 20


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of a colour each, larger and smaller ones, and their tables."""
    monkeypatch.setattr(loading, "find_sample", lambda facts: None)
    for part, number in (("train", NUMBER), ("test", 6)):
        (tmp_path / part).mkdir()
        for n in range(number):
            colour = np.full((90 - n, 70 + n, 3), 10 * n, np.uint8)
            cv2.imwrite(str(tmp_path / part / f"{n}.png"), colour)
    return tmp_path


def competition(kind: str) -> Competition:
    task, metric, form = FACTS[kind]
    facts: dict[str, Any] = {"name": "made", "slug": "made", "title": "Made", "files": "x"}
    return Competition(**facts, ensemble=(), task=task, metric=metric, submission=form)


def loads(root: Path, kind: str) -> Callable[..., Any]:
    facts = competition(kind)
    rows = [(n, CELLS[kind][n % 2], f"g{n % 5}", f"{n} cm") for n in range(NUMBER)]
    write_table(root / "train.csv", ("id", "label", "who", "a size"), [*rows, (99, *rows[0][1:])])

    def load(size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
        known = table(
            *("train", root / "train.csv", root / "train", "id", "label", facts.task), group="who"
        )
        train, validation = hold_out(known, facts.task, near_duplicates=False)
        return train, validation, folder_of_pictures("test", root / "test", endings=False)

    return load


def kernel(kind: str, load: Callable[..., Any], **settings: Any) -> PrepareKernel:
    recipe = PrepareRecipe(**{"size": 32, "shard_size": 8, **settings})
    return PrepareKernel(competition(kind), recipe, load=load)


def run(one: PrepareKernel, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with KernelRun(Parameters("prepare"), one.recipe, folder) as work:
        one.carry_out(work)


def read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Records, ...]:
    monkeypatch.setattr(prepared, "prepared_folder", lambda parameters, script: folder)
    return read_prepared(Parameters("model"))


@pytest.mark.parametrize("kind", FACTS)
def test_what_was_prepared_is_what_was_there(
    root: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loads(root, kind)
    run(kernel(kind, load), root / "out")
    found, wanted = read(root / "out", monkeypatch), load(32, Parameters("model"))
    for part, original in zip(found, wanted, strict=True):
        assert part.name == original.name
        assert (part.split, part.notes) == (original.split, original.notes)
        assert np.array_equal(part.ids, original.ids)
        columns = [{n: v.tolist() for n, v in one.columns.items()} for one in (part, original)]
        assert columns[0] == columns[1]
        for mine, its in ((part.labels, original.labels), (part.groups, original.groups)):
            assert (mine is None) == (its is None)
            assert mine is None or (mine.dtype, mine.tolist()) == (its.dtype, its.tolist())
        pictures, before = Pictures(part, 32), Pictures(original, 32)
        for row in range(len(part)):
            assert pictures.content(row).startswith(b"\x89PNG")  # nothing of so few is lost
            assert np.array_equal(pictures[row], before[row])
    assert found[0].notes == ("1 of the 21 pictures that train.csv names are not there",)
    assert found[0].columns["a size"][0] == f"{found[0].ids[0]} cm"
    facts = json.loads((root / "out" / "metrics.json").read_text())
    assert facts["pictures"] == {part.name: len(part) for part in found}
    assert facts["broken"] == {}


def test_broken_pictures_are_listed_and_those_of_test_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loads(root, "classes")
    (root / "train" / "3.png").write_bytes(b"<html>")
    run(kernel("classes", load), root / "out")
    parts = read(root / "out", monkeypatch)
    assert sum(map(len, parts[:2])) == NUMBER - 1
    (broken,) = read_broken(root / "out")
    assert (broken.file, broken.reason) == ("3", "no picture: a web page")
    for part in parts[:2]:
        assert part.labels is not None
        wanted = [int(name) % 2 for name in part.ids.tolist()]
        assert part.labels.tolist() == wanted  # of the others, each its own
    (root / "test" / "4.png").write_bytes(b"")
    with pytest.raises(UserError, match="1 pictures of test cannot be read, .*first is 4 .no pict"):
        run(kernel("classes", load), root / "again")
    assert not (root / "again" / "manifest.json").exists()


def test_how_pictures_become_squares_is_the_recipes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = loads(root, "number")
    for settings, border in (({"fit": "pad", "padding": "white"}, 255), ({"fit": "squash"}, 0)):
        run(kernel("number", load, size=80, **settings), root / "out")
        parts = read(root / "out", monkeypatch)
        train = parts[0]
        row = int(train.ids.astype(int).argmin())  # higher than wide
        picture, colour = Pictures(train, 80)[row], 10 * int(train.ids[row])
        assert abs(int(picture[40, 40, 0]) - colour) < 4
        assert abs(int(picture[40, 0, 0]) - (border or colour)) < 4


def test_a_part_that_the_data_do_not_have_stays_empty(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "dog"):
        (root / "all" / name).mkdir(parents=True)
        cv2.imwrite(str(root / "all" / name / "1.jpg"), np.full((40, 40, 3), 99, np.uint8))
    facts = competition("classes")
    known = folder_per_class("train", root / "all", facts.task)
    run(kernel("classes", lambda *_: (known, no_records("val"), no_records("test"))), root / "out")
    train, validation, test = read(root / "out", monkeypatch)
    assert (train.ids.tolist(), len(validation), len(test)) == (["cat/1.jpg", "dog/1.jpg"], 0, 0)
    assert decode_file(Pictures(train, 8).content(0)).shape == (32, 32, 3)

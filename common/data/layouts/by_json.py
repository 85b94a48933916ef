"""JSON in COCO's form, as herbarium and iNaturalist competitions have it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.data.layouts.found import Finder, note, records_at
from common.data.layouts.labels import encoded
from common.data.records import Records
from common.data.tables import find_table, opened_bytes
from common.errors import UserError
from common.inputs import as_given, listing
from common.tasks.task import Task
from common.text import some

_IDS = ("id", "image_id")  # of an image: Herbarium 2022 has the second
_CATEGORIES = ("id", "category_id")
_NAMED = 12  # fields in a message
_NEEDED = {  # the lists, and what each is for
    "images": "it needs a list of them, with id and file_name",
    "annotations": "they say what each image is; for pictures without labels leave out the task",
    "categories": "they have the names of the classes; without them classes are category_ids",
}


def coco(
    name: str,
    path: Path,
    pictures: Path | Sequence[Path],
    task: Task | None = None,
    *,
    group: str | None = None,
) -> Records:
    """Read ``images`` (``id``, ``file_name``), ``annotations`` and ``categories`` of a JSON file.

    It may be in an archive: as ``train.json.zip``, or as the only one of ``train.tar.gz``. A list
    alone is of images.

    Without a ``task`` pictures have no labels. A class is the name of a category, or its id if the
    task's classes are ids or there are no ``categories``. Ids are those of the images. ``group``
    names a field of the images; their other fields of text and numbers are in ``columns``.

    Labelled images without a picture are left out if they are at most half, and so are pictures
    without an annotation; a line of progress says how many there are. Raises UserError for a file
    that is no such JSON, annotations of other images alone, an image with two categories where the
    task has one label, and a category that is no class.
    """
    where, content = as_given(path), _read(path)
    names = map(str, _values(where, content, "images", "file_name"))
    images, ids = content["images"], _values(where, content, "images", *_IDS)
    categories = _annotations(where, content, ids) if task else {}
    finder = Finder([pictures] if isinstance(pictures, Path) else pictures)
    found = finder.find_all(name, list(names), str(where), task is not None)
    there = [row for row, one in enumerate(found) if one]
    rows = [row for row in there if not task or ids[row] in categories]
    if len(rows) < len(there):
        note(name, images_without_annotation=len(there) - len(rows))
    labelled = [(ids[row], categories[ids[row]]) for row in rows] if task else []
    return records_at(
        name,
        [finder[str(found[row])] for row in rows],
        [ids[row] for row in rows],
        _labels(where, content, labelled, task) if task else None,
        _groups(where, images, rows, group) if group else None,
        _columns(images, rows, (*_IDS, "file_name", group)),
    )


def _groups(where: Path, images: list[Any], rows: list[int], group: str) -> list[str]:
    """The group of each image in ``rows``. Raises UserError where no image has one."""
    if not any(group in image for image in images):
        raise UserError(
            f"{where}: its images have no {group}, but {some(images[0], _NAMED)}: look at group= "
            f"of coco(...) in the competition's data.py"
        )
    return [str(images[row].get(group, "")) for row in rows]


def _columns(
    images: list[Any], rows: list[int], skipped: Sequence[str | None]
) -> dict[str, list[str]]:
    """What the images in ``rows`` have besides, of the fields that the first has, as text."""
    plain = [field for field, value in images[0].items() if not isinstance(value, (list, dict))]
    fields = [field for field in plain if field not in skipped]
    return {field: [str(images[row].get(field, "")) for row in rows] for field in fields}


def _read(path: Path) -> dict[str, Any]:
    """The content of a JSON file. Raises UserError for a file that is no JSON."""
    try:
        with opened_bytes(find_table(path.parent, path.name) or path, "json") as file:
            content = json.load(file)
    except FileNotFoundError:
        raise UserError(f"{as_given(path)}: no such file; {listing(path.parent)}") from None
    except (OSError, ValueError, RecursionError) as error:
        line = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(f"{as_given(path)} is no JSON{line}: fetch the file again") from None
    content = {"images": content} if isinstance(content, list) else content
    return content if isinstance(content, dict) else {}


def _values(where: Path, content: dict[str, Any], name: str, *keys: str) -> list[Any]:
    """The text or number that each entry of a list has under the first of ``keys`` that it has.

    Raises UserError.
    """
    entries = content.get(name)
    if not isinstance(entries, list) or not entries:
        others = [key for key in content if key != name]
        has = f", but {some(others, _NAMED)}" if others else ""
        raise UserError(f"{where} has no {name}{has}: {_NEEDED[name]}")
    found = []
    for number, entry in enumerate(entries, 1):
        key = next((key for key in keys if isinstance(entry, dict) and key in entry), None)
        if key is None:
            has = f", but {some(entry, _NAMED)}" if isinstance(entry, dict) and entry else ""
            raise UserError(f"{where}: entry {number} of {name} has no {keys[0]}{has}")
        if not isinstance(entry[key], (str, int, float)):
            said = json.dumps(entry[key])[:40]
            raise UserError(
                f"{where}: entry {number} of {name} has {said} as its {key}: write a text or a "
                f"number"
            )
        found.append(entry[key])
    return found


def _annotations(where: Path, content: dict[str, Any], ids: list[Any]) -> dict[Any, list[Any]]:
    """The categories of each image by its id. Raises UserError where none is among ``ids``."""
    images, categories = (
        _values(where, content, "annotations", key) for key in ("image_id", "category_id")
    )
    found: dict[Any, list[Any]] = {}
    for image, category in zip(images, categories, strict=True):
        found.setdefault(image, []).append(category)
    _check_ids(where, "images", ids, images)
    return found


def _check_ids(where: Path, name: str, ids: list[Any], asked: list[Any]) -> None:
    """Raise UserError where annotations ask for ids, none of which is among those of ``name``."""
    if not asked or not set(ids).isdisjoint(asked):
        return
    kinds = ["text" if isinstance(one, str) else "numbers" for one in (ids[0], asked[0])]
    alike = "others" if kinds[0] == kinds[1] else kinds[1]
    raise UserError(
        f"{where}: none of its {len(asked)} annotations has an id of its {name}: ids are "
        f"{kinds[0]} in {name} (the first is {json.dumps(ids[0])}) and {alike} in annotations "
        f"({json.dumps(asked[0])}): write the same ids in both"
    )


def _names(where: Path, content: dict[str, Any], task: Task) -> dict[Any, str]:
    """The name of each category by its id. Raises UserError where ids cannot be the classes."""
    if not content.get("categories") and all(map(str.isdigit, task.classes)):
        return {}
    ids = _values(where, content, "categories", *_CATEGORIES)
    names = _values(where, content, "categories", "name", "scientificName", *_CATEGORIES)
    return dict(zip(ids, map(str, names), strict=True))


def _labels(
    where: Path, content: dict[str, Any], images: list[tuple[Any, list[Any]]], task: Task
) -> np.ndarray:
    """The labels of images, each with its categories. Raises UserError for one with two."""
    several, separator, names = task.name == "multilabel", "\n", _names(where, content, task)
    asked = [category for _, categories in images for category in categories]
    if names and not any(str(category) in task.classes for category in asked):
        _check_ids(where, "categories", [*names], asked)
    cells = []
    for image, categories in images:
        found: dict[str, None] = {}  # in their order
        for category in categories:
            named = names.get(category, str(category))
            numbered = named not in task.classes and str(category) in task.classes
            found[str(category) if numbered else named] = None
        if len(found) > 1 and not several:
            raise UserError(f"{where}: image {image} is of {' and of '.join(found)}")
        cells.append(separator.join(found))
    return encoded(task, cells, lambda row: f"{where}: image {images[row][0]}", separator)

"""JSON in COCO's form, as herbarium and iNaturalist competitions have it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.data.layouts.found import Finder, note, records_at
from common.data.layouts.labels import encoded
from common.data.records import Records
from common.data.tables import find_table, opened_bytes
from common.errors import UserError
from common.inputs import as_given, listing
from common.tasks.task import Task

_IMAGE = ("id", "file_name")


def coco(
    name: str,
    path: Path,
    pictures: Path | Sequence[Path],
    task: Task | None = None,
    *,
    group: str | None = None,
) -> Records:
    """Read ``images`` (``id``, ``file_name``), ``annotations`` and ``categories`` of a JSON file.

    It may be in an archive: as ``train.json.zip``, or as the only one of ``train.tar.gz``.

    Without a ``task``, or without annotations, pictures have no labels. A class is the name of a
    category, or its id where that is what the task's classes are. Ids are those of the images;
    ``group`` names a field of the images, the other plain ones are in ``columns``.

    Labelled images without a picture, if they are less than half, and pictures without an
    annotation are left out; a line of progress says how many. Raises UserError for what is no such
    JSON, an image with two categories (but of several labels), and a category that is no class.
    """
    content = _read(path)
    labelled = task is not None and bool(content.categories)
    finder = Finder([pictures] if isinstance(pictures, Path) else pictures)
    names = [str(image["file_name"]) for image in content.images]
    found = finder.find_all(name, names, str(as_given(path)), labelled)
    rows = [(image, one) for image, one in zip(content.images, found, strict=True) if one]
    kept = [(i, one) for i, one in rows if not labelled or i["id"] in content.categories]
    if len(kept) < len(rows):
        note(name, images_without_annotation=len(rows) - len(kept))
    first = content.images[0] if content.images else {}
    skipped = (*_IMAGE, group)
    fields = [f for f, v in first.items() if f not in skipped and not isinstance(v, (list, dict))]
    return records_at(
        name,
        [finder[one] for _, one in kept],
        [image["id"] for image, _ in kept],
        _labels(path, content, [i["id"] for i, _ in kept], task) if labelled and task else None,
        [str(image.get(group, "")) for image, _ in kept] if group else None,
        {field: [str(image.get(field, "")) for image, _ in kept] for field in fields},
    )


class _Content(NamedTuple):
    images: list[dict[str, Any]]
    categories: dict[Any, list[Any]]  # of an image's id
    names: dict[Any, str]  # of a category's id


def _read(path: Path) -> _Content:
    try:
        with opened_bytes(find_table(path.parent, path.name) or path, "json") as file:
            content = json.load(file)
        images: list[dict[str, Any]] = content["images"]
        _ = [[image[field] for field in _IMAGE] for image in images]
        categories: dict[Any, list[Any]] = {}
        for one in content.get("annotations", []):
            categories.setdefault(one["image_id"], []).append(one["category_id"])
        listed = content.get("categories", [])
        names = {one["id"]: str(one.get("name", one["id"])) for one in listed}
    except FileNotFoundError:
        raise UserError(f"{as_given(path)}: no such file; {listing(path.parent)}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)[:80]
        raise UserError(
            f"{as_given(path)}: no JSON with images (id, file_name) and annotations (image_id, "
            f"category_id): {said}"
        ) from None
    return _Content(images, categories, names)


def _labels(path: Path, content: _Content, ids: list[Any], task: Task) -> np.ndarray:
    """The labels of images. Raises UserError for one with two categories."""
    several, separator = task.name == "multilabel", "\n"
    cells = []
    for image in ids:
        found: dict[str, None] = {}  # in their order
        for category in content.categories[image]:
            named = content.names.get(category, str(category))
            numbered = named not in task.classes and str(category) in task.classes
            found[str(category) if numbered else named] = None
        if len(found) > 1 and not several:
            raise UserError(f"{as_given(path)}: image {image} is of {' and of '.join(found)}")
        cells.append(separator.join(found))
    return encoded(task, cells, lambda row: f"{as_given(path)}: image {ids[row]}", separator)

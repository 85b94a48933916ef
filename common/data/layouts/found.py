"""Pictures of folders and archives, found by name; records of them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from common.data.archives import below, contents, locate
from common.data.depth import find_bits
from common.data.faults import check_ids, check_places
from common.data.names import file_key, natural, nfc
from common.data.places import Contents, Place, archive_stem
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given, listing
from common.progress import report

_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp")


def is_picture(name: str) -> bool:
    """Return whether a file is a picture by its name's ending."""
    return name.lower().endswith(_ENDINGS)


def without_ending(name: str) -> str:
    """Return a picture's name without its ending."""
    return name.rpartition(".")[0] if is_picture(name) else name


def fields_of(pattern: str, argument: str) -> list[str]:
    """Return the names in braces of a pattern of names, such as ``{patient}/{view:02d}.png``.

    Raises UserError, which names the ``argument`` that has it, where braces do not fit.
    """
    try:
        parts = [part[1:] for part in Formatter().parse(pattern) if part[1] is not None]
    except ValueError:
        parts = [("", "", None)]
    for field, form, conversion in parts:
        if not field or conversion or "{" in (form or ""):
            raise UserError(
                f"{argument}={pattern!r}: its braces do not fit: write names as {{name}}, and "
                f"numbers of six digits as {{name:06d}}"
            )
    return [str(field) for field, _, _ in parts]


class _Filled(Formatter):
    """Fills a pattern in; what has only digits is a number where the pattern has a form for it."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return format(int(value) if format_spec and str(value).isdecimal() else value, format_spec)


def fill(pattern: str, values: Mapping[str, Any], argument: str, where: str) -> str:
    """Return a pattern of names with ``values`` in its braces.

    Raises UserError for one that does not fit, which names the ``argument`` that has the pattern,
    and ``where`` the values are.
    """
    try:
        return _Filled().vformat(pattern, (), values)
    except ValueError:
        given = ", ".join(f"{name}={values[name]!r}" for name in fields_of(pattern, argument))
        raise UserError(
            f"{where}: {argument}={pattern!r} does not fit {given}: write it without what is "
            f"behind the colon, or as a number of six digits as {{name:06d}}"
        ) from None


def note(part: str, **facts: object) -> None:
    """Report what was found in a part of the data and is handled."""
    report("layout", part=part, **facts)


def pictures_in(path: Path, inside: str = "") -> tuple[Path, Contents]:
    """Return where ``path`` is, and its pictures, ``2.jpg`` before ``10.jpg``.

    With ``inside`` those in the folder of this name alone, at any depth, in an archive as well; of
    several the one that is least deep. Raises UserError where there are none.
    """
    where = locate(path)
    found = _listed(where)
    names = sorted(filter(is_picture, found), key=natural)
    if not names:
        deep = next(filter(archive_stem, found), None)
        there = listing(where if inside and where.is_dir() else where.parent)
        there = f"{deep} is an archive in two others: unpack it" if deep else there
        raise UserError(f"{as_given(where)} has no pictures; {there}")
    if inside:
        folders = {name[: at + len(inside) + 1] for name in names if (at := _at(name, inside)) >= 0}
        if not folders:
            raise UserError(
                f"{as_given(where)} has no pictures in a folder {inside}"
                + (f"; {listing(where)}" if where.is_dir() else "")
            )
        chosen = min(folders, key=lambda folder: (folder.count("/"), folder))
        names = [name for name in names if name.startswith(chosen)]
    return where, {name: found[name] for name in names}


def _at(name: str, folder: str) -> int:
    """Where in a path a folder of this name begins; -1 if it has none."""
    return f"/{name}".find(f"/{folder}/")


def _listed(path: Path) -> Contents:
    """The contents of a folder or archive: of 100,000 pictures it takes seconds."""
    report("listing", of=path.name)
    return contents(path)


def common_folder(names: Iterable[str]) -> list[str]:
    """Return the folders that are the beginning of all names."""
    common = []
    for parts in zip(*(name.split("/")[:-1] for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return common


_Names = dict[str, list[str]]  # files by what a table may call them


class Finder:
    """Files of folders and archives by what a table calls them."""

    def __init__(self, paths: Sequence[Path]):
        self.paths = [locate(path) for path in paths]
        self._found: Contents = {}
        self._whole: _Names = {}  # by their own paths, with the folder that was asked for or not
        for path in self.paths:
            stem = nfc(path.name if path.is_dir() else archive_stem(path.name))
            inside = below(stem, _listed(path))
            self._found |= inside
            for name in inside:
                for own in (name, name.removeprefix(f"{stem}/")):
                    _add(self._whole, own, name)
        self.pictures = set(filter(is_picture, self._found))
        self._tails = lru_cache(None)(self._tails_of)

    def __getitem__(self, name: str) -> Place:
        return self._found[name]

    def find(self, name: str) -> str | None:
        """Return the file that a table calls ``name``, or None.

        With its ending or without, and without leading folders of either. Raises UserError where
        two files have the name.
        """
        parts = nfc(name).replace("\\", "/").split("/")
        found = _named(self._tails(len(parts)), "/".join(parts))
        for first in range(1, len(parts)):
            found = found or _named(self._whole, "/".join(parts[first:]))
        if len(found) > 1:
            raise UserError(
                f"{name} may be {found[0]} or {found[1]}: name the folder of the pictures, or the "
                f"column that has their paths"
            )
        return found[0] if found else None

    def find_all(
        self, part: str, names: Sequence[str], source: str, labelled: bool
    ) -> list[str | None]:
        """Return the file that ``find`` finds for each name.

        Of ``labelled`` pictures up to half may be missing: their file is None, and a line of
        progress says how many there are. Otherwise raises UserError, which names the ``source`` of
        the names.
        """
        found = [self.find(one) for one in names]
        missing = [name for name, one in zip(names, found, strict=True) if one is None]
        if missing and (not labelled or 2 * len(missing) > len(names)):
            folders = ", ".join(str(as_given(path)) for path in self.paths)
            there = listing(self.paths[0]) if self.paths[0].is_dir() else ""
            raise UserError(
                f"{source}: {len(missing)} of the {len(names)} pictures that it names are not in "
                f"{folders}, the first is {missing[0]}" + (f"; {there}" if there else "")
            )
        if missing:
            note(part, named_and_missing=len(missing), first=missing[0])
        return found

    def _tails_of(self, depth: int) -> _Names:
        """Files by the last ``depth`` parts of their paths."""
        tails: _Names = {}
        for name in self._found:
            parts = name.split("/")
            if len(parts) >= depth:
                _add(tails, "/".join(parts[-depth:]), name)
        return tails


def _add(names: _Names, known_as: str, name: str) -> None:
    """Add a file under a name, with its ending and, of a picture, without."""
    for key in {file_key(known_as), without_ending(known_as)}:
        files = names.setdefault(key, [])
        if name not in files:
            files.append(name)


def _named(names: _Names, name: str) -> list[str]:
    return names.get(file_key(name)) or names.get(name) or []


def records_at(
    name: str,
    places: Sequence[Place],
    ids: Iterable[Any],
    labels: Any = None,
    groups: Any = None,
    columns: Mapping[str, Any] | None = None,
) -> Records:
    """Return Records of pictures at ``places``.

    Raises UserError for none, an id that comes twice, and a labelled picture with two ids.
    """
    if not places:
        raise UserError(f"{name}: there are no pictures: look at the competition's data.py")
    files: dict[Path, int] = {}
    rows = [(files.setdefault(p.path, len(files)), p.start, p.bytes, p.kind) for p in places]
    texts = {column: np.array(values, np.str_) for column, values in (columns or {}).items()}
    records = Records(
        name,
        tuple(files),
        np.array([nfc(str(one)) for one in ids], np.str_),
        None if labels is None else np.asarray(labels),
        np.array(rows, np.int64),
        None if groups is None else np.array(groups, np.str_),
        columns=texts,
    )
    return find_bits(check_places(check_ids(records)))

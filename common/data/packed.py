"""The files of several folders and archives as one, found by their names alone."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from common.data.archives import contents
from common.data.layouts.found import records_at
from common.data.names import by_key, file_key, natural
from common.data.places import Contents, Place, read
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given


def by_name(path: Path) -> Contents:
    """Return the contents of a folder or archive by the files' own names, without their folders.

    Raises UserError for two files of one name.
    """
    found: Contents = {}
    first: dict[str, str] = {}
    for inside, place in contents(path).items():
        name = PurePosixPath(inside).name
        if name in found:
            both = f"{first[name]} and {inside}"
            raise UserError(f"{as_given(path)}: {both} have the same name: rename one of them")
        found[name], first[name] = place, inside
    return found


class PackedFiles:
    """The files of folders and archives by name, read where they are, in any number of threads.

    Where several of them have a file of one name, the first one's is taken. ``replacements`` is
    another folder or archive, whose files take the place of those of the same name.
    """

    def __init__(self, paths: Sequence[Path], replacements: Path | None = None):
        self._places: Contents = {}
        for path in reversed(paths):
            self._places |= by_name(path)
        self._names = sorted(self._places, key=natural)
        keys = by_key(self._places)
        for name, place in (by_name(replacements) if replacements else {}).items():
            known = name if name in self._places else keys.get(file_key(name), name)
            self._places[known] = place

    def spell(self, names: Iterable[str]) -> None:
        """Rename files to those of ``names`` that differ in spelling alone (``file_key``)."""
        keys, own = by_key(self._places), set(self._names)
        for name in names:
            known = keys.get(file_key(name))
            if known and name not in self._places and known in self._places:
                self._places[name] = self._places.pop(known)
                if known in own:
                    own.remove(known)
                    own.add(name)
        self._names = sorted(own, key=natural)

    def names(self) -> list[str]:
        """Return the names of the files, but for those that only the replacements have."""
        return self._names

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def place(self, name: str) -> Place:
        """Return where a file is, or where its replacement is."""
        return self._places[name]

    def records(self, part: str, names: Sequence[str], labels: Any = None) -> Records:
        """Return Records of the files of these names, which are their ids."""
        return records_at(part, [self._places[name] for name in names], names, labels)

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises ValueError with the reason when they cannot be read."""
        return read(self.place(name))

"""Data sets that clients make: every version a folder that is there whole or not at all.

::

    <owner>/<slug>/v<N>/version.json    what it was made with
    <owner>/<slug>/v<N>/files/

Several local Kaggles may use one folder at a time: that of a dry run is next to the run's, so that
the next dry run finds what this one has published.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.clock import now
from common.manifest import write_json

_MADE = 0.5  # seconds until a version is ready: whoever asks must be ready to ask again


@dataclass(frozen=True)
class DatasetVersion:
    """One version of a data set; ``facts`` are title, description, notes and others."""

    ref: str
    number: int
    files: Path
    facts: Mapping[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it can be used."""
        return abs(now() - float(self.facts["created"])) > _MADE


class PublishedDatasets:
    """The data sets in a folder, which is made when the first one is."""

    def __init__(self, root: Path):
        self.root = root

    def versions(self, ref: str) -> list[DatasetVersion]:
        """The versions of data set ``owner/slug``, oldest first; none for an unknown one."""
        found = []
        for path in (self.root / ref).glob("v*/version.json"):
            facts = json.loads(path.read_text("utf-8"))
            number = int(path.parent.name[1:])
            found.append(DatasetVersion(ref, number, path.parent / "files", facts))
        return sorted(found, key=lambda version: version.number)

    def add(self, ref: str, files: Mapping[str, Path], facts: Mapping[str, Any]) -> int:
        """Move ``files`` (name → path) into a new version of ``owner/slug``; return its number."""
        folder = self.root / ref
        folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder, prefix="partial-"))
        try:
            (partial / "files").mkdir()
            for name, path in files.items():
                shutil.move(path, partial / "files" / name)
            write_json(partial / "version.json", {**facts, "created": now()})
            partial.chmod(0o755)
            number = max((version.number for version in self.versions(ref)), default=0) + 1
            while (folder / f"v{number}").exists():
                number += 1
            os.rename(partial, folder / f"v{number}")
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return number

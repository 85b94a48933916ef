"""What the services of the local Kaggle share: answers, pages, versions, addresses."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from werkzeug.exceptions import abort

from kernels.local.files import archive, find_file
from kernels.local.hosted import HostedCompetition
from kernels.local.session import Sessions
from kernels.local.store import Store, Version, utc
from kernels.local.submissions import Submissions

T = TypeVar("T")
Fields = dict[str, Any]  # of an answer, under kagglesdk's names; objects in it are dicts as well
_PAGE, _LARGEST_PAGE = 20, 200


@dataclass(frozen=True)
class Site:
    """What one local Kaggle has; ``links`` are files by the tokens of their addresses."""

    store: Store
    hosted: Mapping[str, HostedCompetition]
    datasets: Mapping[str, HostedCompetition]
    sessions: Sessions
    submissions: Submissions
    links: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """Answers one call of ``user``, who reached the server at ``host_url`` (it ends in a slash).

    The methods that kagglesdk's ``client`` has, too, are Kaggle's. Each takes kagglesdk's request
    and returns the fields of its answer.
    """

    site: Site
    user: str
    host_url: str
    client: ClassVar[type] = object

    @property
    def store(self) -> Store:
        """The state."""
        return self.site.store

    def start_upload(self, name: str) -> tuple[str, str]:
        """Expect the file ``name``: its token, and the address to PUT it at."""
        token = secrets.token_hex(16)
        (self.store.root / "uploads" / f"{token}.name").write_text(Path(name).name, "utf-8")
        return token, f"{self.host_url}upload/{token}"

    def link(self, path: Path) -> str:
        """An unguessable address of a file, as Kaggle's signed ones; its last part is the name."""
        token = secrets.token_hex(16)
        self.site.links[token] = path
        return f"{self.host_url}download/{token}/{quote(path.name)}"

    def download(self, folder: Path, name: str, zipped: Path, contained: bool = False) -> Fields:
        """Send the client to a file of ``folder``, or without a name to all of them as ``zipped``.

        Answers 404 where there is no such file.
        """
        zipped = self.store.root / "archives" / zipped
        path = find_file(folder, name, contained) if name else archive(folder, zipped, contained)
        if path is None:
            abort(404, f"There is no file {name!r}")
        return {"url": self.link(path)}

    def version(self, ref: str, label: str = "") -> Version:
        """The version of kernel ``owner/slug`` that ``label`` (``v<N>``) names, else the latest.

        Answers 404 for one that is not there, 403 for another user's private kernel.
        """
        versions = self.store.versions(ref)
        mine = ref.startswith(f"{self.user}/")
        if not mine and (not versions or versions[-1].request.is_private):
            abort(403, f"Permission 'kernels.get' was denied for {ref}")
        found = [v for v in versions if not label or label == f"v{v.number}"]
        if not found:
            what = f"version {label!r} of kernel" if versions else "kernel"
            abort(404, f"Could not find {what} {ref}")
        return found[-1]


def paged(name: str, items: Sequence[T], request: Any, fields: Callable[[T], Fields]) -> Fields:
    """The page of ``items`` that a request asks for as the field ``name``, and the next's token."""
    try:
        start = int(request.page_token or 0)
    except ValueError:
        abort(400, f"Invalid page token {request.page_token!r}")
    end = start + min(request.page_size or _PAGE, _LARGEST_PAGE)
    page = [fields(item) for item in items[start:end]]
    return {name: page, "next_page_token": str(end) if end < len(items) else ""}


def listed_file(folder: Path, name: str) -> Fields:
    """A data file with its size and date."""
    facts = (folder / name).stat()
    dated = {"total_bytes": facts.st_size, "creation_date": utc(facts.st_mtime)}
    return {"ref": name, "name": name, **dated}


def fill(kind: Any, fields: Fields) -> Any:
    """An object of kagglesdk's type ``kind``. Raises AttributeError for a field it has not."""
    filled, kinds = kind(), {known.field_name: known.field_type for known in kind._fields}
    for name, value in fields.items():
        if isinstance(value, dict):
            value = fill(kinds[name], value)
        elif isinstance(value, list):
            value = [fill(kinds[name], one) if isinstance(one, dict) else one for one in value]
        setattr(filled, name, value)
    return filled

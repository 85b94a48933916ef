"""What a kernel finds below ``/kaggle``: its inputs and its utility scripts, read-only.

A mount is a real folder whose files are links to the originals, so that a large data set takes
no room. Layout ``2026`` has the kind and the owner in the path; ``2025`` the slug alone.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest

from kernels.local.files import list_files
from kernels.local.store import Store

LAYOUTS = ("2026", "2025")


def mount_inputs(
    store: Store,
    data: dict[str, Path],
    request: ApiSaveKernelRequest,
    kaggle: Path,
    layout: str,
) -> None:
    """Mount the sources of ``request`` below ``kaggle``, a session's ``/kaggle``.

    ``data`` has the folder of each competition by slug. A source kernel gives the output of its
    last complete version, and an empty folder when it has none.
    """
    (kaggle / "input").mkdir(parents=True, exist_ok=True)
    for place, source in _mounts(store, data, request, layout):
        _link_folder(source, kaggle / place)
    for place, output in _outputs(store, request, layout):
        _link_folder(output, kaggle / place, contained=True)
    set_writable(kaggle, False)


def set_writable(kaggle: Path, writable: bool) -> None:
    """Lock the mounts' folders (mode 0555), or unlock them so that they can be deleted."""
    for root in (kaggle / "input", kaggle / "usr"):
        for parent, _, _ in os.walk(root):
            os.chmod(parent, 0o755 if writable else 0o555)


def _mounts(
    store: Store, data: dict[str, Path], request: ApiSaveKernelRequest, layout: str
) -> Iterator[tuple[str, Path | None]]:
    flat = layout == "2025"
    for slug in _unique(request.competition_data_sources):
        yield (f"input/{slug}" if flat else f"input/competitions/{slug}"), data.get(slug)
    for source in _unique(request.dataset_data_sources):
        slug = source.split("/")[1]
        yield (f"input/{slug}" if flat else f"input/datasets/{source}"), store.dataset(source)
    for source in _unique(request.model_data_sources):
        name = source.partition("/")[2]
        yield (f"input/{name}" if flat else f"input/models/{source}"), store.model(source)


def _outputs(
    store: Store, request: ApiSaveKernelRequest, layout: str
) -> Iterator[tuple[str, Path | None]]:
    flat = layout == "2025"
    for source in _unique(request.kernel_data_sources):
        slug = source.split("/")[1]
        if store.is_utility_script(source):
            name = slug.replace("-", "_")
            place = f"usr/lib/{name}" if flat else f"usr/lib/notebooks/{source}"
        else:
            place = f"input/{slug}" if flat else f"input/notebooks/{source}"
        version = store.last_complete(source)
        yield place, version.working if version else None


def _link_folder(source: Path | None, target: Path, contained: bool = False) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if source is None:
        return
    for name in list_files(source, contained):
        link = target / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((source / name).resolve())


def _unique(sources: Iterable[str] | None) -> list[str]:
    return list(dict.fromkeys(sources or ()))

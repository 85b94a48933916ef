"""What a kernel finds below ``/kaggle``: its inputs and its utility scripts, read-only.

A mount is a real folder whose files are links to the originals, so that a large data set takes
no room. Layout ``2026`` has the kind and the owner in the path; ``2025`` only the slug.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest

from kernels.local.files import list_files
from kernels.local.hosted import HostedCompetition, dataset_folder
from kernels.local.store import Store, Version

Mount = Callable[[ApiSaveKernelRequest, Path], list[Path]]  # of a push, in a session's /kaggle


def mount_inputs(
    store: Store,
    hosted: Mapping[str, HostedCompetition],
    datasets: Mapping[str, HostedCompetition],
    layout: str,
    request: ApiSaveKernelRequest,
    kaggle: Path,
) -> list[Path]:
    """Mount the sources of ``request`` below ``kaggle``, a session's ``/kaggle``.

    A source kernel gives the output of its last complete version, and an empty folder without one.
    Returns what must be readable for it: the originals' folders, and files that they link to.
    """
    (kaggle / "input").mkdir(parents=True, exist_ok=True)
    flat, originals = layout == "2025", []
    for slug in request.competition_data_sources or ():
        place = f"input/{slug}" if flat else f"input/competitions/{slug}"
        source = hosted[slug].folder() if slug in hosted else None
        originals += _link_folder(source, kaggle / place)
    for ref in request.dataset_data_sources or ():
        folder, contained = dataset_folder(store, datasets, ref) or (None, True)
        place = f"input/{ref.partition('/')[2]}" if flat else f"input/datasets/{ref}"
        originals += _link_folder(folder, kaggle / place, contained)
    for ref in request.model_data_sources or ():
        place = f"input/{ref.partition('/')[2]}" if flat else f"input/models/{ref}"
        originals += _link_folder(store.model(ref), kaggle / place, contained=True)
    for ref in request.kernel_data_sources or ():
        complete = store.last_complete(ref)
        source = complete.working if complete else None
        place = _kernel_place(store.latest(ref), ref, flat)
        originals += _link_folder(source, kaggle / place, contained=True)
    set_writable(kaggle, False)
    return originals


def set_writable(kaggle: Path, writable: bool) -> None:
    """Lock the mounts' folders (mode 0555), or unlock them so that they can be deleted."""
    for root in (kaggle / "input", kaggle / "usr"):
        for parent, _, _ in os.walk(root):
            os.chmod(parent, 0o755 if writable else 0o555)


def _kernel_place(latest: Version | None, ref: str, flat: bool) -> str:
    slug = ref.split("/")[1]
    if latest and "utility script" in (latest.request.category_ids or ()):
        return f"usr/lib/{slug.replace('-', '_')}" if flat else f"usr/lib/notebooks/{ref}"
    return f"input/{slug}" if flat else f"input/notebooks/{ref}"


def _link_folder(source: Path | None, target: Path, contained: bool = False) -> list[Path]:
    target.mkdir(parents=True, exist_ok=True)
    if source is None:
        return []
    originals = [source]
    for name in list_files(source, contained):
        link, original = target / name, (source / name).resolve()
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(original)
        if not original.is_relative_to(source):
            originals.append(original)
    return originals

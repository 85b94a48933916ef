"""Find the shared code inside a kernel.

The pipeline pastes this file at the head of every pushed kernel, so it uses the standard library
alone. What Kaggle mounts of a utility script is that kernel's *output*, in a place that has moved
over the years and that is not on ``sys.path`` of a script kernel.
"""

import hashlib
import os
import sys
from pathlib import Path

PACKAGES = ("common", "competitions")


def input_root() -> Path:
    """``/kaggle/input``, or where kagglehub's own variable says that inputs are mounted."""
    return Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input"))


def kaggle_root() -> Path:
    """``/kaggle``: the folder above the inputs."""
    return input_root().parent


def source_hash(root: Path) -> str:
    """``files_hash`` of the Python files of the shared packages in ``root``."""
    paths = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    return files_hash({path.relative_to(root).as_posix(): path.read_bytes() for path in paths})


def files_hash(files: dict[str, bytes]) -> str:
    """SHA-256 over names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()


def utility_folders(owner: str, slug: str) -> list[Path]:
    """Where Kaggle mounts a utility script's output, today's places first."""
    lib = kaggle_root() / "usr" / "lib"
    names = dict.fromkeys((slug, slug.replace("-", "_"), slug.replace("_", "-")))
    places = [lib / "notebooks" / owner / name for name in names]
    places += [lib / name for name in names]
    places += [input_root() / "notebooks" / owner / slug, input_root() / slug]
    return places


def downloaded_utility(owner: str, slug: str) -> list[Path]:
    """The utility script through kagglehub, for a machine where nothing is mounted."""
    try:
        import kagglehub

        return [Path(kagglehub.utility_script_install(f"{owner}/{slug}"))]
    except Exception as error:  # whatever it was, what was looked for is said by attach()
        print(f"kagglehub could not bring {owner}/{slug}: {type(error).__name__}: {error}")
        return []


def attach_shared_code(owner: str, slug: str, expected_hash: str) -> Path:
    """Put the shared code of utility script ``owner/slug`` on ``sys.path`` and return its folder.

    Raises ImportError when it is nowhere, or when what is mounted is not what this kernel was
    built with: a stale copy would train the wrong thing without a word.
    """
    looked = utility_folders(owner, slug)
    found = [place for place in looked if (place / "common").is_dir()]
    if not found:
        found = [p for p in downloaded_utility(owner, slug) if (p / "common").is_dir()]
    for place in found:
        if source_hash(place) == expected_hash:
            sys.path.insert(0, str(place))
            return place
    if found:
        raise ImportError(
            f"the shared code in {found[0]} is not the one this kernel was built with "
            f"({source_hash(found[0])[:12]} there, {expected_hash[:12]} wanted): "
            f"push {owner}/{slug} again, wait until it is complete, then push this kernel"
        )
    lib = kaggle_root() / "usr" / "lib"
    seen = sorted(str(p) for p in lib.glob("*/*/*")) or [f"nothing below {lib}"]
    raise ImportError(
        f"the shared code {owner}/{slug} is not mounted; looked in "
        f"{', '.join(map(str, looked))}; saw {', '.join(seen[:20])}"
    )

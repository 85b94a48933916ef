"""Find the shared code inside a kernel.

The pipeline pastes this file at the head of every pushed kernel, so it uses the standard library
alone. What Kaggle mounts of a utility script is that kernel's *output*, in a place that has moved
over the years and that is not on ``sys.path`` of a script kernel.
"""

import hashlib
import json
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

PACKAGES = ("common", "competitions")
REHEARSED = ("tensorflow", "keras", "jax", "grain", "numpy", "kagglehub")


def input_root() -> Path:
    """``/kaggle/input``, or where kagglehub's own variable says that inputs are mounted."""
    return Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input"))


def kaggle_root() -> Path:
    """``/kaggle``: the folder above the inputs."""
    return input_root().parent


def print_surroundings() -> None:
    """One line ``surroundings {json}`` in the log: what a rehearsal holds against our beliefs.

    Of the environment it tells one variable that is no secret, and no other.
    """
    below = [path for depth in range(1, 6) for path in kaggle_root().glob("*/" * depth)]
    told = {
        "python": sys.version.split()[0],
        "cwd": os.getcwd(),
        "script": os.path.abspath(sys.argv[0]),
        "run_type": os.environ.get("KAGGLE_KERNEL_RUN_TYPE", ""),
        "root": str(kaggle_root()),
        "sys_path": sys.path,
        "folders": sorted(path.as_posix() for path in below if path.is_dir())[:300],
        "versions": {package: version_of(package) for package in REHEARSED},
    }
    print(f"surroundings {json.dumps(told)}", flush=True)


def version_of(package: str) -> str:
    """The installed version of a package, or nothing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


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


def embed_shared_code(files: dict[str, str]) -> Path:
    """Write the shared code that a kernel's own text carries, and put it on ``sys.path``."""
    folder = Path(tempfile.mkdtemp(prefix="shared-code-"))
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    return folder


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

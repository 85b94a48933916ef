"""Functions that stand in pushed scripts as they are here, with imports of their own."""


def attach(shared: str, wanted: str) -> None:
    """Put the code of utility script ``owner/slug`` on sys.path, if it has the wanted hash."""
    import hashlib
    import os
    import sys
    from pathlib import Path

    owner, slug = shared.split("/")
    inputs = Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input"))
    lib = inputs.parent / "usr" / "lib"
    names = dict.fromkeys((slug, slug.replace("-", "_"), slug.replace("_", "-")))
    places = [folder / name for folder in (lib / "notebooks" / owner, lib) for name in names]
    places += [inputs / "notebooks" / owner / slug, inputs / slug]
    if not any((place / "common").is_dir() for place in places):
        try:
            import kagglehub

            places.append(Path(kagglehub.utility_script_install(shared)))
        except Exception as error:  # what was looked for is said below
            print(f"kagglehub could not bring {shared}: {type(error).__name__}: {error}")
    found = ""
    for place in (place for place in places if (place / "common").is_dir()):
        digest, files = hashlib.sha256(), [*place.glob("common/**/*.py")]
        files += place.glob("competitions/**/*.py")
        for name, path in sorted((path.relative_to(place).as_posix(), path) for path in files):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
        if digest.hexdigest() == wanted:
            sys.path.insert(0, str(place))
            return
        found = found or f"{place} ({digest.hexdigest()[:12]} there, {wanted[:12]} wanted)"
    seen = [str(path) for path in sorted(lib.glob("*/*/*"))[:20]] or [f"nothing below {lib}"]
    fault = f"is not mounted; looked in {', '.join(map(str, places))}; saw {', '.join(seen)}"
    if found:
        fault = f"in {found} is not the one this kernel was built with: push both again, it first"
    raise ImportError(f"the shared code {shared} {fault}")


def write_files(files: dict[str, str], folder: str) -> None:
    """Write packages to a folder, to be imported from there."""
    import sys
    from pathlib import Path

    sys.dont_write_bytecode = True
    for name, text in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    sys.path.insert(0, folder)


def surroundings(packages: tuple[str, ...]) -> str:
    """Name what this machine has, in one line of JSON; of secrets and the environment nothing."""
    import json
    import os
    import sys
    from importlib import metadata
    from pathlib import Path

    root = Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input")).parent
    below = [path for depth in range(1, 6) for path in root.glob("*/" * depth)]
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = ""
    seen = {
        "python": sys.version.split()[0],
        "cwd": os.getcwd(),
        "script": os.path.abspath(sys.argv[0]),
        "run_type": os.environ.get("KAGGLE_KERNEL_RUN_TYPE", ""),
        "root": str(root),
        "sys_path": sys.path,
        "folders": sorted(path.as_posix() for path in below if path.is_dir())[:300],
        "versions": versions,
    }
    return f"surroundings {json.dumps(seen)}"

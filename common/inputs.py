"""Where a kernel finds its inputs: every mount layout that Kaggle has used, then a download."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from common.errors import UserError
from common.shared_code import input_root
from common.text import some

_LOOKED_AT = 1000  # files, for one that is a link


def competition_folder(slug: str, files: str, internet: bool = False) -> Path:
    """The folder that has the competition's ``files``. Raises UserError when it is nowhere."""
    return _find(
        f"the data of competition {slug} ({files})",
        (f"competitions/{slug}", slug),
        ("competition_download", slug) if internet else (),
        f"on Kaggle, attach competition {slug} to the kernel; elsewhere, accept its rules and sign "
        f"in so that kagglehub can download it, or set KAGGLE_CACHE_MOUNT_FOLDER to a folder with "
        f"competitions/{slug}",
    )


def kernel_output_folder(source: str, internet: bool = False) -> Path:
    """The folder of kernel ``owner/slug``'s output. Raises UserError when it is nowhere."""
    return _find(
        f"the output of kernel {source}",
        (f"notebooks/{source}", _slug(source)),
        ("notebook_output_download", source) if internet else (),
        "add it to the kernel's sources",
    )


def dataset_folder(source: str, internet: bool = False, files: str = "") -> Path:
    """The folder of a data set ``owner/slug`` or of a model ``owner/model/framework/variation``.

    A model's handle may end in its version. ``files`` says what a data set has, for the error.
    Raises UserError when it is nowhere.
    """
    slug = _slug(source)
    if source.count("/") > 1:
        wanted, places = f"the model {source}", (f"models/{source.lower()}", slug.lower())
        function = "model_download"
    else:
        wanted = f"the data set {source}{f' ({files})' if files else ''}"
        places, function = (f"datasets/{source}", slug), "dataset_download"
    hint = "attach it to the kernel"
    if files:
        hint = (
            f"on Kaggle, attach it to the kernel; elsewhere, sign in so that kagglehub can "
            f"download it, or set KAGGLE_CACHE_MOUNT_FOLDER to a folder with datasets/{source}"
        )
    return _find(wanted, places, (function, source) if internet else (), hint)


def find_file(name: str, folders: Iterable[Path]) -> Path | None:
    """The first file called ``name`` (a pattern is allowed) at any depth below ``folders``."""
    found = (path for folder in folders for path in sorted(folder.rglob(name)) if path.is_file())
    return next(found, None)


def as_given(path: Path) -> Path:
    """Return an input's path as its owner knows it: a mount may have links to the files.

    What is not there is named where it would be, next to the first file that is a link.
    """
    if path.is_file():
        return path.resolve()
    base = next(folder for folder in (path, *path.parents) if folder.is_dir())
    if input_root() not in (base, *base.parents):
        return path
    if base.resolve() != base:
        return base.resolve() / path.relative_to(base)
    for link in islice(base.rglob("*"), _LOOKED_AT):
        inside, original = link.relative_to(base).parts, link.resolve()
        if link.is_symlink() and original.parts[-len(inside) :] == inside:
            return original.parents[len(inside) - 1] / path.relative_to(base)
    return path


def listing(folder: Path, limit: int = 12) -> str:
    """What is in ``folder``, in one line for an error message.

    Its own folders come first, each with how many things are in it and the first of them.
    """
    if not folder.is_dir():
        return f"no folder {as_given(folder)}"
    inside = sorted(folder.glob("*"), key=lambda path: (not path.is_dir(), path.name))
    names = [_counted(path) for path in inside[:limit]] + [path.name for path in inside[limit:]]
    return f"{as_given(folder)} has {some(names, limit) or 'nothing'}"


def _counted(path: Path) -> str:
    """A file's name, or a folder's with what is in it."""
    names = sorted(one.name for one in path.glob("*")) if path.is_dir() else []
    if not names:
        return f"{path.name} (empty)" if path.is_dir() else path.name
    return f"{path.name} ({len(names)}: {some(names, 1)})"


def _find(wanted: str, places: Sequence[str], download: Sequence[str], hint: str) -> Path:
    """The first of ``places`` in the input root, else what kagglehub downloads.

    ``download`` is the name of its function and the handle; empty where internet is off.
    """
    folders = [input_root() / place for place in places]
    for folder in folders:
        if folder.is_dir():
            return folder
    failure = "internet is off"
    if download:
        try:
            import kagglehub

            function, handle = download
            return Path(getattr(kagglehub, function)(handle))
        except Exception as error:  # whatever it was: the message says all that was tried
            said = (str(error).strip().splitlines() or [""])[0][:200]
            failure = f"kagglehub could not download it ({type(error).__name__}: {said})"
    looked = ", ".join(map(str, folders))
    raise UserError(
        f"{wanted} was not found: looked for {looked}; {failure}; {listing(input_root())}: {hint}"
    )


def _slug(source: str) -> str:
    """What comes after the owner."""
    owner, _, rest = source.partition("/")
    if not owner or not rest:
        raise UserError(f"source {source!r} is not of the form owner/slug")
    return rest

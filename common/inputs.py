"""Where a kernel finds its inputs: every mount layout that Kaggle has used, then a download."""

from collections.abc import Callable, Iterable
from pathlib import Path

from common.errors import UserError
from common.shared_code import input_root


def competition_folder(slug: str, internet: bool, layout: str) -> Path:
    """The folder of a competition's data.

    ``layout`` says what it should hold, for the message. Raises UserError when it is nowhere.
    """
    places = [input_root() / "competitions" / slug, input_root() / slug]

    def download() -> str:
        import kagglehub

        return str(kagglehub.competition_download(slug))

    wanted = f"the data of competition {slug} ({layout})"
    hint = (
        f"on Kaggle, attach competition {slug} to the kernel; elsewhere, accept its rules and sign "
        f"in so that kagglehub can download it, or set KAGGLE_CACHE_MOUNT_FOLDER to a folder that "
        f"holds competitions/{slug}"
    )
    return _find(wanted, places, download if internet else None, hint)


def kernel_output_folder(source: str, internet: bool = False) -> Path:
    """The folder of kernel ``owner/slug``'s output. Raises UserError when it is nowhere."""
    owner, slug = _split(source)
    places = [input_root() / "notebooks" / owner / slug, input_root() / slug]

    def download() -> str:
        import kagglehub

        return str(kagglehub.notebook_output_download(source))

    wanted = f"the output of kernel {source}"
    return _find(wanted, places, download if internet else None, "add it to the kernel's sources")


def dataset_folder(source: str, internet: bool = False) -> Path:
    """The folder of a data set ``owner/slug`` or of a model ``owner/model/framework/variation``.

    A model's handle may end in its version. Raises UserError when it is nowhere.
    """
    owner, slug = _split(source)
    model = source.count("/") > 1
    if model:
        path = source.lower()
        places = [input_root() / "models" / path, input_root() / path.split("/", 1)[1]]
    else:
        places = [input_root() / "datasets" / owner / slug, input_root() / slug]

    def download() -> str:
        import kagglehub

        fetch = kagglehub.model_download if model else kagglehub.dataset_download
        return str(fetch(source))

    wanted = f"the {'model' if model else 'data set'} {source}"
    return _find(wanted, places, download if internet else None, "attach it to the kernel")


def find_file(name: str, folders: Iterable[Path]) -> Path | None:
    """The first file called ``name`` (a pattern is allowed) at any depth below ``folders``."""
    found = (path for folder in folders for path in sorted(folder.rglob(name)) if path.is_file())
    return next(found, None)


def listing(folder: Path, limit: int = 12) -> str:
    """What is in ``folder``, two levels deep, in one line for an error message."""
    if not folder.is_dir():
        return f"no folder {folder}"
    names = sorted(
        path.relative_to(folder).as_posix() for g in ("*", "*/*") for path in folder.glob(g)
    )
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{folder} holds {', '.join(names[:limit]) or 'nothing'}{more}"


def _find(wanted: str, places: list[Path], download: Callable[[], str] | None, hint: str) -> Path:
    for place in places:
        if place.is_dir():
            return place
    failure = "internet is off"
    if download is not None:
        try:
            return Path(download())
        except Exception as error:  # whatever it was: the message says all that was tried
            failure = f"kagglehub could not download it ({_first_line(error)})"
    looked = ", ".join(map(str, places))
    raise UserError(
        f"{wanted} was not found: looked for {looked}; {failure}; {listing(input_root())}: {hint}"
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__


def _split(source: str) -> tuple[str, str]:
    owner, slash, rest = source.partition("/")
    if not slash or not owner or not rest:
        raise UserError(f"source {source!r} is not of the form owner/slug")
    return owner, rest

"""What the checks before the first push, and ``clean``, ask of Kaggle: it changes nothing.

Every function raises KaggleError for a no.
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from common.data.tables import read_header
from common.errors import UserError
from kernels.kaggle.answers import KaggleError, NoAnswerError, at_most
from kernels.kaggle.client import Kaggle

T = TypeVar("T")


class Questions:
    """Asks Kaggle; a no is an answer too. Once Kaggle does not answer it is not asked again.

    ``patience`` are the seconds that one question may take; None waits as every read does.
    """

    def __init__(self, kaggle: Kaggle, patience: float | None = None):
        self._kaggle, self._patience = kaggle, patience
        self._silent: KaggleError | None = None

    def ask(self, question: Callable[..., T], *words: str) -> T | KaggleError:
        """Return ``question(kaggle, *words)``, or the KaggleError that came for it."""
        if self._silent:
            return self._silent
        try:
            ask = partial(question, self._kaggle, *words)
            return at_most(self._patience, ask) if self._patience else ask()
        except NoAnswerError as error:  # it was asked often enough: the next would wait as long
            self._silent = error
            return error
        except KaggleError as error:
            return error


def competition(kaggle: Kaggle, slug: str) -> Any:
    """Return Kaggle's facts of a competition, an ``ApiCompetition``."""
    return kaggle.ask("competitions", "get_competition", competition_name=slug)


def allowance(kaggle: Kaggle, slug: str) -> Any:
    """Return what the user has submitted and still may, an ``ApiSubmissionLimits``."""
    return kaggle.ask("competitions", "get_submission_limits", competition_name=slug)


def quota(kaggle: Kaggle) -> Any:
    """Return the user's accelerator hours of this week."""
    return kaggle.ask("kernels", "get_accelerator_quota_statistics")


def sample_header(kaggle: Kaggle, slug: str, name: str) -> list[str]:
    """Return the header of a competition's sample submission."""
    with tempfile.TemporaryDirectory() as folder:
        path = kaggle.download_competition_file(slug, name, Path(folder))
        try:
            return read_header(path)
        except UserError:
            raise KaggleError(f"{name} is not a csv file in UTF-8") from None


def data_digest(kaggle: Kaggle, slug: str) -> str:
    """Return a hash that tells a competition's data, or a data set's, from later ones.

    Over names, sizes and dates of the first 200 files, or the number of the data set's version.
    Raises NoAnswerError where Kaggle gives none: other data would be trained on again.
    """
    if "/" not in slug:
        files = kaggle.data_files(slug)
        facts: Any = sorted((f.name, f.total_bytes, str(f.creation_date)) for f in files)
    elif not (facts := _newest(kaggle, slug)):
        raise NoAnswerError(f"Kaggle gives no version of {slug}: give the same command again")
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def dataset_status(kaggle: Kaggle, ref: str) -> str:
    """Return the status of data set ``owner/slug``: ``READY`` when it can be used.

    Kaggle tells it of the user's own alone (https://github.com/Kaggle/kaggle-cli/issues/368);
    somebody else's is ready where it can be seen.
    """
    owner, slug = ref.split("/")
    if owner.lower() != kaggle.owner.lower():
        _newest(kaggle, ref)
        return "READY"
    answer = kaggle.ask("datasets", "get_dataset_status", owner_slug=owner, dataset_slug=slug)
    return str(answer.status.name)


def dataset_version(kaggle: Kaggle, ref: str) -> int:
    """Return the newest version of data set ``owner/slug``; 0 where Kaggle shows none."""
    try:
        return _newest(kaggle, ref)
    except NoAnswerError:
        raise
    except KaggleError:
        return 0


def _newest(kaggle: Kaggle, ref: str) -> int:
    owner, slug = ref.split("/")
    answer = kaggle.ask("datasets", "get_dataset", owner_slug=owner, dataset_slug=slug)
    return int(answer.current_version_number or 0)


def model_version(kaggle: Kaggle, ref: str) -> int:
    """Return the newest version of model ``owner/model/framework/variation[/version]``, or 0."""
    from kagglesdk.models.types.model_enums import ModelFramework

    owner, model, framework, variation = ref.split("/")[:4]
    # tensorFlow2 in a model's handle is TENSOR_FLOW_2 in kagglesdk.
    frameworks = {known.name.replace("_", "").lower(): known for known in ModelFramework}
    known = frameworks.get(f"modelframework{framework.lower()}")
    if known is None:
        raise KaggleError(f"there is no framework {framework!r}")
    names = {"owner_slug": owner, "model_slug": model, "instance_slug": variation}
    answer = kaggle.ask("models", "get_model_instance", framework=known, **names)
    return int(answer.version_number)


def kernel_version(kaggle: Kaggle, ref: str) -> int:
    """Return the newest version of anybody's kernel ``owner/slug``."""
    owner, slug = ref.split("/")
    answer = kaggle.ask("kernels", "get_kernel", user_name=owner, kernel_slug=slug)
    return int(answer.metadata.current_version_number)


SOURCES: Mapping[str, Callable[[Kaggle, str], Any]] = {
    "dataset": dataset_status,
    "model": model_version,
    "kernel": kernel_version,
    "competition": competition,
}


def tools_kernels(kaggle: Kaggle, competitions: Sequence[str]) -> dict[str, str]:
    """Return slug → last run (UTC) of the user's kernels that this tool pushed.

    By name, and by a line in each of its texts: a kernel of the user's own with such a name is
    left out.
    """
    found, own = {}, kaggle.own_kernels()
    shared = {f"{name}{kind}common" for name in competitions for kind in ("", "rehearsal")}
    for slug in sorted(own):
        if slug in shared or slug.startswith(tuple(f"{name}-" for name in competitions)):
            latest = kaggle.latest_version(slug)
            if latest and "PARAMETERS: dict = " in kaggle.pushed_text(slug, latest):
                found[slug] = own[slug]
    return found

"""What the checks before the first push ask of Kaggle: questions that change nothing.

Every function raises KaggleError for a no.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from common.data.tables import read_header
from common.errors import UserError
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle

T = TypeVar("T")


@dataclass(frozen=True)
class CompetitionFacts:
    """A competition as Kaggle describes it; empty, None or 0 where it says nothing."""

    title: str
    entered: bool  # the user has accepted its rules
    kernels_only: bool  # it takes the output of a kernel and no files
    disabled: bool  # it takes no submissions at all
    deadline: datetime | None  # UTC
    daily: int  # submissions a day


@dataclass(frozen=True)
class Allowance:
    """The user's (or team's) submissions to a competition: still allowed now, sent today, ever."""

    now: int
    today: int
    total: int
    limited_by_total: bool


@dataclass(frozen=True)
class Quota:
    """Accelerator hours of a week."""

    refresh: datetime | None
    hours: Mapping[str, tuple[float, float]]  # accelerator → (left, in all), as Kaggle gives it


class Questions:
    """Asks Kaggle; a no is an answer too. Once Kaggle does not answer it is not asked again."""

    def __init__(self, kaggle: Kaggle):
        self._kaggle = kaggle
        self._silent: KaggleError | None = None

    def ask(self, question: Callable[..., T], *words: str) -> T | KaggleError:
        """Return ``question(kaggle, *words)``, or the KaggleError that came for it."""
        if self._silent:
            return self._silent
        try:
            return question(self._kaggle, *words)
        except NoAnswerError as error:  # it was asked often enough: the next would wait as long
            self._silent = error
            return error
        except KaggleError as error:
            return error


def competition_facts(kaggle: Kaggle, slug: str) -> CompetitionFacts:
    """Return Kaggle's facts of a competition."""
    return read_competition(kaggle.ask("competitions", "get_competition", competition_name=slug))


def read_competition(answer: Any) -> CompetitionFacts:
    """Return the facts that an ``ApiCompetition`` gives."""
    return CompetitionFacts(
        title=answer.title or "",
        entered=bool(answer.user_has_entered),
        kernels_only=bool(answer.is_kernels_submissions_only),
        disabled=bool(answer.submissions_disabled),
        deadline=answer.deadline,
        daily=answer.max_daily_submissions or 0,
    )


def allowance(kaggle: Kaggle, slug: str) -> Allowance:
    """Return what was submitted and may still be."""
    return read_allowance(
        kaggle.ask("competitions", "get_submission_limits", competition_name=slug)
    )


def read_allowance(answer: Any) -> Allowance:
    """Return what an ``ApiSubmissionLimits`` says."""
    return Allowance(
        now=answer.num_allowed_now or 0,
        today=answer.num_today or 0,
        total=answer.num_total or 0,
        limited_by_total=bool(answer.limited_by_total),
    )


def accelerator_quota(kaggle: Kaggle) -> Quota:
    """Return the user's accelerator hours of this week."""
    return read_quota(kaggle.ask("kernels", "get_accelerator_quota_statistics"))


def read_quota(answer: Any) -> Quota:
    """Return what an ``ApiGetAcceleratorQuotaStatisticsResponse`` says."""
    hours = {}
    for accelerator in ("gpu", "tpu"):
        quota = getattr(answer, f"{accelerator}_quota")
        if quota is not None and quota.total_time_allowed is not None:
            total = _hours(quota.total_time_allowed)
            used = _hours(quota.time_used) + _hours(quota.time_reserved)
            hours[accelerator] = (max(0.0, total - used), total)
    return Quota(answer.quota_refresh_time, hours)


def _hours(duration: timedelta | None) -> float:
    return duration.total_seconds() / 3600 if duration else 0.0


def sample_header(kaggle: Kaggle, slug: str, name: str) -> list[str]:
    """Return the header of a competition's sample submission."""
    with tempfile.TemporaryDirectory() as folder:
        path = kaggle.download_competition_file(slug, name, Path(folder))
        try:
            return read_header(path)
        except UserError:
            raise KaggleError(f"{name} is not a csv file in UTF-8") from None


def dataset_status(kaggle: Kaggle, ref: str) -> str:
    """Return the status of data set ``owner/slug``: ``READY`` when it can be used."""
    owner, slug = ref.split("/")
    answer = kaggle.ask("datasets", "get_dataset_status", owner_slug=owner, dataset_slug=slug)
    return str(answer.status.name)


def model_version(kaggle: Kaggle, ref: str) -> int:
    """Return the newest version of model ``owner/model/framework/variation[/version]``, or 0."""
    from kagglesdk.models.types.model_enums import ModelFramework

    owner, model, framework, variation = ref.split("/")[:4]
    # tensorFlow2 in a model's handle is TENSOR_FLOW_2 in kagglesdk.
    named = {_plain(known.name.removeprefix("MODEL_FRAMEWORK_")): known for known in ModelFramework}
    if _plain(framework) not in named:
        raise KaggleError(f"there is no framework {framework!r}")
    answer = kaggle.ask(
        "models",
        "get_model_instance",
        owner_slug=owner,
        model_slug=model,
        framework=named[_plain(framework)],
        instance_slug=variation,
    )
    return int(answer.version_number or 0)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def kernel_version(kaggle: Kaggle, ref: str) -> int:
    """Return the newest version of anybody's kernel ``owner/slug``."""
    owner, slug = ref.split("/")
    answer = kaggle.ask("kernels", "get_kernel", user_name=owner, kernel_slug=slug)
    return int(answer.metadata.current_version_number or 0)


SOURCES: Mapping[str, Callable[[Kaggle, str], Any]] = {
    "dataset": dataset_status,
    "model": model_version,
    "kernel": kernel_version,
    "competition": competition_facts,
}

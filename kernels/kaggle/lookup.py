"""Questions to Kaggle that change nothing: what the checks before the first push ask.

Each gives kagglesdk's own answer, whose fields may be None, and raises KaggleError for a no.
"""

import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from common.data.tables import read_header
from common.errors import UserError
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle

Answer = Any | KaggleError


class Questions:
    """Asks Kaggle; a no is an answer too. Once Kaggle is silent it is not asked again."""

    def __init__(self, kaggle: Kaggle):
        self._kaggle = kaggle
        self._silent: KaggleError | None = None

    def ask(self, question: Callable[..., Any], *words: str) -> Answer:
        """The answer to ``question(kaggle, *words)``, or the KaggleError that came for it."""
        if self._silent:
            return self._silent
        try:
            return question(self._kaggle, *words)
        except NoAnswerError as error:  # after every try there is: the next would wait as long
            self._silent = error
            return error
        except KaggleError as error:
            return error


def competition_facts(kaggle: Kaggle, slug: str) -> Any:
    """``ApiCompetition``."""
    return kaggle.competition(slug)


def sample_header(kaggle: Kaggle, slug: str, name: str) -> list[str]:
    """The header of a competition's sample submission."""
    with tempfile.TemporaryDirectory() as folder:
        path = kaggle.download_competition_file(slug, name, Path(folder))
        try:
            return read_header(path)
        except UserError:
            raise KaggleError(f"{name} is not a csv file in UTF-8") from None


def submission_limits(kaggle: Kaggle, slug: str) -> Any:
    """``ApiSubmissionLimits``: what the user (or team) has sent and may still send today."""
    from kagglesdk.competitions.types import competition_api_service as api

    request = api.ApiGetSubmissionLimitsRequest()
    request.competition_name = slug
    return kaggle.read(
        lambda c: c.competitions.competition_api_client.get_submission_limits(request)
    )


def accelerator_quota(kaggle: Kaggle) -> Any:
    """``ApiGetAcceleratorQuotaStatisticsResponse``; its times are timedeltas."""
    from kagglesdk.kernels.types import kernels_api_service as api

    request = api.ApiGetAcceleratorQuotaStatisticsRequest()
    return kaggle.read(
        lambda c: c.kernels.kernels_api_client.get_accelerator_quota_statistics(request)
    )


def dataset_status(kaggle: Kaggle, ref: str) -> Any:
    """``ApiGetDatasetStatusResponse`` of data set ``owner/slug``."""
    from kagglesdk.datasets.types import dataset_api_service as api

    request = api.ApiGetDatasetStatusRequest()
    request.owner_slug, request.dataset_slug = ref.split("/")
    return kaggle.read(lambda c: c.datasets.dataset_api_client.get_dataset_status(request))


def kernel(kaggle: Kaggle, ref: str) -> Any:
    """``ApiGetKernelResponse`` of kernel ``owner/slug``."""
    from kagglesdk.kernels.types import kernels_api_service as api

    request = api.ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    return kaggle.read(lambda c: c.kernels.kernels_api_client.get_kernel(request))


def model_variation(kaggle: Kaggle, ref: str) -> Any:
    """``ApiModelInstance`` of ``owner/model/framework/variation[/version]``."""
    from kagglesdk.models.types import model_api_service as api
    from kagglesdk.models.types.model_enums import ModelFramework

    request = api.ApiGetModelInstanceRequest()
    request.owner_slug, request.model_slug, framework, request.instance_slug = ref.split("/")[:4]
    named = {_plain(known.name.removeprefix("MODEL_FRAMEWORK_")): known for known in ModelFramework}
    if _plain(framework) not in named:
        raise KaggleError(f"there is no framework {framework!r}")
    request.framework = named[_plain(framework)]
    return kaggle.read(lambda c: c.models.model_api_client.get_model_instance(request))


def in_hours(duration: timedelta | None) -> float:
    """Hours of a duration of kagglesdk's; 0 where Kaggle tells none.

    ``timedelta.seconds`` would leave the days out: a week's 30 hours would read as 6.
    """
    return duration.total_seconds() / 3600 if duration else 0.0


def _plain(name: str) -> str:
    # tensorFlow2 in a model's handle is TENSOR_FLOW_2 in kagglesdk.
    return name.replace("_", "").replace("-", "").lower()


SOURCES: Mapping[str, Callable[[Kaggle, str], Any]] = {
    "dataset": dataset_status,
    "model": model_variation,
    "kernel": kernel,
    "competition": competition_facts,
}

"""Data sets through the real client: what Kaggle says of one, its files sent, a version made.

The client's own ``dataset_create_version`` repeats a call whose answer was lost, and so may make
two versions: here each call is made once, and whoever makes it looks before it is made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels.kaggle.answers import KaggleError, NoAnswerError, advised
from kernels.kaggle.client import Kaggle

_LICENCE = "other"  # in its description: neither the competition's rules nor ImageNet's are ours


@dataclass(frozen=True)
class DatasetFacts:
    """What Kaggle says of a data set; ``notes`` are those of its versions, by number."""

    number: int  # of its latest version
    private: bool
    description: str
    notes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetText:
    """What a data set says of itself."""

    title: str
    subtitle: str  # 20 to 80 characters
    description: str  # in Markdown


def dataset_facts(kaggle: Kaggle, ref: str) -> DatasetFacts | None:
    """Return what Kaggle says of the user's data set ``owner/slug``; None where there is none."""
    owner, slug = ref.split("/")
    named = {"owner_slug": owner, "dataset_slug": slug}
    try:
        facts = kaggle.ask("datasets", "get_dataset", **named)
        info = kaggle.ask("datasets", "get_dataset_metadata", **named).info
    except KaggleError as error:
        if isinstance(error, NoAnswerError) or error.foreign or error.code not in (403, 404):
            raise
        return None
    return DatasetFacts(
        int(facts.current_version_number or 0),
        bool(facts.is_private or info.is_private),
        str(info.description or facts.description),
        {one.version_number: one.version_notes for one in facts.versions or ()},
    )


def upload_files(kaggle: Kaggle, paths: Sequence[Path]) -> list[Any]:
    """Upload files, which count for nothing yet; return what names them in a new version."""
    from kagglesdk.blobs.types.blob_api_service import ApiBlobType
    from kagglesdk.datasets.types.dataset_api_service import ApiDatasetNewFile

    files = []
    for path in paths:
        kind: dict[str, Any] = {"name": path.name, "type": ApiBlobType.DATASET}
        file = ApiDatasetNewFile()
        file.token = kaggle.upload(path, "blobs", "start_blob_upload", **kind)
        files.append(file)
    return files


def create_dataset(kaggle: Kaggle, ref: str, text: DatasetText, files: list[Any]) -> None:
    """Make the private data set ``owner/slug``, once. Raises KaggleError where it is refused."""
    owner, slug = ref.split("/")
    named = {"owner_slug": owner, "slug": slug, "is_private": True, "license_name": _LICENCE}
    answer = kaggle.make("datasets", "create_dataset", **named, **vars(text), files=files)
    _check(ref, answer)


def create_version(
    kaggle: Kaggle, ref: str, text: DatasetText, notes: str, files: list[Any]
) -> None:
    """Make another version of a data set, once, as ``create_dataset``: it has these files alone."""
    from kagglesdk.datasets.types.dataset_api_service import ApiCreateDatasetVersionRequestBody

    owner, slug = ref.split("/")
    body = ApiCreateDatasetVersionRequestBody()
    body.version_notes, body.files = notes, files
    body.subtitle, body.description = text.subtitle, text.description
    named = {"owner_slug": owner, "dataset_slug": slug}
    _check(ref, kaggle.make("datasets", "create_dataset_version", **named, body=body))


def _check(ref: str, answer: Any) -> None:
    if answer.error:
        raise KaggleError(f"Kaggle refused data set {ref}: {advised(answer.error)}")
    if not (answer.url or answer.ref or answer.status):
        raise NoAnswerError(f"Kaggle's answer to data set {ref} says nothing")

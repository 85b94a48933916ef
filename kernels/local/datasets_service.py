"""``datasets.DatasetApiService`` and ``models.ModelApiService``: folders of the state.

A data set is always ready and has one version. There is as much here as the client and kagglehub
need to download one.
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.datasets.types import dataset_api_service as datasets
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.datasets.types.dataset_types import DatasetInfo
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.models.types import model_api_service as models

from kernels.local.files import archive, find_file, list_files
from kernels.local.store import Store
from kernels.local.wire import ApiError, Call, Links, fill, paged


@dataclass(frozen=True)
class DatasetsService:
    """Answers the calls on data sets."""

    types: ClassVar[ModuleType] = datasets
    store: Store
    links: Links

    def get_dataset(self, call: Call, request: Any) -> KaggleObject:
        """The number of its version."""
        self._find(request)
        return fill(datasets.ApiDataset, current_version_number=1)

    def get_dataset_status(self, call: Call, request: Any) -> KaggleObject:
        """Always ready."""
        self._find(request)
        return fill(datasets.ApiGetDatasetStatusResponse, status=DatabundleVersionStatus.READY)

    def get_dataset_metadata(self, call: Call, request: Any) -> KaggleObject:
        """Its name and owner."""
        self._find(request)
        owner, slug = request.owner_slug, request.dataset_slug
        info = fill(DatasetInfo, dataset_slug=slug, title=slug, owner_user=owner)
        return fill(datasets.ApiGetDatasetMetadataResponse, info=info)

    def download_dataset(self, call: Call, request: Any) -> HttpRedirect:
        """One file, or all of them as an archive."""
        target = self.store.root / "archives" / f"{request.owner_slug}-{request.dataset_slug}.zip"
        return _download(self.links, call, self._find(request), request.file_name, target)

    def _find(self, request: Any) -> Path:
        ref = f"{request.owner_slug}/{request.dataset_slug}"
        folder = self.store.dataset(ref)
        if folder is None:
            raise ApiError(404, f"Could not find data set {ref}")
        return folder


@dataclass(frozen=True)
class ModelsService:
    """Answers the calls on models."""

    types: ClassVar[ModuleType] = models
    store: Store
    links: Links

    def get_model_instance(self, call: Call, request: Any) -> KaggleObject:
        """The newest version of a model's variation."""
        names = [path.name for path in self._variation(request).iterdir()]
        newest = max((int(name) for name in names if name.isdecimal()), default=0)
        return fill(models.ApiModelInstance, slug=request.instance_slug, version_number=newest)

    def list_model_instance_version_files(self, call: Call, request: Any) -> KaggleObject:
        """Its files."""
        names, token = paged(list_files(self._version(request)), request)
        files = [fill(models.ApiModelFile, name=name) for name in names]
        answer = models.ApiListModelInstanceVersionFilesResponse
        return fill(answer, files=files, next_page_token=token)

    def download_model_instance_version(self, call: Call, request: Any) -> HttpRedirect:
        """One file, or all of them as an archive."""
        name = f"{request.owner_slug}-{request.model_slug}-{request.version_number}.zip"
        target = self.store.root / "archives" / name
        return _download(self.links, call, self._version(request), request.path, target)

    def _variation(self, request: Any) -> Path:
        ref = f"{request.owner_slug}/{request.model_slug}"
        framework = _plain(request.framework.name.removeprefix("MODEL_FRAMEWORK_"))
        if ".." not in ref:
            for folder in (self.store.root / "models" / ref).glob(f"*/{request.instance_slug}"):
                if _plain(folder.parent.name) == framework:
                    return folder
        raise ApiError(404, f"Could not find model {ref}/{request.instance_slug}")

    def _version(self, request: Any) -> Path:
        folder = self._variation(request) / str(request.version_number)
        if not folder.is_dir():
            raise ApiError(404, f"Could not find version {folder.name} of {request.model_slug}")
        return folder


def _download(links: Links, call: Call, folder: Path, name: str, target: Path) -> HttpRedirect:
    """One file of ``folder``, or without a name all of them as the archive ``target``."""
    path = find_file(folder, name) if name else archive(folder, target)
    if path is None:
        raise ApiError(404, f"There is no file {name!r}")
    return links.redirect(call, path)


def _plain(name: str) -> str:
    # Folders are called as in a model's handle: tensorFlow2 for MODEL_FRAMEWORK_TENSOR_FLOW_2.
    return name.replace("_", "").replace("-", "").lower()

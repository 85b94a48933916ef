"""``datasets.DatasetApiService`` and ``models.ModelApiService``: folders of the state.

A data set is always ready and has one version. There is as much here as the client and kagglehub
need to download one.
"""

from pathlib import Path
from typing import Any

from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.models.services.model_api_service import ModelApiClient

from kernels.local.files import list_files
from kernels.local.service import ApiError, Fields, Service, paged


class DatasetsService(Service):
    """Answers the calls on data sets."""

    client = DatasetApiClient

    def get_dataset(self, request: Any) -> Fields:
        """The number of its version."""
        self._find(request)
        return {"current_version_number": 1}

    def get_dataset_status(self, request: Any) -> Fields:
        """Always ready."""
        self._find(request)
        return {"status": DatabundleVersionStatus.READY}

    def get_dataset_metadata(self, request: Any) -> Fields:
        """Its name and owner."""
        self._find(request)
        owner, slug = request.owner_slug, request.dataset_slug
        return {"info": {"dataset_slug": slug, "title": slug, "owner_user": owner}}

    def download_dataset(self, request: Any) -> Fields:
        """One file, or all of them as an archive."""
        zipped = Path(f"{request.owner_slug}-{request.dataset_slug}.zip")
        return self.download(self._find(request), request.file_name, zipped)

    def _find(self, request: Any) -> Path:
        ref = f"{request.owner_slug}/{request.dataset_slug}"
        folder = self.store.dataset(ref)
        if folder is None:
            raise ApiError(404, f"Could not find data set {ref}")
        return folder


class ModelsService(Service):
    """Answers the calls on models."""

    client = ModelApiClient

    def get_model_instance(self, request: Any) -> Fields:
        """The newest version of a model's variation."""
        names = [path.name for path in self._variation(request).iterdir()]
        newest = max((int(name) for name in names if name.isdecimal()), default=0)
        return {"slug": request.instance_slug, "version_number": newest}

    def list_model_instance_version_files(self, request: Any) -> Fields:
        """Its files."""
        files = list_files(self._version(request))
        return paged("files", files, request, lambda name: {"name": name})

    def download_model_instance_version(self, request: Any) -> Fields:
        """One file, or all of them as an archive."""
        zipped = f"{request.owner_slug}-{request.model_slug}-{request.version_number}.zip"
        return self.download(self._version(request), request.path, Path(zipped))

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


def _plain(name: str) -> str:
    # Folders are called as in a model's handle: tensorFlow2 for MODEL_FRAMEWORK_TENSOR_FLOW_2.
    return name.replace("_", "").replace("-", "").lower()

"""``datasets.DatasetApiService`` and ``models.ModelApiService``: folders of the state."""

from pathlib import Path

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.datasets.types import dataset_api_service as api
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.datasets.types.dataset_types import DatasetInfo, SettingsLicense
from kagglesdk.models.types import model_api_service as models
from kagglesdk.models.types.model_enums import ModelFramework

from kernels.local.files import archive, find_file, list_files, total_bytes
from kernels.local.store import Store, kernel_id, utc
from kernels.local.wire import ApiError, Call, Links, Method, paged


class DatasetsService:
    """Data sets: every one is ready, and has one version."""

    name = "datasets.DatasetApiService"

    def __init__(self, store: Store, links: Links):
        self._store = store
        self._links = links

    def methods(self) -> dict[str, Method]:
        """Method name → request type and handler."""
        return {
            "GetDataset": (api.ApiGetDatasetRequest, self.get_dataset),
            "GetDatasetStatus": (api.ApiGetDatasetStatusRequest, self.get_status),
            "GetDatasetMetadata": (api.ApiGetDatasetMetadataRequest, self.get_metadata),
            "ListDatasetFiles": (api.ApiListDatasetFilesRequest, self.list_files),
            "DownloadDataset": (api.ApiDownloadDatasetRequest, self.download),
        }

    def get_dataset(self, call: Call, request: api.ApiGetDatasetRequest) -> api.ApiDataset:
        """The facts of a data set."""
        folder = self._find(request)
        answer = api.ApiDataset()
        answer.ref = f"{request.owner_slug}/{request.dataset_slug}"
        answer.id = kernel_id(answer.ref)
        answer.title = request.dataset_slug
        answer.owner_ref = request.owner_slug
        answer.total_bytes = total_bytes(folder)
        answer.current_version_number = 1
        return answer

    def get_status(
        self, call: Call, request: api.ApiGetDatasetStatusRequest
    ) -> api.ApiGetDatasetStatusResponse:
        """Always ready."""
        self._find(request)
        answer = api.ApiGetDatasetStatusResponse()
        answer.status = DatabundleVersionStatus.READY
        return answer

    def get_metadata(
        self, call: Call, request: api.ApiGetDatasetMetadataRequest
    ) -> api.ApiGetDatasetMetadataResponse:
        """Its name, owner and licence."""
        self._find(request)
        license_ = SettingsLicense()
        license_.name = "unknown"
        answer = api.ApiGetDatasetMetadataResponse()
        answer.info = DatasetInfo()
        answer.info.dataset_slug = answer.info.title = request.dataset_slug
        answer.info.owner_user = request.owner_slug
        answer.info.licenses = [license_]
        return answer

    def list_files(
        self, call: Call, request: api.ApiListDatasetFilesRequest
    ) -> api.ApiListDatasetFilesResponse:
        """Its files with their sizes and dates."""
        folder = self._find(request)
        answer = api.ApiListDatasetFilesResponse()
        names, answer.next_page_token = paged(list_files(folder), request)
        answer.dataset_files = [_dataset_file(folder, name) for name in names]
        return answer

    def download(self, call: Call, request: api.ApiDownloadDatasetRequest) -> HttpRedirect:
        """One file, or all of them as an archive."""
        folder = self._find(request)
        target = f"{request.owner_slug}-{request.dataset_slug}.zip"
        return _download(self._store, self._links, call, folder, request.file_name, target)

    def _find(self, request: object) -> Path:
        ref = f"{request.owner_slug}/{request.dataset_slug}"  # type: ignore[attr-defined]
        folder = self._store.dataset(ref)
        if folder is None:
            raise ApiError(404, f"Could not find data set {ref}")
        return folder


class ModelsService:
    """Models: as much as kagglehub needs to download one."""

    name = "models.ModelApiService"

    def __init__(self, store: Store, links: Links):
        self._store = store
        self._links = links

    def methods(self) -> dict[str, Method]:
        """Method name → request type and handler."""
        return {
            "GetModel": (models.ApiGetModelRequest, self.get_model),
            "GetModelInstance": (models.ApiGetModelInstanceRequest, self.get_instance),
            "ListModelInstanceVersionFiles": (
                models.ApiListModelInstanceVersionFilesRequest,
                self.list_files,
            ),
            "DownloadModelInstanceVersion": (
                models.ApiDownloadModelInstanceVersionRequest,
                self.download,
            ),
        }

    def get_model(self, call: Call, request: models.ApiGetModelRequest) -> models.ApiModel:
        """The facts of a model."""
        ref = f"{request.owner_slug}/{request.model_slug}"
        if not self._store.has_model(ref):
            raise ApiError(404, f"Could not find model {ref}")
        answer = models.ApiModel()
        answer.id, answer.ref = kernel_id(ref), ref
        answer.author, answer.slug = request.owner_slug, request.model_slug
        answer.title = request.model_slug
        return answer

    def get_instance(
        self, call: Call, request: models.ApiGetModelInstanceRequest
    ) -> models.ApiModelInstance:
        """A model's variation with its newest version."""
        versions = [path.name for path in self._variation(request).iterdir()]
        answer = models.ApiModelInstance()
        answer.slug = request.instance_slug
        answer.framework = request.framework
        answer.version_number = max((int(v) for v in versions if v.isdecimal()), default=0)
        return answer

    def list_files(
        self, call: Call, request: models.ApiListModelInstanceVersionFilesRequest
    ) -> models.ApiListModelInstanceVersionFilesResponse:
        """Its files with their sizes and dates."""
        folder = self._version(request)
        answer = models.ApiListModelInstanceVersionFilesResponse()
        names, answer.next_page_token = paged(list_files(folder), request)
        answer.files = [_model_file(folder, name) for name in names]
        return answer

    def download(
        self, call: Call, request: models.ApiDownloadModelInstanceVersionRequest
    ) -> HttpRedirect:
        """One file, or all of them as an archive."""
        folder = self._version(request)
        target = f"{request.owner_slug}-{request.model_slug}-{request.version_number}.zip"
        return _download(self._store, self._links, call, folder, request.path, target)

    def _variation(self, request: models.ApiGetModelInstanceRequest) -> Path:
        ref = f"{request.owner_slug}/{request.model_slug}"
        if ".." not in ref:
            for folder in (self._store.root / "models" / ref).glob(f"*/{request.instance_slug}"):
                if _plain(folder.parent.name) == _framework(request.framework):
                    return folder
        raise ApiError(404, f"Could not find model {ref}/{request.instance_slug}")

    def _version(self, request: models.ApiDownloadModelInstanceVersionRequest) -> Path:
        folder = self._variation(request) / str(request.version_number)
        if not folder.is_dir():
            raise ApiError(404, f"Could not find version {folder.name} of {request.model_slug}")
        return folder


def _download(
    store: Store, links: Links, call: Call, folder: Path, name: str, target: str
) -> HttpRedirect:
    """One file of ``folder``, or all of them as an archive called ``target``."""
    if not name:
        return links.redirect(call, archive(folder, store.root / "archives" / target))
    path = find_file(folder, name)
    if path is None:
        raise ApiError(404, f"There is no file {name!r}")
    return links.redirect(call, path)


def _dataset_file(folder: Path, name: str) -> api.ApiDatasetFile:
    facts = (folder / name).stat()
    file = api.ApiDatasetFile()
    file.ref = file.name = name
    file.total_bytes = facts.st_size
    file.creation_date = utc(facts.st_mtime)
    return file


def _model_file(folder: Path, name: str) -> models.ApiModelFile:
    file = models.ApiModelFile()
    file.name = name
    file.size = (folder / name).stat().st_size
    return file


def _framework(framework: ModelFramework) -> str:
    return _plain(framework.name.removeprefix("MODEL_FRAMEWORK_"))


def _plain(name: str) -> str:
    # Folders are called as in a model's handle: tensorFlow2 for MODEL_FRAMEWORK_TENSOR_FLOW_2.
    return name.replace("_", "").replace("-", "").lower()

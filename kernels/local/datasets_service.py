"""``datasets.DatasetApiService`` and ``models.ModelApiService``: folders of the state.

A data set is always ready and has one version: as much as the client and kagglehub need to
download one. A model can be mounted.
"""

from pathlib import Path
from typing import Any

from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.models.services.model_api_service import ModelApiClient
from werkzeug.exceptions import abort

from kernels.local.service import Fields, Service


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
        return self.download(self._find(request), request.file_name, zipped, contained=True)

    def _find(self, request: Any) -> Path:
        ref = f"{request.owner_slug}/{request.dataset_slug}"
        folder = self.store.dataset(ref)
        if folder is None:
            abort(404, f"Could not find data set {ref}")
        return folder


class ModelsService(Service):
    """Answers the one call that a check before the push makes."""

    client = ModelApiClient

    def get_model_instance(self, request: Any) -> Fields:
        """The newest version of a model's variation."""
        ref, slug = f"{request.owner_slug}/{request.model_slug}", request.instance_slug
        framework = _plain(request.framework.name.removeprefix("MODEL_FRAMEWORK_"))
        models, versions = self.store.root / "models", []
        for path in models.glob("*/*/*/*/*"):
            known = path.relative_to(models).as_posix()
            model, kind, variation, number = known.rsplit("/", 3)
            if (model, _plain(kind), variation) == (ref, framework, slug) and number.isdecimal():
                versions += [number] if self.store.model(known) else []
        if not versions:
            abort(404, f"Could not find model {ref}/{slug}")
        return {"slug": slug, "version_number": max(map(int, versions))}


def _plain(name: str) -> str:
    # Folders are called as in a model's handle: tensorFlow2 for MODEL_FRAMEWORK_TENSOR_FLOW_2.
    return name.replace("_", "").replace("-", "").lower()

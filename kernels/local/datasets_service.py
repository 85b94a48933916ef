"""Data sets, models and uploads: hosted data, folders of the state, and what clients publish.

A data set in the state's ``datasets`` is always ready and has one version: as much as the client
and kagglehub need to download one. A model can be mounted.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kagglesdk.blobs.services.blob_api_service import BlobApiClient
from kagglesdk.datasets.services.dataset_api_service import DatasetApiClient
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.models.services.model_api_service import ModelApiClient
from werkzeug.exceptions import abort

from kernels.local.files import list_files
from kernels.local.hosted import dataset_folder
from kernels.local.published import DatasetVersion
from kernels.local.service import Fields, Service, listed_file, paged
from kernels.local.store import utc

_SLUG = re.compile(r"[a-z0-9-]{3,50}")
_KEPT = ("title", "subtitle", "description", "license_name", "is_private")


class BlobsService(Service):
    """``blobs.BlobApiService``: uploads of a data set's files."""

    client = BlobApiClient

    def start_blob_upload(self, request: Any) -> Fields:
        """Where to PUT a file, and the token to name it with."""
        token, url = self.start_upload(request.name)
        return {"token": token, "create_url": url}


class DatasetsService(Service):
    """``datasets.DatasetApiService``."""

    client = DatasetApiClient

    def create_dataset(self, request: Any) -> Fields:
        """A new data set of the caller's."""
        ref = f"{request.owner_slug or self.user}/{request.slug}"
        if not _SLUG.fullmatch(request.slug or "") or not 6 <= len(request.title or "") <= 50:
            return _refused("The slug or the title is not valid.")
        if self.store.dataset(ref):
            return _refused(f'The requested slug "{request.slug}" is already in use by a dataset.')
        facts = {name: getattr(request, name) for name in _KEPT}
        return self._make(ref, request.files, {**facts, "notes": "Initial release"})

    def create_dataset_version(self, request: Any) -> Fields:
        """Another version, which replaces all files."""
        versions, body = self._versions(request), request.body
        ref = f"{request.owner_slug}/{request.dataset_slug}"
        if not versions:
            abort(404, f"Could not find data set {ref}")
        changed = {name: getattr(body, name) for name in ("subtitle", "description")}
        facts = {**versions[-1].facts, **{name: text for name, text in changed.items() if text}}
        return self._make(ref, body.files, {**facts, "notes": body.version_notes})

    def get_dataset(self, request: Any) -> Fields:
        """What there is to say of one, and its versions."""
        (folder, contained), versions = self._find(request), self._versions(request)
        names = list_files(folder, contained)
        listed = [
            {
                "version_number": version.number,
                "version_notes": str(version.facts["notes"]),
                "creation_date": utc(float(version.facts["created"])),
                "creator_ref": version.ref.partition("/")[0],
                "status": "Ready" if version.ready else "Pending",
            }
            for version in versions
        ]
        facts = _kept(versions)
        return {
            **{name: facts[name] for name in _KEPT if facts.get(name) is not None},
            "ref": f"{request.owner_slug}/{request.dataset_slug}",
            "current_version_number": versions[-1].number if versions else 1,
            "versions": listed,
            "total_bytes": sum((folder / name).stat().st_size for name in names),
        }

    def get_dataset_status(self, request: Any) -> Fields:
        """Ready; what was made just now is not, yet. Of somebody else's Kaggle does not tell."""
        self._find(request)
        if request.owner_slug != self.user:
            abort(404, f"Could not find the status of {request.owner_slug}/{request.dataset_slug}")
        ready = all(version.ready for version in self._versions(request))
        status = DatabundleVersionStatus
        return {"status": status.READY if ready else status.BLOBS_RECEIVED}

    def get_dataset_metadata(self, request: Any) -> Fields:
        """Its name, owner and description."""
        self._find(request)
        owner, slug = request.owner_slug, request.dataset_slug
        facts = {"title": slug, **_kept(self._versions(request))}
        known = ("title", "subtitle", "description", "is_private")
        info = {name: facts[name] for name in known if facts.get(name) is not None}
        return {"info": {**info, "dataset_slug": slug, "owner_user": owner}}

    def download_dataset(self, request: Any) -> Fields:
        """One file, or all of them as an archive."""
        zipped = Path(f"{request.owner_slug}-{request.dataset_slug}.zip")
        folder, contained = self._find(request)
        return self.download(folder, request.file_name, zipped, contained)

    def list_dataset_files(self, request: Any) -> Fields:
        """Its files with their sizes and dates."""
        folder, contained = self._find(request)
        names = list_files(folder, contained)
        return paged("dataset_files", names, request, partial(listed_file, folder))

    def _make(self, ref: str, files: Any, facts: Mapping[str, Any]) -> Fields:
        """Make a version of the uploaded ``files``."""
        if not ref.startswith(f"{self.user}/"):
            abort(403, f"Permission 'datasets.create' was denied for {ref}")
        uploads, found = self.store.root / "uploads", {}
        for token in [file.token for file in files or ()]:
            if not token.isalnum() or not (uploads / token).is_file():
                return _refused("A file was not uploaded.")
            found[(uploads / f"{token}.name").read_text("utf-8")] = uploads / token
        if not found:
            return _refused("A data set needs a file.")
        self.store.published.add(ref, found, facts)
        return {"ref": ref, "url": f"https://www.kaggle.com/datasets/{ref}", "status": "ok"}

    def _versions(self, request: Any) -> list[DatasetVersion]:
        return self.store.dataset_versions(f"{request.owner_slug}/{request.dataset_slug}")

    def _find(self, request: Any) -> tuple[Path, bool]:
        """Its folder, and whether links that lead out of it count for nothing."""
        ref, versions = f"{request.owner_slug}/{request.dataset_slug}", self._versions(request)
        hosted, mine = self.site.datasets.get(ref), request.owner_slug == self.user
        private = not hosted.entered if hosted else versions and versions[-1].facts["is_private"]
        if private and not mine:
            abort(403, f"Permission 'datasets.get' was denied for {ref}")
        number = getattr(request, "dataset_version_number", 0) or 0
        found = dataset_folder(self.store, self.site.datasets, ref, number)
        if found is None:
            abort(404, f"Could not find data set {ref}")
        return found


def _kept(versions: list[DatasetVersion]) -> Mapping[str, Any]:
    return versions[-1].facts if versions else {}


def _refused(error: str) -> Fields:
    return {"status": "error", "error": error}


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

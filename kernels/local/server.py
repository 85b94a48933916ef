"""The local Kaggle's HTTP side: who calls, which service answers, file downloads and uploads."""

import itertools
import json
import logging
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.security.services.oauth_service import OAuthClient
from werkzeug.exceptions import HTTPException, abort
from werkzeug.serving import WSGIRequestHandler
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from common.errors import UserError
from common.text import printable
from kernels.local.competitions_service import CompetitionsService
from kernels.local.datasets_service import BlobsService, DatasetsService, ModelsService
from kernels.local.door import Door
from kernels.local.kernels_service import KernelsService, LogOf, log_blocks, log_json
from kernels.local.service import Fields, Service, Site, fill
from kernels.local.store import ACTIVE, STOPPED, Version

_LOG = logging.getLogger("kernels.local")
USER = "alice"  # of a token, and of the exports that are printed
_POLL = 0.1  # seconds between looks at a running kernel's log


class QuietHandler(WSGIRequestHandler):
    """Prints no line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Do nothing."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Close the connection: the client has gone, or an injected fault closes it."""
        self.close_connection = True


class OAuthService(Service):
    """``security.OAuthService``: the server's key is the only token that comes this far."""

    client = OAuthClient

    def introspect_token(self, request: Any) -> Fields:
        """The user of a token."""
        return {"active": True, "username": self.user}


SERVICES: dict[str, type[Service]] = {
    "kernels.KernelsApiService": KernelsService,
    "competitions.CompetitionApiService": CompetitionsService,
    "datasets.DatasetApiService": DatasetsService,
    "models.ModelApiService": ModelsService,
    "blobs.BlobApiService": BlobsService,
    "security.OAuthService": OAuthService,
}
# Kaggle's names of the methods, such as SaveKernel → (its service, Python's name).
METHODS = {
    "".join(word.capitalize() for word in name.split("_")): (service, name)
    for service, kind in SERVICES.items()
    for name in vars(kind)
    if hasattr(kind.client, name) and not name.startswith("_")
}


class Application:
    """The WSGI application over the services, with the faults that are injected into it."""

    def __init__(self, site: Site, door: Door, faults: Any = None):
        self.site, self._door, self._faults = site, door, faults
        self._routes = (
            ("POST", r"/api/v1/([\w.]+)/(\w+)", self._answer),
            ("GET", r"/api/v1/kernels/logs/stream/([^/]+)/([^/]+)", self._stream_log),
            ("GET", r"/download/(\w+)/[^/]+", self._download),
            ("PUT", r"/upload/(\w+)", self._upload),
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        """Answer one request (WSGI); its file is closed even where the client hangs up."""
        request = Request(environ)
        if refused := self._door.refusal(request):
            answer = error_answer(*refused)
        else:
            answer = self._faults.answer(self, request) if self._faults else self.answer(request)
        body: Any = answer(environ, start_response)
        return _closing(body)

    def answer(self, request: Request) -> Response:
        """Answer one request as Kaggle does."""
        try:
            verb = "GET" if request.method == "HEAD" else request.method
            for method, pattern, handler in self._routes:
                match = re.fullmatch(pattern, request.path)
                if match and method == verb:
                    return handler(request, *match.groups())
            abort(404, f"Not found: {request.method} {request.path}")
        except HTTPException as error:  # of ``abort``, or a range beyond a file's end
            # The client hides this body behind "400 Client Error", as it does with Kaggle's own.
            return error_answer(error.code or 500, error.description or "")
        except UserError as error:  # such as data that could not be generated
            _LOG.error("%s", "\n".join((*error.details, str(error))))
            return error_answer(500, str(error))
        except Exception as error:
            if self.site.sessions.closed.is_set():  # it is being stopped
                return error_answer(503, STOPPED)
            _LOG.exception("%s %s", request.method, request.path)
            return error_answer(500, f"{type(error).__name__}: {error}")

    def _answer(self, request: Request, service: str, method: str) -> Response:
        known, name = METHODS.get(method, ("", ""))
        if known != service:
            abort(404, f"The local Kaggle has no method {service}/{method}")
        called = self._called(request, SERVICES[service])
        types = getattr(called.client, name).__annotations__
        try:
            asked = types["request"].from_dict(json.loads(request.get_data() or b"{}"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            abort(400, f"{method}: the request cannot be read: {error}")
        answer = fill(types["return"], getattr(called, name)(asked))
        if isinstance(answer, HttpRedirect):
            return Response(status=302, headers={"Location": answer.url})
        body = answer.to_dict()
        return answer_with_log(body) if isinstance(body.get("log"), LogOf) else json_answer(body)

    def _called(self, request: Request, service: type[Service]) -> Service:
        """The service of who calls: the name that comes with the key, or a token's user."""
        came = request.authorization
        return service(self.site, (came and came.username) or USER, request.host_url)

    def _download(self, request: Request, token: str) -> Response:
        path = self.site.links.get(token)
        if path is None or not path.is_file():
            abort(404, "There is no such file, or its address has expired")
        path, called = path.resolve(), printable(path.name)  # a header has no line breaks
        how: Any = {"conditional": True, "as_attachment": True, "download_name": called}
        return send_file(path, request.environ, **how)

    def _upload(self, request: Request, token: str) -> Response:
        uploads = self.site.store.root / "uploads"
        if not (uploads / f"{token}.name").is_file():
            abort(404, "There is no such upload")
        partial = uploads / f"{token}.part"
        with open(partial, "wb") as file:
            shutil.copyfileobj(request.stream, file)
        partial.replace(uploads / token)
        return Response(status=200)

    def _stream_log(self, request: Request, owner: str, slug: str) -> Response:
        version = self._called(request, Service).version(f"{owner}/{slug}")
        if version.status in ACTIVE:
            return Response(self._events(version), mimetype="text/event-stream")
        return Response(log_json(version.log), mimetype="application/json")

    def _events(self, version: Version) -> Iterator[str]:
        """The log line by line as it comes, up to the end of the session."""
        sent, running, closed = 0, True, self.site.sessions.closed
        while running and not closed.is_set() and version.folder.is_dir():  # it may be deleted
            running = version.status in ACTIVE  # before the log is read: its end is not missed
            for entries, end in log_blocks(version.log, sent):
                sent = end
                yield "".join(f"data: {entry}\n\n" for entry in entries)
            if running:
                time.sleep(_POLL)
        yield "data: END_OF_LOG\n\n"


def _closing(body: Any) -> Iterator[bytes]:
    try:
        yield from body
    finally:
        body.close()


def json_answer(body: object, status: int = 200) -> Response:
    """An answer with ``body`` as JSON."""
    return Response(json.dumps(body), status, mimetype="application/json")


def answer_with_log(body: Fields) -> Response:
    """An answer whose ``log`` is a LogOf, with the log itself as text."""
    log, place = Path(body["log"]), "\0"  # which no name of a file has
    head, tail = json.dumps({**body, "log": place}).split(json.dumps(place)[1:-1])
    pieces = (json.dumps(piece)[1:-1] for piece in log_json(log))
    return Response(itertools.chain([head], pieces, [tail]), mimetype="application/json")


def error_answer(code: int, message: str) -> Response:
    """An answer that refuses."""
    return json_answer({"error": {"code": code, "message": message}}, code)

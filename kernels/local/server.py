"""The local Kaggle's HTTP side: who calls, which service answers, file downloads and uploads."""

import http
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.security.types import oauth_service
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response

from common.errors import UserError
from kernels.local.kernels_service import log_json, log_lines, readable_version
from kernels.local.store import ACTIVE, Store, Version
from kernels.local.wire import ApiError, Call, Links, fill, wire_methods

_LOG = logging.getLogger("kernels.local")
_POLL = 0.1  # seconds between looks at a running kernel's log


class QuietHandler(WSGIRequestHandler):
    """Prints no line for each request."""

    def log(self, type: str, message: str, *args: object) -> None:
        """Do nothing."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Close the connection: the client has gone, or an injected fault closes it."""
        self.close_connection = True


class OAuthService:
    """``security.OAuthService``: every token is good."""

    types = oauth_service

    def introspect_token(self, call: Call, request: Any) -> KaggleObject:
        """The user of a token."""
        return fill(oauth_service.IntrospectTokenResponse, active=True, username=call.user)


class Application:
    """The WSGI application over the services, which are given by their names."""

    def __init__(
        self,
        store: Store,
        links: Links,
        services: Mapping[str, Any],
        closed: Callable[[], bool],
    ):
        self._store, self._links, self._closed = store, links, closed
        self._user = "kaggler"  # until somebody comes with a key
        self._services = services
        self._routes: tuple[tuple[str, str, Callable[..., Response]], ...] = (
            ("POST", r"/api/v1/([\w.]+)/(\w+)", self._answer),
            ("GET", r"/api/v1/kernels/logs/stream/([^/]+)/([^/]+)", self._stream_log),
            ("GET", r"/download/(\w+)/[^/]+", self._download),
            ("PUT", r"/upload/(\w+)", self._upload),
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        return closing(self._respond(Request(environ))(environ, start_response))

    def _respond(self, request: Request) -> Response:
        try:
            _check_caller(request)
            verb = "GET" if request.method == "HEAD" else request.method
            for method, pattern, handler in self._routes:
                match = re.fullmatch(pattern, request.path)
                if match and method == verb:
                    return handler(request, *match.groups())
            return _error(404, f"Not found: {request.method} {request.path}")
        except ApiError as error:
            # The client hides this body behind "400 Client Error", as it does with Kaggle's own.
            body = {"error": {"code": error.code, "message": error.message}}
            return json_answer(body, error.code)
        except HTTPException as error:  # such as 416, a range beyond the file's end
            return error.get_response(request.environ)
        except UserError as error:  # such as data that could not be generated
            _LOG.error("%s", "\n".join((*error.details, str(error))))
            return _error(500, str(error))
        except Exception as error:
            _LOG.exception("%s %s", request.method, request.path)
            return _error(500, f"{type(error).__name__}: {error}")

    def _answer(self, request: Request, service: str, method: str) -> Response:
        found = self._services.get(service)
        handler = wire_methods(found).get(method)
        if found is None or handler is None:
            return _error(404, f"The local Kaggle has no method {service}/{method}")
        call, name = self._call(request), f"{method}Request"
        kind = getattr(found.types, f"Api{name}", None) or getattr(found.types, name)
        try:
            asked = kind.from_dict(json.loads(request.get_data() or b"{}"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ApiError(400, f"{method}: the request cannot be read: {error}") from None
        answer = handler(call, asked)
        if isinstance(answer, HttpRedirect):
            return Response(status=302, headers={"Location": answer.url})
        return json_answer(type(answer).to_dict(answer))

    def _call(self, request: Request) -> Call:
        """Who calls: the name that comes with a key; a token belongs to the last of these."""
        given = request.authorization
        if given is None or not (given.token or (given.username and given.password)):
            raise ApiError(401, "Unauthenticated: set KAGGLE_USERNAME and KAGGLE_KEY")
        self._user = given.username or self._user
        return Call(self._user, request.host_url)

    def _download(self, request: Request, token: str) -> Response:
        path = self._links.path(token)
        if path is None:
            return _error(404, "There is no such file, or its address has expired")
        return send_file(path.resolve(), request.environ, conditional=True, as_attachment=True)

    def _upload(self, request: Request, token: str) -> Response:
        uploads = self._store.root / "uploads"
        if not (uploads / f"{token}.name").is_file():
            return _error(404, "There is no such upload")
        partial = uploads / f"{token}.part"
        with open(partial, "wb") as file:
            while chunk := request.stream.read(1 << 20):
                file.write(chunk)
        partial.replace(uploads / token)
        return Response(status=http.HTTPStatus.OK)

    def _stream_log(self, request: Request, owner: str, slug: str) -> Response:
        version = readable_version(self._store, self._call(request), f"{owner}/{slug}")
        if version.status in ACTIVE:
            return Response(self._events(version), mimetype="text/event-stream")
        return Response(log_json(version), mimetype="application/json")

    def _events(self, version: Version) -> Iterator[str]:
        """The log line by line as it comes, up to the end of the session."""
        sent, running = 0, True
        while running and not self._closed() and version.folder.is_dir():  # it may be deleted
            running = version.status in ACTIVE  # before the log is read: its end is not missed
            lines = log_lines(version)
            yield from (f"data: {line}\n\n" for line in lines[sent:])
            sent = len(lines)
            if running:
                time.sleep(_POLL)
        yield "data: END_OF_LOG\n\n"


def _check_caller(request: Request) -> None:
    """Refuse a web page: a browser names its Origin, or by a trick another host than this machine.

    Raises ApiError.
    """
    host = request.host.rpartition(":")[0] or request.host
    if host not in ("127.0.0.1", "localhost") or "Origin" in request.headers:
        raise ApiError(403, "The local Kaggle answers programs on this machine only")


def closing(body: Any) -> Iterator[bytes]:
    """The body of an answer; its file is closed even where the client hangs up at the end."""
    try:
        yield from body
    finally:
        body.close()


def json_answer(body: object, status: int = 200) -> Response:
    """An answer with ``body`` as JSON."""
    return Response(json.dumps(body), status, mimetype="application/json")


def _error(code: int, message: str) -> Response:
    return json_answer({"code": code, "message": message}, code)

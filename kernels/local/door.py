"""Who may use a local Kaggle: whoever knows its key, and no web page.

The server runs what is pushed to it, as the user who started it. Without a key any other user of
the machine could push, and so could a web page whose host's name is made to mean this machine (DNS
rebinding, https://developer.mozilla.org/docs/Web/Security/Attacks/DNS_rebinding).
"""

import hmac
import re
from dataclasses import dataclass

from werkzeug.wrappers import Request

_LINKS = ("/download/", "/upload/")  # these addresses are secrets themselves, as Kaggle's are
_PAGE = (403, "The local Kaggle answers programs on this machine only")
_STRANGER = (401, "Unauthenticated: use the KAGGLE_USERNAME and KAGGLE_KEY of this local Kaggle")


@dataclass(frozen=True)
class Door:
    """Decides who may come in at ``port`` of this machine."""

    port: int
    key: str

    def refusal(self, request: Request) -> tuple[int, str] | None:
        """Status and message for a request from a web page or without the key, else None."""
        hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        # The raw client reaches it as the proxy of http://localhost. A web page cannot write such
        # an address, and where a browser has it as its proxy the page's own host is in it.
        if request.environ["REQUEST_URI"].startswith("http://"):
            hosts |= {"127.0.0.1", "localhost"}
        headers = request.headers
        pages = [headers[name] for name in ("Origin", "Referer") if name in headers]
        foreign = any(re.sub("^http://([^/]*).*", r"\1", page) not in hosts for page in pages)
        if foreign or headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            return _PAGE
        if headers.get("Host", "").lower() not in hosts:
            return _PAGE
        return None if request.path.startswith(_LINKS) or self._knows_key(request) else _STRANGER

    def _knows_key(self, request: Request) -> bool:
        """Whether it has the key, as the password of any user or as a token."""
        came = request.authorization
        given = came and (came.token if came.type == "bearer" else came.password)
        return hmac.compare_digest((given or "").encode("utf-8", "replace"), self.key.encode())

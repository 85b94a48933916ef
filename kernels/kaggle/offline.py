"""No network from this process: an audit hook that refuses every address but this machine's own.

It uses the standard library alone and imports nothing of the project, so that it can also be
loaded by its path. Code that opens sockets without Python is not seen by it, and a hook cannot
be taken away again (https://docs.python.org/3/library/sys.html#sys.addaudithook).
"""

import ipaddress
import socket
import sys
from typing import Any

# Where the host stands among each event's arguments.
_ADDRESS_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_HOST_EVENTS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def forbid_network(loopback: bool) -> None:
    """From now on, refuse connections and look-ups with a PermissionError that names the host.

    ``loopback`` still allows this machine's own addresses; sockets in the file system (AF_UNIX)
    are always allowed.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _ADDRESS_EVENTS:
            _check_address(arguments[0], arguments[1], loopback)
        elif event in _HOST_EVENTS:
            _check_host(arguments[0], loopback)

    sys.addaudithook(hook)


def _check_address(sock: socket.socket, address: Any, loopback: bool) -> None:
    # A connected socket sends without an address: its connect was held already.
    if address is None or sock.family == getattr(socket, "AF_UNIX", None):
        return
    _check_host(address[0] if isinstance(address, tuple) else address, loopback)


def _check_host(host: Any, loopback: bool) -> None:
    if not (loopback and _is_loopback(host)):
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        raise PermissionError(f"the network is off in this kernel: tried {name}")


def _is_loopback(host: Any) -> bool:
    name = host.decode(errors="replace") if isinstance(host, bytes) else str(host or "localhost")
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False

"""No network from this process: an audit hook that refuses every address but this machine's own.

It uses the standard library alone and imports nothing of the project, so that it can also be
loaded by its path. Code that opens sockets without Python is not seen by it, and a hook cannot
be taken away again (https://docs.python.org/3/library/sys.html#sys.addaudithook).
"""

import ipaddress
import socket
import sys
from typing import Any

# Where the host is among each event's arguments.
_ADDRESS_EVENTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_HOST_EVENTS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}


def forbid_network(loopback: bool) -> None:
    """From now on, refuse connections and look-ups with a PermissionError that names the host.

    ``loopback`` still allows this machine's own addresses; sockets in the file system (AF_UNIX)
    are always allowed.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _HOST_EVENTS:
            host = arguments[0]
        elif event in _ADDRESS_EVENTS and arguments[0].family != getattr(socket, "AF_UNIX", None):
            address = arguments[1]
            if address is None:  # a connected socket sends without one: its connect was checked
                return
            host = address[0] if isinstance(address, tuple) else address
        else:
            return
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        if not (loopback and _is_loopback(str(name or "localhost"))):
            raise PermissionError(f"the network is off in this kernel: tried {name}")

    sys.addaudithook(hook)


def _is_loopback(name: str) -> bool:
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False

"""The files that every server serves, and the check that a server really serves them."""

import http.client
import os
import pathlib
import re
import socket

from .bed import CLIENT, SERVER, Failure, client_address, inside

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}


def parse_size(text):
    """Bytes of a size such as 64B or 1MiB."""
    match = re.fullmatch(r"(\d+)(B|KiB|MiB)", text)
    if not match:
        raise ValueError(f"{text}: expected a size such as 64B, 8KiB or 1MiB")
    return int(match[1]) * _UNITS[match[2]]


def size_name(size):
    """The shortest exact name of a size in bytes."""
    for unit in ("MiB", "KiB"):
        if size % _UNITS[unit] == 0 and size > 0:
            return f"{size // _UNITS[unit]}{unit}"
    return f"{size}B"


class Documents:
    """A document root with files of random bytes, one for each size asked for."""

    def __init__(self, directory):
        self.root = pathlib.Path(directory) / "site"
        self.root.mkdir(mode=0o755)
        self._contents = {}

    def path(self, size):
        """What to ask a server for."""
        self.content(size)
        return f"/{size}.bin"

    def file(self, size):
        return self.root / self.path(size)[1:]

    def content(self, size):
        if size not in self._contents:
            self._contents[size] = os.urandom(size)
            (self.root / f"{size}.bin").write_bytes(self._contents[size])
        return self._contents[size]

    def check(self, size, clients=1):
        """Fetches the file once for each client address and compares every byte."""
        expected = self.content(size)
        for number in range(1, clients + 1):
            address = client_address(number)
            got = fetch(self.path(size), address)
            if got != expected:
                raise Failure(f"wrong content for {address}: {len(got)} bytes of {size}, or not the same ones")


def fetch(path, source, timeout=10):
    """The body of a 200 response, by a connection of its own from a client address."""
    with inside(CLIENT):
        connected = socket.create_connection((SERVER, 80), timeout, (source, 0))
    connection = http.client.HTTPConnection(SERVER)
    connection.sock = connected
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise Failure(f"{path} from {source}: status {response.status}")
        return body
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{path} from {source}: {error}") from error
    finally:
        connection.close()

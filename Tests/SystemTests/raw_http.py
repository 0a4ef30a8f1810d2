"""HTTP over a plain socket: sends exactly the bytes a test wants, reads responses by the letter of RFC 9112."""

import dataclasses
import hashlib
import socket

from bed import CLIENT, SERVER, inside


@dataclasses.dataclass
class Response:
    version: str
    status: int
    reason: str
    headers: dict  # lower-case name -> value; a repeated field is joined with ", " (RFC 9110 §5.3)
    body: bytes

    @property
    def digest(self):
        return hashlib.sha256(self.body).hexdigest()


class Closed(Exception):
    """The server closed the connection where a response was due."""


class Connection:
    """One TCP connection from the client namespace."""

    def __init__(self, family=4, source=None, port=80, timeout=10, connect=True):
        with inside(CLIENT):
            self.socket = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            # Ports are then chosen at connect, where one port serves many destinations (ip(7)).
            self.socket.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
            self.socket.bind((source, 0))
        self._buffer = bytearray()
        if connect:
            self.socket.connect((SERVER[family], port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin-1"))

    def get(self, path, *headers, method="GET", host="onvm.test"):
        self.send("".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "")))

    def fetch(self, path, *headers, method="GET"):
        self.get(path, *headers, method=method)
        return self.read(method)

    def read(self, method="GET"):
        """The next final response (RFC 9112 §6.3 says where it ends); interim ones are passed over."""
        while True:
            response = self.read_any(method)
            if response.status >= 200:
                return response

    def read_any(self, method="GET"):
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), f"bad field line: {line!r}"
            name = name.lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        status = int(status)
        if method == "HEAD" or status < 200 or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        return Response(version, status, reason[0] if reason else "", headers, body)

    def wait_for_data(self):
        """Returns when the server has begun to answer, without taking anything."""
        assert self.socket.recv(1, socket.MSG_PEEK)

    def rest(self):
        """Everything until the server closes."""
        while self._fill():
            pass
        data, self._buffer = bytes(self._buffer), bytearray()
        return data

    def closed_by_server(self):
        """Whether the server closes (FIN or RST) without sending anything more."""
        try:
            return not self._buffer and not self._fill()
        except (ConnectionResetError, BrokenPipeError):
            return True

    def _fill(self):
        data = self.socket.recv(1 << 18)
        self._buffer += data
        return len(data)

    def _until(self, mark):
        start = 0
        while (at := self._buffer.find(mark, start)) < 0:
            start = max(0, len(self._buffer) - len(mark))
            if not self._fill():
                raise Closed(f"closed after {bytes(self._buffer[:200])!r}")
        head = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return head

    def _exactly(self, count):
        while len(self._buffer) < count:
            if not self._fill():
                raise Closed(f"closed after {len(self._buffer)} of {count} body bytes")
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _chunks(self):
        body = b""
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"
        while self._until(b"\r\n"):
            pass
        return body

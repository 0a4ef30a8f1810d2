"""`onvm-tcp-peer`: the project's TCP stack on the bed's `port0`, without manager and steering."""

import contextlib
import hashlib
import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import threading
import time

from bed import CLIENT, HOST, REPOSITORY, SERVER, client_address, device, end, inside, run, spawn

PROGRAM = pathlib.Path(os.environ.get("ONVM_TCP_PEER", REPOSITORY / ".build/release/onvm-tcp-peer"))
SOCKET_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
REPORT_BYTES = 16


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Content:
    """What every stream of these tests carries: the bytes of one file, repeated. Its size is prime, so that a stream
    shifted by anything that segments are made of differs."""

    SIZE = 1_000_003

    def __init__(self):
        self._file = tempfile.NamedTemporaryFile(prefix="onvm-content-")
        self.block = random.Random(20).randbytes(self.SIZE)
        self._file.write(self.block)
        self._file.flush()
        self.path = self._file.name

    def parts(self, size):
        """The first `size` bytes of the stream, piece by piece."""
        while size > 0:
            yield self.block[:size]
            size -= min(size, self.SIZE)

    def digest(self, size):
        check = hashlib.sha256()
        for part in self.parts(size):
            check.update(part)
        return check.hexdigest()


class Peer:
    """One run of the program; a context manager. `counters` and `ended` are complete after it."""

    def __init__(self, bed, content, *arguments, mtu=1500):
        assert PROGRAM.exists(), f"{PROGRAM} does not exist: run 'swift build -c release --product onvm-tcp-peer'"
        self.ended = []
        self.traces = []
        self.counters = None
        self.connections = None
        self._arguments = [PROGRAM, "--device", "port0", "--mtu", mtu, "--content", content.path, *map(str, arguments)]
        self._changed = threading.Condition()
        self._ready = False

    @classmethod
    def opening(cls, bed, content, role, port, *arguments, family=4, first_port=20_000, **options):
        """A run that connects to the kernel's stack in the client namespace."""
        own, following = device(HOST, "port0")["address"], device(CLIENT, "client0")["address"]
        return cls(bed, content, "--connect", endpoint(client_address(1, family), port), "--role", role,
                   "--from", endpoint(SERVER[family], first_port), "--path", f"{own}/{following}", *arguments,
                   **options)

    def __enter__(self):
        self.make_known()
        self.process = spawn(*self._arguments, namespace=HOST, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait(lambda: self._ready or self.process.poll() is not None, 10, "ready")
        assert self._ready, f"onvm-tcp-peer ended with {self.process.wait()}"
        return self

    def make_known(self):
        """The device belongs to the program, the kernel behind it answers nothing: no ARP, no neighbour discovery."""
        for address in SERVER.values():
            run("ip", "-n", CLIENT, "neigh", "replace", address, "lladdr", device(HOST, "port0")["address"],
                "dev", "client0", "nud", "permanent")

    def __exit__(self, kind, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            status = end(self.process)
        self._reader.join(10)
        for address in SERVER.values():
            run("ip", "-n", CLIENT, "neigh", "del", address, "dev", "client0", check=False)
        if kind is None and not self.killed:
            assert status == 0, f"onvm-tcp-peer ended with {status}"

    killed = False

    def kill(self):
        self.killed = True
        self.process.kill()
        self.process.wait(10)

    def wait_ended(self, count=1, seconds=20):
        """The connections that ended, once there are that many."""
        self._wait(lambda: len(self.ended) >= count, seconds, f"{count} connections ended")
        return self.ended

    def wait_exit(self, seconds=60):
        """Waits until the program has opened and ended all its connections."""
        self.process.wait(seconds)
        self._reader.join(10)
        return self.ended

    def _wait(self, condition, seconds, what):
        with self._changed:
            came = self._changed.wait_for(condition, seconds)
            assert came, f"not within {seconds} s: {what}; ended: {self.ended[-3:]}"

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                if line == "ready\n":
                    self._ready = True
                    self.started = time.monotonic()
                else:
                    self._take(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _take(self, said):
        if "counters" in said:
            self.counters, self.connections = said["counters"], said["connections"]
        elif "trace" in said:
            self.traces.append(said["trace"])
        else:
            self.ended.append(said)


def connect(port, family=4, timeout=60, receive_buffer=None, options=()):
    """A socket of the kernel's stack in the client namespace, connected to the peer."""
    with inside(CLIENT):
        made = socket.socket(SOCKET_FAMILY[family], socket.SOCK_STREAM)
    made.settimeout(timeout)
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    for option in options:
        made.setsockopt(*option)
    try:
        made.connect((SERVER[family], port))
    except OSError:
        made.close()
        raise
    return made


def listen(port, family=4, timeout=60, backlog=1024):
    """A listening socket of the kernel's stack in the client namespace."""
    with inside(CLIENT):
        made = socket.socket(SOCKET_FAMILY[family], socket.SOCK_STREAM)
    made.settimeout(timeout)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((client_address(1, family), port))
    made.listen(backlog)
    return made


def receive_digest(connection, expected, pause=0.0):
    """Everything up to the peer's FIN: (bytes, SHA-256). It must not be more than expected."""
    check, count = hashlib.sha256(), 0
    buffer = bytearray(1 << 18)
    while True:
        got = connection.recv_into(buffer)
        if got == 0:
            return count, check.hexdigest()
        check.update(memoryview(buffer)[:got])
        count += got
        assert count <= expected, f"{count} bytes, {expected} expected"
        if pause:
            time.sleep(pause)


def send_content(connection, content, size):
    for part in content.parts(size):
        connection.sendall(part)
    connection.shutdown(socket.SHUT_WR)


def receive_report(connection):
    """What a sink says after our FIN: (bytes it took, offset of the first wrong one or None)."""
    data = b""
    while len(data) < REPORT_BYTES and (part := connection.recv(REPORT_BYTES - len(data))):
        data += part
    assert connection.recv(1) == b"", "FIN does not follow the report"
    received, mismatch = int.from_bytes(data[:8]), int.from_bytes(data[8:])
    assert len(data) == REPORT_BYTES, data
    return received, None if mismatch == (1 << 64) - 1 else mismatch


def upload(connection, content, size):
    send_content(connection, content, size)
    assert receive_report(connection) == (size, None)


def download(connection, content, size, **options):
    connection.sendall(b"%d\n" % size)
    assert receive_digest(connection, size, **options) == (size, content.digest(size))

"""Connections that asked once, were answered, and stay open; as many processes as the limit of descriptors demands."""

import contextlib
import multiprocessing
import resource
import select
import signal

from .bed import CLIENT, SERVER, Failure, client_address, inside
from .many_clients import client_socket, request_of

# Of a process's descriptors, for everything but connections.
_RESERVE = 500
_ANSWER_SECONDS = 300


def descriptor_limit():
    """How many connections a process may have, by the hard limit (setrlimit(2)): root may be unable to raise it."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _RESERVE


class IdleConnections:
    """Open connections of all clients, shared among processes."""

    def __init__(self, count, clients, path, expected):
        context = multiprocessing.get_context("fork")
        each = min(count, descriptor_limit())
        self.count, self._holders = count, []
        try:
            for first in range(0, count, each):
                ours, theirs = context.Pipe()
                numbers = range(first, min(first + each, count))
                process = context.Process(target=_hold, args=(theirs, numbers, clients, path, expected), daemon=True)
                process.start()
                theirs.close()
                self._holders.append((process, ours))
                self._answer(ours)
        except BaseException:
            self.close()
            raise

    def check(self):
        """None was closed, and some of them are asked again."""
        for _, pipe in self._holders:
            pipe.send("check")
            self._answer(pipe)

    def close(self):
        for process, pipe in self._holders:
            # Told, not only hung up on: the processes forked later have this end, too.
            with contextlib.suppress(OSError):
                pipe.send("end")
            pipe.close()
        for process, _ in self._holders:
            process.join(30)
            if process.is_alive():
                process.kill()
        self._holders = []

    @staticmethod
    def _answer(pipe):
        try:
            answer = pipe.recv() if pipe.poll(_ANSWER_SECONDS) else "no answer"
        except EOFError:
            answer = "its process ended"
        if answer != "good":
            raise Failure(f"idle connections: {answer}")


def _hold(pipe, numbers, clients, path, expected):
    """The life of one process: opens its connections, checks them when told, closes them at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    holder = _Holder(path, expected)
    try:
        with inside(CLIENT):
            for number in numbers:
                holder.open(client_address(1 + number % clients))
        pipe.send("good")
        while pipe.recv() == "check":
            holder.check()
            pipe.send("good")
    except EOFError:
        return
    except (OSError, Failure) as error:
        pipe.send(f"connection {len(holder.sockets)} of {len(numbers)} in one process: {error}")


class _Holder:
    """The connections of one process."""

    SAMPLE = 200

    def __init__(self, path, expected):
        self.sockets, self._watch = [], select.epoll()
        self._request, self._expected = request_of(path), expected

    def open(self, address):
        client = client_socket(address)
        self.sockets.append(client)
        client.settimeout(10)
        client.connect((SERVER, 80))
        self._ask(client)
        self._watch.register(client, select.EPOLLIN | select.EPOLLRDHUP)

    def check(self):
        gone = len(self._watch.poll(0, len(self.sockets)))
        if gone:
            raise Failure(f"{gone} were closed or got bytes nobody asked for")
        for client in self.sockets[::max(1, len(self.sockets) // self.SAMPLE)]:
            self._ask(client)

    def _ask(self, client):
        client.sendall(self._request)
        response = client.recv(1 << 16)
        if not response.startswith(b"HTTP/1.1 200") or not response.endswith(b"\r\n\r\n" + self._expected):
            raise Failure(f"got {response[:60]!r}")

"""A thousand clients at once, and connections that are open and idle."""

import asyncio
import resource
import select
import socket

from .bed import CLIENT, SERVER, Failure, client_address, inside

AT_ONCE = 64


def allow_descriptors(count):
    """Raises the limit of this process's descriptors (setrlimit(2))."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))


def _request(path):
    return f"GET {path} HTTP/1.1\r\nHost: {SERVER}\r\n\r\n".encode()


def _socket(address):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Ports are then chosen at connect, where one port serves many destinations (ip(7)).
    client.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    client.bind((address, 0))
    return client


async def _fetch_all(address, documents, sizes, room):
    async with room:
        with inside(CLIENT):
            client = _socket(address)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (SERVER, 80))
        reader, writer = await asyncio.open_connection(sock=client)
        for size in sizes:
            writer.write(_request(documents.path(size)))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise Failure(f"{address}: {head[:40]!r}")
            if await reader.readexactly(size) != documents.content(size):
                raise Failure(f"{address}: wrong content of {size} bytes")
        return writer


async def _all(count, documents, sizes, while_connected):
    room = asyncio.Semaphore(AT_ONCE)
    jobs = [asyncio.wait_for(_fetch_all(client_address(number), documents, sizes, room), 60)
            for number in range(1, count + 1)]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        raise Failure(f"{len(failures)} of {count} clients failed, the first by: {failures[0]!r}")
    while_connected()
    for writer in results:
        writer.close()


def fetch_by_clients(count, documents, sizes, while_connected):
    """Each client address fetches a file of every size over one connection, which it keeps until the last has done."""
    allow_descriptors(count + 4096)
    asyncio.run(_all(count, documents, sizes, while_connected))


class IdleConnections:
    """Connections that asked once, were answered, and stay open."""

    def __init__(self, count, clients, path, expected):
        allow_descriptors(count + 4096)
        self._request, self._expected = _request(path), expected
        self._watch = select.epoll()
        self.sockets = []
        try:
            with inside(CLIENT):
                for number in range(count):
                    client = _socket(client_address(1 + number % clients))
                    self.sockets.append(client)
                    client.settimeout(10)
                    client.connect((SERVER, 80))
                    self._ask(client)
                    self._watch.register(client, select.EPOLLIN | select.EPOLLRDHUP)
        except OSError as error:
            opened = len(self.sockets)
            self.close()
            raise Failure(f"idle connection {opened} of {count}: {error}") from error

    def _ask(self, client):
        client.sendall(self._request)
        response = client.recv(1 << 16)
        if not response.startswith(b"HTTP/1.1 200") or not response.endswith(b"\r\n\r\n" + self._expected):
            raise Failure(f"an idle connection got {response[:60]!r}")

    def check(self, sample=1000):
        """None was closed, and some of them are asked again."""
        gone = len(self._watch.poll(0, len(self.sockets)))
        if gone:
            raise Failure(f"{gone} of {len(self.sockets)} idle connections were closed or got bytes nobody asked for")
        try:
            for client in self.sockets[::max(1, len(self.sockets) // sample)]:
                self._ask(client)
        except OSError as error:
            raise Failure(f"an idle connection does not work any more: {error}") from error

    def close(self):
        self._watch.close()
        for client in self.sockets:
            client.close()
        self.sockets = []

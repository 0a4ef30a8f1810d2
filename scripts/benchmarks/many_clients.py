"""A thousand clients at once."""

import asyncio
import socket

from .bed import CLIENT, SERVER, Failure, client_address, inside

AT_ONCE = 64


def request_of(path):
    return f"GET {path} HTTP/1.1\r\nHost: {SERVER}\r\n\r\n".encode()


def client_socket(address):
    """A socket in this thread's namespace that will come from a client address."""
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Ports are then chosen at connect, where one port serves many destinations (ip(7)).
    client.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    client.bind((address, 0))
    return client


async def _fetch_all(address, documents, sizes, room):
    async with room:
        with inside(CLIENT):
            client = client_socket(address)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (SERVER, 80))
        reader, writer = await asyncio.open_connection(sock=client)
        for size in sizes:
            writer.write(request_of(documents.path(size)))
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
    asyncio.run(_all(count, documents, sizes, while_connected))

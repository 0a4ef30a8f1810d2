"""Holds connections open that are asked once: idle_clients.py ADDRESS COUNT.

Prints "open" when all are, then "served" for each line on standard input, once a part of them answered again.
"""

import resource
import sys

from raw_http import Connection

REQUEST = b"GET /text.txt HTTP/1.1\r\nHost: x\r\n\r\n"
BEGINNING = b"HTTP/1.1 200 OK"


def main(address, count):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = []
    for _ in range(count):
        connections.append(Connection(source=address, timeout=30))
        connections[-1].socket.sendall(REQUEST)
        if len(connections) % 500 == 0:
            expect(connections[-500:])
    print("open", flush=True)
    for _ in sys.stdin:
        for connection in connections[::997]:
            connection.socket.sendall(REQUEST)
        expect(connections[::997])
        print("served", flush=True)


def expect(connections):
    for connection in connections:
        answer = connection.socket.recv(65536)
        assert answer.startswith(BEGINNING), answer[:100]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

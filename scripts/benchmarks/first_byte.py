"""How long new clients wait: from the first SYN to the first byte of the response."""

import gc
import socket
import time

from .bed import CLIENT, SERVER, Failure, inside


def first_byte(source, path, expected, retry_seconds=0.0):
    """Seconds from connect(2) to the first byte for a client address. The whole response is checked.

    With `retry_seconds` a refused client tries again at once for so long, and the time counts from its first SYN.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: {SERVER}\r\nConnection: close\r\n\r\n".encode()
    deadline = time.monotonic() + retry_seconds
    started = time.perf_counter_ns()
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.bind((source, 0))
            try:
                client.connect((SERVER, 80))
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise Failure(f"{source} was refused") from None
                time.sleep(0.0001)
                continue
            client.sendall(request)
            data = client.recv(1 << 16)
            elapsed = time.perf_counter_ns() - started
            pieces = [data]
            while pieces[-1]:
                pieces.append(client.recv(1 << 16))
        response = b"".join(pieces)
        if not response.startswith(b"HTTP/1.1 200") or not response.endswith(b"\r\n\r\n" + expected):
            raise Failure(f"{source}: wrong response of {len(response)} bytes")
        return elapsed / 1e9


def sequence(addresses, path, expected, gap_seconds, retry_seconds=0.0, group=1):
    """The times of clients that come one after the other, `gap_seconds` apart; of each group only the last counts."""
    times = []
    gc.disable()
    try:
        with inside(CLIENT):
            for number, address in enumerate(addresses, 1):
                taken = first_byte(address, path, expected, retry_seconds)
                if number % group == 0:
                    times.append(taken)
                    time.sleep(gap_seconds)
    except OSError as error:
        raise Failure(f"a new client failed: {error}") from error
    finally:
        gc.enable()
    return times

"""Ours and Linux's TCP in turn over the same bad paths; see scripts/compare-linux."""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import sys
import threading
import time

# A bed of its own, beside the tests' and the demo's.
os.environ.setdefault("ONVM_BED", "onvmcmp")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/SystemTests"))

from bed import HOST, SERVER, Bed, Impairment, inside  # noqa: E402
from tcp_peer import Content, Peer, connect  # noqa: E402

# Beyond any window that these paths need: neither end is limited by its buffers.
BUFFER = 4 << 20
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
PORT = 7000
CEASELESS = 1 << 40


class Path:
    def __init__(self, description, **impairment):
        self.description = description
        self.impairment = impairment


RTT_MS, MEGABITS = 40, 100
ONE_BDP = MEGABITS * 1_000_000 // 8 * RTT_MS // 1_000
BOTTLENECK = {"delay_microseconds": RTT_MS * 500, "bits_per_second": MEGABITS * 1_000_000, "queue_bytes": ONE_BDP}
PATHS = (
    Path(f"no random loss, {RTT_MS} ms, {MEGABITS} Mbit/s", **BOTTLENECK),
    Path(f"0.1 % loss, {RTT_MS} ms, {MEGABITS} Mbit/s", loss=0.001, **BOTTLENECK),
    Path(f"1 % loss, {RTT_MS} ms, {MEGABITS} Mbit/s", loss=0.01, **BOTTLENECK),
    Path(f"1 % loss, 2 % reordering, {RTT_MS} ms, {MEGABITS} Mbit/s", loss=0.01, reorder=0.02, **BOTTLENECK),
)


def count_received(connection, seconds):
    """Bytes that arrive within the time."""
    buffer, count, deadline = bytearray(1 << 18), 0, time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            got = connection.recv_into(buffer)
        except TimeoutError:
            break
        if got == 0:
            raise RuntimeError("the sender ended early")
        count += got
    return count


def send_ceaselessly(connection, content):
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(content.block)


class Ours:
    name = "ours"

    def __init__(self, bed, content):
        self.peer = Peer(bed, content, "--serve", f"{PORT}:push={CEASELESS}", "--serve", f"{PORT + 1}:sink",
                         "--window", BUFFER)

    def __enter__(self):
        self.peer.__enter__()
        return self

    def __exit__(self, *problem):
        self.peer.__exit__(*problem)


class Linux:
    """The kernel's stack in the same place: a thread that sends or takes."""

    name = "Linux"

    def __init__(self, bed, content):
        self.content = content

    def __enter__(self):
        with inside(HOST):
            self.servers = [socket.socket(), socket.socket()]
        for offset, server in enumerate(self.servers):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, BUFFER)
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
            server.bind((SERVER[4], PORT + offset))
            server.listen()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._take)]
        for thread in self.threads:
            thread.start()
        return self

    def _send(self):
        with contextlib.suppress(OSError):
            connection, _ = self.servers[0].accept()
            with connection:
                send_ceaselessly(connection, self.content)

    def _take(self):
        with contextlib.suppress(OSError):
            connection, _ = self.servers[1].accept()
            buffer = bytearray(1 << 18)
            with connection:
                while connection.recv_into(buffer):
                    pass

    def __exit__(self, *_):
        for server in self.servers:
            # Wakes a thread that still waits in accept; close alone would not.
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()


def sending(kind, bed, content, seconds):
    """Bytes a second that the stack under test gets to Linux."""
    with kind(bed, content):
        with connect(PORT, options=((socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER),)) as connection:
            return count_received(connection, seconds) / seconds


def receiving(kind, bed, content, seconds):
    """Bytes a second that Linux gets to the stack under test."""
    options = ((socket.SOL_SOCKET, SO_SNDBUFFORCE, BUFFER), (socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic"))
    with kind(bed, content):
        connection = connect(PORT + 1, options=options)
        sender = threading.Thread(target=send_ceaselessly, args=(connection, content), daemon=True)
        sender.start()
        time.sleep(seconds)
        total = acknowledged(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        sender.join(10)
        return total / seconds


def acknowledged(connection):
    """tcpi_bytes_acked of struct tcp_info (linux/tcp.h): at byte 120."""
    information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int.from_bytes(information[120:128], sys.byteorder)


DIRECTIONS = (("sends", sending), ("receives", receiving))


def compare(bed, content, options):
    runs, slower = [], False
    print(f"{'path':<46} {'ours':<9} {'Mbit/s':>8} {'Linux':>8} {'ratio':>6}  ours from-to")
    for path in PATHS:
        for word, measure in DIRECTIONS:
            description = f"{path.description} {word}"
            if options.only and options.only not in description:
                continue
            rates = {"ours": [], "Linux": []}
            for pair in range(options.pairs):
                for kind in (Ours, Linux) if pair % 2 == 0 else (Linux, Ours):
                    with bed.impaired(Impairment(100 + pair, **path.impairment)):
                        rate = measure(kind, bed, content, options.seconds) * 8 / 1e6
                    rates[kind.name].append(rate)
                    runs.append({"path": path.description, "direction": word, "stack": kind.name, "pair": pair,
                                 "megabits": rate, "wire": bed.counters})
            ours, linux = (statistics.median(rates[name]) for name in ("ours", "Linux"))
            slower |= ours < 0.9 * linux
            print(f"{path.description:<46} {word:<9} {ours:8.2f} {linux:8.2f} {ours / linux:6.2f}  "
                  f"{min(rates['ours']):.2f}-{max(rates['ours']):.2f}", flush=True)
    return runs, slower


def main():
    parser = argparse.ArgumentParser(prog="compare-linux")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--only")
    parser.add_argument("--json")
    options = parser.parse_args()
    bed = Bed()
    bed.remove(force=False)
    try:
        bed.ensure(wire=True)
        runs, slower = compare(bed, Content(), options)
    finally:
        bed.remove()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(runs, indent=1))
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())

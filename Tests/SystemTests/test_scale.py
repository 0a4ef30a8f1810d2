"""Many connections at once, many one after another, and nothing left of them."""

import pathlib
import subprocess
import sys
import time

import process_facts
import pytest
from bed import CLIENT, client_address, end, run, spawn, url
from platform_under_test import web
from raw_http import Connection


def accounts(server):
    """What could leak: descriptors of the processes, slots, frames, memory. Taken when no NF is on its way."""
    server.wait_until(
        lambda: all(service["starting"] == 0 for service in server.status()["services"]), 10, "no NF is being started")
    status = server.status()
    nfs = {nf["pid"]: nf for nf in status["nfs"] if nf.get("pid")}
    pids = [server.process.pid, *nfs]
    frames = {name: sum(nf["telemetry"][name] for nf in nfs.values())
              for name in ("frames_total", "frames_free", "frames_in_flight")}
    assert frames["frames_free"] + frames["frames_in_flight"] == frames["frames_total"], f"frames are lost: {frames}"
    return {
        "descriptors": {pid: len(process_facts.descriptors(pid)) for pid in pids},
        "private_kib": {pid: process_facts.private_kib(pid) for pid in pids},
        "frames": frames,
        "slots": len(nfs),
        "services": {s["name"]: (s["idle"], s["bound"]) for s in status["services"]},
    }


def fetch_when_there_is_room(address, seconds=10):
    """As a client whom `overflow: refuse` turned away: tries again until the pool was filled up."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with Connection(source=address) as connection:
                assert connection.fetch("/text.txt").status == 200
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, f"no NF for {address} within {seconds} s"
            time.sleep(0.02)


@pytest.mark.limit(120)
def test_ten_thousand_connections_of_one_client(platform, documents):
    """All are open at the same time, all are asked, all answer."""
    server = platform.ensure()
    connections = []
    try:
        for number in range(10_000):
            try:
                connections.append(Connection(timeout=30))
            except OSError as error:
                raise AssertionError(f"connection {number + 1}: {error}") from error
        for start in range(0, 10_000, 500):
            batch = connections[start:start + 500]
            for connection in batch:
                connection.get("/text.txt")
            for connection in batch:
                assert connection.read().status == 200
        if server.name == "onvm":
            nf = server.nf_of(client_address(1))
            assert nf["connections"] >= 10_000, nf
        # Every connection still works after the last was used.
        for connection in connections[::97]:
            assert connection.fetch("/data.json").status == 200
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.limit(240)
def test_a_hundred_thousand_short_connections(platform, documents):
    """Each is opened, asked once and closed; ports come round again within a TIME-WAIT (RFC 6191)."""
    # A TIME-WAIT lasts as long as the default idle timeout, which would take the NF away while it is looked at.
    server = platform.ensure(web(documents.root, extra="    idle_timeout: 10m\n"), clients=2)

    def storm(count):
        output = run("ab", "-q", "-r", "-n", count, "-c", 16, url(documents.path(64)),
                     namespace=CLIENT, timeout=150).stdout
        assert f"Complete requests:      {count}\n" in output, output
        assert "Failed requests:        0\n" in output, output

    storm(5_000)
    if server.name == "nginx":
        storm(20_000)
        return
    server.wait_until(lambda: server.status()["services"][0]["idle"] >= 8, 10, "the pool is full again")
    pid = server.nf_of(client_address(1))["pid"]
    before = accounts(server)
    storm(100_000)
    # What is left are connections in TIME-WAIT, a minute each (RFC 9293 §3.4.2); then the table is empty.
    server.wait_until(lambda: server.nf_of(client_address(1))["connections"] == 0, 90, "TIME-WAIT is over")
    after = accounts(server)
    nf = server.nf_of(client_address(1))
    assert nf["pid"] == pid
    assert nf["accepted"] == nf["closed"] >= 105_000, nf
    for name in ("descriptors", "frames", "slots", "services"):
        assert after[name] == before[name], name
    # Tables are fixed, but their pages are the process's only once they were used: by now they were.
    storm(20_000)
    grown = {p: kib - after["private_kib"][p] for p, kib in accounts(server)["private_kib"].items()}
    assert all(kib < 512 for kib in grown.values()), f"private memory grew by {grown} KiB"


@pytest.mark.product
@pytest.mark.limit(120)
def test_slots_come_back(platform, documents):
    """Clients come and leave; the pool ends as it began."""
    topology = web(documents.root, idle=8, maximum=24, extra="    idle_timeout: 1s\n")
    server = platform.ensure(topology, clients=20)
    for _ in range(3):
        for number in range(1, 21):
            fetch_when_there_is_room(client_address(number))
        server.wait_until(lambda: server.status()["services"][0]["bound"] == 0, 15, "all clients' bindings ended")
    service = server.wait_until(
        lambda: (s := server.status()["services"][0])["idle"] >= 8 and s, 10, "the pool is full again")
    assert service["idle"] <= 24
    assert len(process_facts.descriptors(server.process.pid)) < 40 + 8 * 24


@pytest.mark.slow
@pytest.mark.product
@pytest.mark.limit(600)
def test_a_thousand_clients(platform, documents):
    memory = "    umem: {frames: 512}\n"
    server = platform.ensure(web(documents.root, idle=64, maximum=1200, extra=memory), clients=1000)
    for number in range(1, 1001):
        fetch_when_there_is_room(client_address(number))
    assert server.status()["services"][0]["bound"] == 1000


@pytest.mark.slow
@pytest.mark.product
@pytest.mark.limit(600)
def test_a_hundred_thousand_idle_connections_in_one_nf(platform, documents):
    """Each was asked once and stays open; all memory of the NF together, with its packets', stays below 256 MiB."""
    processes, each = 8, 12_500
    count = processes * each
    options = {"connections": count + 1_000, "idle_timeout_ms": 3_600_000}
    server = platform.ensure(web(documents.root, isolation="none", options=options), clients=processes)
    pid = server.nfs()[0]["pid"]
    before = memory_kib(pid)
    holders = []
    try:
        for number in range(1, processes + 1):
            holders.append(spawn(sys.executable, "-B", pathlib.Path(__file__).with_name("idle_clients.py"),
                                 client_address(number), each, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for holder in holders:
            assert holder.stdout.readline() == "open\n"
        nf = server.wait_until(
            lambda: (nf := server.nfs()[0])["connections"] == count and nf, 10, "all connections are counted")
        after = memory_kib(pid)
        print(f"{count} connections: {after} KiB, {before} KiB before the first; "
              f"{(after - before) * 1024 / count:.0f} bytes a connection")
        assert nf["pid"] == pid and after <= 256 * 1024, after
        # They are still served, and the NF sleeps in between.
        for holder in holders:
            holder.stdin.write("again\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "served\n"
        asleep = server.nfs()[0]["telemetry"]["wakeups"]
        time.sleep(2)
        woken = server.nfs()[0]["telemetry"]["wakeups"] - asleep
        assert woken < 20_000, f"{woken} wakeups in two seconds of silence"
    finally:
        for holder in holders:
            end(holder)
    server.wait_until(lambda: server.nfs()[0]["closed"] == server.nfs()[0]["accepted"], 30, "all have ended")


def memory_kib(pid):
    """Private memory, and the packet memory and telemetry that are shared with the kernel or the manager only."""
    return process_facts.private_kib(pid) + sum(process_facts.regions(pid).values()) // 1024


@pytest.mark.slow
@pytest.mark.limit(600)
def test_a_million_requests(platform, documents):
    platform.ensure()
    output = run("ab", "-q", "-k", "-n", 1_000_000, "-c", 64, url(documents.path(64)),
                 namespace=CLIENT, timeout=590).stdout
    assert "Failed requests:        0\n" in output, output

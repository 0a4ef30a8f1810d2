"""The SYN gate with real clients: floods of spoofed SYNs, more clients at once than NFs are ready, host listeners.

What counts is who is served, not how fast: TCP may send again what was put off.
"""

import concurrent.futures
import json
import pathlib
import socket
import subprocess
import tempfile
import time

import pytest
from bed import CLIENT, HOST, ONVM, SERVER, client_address, device, inside, run, spawn
from documents import MIB
from platform_under_test import web
from raw_http import Connection
from test_vlan import TaggedClient, VLAN

pytestmark = pytest.mark.product

IDLE, MAXIMUM = 8, 64
# What the topology's idle and max make of the gate's marks, and one more for each CPU that may look at the same moment.
HALF_OPEN_MARK = min(IDLE, MAXIMUM // 4)


# The test's clients have addresses of one /64, which is by default one client.
EACH_ADDRESS = "    ipv6_prefix: 128\n    idle_timeout: 2s\n"


class Flood:
    """SYNs from addresses that do not exist, for the time of a `with` block."""

    def __init__(self, family, prefix, per_second, seconds):
        self._directory = tempfile.TemporaryDirectory(prefix="onvm-flood-")
        self._arguments = (SERVER[family], 80, per_second, seconds, prefix)

    def __enter__(self):
        program = pathlib.Path(self._directory.name) / "flood"
        run("gcc", "-std=gnu11", "-O2", "-o", program, pathlib.Path(__file__).with_name("flood.c"))
        self._process = spawn(
            program, "client0", device(CLIENT, "client0")["address"], device(HOST, "port0")["address"],
            *self._arguments, namespace=CLIENT, stdout=subprocess.PIPE, text=True)
        return self

    @property
    def is_over(self):
        return self._process.poll() is not None

    def __exit__(self, *_):
        self.sent = json.loads(self._process.communicate(timeout=60)[0])["sent"]
        self._directory.cleanup()


def gate(server):
    return server.status()["services"][0]["gate"]


def wait_for_quiet(server):
    """Nobody has an NF any more, and the pool is as the topology wants it."""

    def is_quiet():
        service = server.status()["services"][0]
        return service["bound"] == 0 and service["idle"] >= 8 and not service["gate"]["is_on"]

    server.wait_until(is_quiet, 60, "the clients of the test before have left")


def visit(number, family, path="/text.txt", timeout=40):
    """One new client's whole visit; what went wrong, or None."""
    try:
        with Connection(family, source=client_address(number, family), timeout=timeout) as connection:
            status = connection.fetch(path).status
            return None if status == 200 else f"client {number}: {status}"
    except OSError as error:
        return f"client {number}: {type(error).__name__}: {error}"


SOURCES = {4: {"one prefix": "10.77.99.0/24", "random": "32.0.0.0/3"},
           6: {"one prefix": "fd77:0:0:99::/64", "random": "2000::/3"}}


@pytest.mark.limit(240)
@pytest.mark.parametrize("per_second", (1_000, 20_000))
@pytest.mark.parametrize("sources", ("one prefix", "random"))
@pytest.mark.parametrize("family", (4, 6))
def test_new_clients_in_a_flood(platform, documents, family, sources, per_second):
    """Forty new clients come while a flood goes on: each is served, and a download under way is not touched.

    The flood gets no NF beyond the mark, so a pool of 64 is never short of one for a client that is really there.
    """
    server = platform.ensure(web(documents.root, idle=IDLE, maximum=MAXIMUM, extra=EACH_ADDRESS), clients=42)
    wait_for_quiet(server)
    before = gate(server)
    ended = server.tail(10_000).count("the SYN gate is off")
    path = documents.path(10 * MIB)
    download = spawn(
        "curl", "--silent", "--show-error", "--fail", "--interface", client_address(42, family), "--limit-rate", "1M",
        "--max-time", "120", f"http://{SERVER[4] if family == 4 else '[' + SERVER[6] + ']'}{path}",
        namespace=CLIENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check = subprocess.Popen(["sha256sum"], stdin=download.stdout, stdout=subprocess.PIPE, text=True)
    download.stdout.close()
    server.wait_until(lambda: server.nf_of(client_address(42, family)) or family == 6, 10, "the download began")
    unproven = []
    with Flood(family, SOURCES[family][sources], per_second, 8) as flood:
        server.wait_until(lambda: gate(server)["is_on"], 10, "the gate is on")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            visits = [pool.submit(visit, number, family) for number in range(1, 41)]
            while not all(done.done() for done in visits):
                unproven.append(gate(server)["half_open"])
                time.sleep(0.05)
        failures = [done.result() for done in visits if done.result()]
        assert not failures, failures
        while not flood.is_over:
            unproven.append(gate(server)["half_open"])
            time.sleep(0.1)
    after = gate(server)
    assert after["cookies_sent"] - before["cookies_sent"] > flood.sent / 10
    assert max(unproven) <= HALF_OPEN_MARK + 2, unproven
    digest = check.communicate(timeout=120)[0].split()[0]
    assert download.wait(10) == 0, download.stderr.read().decode()
    assert digest == documents.digest(10 * MIB)
    server.wait_until(lambda: not gate(server)["is_on"], 30, "the gate is off again")
    server.wait_until(
        lambda: server.tail(10_000).count("the SYN gate is off") > ended, 10, "the log says so")
    log = server.tail(40)
    assert "the SYN gate is on" in log
    if sources == "one prefix":
        top = SOURCES[family][sources].replace("fd77:0:0:99::/64", "fd77::/48")
        assert top in [source["prefix"] for source in after["sources"]], after["sources"]
        assert top in log


@pytest.mark.limit(180)
@pytest.mark.parametrize("family", (4, 6))
def test_more_clients_at_once_than_nfs_are_ready(platform, documents, family):
    """Two hundred clients in the same moment, eight NFs ready, 256 possible: below max nobody is refused."""
    server = platform.ensure(web(documents.root, idle=8, maximum=256, extra=EACH_ADDRESS), clients=200)
    wait_for_quiet(server)
    refused = server.status()["services"][0]["overflow_counts"]["refused"]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        failures = [failure for failure in pool.map(lambda number: visit(number, family, timeout=90), range(1, 201))
                    if failure]
    assert not failures, f"{len(failures)} of 200 failed: {failures[:5]}"
    service = server.status()["services"][0]
    assert service["overflow_counts"]["refused"] == refused
    assert service["gate"]["cookies_accepted"] > 0
    server.wait_until(lambda: server.status()["services"][0]["gate"]["waiting"] == 0, 30, "nobody waits any more")


@pytest.mark.limit(120)
def test_a_request_of_many_segments_waits_for_its_nf(platform, documents):
    """What a client sends at once is more than one segment, and none of them may be reset before its NF is there."""
    server = platform.ensure(web(documents.root, idle=1, maximum=32, extra="    idle_timeout: 2s\n"), clients=24)
    long_request = "".join(f"X-Filler-{number}: {'x' * 900}\r\n" for number in range(6))

    def send(number):
        try:
            with Connection(source=client_address(number), timeout=60) as connection:
                connection.send(f"GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\n{long_request}\r\n")
                return connection.read("GET").status
        except OSError as error:
            return repr(error)

    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(send, range(1, 25)))
    assert statuses == [200] * 24, statuses


@pytest.mark.parametrize("family", (4, 6))
def test_a_tagged_client(platform, documents, family):
    """The gate's SYN,ACK carries the client's tag, and so does what the NF then sends."""
    server = platform.ensure(web(documents.root, idle=IDLE, maximum=MAXIMUM, extra=EACH_ADDRESS))
    server.wait_until(lambda: server.status()["services"][0]["idle"] >= IDLE, 30, "the pool is full")
    sent = gate(server)["cookies_sent"]
    client = TaggedClient(family)
    with Flood(family, SOURCES[family]["one prefix"], 500, 3):
        server.wait_until(lambda: gate(server)["is_on"], 10, "the gate is on")
        client.send(flags="S", seq=1_000, options=[("MSS", 1_000)])
        answer, tag = client.receive()
        assert tag == VLAN and answer.flags == "SA" and answer.ack == 1_001
        request = b"GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\n\r\n"
        for _ in range(20):
            client.send(request, flags="PA", seq=1_001, ack=answer.seq + 1)
            try:
                response, tag = client.receive()
                break
            except AssertionError:
                continue
        assert tag == VLAN and response.ack == 1_001 + len(request)
        while not bytes(response.payload):
            response, tag = client.receive()
        assert bytes(response.payload).startswith(b"HTTP/1.1 200") and tag == VLAN
    assert gate(server)["cookies_sent"] > sent


def test_a_listener_of_the_host_is_named(platform, documents, tmp_path):
    """Clients of a service never reach a socket of the host on its port: `check` and `run` say so, and it stays so."""
    platform.stop()
    with inside(HOST):
        listener = socket.create_server(("0.0.0.0", 80))
        listener.setblocking(False)
    try:
        file = tmp_path / "topology.yaml"
        file.write_text(web(documents.root, idle=1, maximum=1))
        said = run(ONVM, "check", "--netns", HOST, file).stdout
        assert "port 80 has a listener of the host" in said and "process" in said, said
        server = platform.ensure(web(documents.root, idle=1, maximum=1), clients=3)
        assert "port 80 has a listener of the host" in server.tail()
        with Connection(source=client_address(1)) as first:
            assert first.fetch("/text.txt").status == 200
            server.wait_until(lambda: server.status()["services"][0]["bound"] == 1, 10, "the only NF is taken")
            with pytest.raises(OSError):
                with Connection(source=client_address(2), timeout=5) as second:
                    second.fetch("/text.txt")
            assert server.status()["services"][0]["overflow_counts"]["refused"] >= 1
        with pytest.raises(BlockingIOError):
            listener.accept()
    finally:
        listener.close()
        platform.stop()

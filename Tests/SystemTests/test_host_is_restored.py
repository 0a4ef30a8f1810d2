"""Start and stop leave the host as it was: after SIGTERM, after SIGINT, and after a crash and `onvm cleanup`."""

import signal
import subprocess
import time

import process_facts
import pytest
import snapshot
from bed import CLIENT, HOST, INSTANCE, ONVM, client_address, device, run, spawn, url
from platform_under_test import web
from raw_http import Closed, Connection

pytestmark = pytest.mark.product

TOPOLOGIES = {
    "isolated": lambda root: web(root, idle=8),
    "shared": lambda root: web(root, isolation="none"),
}


@pytest.fixture(params=(1500, 9000), ids=("mtu1500", "mtu9000"))
def before(request, platform):
    """The host before the platform ran on it."""
    platform.stop()
    platform.bed.ensure(mtu=request.param, clients=4)
    return request.param, snapshot.take()


def exercise():
    for family in (4, 6):
        with Connection(family) as connection:
            assert connection.fetch("/text.txt").status == 200


@pytest.mark.parametrize("kind", TOPOLOGIES)
@pytest.mark.parametrize("how", (signal.SIGTERM, signal.SIGINT), ids=("term", "int"))
def test_after_a_stop(platform, documents, before, kind, how):
    mtu, facts = before
    server = platform.ensure(TOPOLOGIES[kind](documents.root), mtu=mtu)
    exercise()
    assert snapshot.difference(facts, snapshot.take()), "the snapshot sees nothing of a running platform"
    server.process.send_signal(how)
    assert server.process.wait(20) == 0, server.tail()
    server.process = None
    assert not snapshot.difference(facts, snapshot.take())


def test_after_a_stop_under_load(platform, documents, before):
    mtu, facts = before
    server = platform.ensure(mtu=mtu, clients=4)
    load = spawn("wrk", "-t1", "-c64", "-d", "10s", url(documents.path(65536)), namespace=CLIENT,
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0, server.tail()
        assert time.monotonic() - started < 20
        server.process = None
    finally:
        load.kill()
        load.wait()
    assert not snapshot.difference(facts, snapshot.take())


def test_a_stop_lets_a_download_finish(platform, documents):
    """Drain: what is being served is served to its end, new clients are turned away."""
    server = platform.ensure(clients=2)
    with Connection(timeout=15) as connection:
        connection.socket.setsockopt(1, 8, 65536)
        connection.get(documents.path(10 << 20))
        connection.wait_for_data()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises((ConnectionRefusedError, TimeoutError, ConnectionResetError, Closed)):
            with Connection(source=client_address(2), timeout=2) as late:
                late.fetch("/text.txt")
        assert connection.read().digest == documents.digest(10 << 20)
    assert server.process.wait(30) == 0, server.tail()
    server.process = None


def test_a_manager_that_is_killed_and_cleaned_up_after(platform, documents, before):
    mtu, facts = before
    server = platform.ensure(TOPOLOGIES["isolated"](documents.root), mtu=mtu)
    exercise()
    pids = [nf["pid"] for nf in server.nfs()]
    server.process.kill()
    server.process.wait()
    server.process = None
    done = run(ONVM, "cleanup", "--instance", INSTANCE, check=False, timeout=30)
    assert done.returncode == 0, done.stdout
    deadline = time.monotonic() + 5
    while any(map(process_facts.exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not snapshot.difference(facts, snapshot.take())
    again = run(ONVM, "cleanup", "--instance", INSTANCE, check=False, timeout=30)
    assert again.returncode == 0, f"cleaning up twice: {again.stdout}"


def test_a_run_after_a_crash_needs_no_cleanup_by_hand(platform, documents):
    """After `kill -9` of the manager, either `run` takes over or it names `onvm cleanup`; then it runs."""
    server = platform.ensure()
    server.process.kill()
    server.process.wait()
    server.process = None
    try:
        server.start(web(documents.root))
    except AssertionError as error:
        assert "onvm cleanup" in str(error), error
        run(ONVM, "cleanup", "--instance", INSTANCE, timeout=30)
        server.start(web(documents.root))
    exercise()
    server.stop()
    server.process = None


def test_the_manager_dies_and_clients_do_not_notice(platform, documents):
    """The data plane stands on its own: programs, maps and links are pinned, NFs own their sockets."""
    server = platform.ensure(clients=2)
    with Connection(source=client_address(1)) as connection:
        assert connection.fetch("/text.txt").status == 200
        server.process.kill()
        server.process.wait()
        server.process = None
        try:
            for _ in range(20):
                assert connection.fetch(documents.path(65536)).digest == documents.digest(65536)
                time.sleep(0.05)
            with Connection(source=client_address(2)) as new:
                assert new.fetch("/text.txt").status == 200, "a new client is served from the idle pool"
        finally:
            run(ONVM, "cleanup", "--instance", INSTANCE, check=False, timeout=30)


def test_five_runs_in_a_row(platform, documents, before):
    mtu, facts = before
    for _ in range(5):
        server = platform.ensure(mtu=mtu)
        exercise()
        platform.stop()
    assert server.process is None
    assert not snapshot.difference(facts, snapshot.take())


def test_a_stop_while_it_starts(bed, documents, tmp_path):
    """SIGTERM at any moment of the start: nothing is left."""
    facts = snapshot.take()
    file = tmp_path / "topology.yaml"
    file.write_text(web(documents.root, idle=32))
    for delay in (*(0.005 * step for step in range(16)), 0.1, 0.2, 0.4):
        process = spawn(ONVM, "run", "--netns", HOST, file, text=True,
                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        _, message = process.communicate(timeout=20)
        # Before the handler is there, SIGTERM ends the process as it ends any other.
        assert process.returncode in (0, 1, -signal.SIGTERM), f"after {delay} s: exit {process.returncode}: {message}"
        difference = snapshot.difference(facts, snapshot.take())
        assert not difference, f"after {delay} s: exit {process.returncode}: {message}\n{difference}"


def test_the_port_keeps_its_settings_while_it_runs(platform):
    """The link does not flap: no carrier change, the same address and MTU (IFLA_CARRIER_CHANGES counts)."""
    platform.stop()
    platform.bed.ensure()
    before = device(HOST, "port0")
    platform.ensure()
    exercise()
    during = device(HOST, "port0")
    platform.stop()
    for key in ("mtu", "address", "carrier_changes", "carrier_up_count", "carrier_down_count", "operstate"):
        assert before.get(key) == during.get(key), key

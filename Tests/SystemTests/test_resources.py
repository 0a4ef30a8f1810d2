"""What an NF may use of the host, and that one which wants more takes nothing from others."""

import contextlib
import os
import re
import socket
import time

import process_facts
import pytest
from bed import CLIENT, HOST, INSTANCE, ONVM, SERVER, client_address, inside, run
from platform_under_test import Onvm, client_of, web
from raw_http import Connection
from test_hostile_nf import HOSTILE, Listener

pytestmark = pytest.mark.product

MIB = 1 << 20
HONEST = 4


def topology(root, attack, hostile_keys="", count=4):
    """An honest service on port 80 and a hostile one on port 81, in one instance."""
    honest = web(root, idle=HONEST, maximum=16)
    return honest + (
        "  - name: bad\n    nf: hostile\n"
        f"    listen: ['{SERVER[4]}:81']\n    isolation: client\n    idle: {count}\n    max: {count * 4}\n"
        f"{hostile_keys}    options: {{attack: {attack}}}\n")


@pytest.fixture
def start(bed, tmp_path, documents):
    """Starts a manager whose NFs are from the hostile program; ended, and still alive, with the test."""
    servers = []

    def start(text, **options):
        tmp_path.chmod(0o755)
        server = Onvm(tmp_path)
        servers.append(server)
        bed.ensure(clients=16)
        server.start(text, arguments=("--nf-program", HOSTILE), **options)
        return server

    yield start
    for server in servers:
        assert server.running, f"the manager did not survive its NFs\n{server.tail()}"
        assert server.stop() == 0, server.tail()


def service(server, name):
    return next(service for service in server.status()["services"] if service["name"] == name)


def hostile_nfs(server):
    return [nf for nf in server.nfs() if nf["service"] == "bad"]


@contextlib.contextmanager
def knocks(count, first=9):
    """Connections of so many clients to the hostile service, which accepts them."""
    probes = []
    try:
        for number in range(first, first + count):
            with inside(CLIENT):
                probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            probes.append(probe)
            probe.bind((client_address(number), 0))
            probe.setblocking(False)
            probe.connect_ex((SERVER[4], 81))
        yield
    finally:
        for probe in probes:
            probe.close()


def honest_requests(documents, rounds=25):
    """Each of the honest clients asks again and again, on connections that are kept and on new ones."""
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(Connection(source=client_address(number), timeout=20))
                for number in range(1, HONEST + 1)]
        for _ in range(rounds):
            for connection in kept:
                assert connection.fetch(documents.path(1448)).digest == documents.digest(1448)
            for number in range(1, HONEST + 1):
                with Connection(source=client_address(number), timeout=20) as connection:
                    assert connection.fetch("/text.txt").status == 200


def test_limits_are_those_of_the_topology(platform, documents):
    """As the kernel says them, of a service with stated limits."""
    server = platform.ensure(web(
        documents.root, extra="    cpu_weight: 50\n    cpu_limit: 25%\n    memory: 96MiB\n"))
    pids = [nf["pid"] for nf in server.nfs()]
    assert pids
    directories = set()
    for pid in pids:
        groups = process_facts.groups(pid)
        directories.add(groups["memory"])
        assert f"/onvm-{INSTANCE}." in str(groups["memory"])
        first = next(name for name in ("memory.max", "memory.limit_in_bytes") if (groups["memory"] / name).exists())
        assert int((groups["memory"] / first).read_text()) == 96 * MIB
        assert (groups["pids"] / "pids.max").read_text() == "1\n"
        if first == "memory.max":
            assert (groups["cpu"] / "cpu.weight").read_text() == "50\n"
            assert (groups["cpu"] / "cpu.max").read_text() == "2500 10000\n"
        else:
            assert (groups["cpu"] / "cpu.shares").read_text() == "512\n"
            assert (groups["cpu"] / "cpu.cfs_quota_us").read_text() == "2500\n"
            assert (groups["cpu"] / "cpu.cfs_period_us").read_text() == "10000\n"
    assert len(directories) == len(pids), "two NFs share a group"


def test_an_nf_has_room_for_what_it_prepares_and_for_little_more(platform, documents):
    server = platform.ensure(web(documents.root))
    for pid in [nf["pid"] for nf in server.nfs()]:
        limits = process_facts.limits(pid)
        for name in ("core file size", "processes", "locked memory", "msgqueue size", "file size"):
            assert limits[f"Max {name}"] == (0, 0), limits
        space = limits["Max address space"]
        mapped = int(process_facts.status(pid)["VmSize"][0]) * 1024
        assert space[0] == space[1] and mapped < space[0] <= mapped + 17 * MIB
        assert limits["Max data size"] == space
        assert limits["Max stack size"] == (8 * MIB, 8 * MIB)
        assert limits["Max open files"][1] <= 1024
        # All its tables full fit into its group: the kernel ends no NF for doing its work.
        groups = process_facts.groups(pid)
        file = next(groups["memory"] / name for name in ("memory.max", "memory.limit_in_bytes")
                    if (groups["memory"] / name).exists())
        assert int(process_facts.status(pid)["VmData"][0]) * 1024 + 17 * MIB < int(file.read_text())


def test_the_group_of_a_slot_is_kept_for_its_next_process(platform, documents):
    server = platform.ensure(web(documents.root, idle=1, maximum=1))
    first = server.nfs()[0]
    server.command("nf", "kill", str(first["slot"]))
    second = server.wait_until(
        lambda: next((nf for nf in server.nfs() if nf["pid"] != first["pid"]), None), 10, "another process")
    assert f"/onvm-{INSTANCE}.{first['slot']}" in str(process_facts.groups(second["pid"])["pids"])


@pytest.mark.parametrize("attack", ["spin", "memory", "fork", "duplicate", "full-rate", "violate"])
def test_honest_clients_are_served_beside_it(start, documents, attack):
    server = start(topology(documents.root, attack))
    own = {nf["pid"]: nf["slot"] for nf in hostile_nfs(server)}
    with knocks(4):
        server.wait_until(lambda: all(
            not process_facts.exists(pid) or server.nf_of_pid(pid).get("client") for pid in own), 10, "they are bound")
        honest_requests(documents)
    assert service(server, "web")["ended"]["crashed"] == 0
    ended = service(server, "bad")["ended"]
    if attack == "spin":
        server.wait_until(lambda: "a tenth of its weight until it rests" in server.tail(200), 10, "it was seen")
    if attack in ("fork", "duplicate"):
        assert ended["crashed"] > 0 and "killed by SIGSYS" in server.tail(200), ended
    elif attack == "violate":
        assert ended["violation"] > 0, ended
        assert "forbidden frames within a minute" in server.tail(200)
    else:
        assert ended["crashed"] == ended["hung"] == ended["violation"] == 0, ended


def test_memory_is_bounded_by_what_may_be_mapped(start, documents):
    server = start(topology(documents.root, "memory"))
    with knocks(4):
        bound = server.wait_until(
            lambda: [nf for nf in hostile_nfs(server) if nf.get("client")], 10, "they are bound")
        pids = [nf["pid"] for nf in bound]
        largest = 0
        deadline = time.monotonic() + 20
        before = -1
        # Until all has been taken that there is to take.
        while time.monotonic() < deadline and largest != before:
            before = largest
            time.sleep(0.3)
            largest = max(largest, *(process_facts.resident_bytes(pid) for pid in pids if process_facts.exists(pid)))
        assert 8 * MIB < largest < 128 * MIB


def test_an_nf_that_has_too_much_memory_ends_with_that_cause(start, documents):
    server = start(topology(documents.root, "memory", "    memory: 8MiB\n"))
    with knocks(4):
        server.wait_until(
            lambda: service(server, "bad")["ended"]["out_of_memory"] >= 1, 20, "the kernel ended one")
        honest_requests(documents, rounds=3)
    assert service(server, "bad")["ended"]["crashed"] == 0
    assert re.search("cause=out_of_memory", server.tail(200)), server.tail()


def test_a_rate_is_held_by_the_kernel_and_counted(start, documents):
    server = start(topology(documents.root, "full-rate", "    rate: 1MB/s\n    burst: 100kB\n"))
    started = time.monotonic()
    with knocks(4):
        limited = server.wait_until(
            lambda: [nf for nf in hostile_nfs(server) if nf["counters"]["egress_drop_rate"] > 100], 10, "over its rate")
    elapsed = time.monotonic() - started
    for nf in limited:
        # A bucket of bytes at the start, then the rate; the last buffer may overdraw.
        assert nf["counters"]["sent_bytes"] <= 100_000 + 1_000_000 * (elapsed + 1) + 65_536, nf["counters"]
    assert service(server, "bad")["ended"]["violation"] == 0


def test_nothing_is_sent_before_there_is_a_policy(start, documents):
    """Frames from the first instruction on: none gets into the host's own stack, by socket or by packet handler."""
    with inside(HOST):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        datagrams.bind(("0.0.0.0", 67))
        # Handlers of one type are called after ingress filters, unlike those of every type.
        handlers = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind)) for kind in (0x0800, 0x0806)]
    datagrams.setblocking(False)
    outside = Listener(CLIENT, "client0")
    try:
        server = start(topology(documents.root, "early", "    violations: 1000000\n"))
        counters = server.status()["counters"]
        refused = sum(count for name, count in counters.items() if name.startswith("egress_drop"))
        assert refused >= 4, "it did not send"
        with pytest.raises(BlockingIOError):
            datagrams.recv(2048)
        for handler in handlers:
            handler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    assert b"HOSTILE" not in handler.recv(4096)
    finally:
        heard = outside.end()
        for one in (datagrams, *handlers):
            one.close()
    assert not heard


def test_an_nf_whose_egress_program_is_taken_off_ends(platform, documents):
    server = platform.ensure(web(documents.root, idle=2, maximum=4))
    tap = next(line.split(":")[1].strip() for line in run("ip", "-n", HOST, "-o", "link").stdout.splitlines()
               if re.search(r" onvm\d+t:", line))
    before = {nf["pid"] for nf in server.nfs()}
    run("tc", "-n", HOST, "qdisc", "del", "dev", tap, "clsact")
    server.wait_until(lambda: server.status()["services"][0]["ended"]["device_lost"] == 1, 5, "its NF ended")
    server.wait_until(lambda: len({nf["pid"] for nf in server.nfs()} - before) == 1, 5, "there is another")
    assert run("ip", "-n", HOST, "link", "show", "dev", tap, check=False).returncode != 0, "the device is still there"
    assert f"{tap}" not in run("ip", "-n", HOST, "-br", "link").stdout


def test_a_host_without_control_groups_is_warned_of(start, documents, tmp_path):
    """With another tmpfs over /sys/fs/cgroup, in a mount namespace of its own: NFs run, and the operator knows."""
    hidden = ["unshare", "--mount", "sh", "-c", "umount -l /sys/fs/cgroup; exec \"$@\"", "sh"]
    report = run(*hidden, ONVM, "check").stdout
    assert re.search(r"no +control group cpu .*NFs have resource limits only: no cgroup", report), report
    server = start(web(documents.root, idle=2, extra="    cpu_weight: 50\n"), prefix=hidden)
    assert "no cpu control group: no cgroup file system is mounted" in server.tail()
    for pid in [nf["pid"] for nf in server.nfs()]:
        assert "onvm" not in str(process_facts.groups(pid)["cpu"])
        assert process_facts.limits(pid)["Max address space"][1] < 1 << 30
        # Its weight is its nice value then.
        assert os.getpriority(os.PRIO_PROCESS, pid) == 3
    with Connection(source=client_address(1)) as connection:
        assert connection.fetch("/text.txt").status == 200

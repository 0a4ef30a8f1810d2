"""One NF process per client: separate in every way the kernel knows, and in what happens when one dies."""

import os
import signal
import time

import process_facts
import pytest
from bed import CLIENT, HOST, client_address, run, url
from platform_under_test import client_of, web
from raw_http import Connection
from steady_clients import SteadyClients
from test_scale import fetch_when_there_is_room

pytestmark = pytest.mark.product

EVERY_IPV6_ADDRESS_IS_A_CLIENT = "    ipv6_prefix: 128\n"


def fetch(address, family=4, path="/text.txt"):
    with Connection(family, address) as connection:
        assert connection.fetch(path).status == 200


def bound_pids(server, addresses):
    by_client = {client_of(nf): nf["pid"] for nf in server.nfs()}
    return {address: by_client[address] for address in addresses}


@pytest.fixture
def crowd(platform, documents):
    """Sixty-four clients, each with a connection to its NF, over a pool large enough for all of them and more."""
    server = platform.ensure(web(documents.root, idle=64, maximum=160), clients=64)
    addresses = [client_address(number) for number in range(1, 65)]
    with SteadyClients(addresses, documents.path(1448), documents.digest(1448)) as clients:
        clients.wait_until_served()
        yield server, addresses, clients


def test_sixty_four_clients_have_sixty_four_processes(crowd):
    server, addresses, clients = crowd
    time.sleep(1)
    pids = bound_pids(server, addresses)
    assert len(set(pids.values())) == 64
    assert len({process_facts.uid(pid) for pid in pids.values()}) == 64
    reported = {nf["pid"]: nf["uid"] for nf in server.nfs()}
    assert all(reported[pid] == process_facts.uid(pid) for pid in pids.values())
    regions = [process_facts.regions(pid) for pid in pids.values()]
    assert all(regions), "an NF maps no memfd: where is its UMEM?"
    for kind, sets in (("memory", [set(process_facts.shared_writable(pid)) for pid in pids.values()]),
                       ("sockets", [process_facts.sockets(pid) for pid in pids.values()])):
        everything = [item for owned in sets for item in owned]
        assert len(everything) == len(set(everything)), f"two NFs share {kind}"
    assert not clients.failures()


def test_killing_half_of_them_hurts_nobody_else(crowd):
    server, addresses, clients = crowd
    time.sleep(1)
    victims, others = addresses[::2], addresses[1::2]
    pids = bound_pids(server, addresses)
    before = {address: clients[address].requests for address in addresses}
    killed_at = time.monotonic()
    for address in victims:
        os.kill(pids[address], signal.SIGKILL)
    time.sleep(4)
    assert not clients.failures(others), "a client whose NF was not killed saw a failure"
    for address in others:
        assert clients[address].requests > before[address] + 20, f"{address} was slowed down"
    late = {}
    for address in victims:
        again = [seconds for when, seconds in clients[address].recoveries if when > killed_at]
        assert len(again) == 1, f"{address}: {len(again)} new connections, {clients[address].failures}"
        # One failure is the connection that died; a second would be a SYN that was refused.
        assert len(clients[address].failures) == 1, clients[address].failures
        if again[0] > 0.1:
            late[address] = again[0]
    assert not late, f"served again, but not within 100 ms of the SYN: {late}"
    after = bound_pids(server, addresses)
    for address in others:
        assert after[address] == pids[address]
    assert not {after[address] for address in victims} & set(pids.values()), "a dead client's NF was used again"


def test_what_an_nf_process_may_do(platform, documents):
    server = platform.ensure()
    fetch(client_address(1))
    for pid in [nf["pid"] for nf in server.nfs()]:
        facts = process_facts.status(pid)
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(facts[capabilities][0], 16) == 0, f"{capabilities} {facts[capabilities]}"
        assert facts["NoNewPrivs"] == ["1"]
        assert facts["Seccomp"] == ["2"]
        assert "0" not in facts["Uid"] + facts["Gid"], f"runs as root: {facts['Uid']} {facts['Gid']}"
        assert len(set(facts["Uid"])) == 1 and facts["Groups"] in ([], facts["Gid"][:1])
        for kind in ("net", "ipc", "mnt", "uts"):
            theirs = process_facts.namespace(pid, kind)
            assert theirs != process_facts.namespace("self", kind), f"{kind} namespace of the host"
            assert theirs != process_facts.namespace(server.process.pid, kind), f"{kind} namespace of the manager"
        links = run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-br", "link").stdout.split()
        assert links[::3][:1] in ([], ["lo"]) and "UP" not in links, f"not an empty network namespace: {links}"
        for target in process_facts.descriptors(pid).values():
            assert "bpf" not in target, f"holds {target}"
        limits = process_facts.limits(pid)
        for resource, most in (("Max processes", 0), ("Max core file size", 0), ("Max locked memory", 0),
                               ("Max open files", 1024)):
            assert limits[resource] == (most, most), f"{resource} {limits[resource]}"
        assert process_facts.is_untraceable(pid), "another process of its user could attach to it"
        assert process_facts.speculation(pid) <= process_facts.SPECULATION_SETTLED, facts


def test_an_nf_maps_its_own_region_and_nothing_else(platform, documents):
    server = platform.ensure(clients=4)
    for number in range(1, 5):
        fetch(client_address(number))
    pids = [nf["pid"] for nf in server.nfs()]
    mapped = {pid: set(process_facts.shared_writable(pid)) for pid in pids}
    manager = set(process_facts.shared_writable(server.process.pid))
    for pid in pids:
        for other in pids:
            assert pid == other or not mapped[pid] & mapped[other]
        for key, (_, name) in process_facts.shared_writable(pid).items():
            assert name.startswith(("/memfd:", "anon_inode", "socket:", "/dev/zero")), f"maps {name}"
    umems = {max(process_facts.regions(pid).items(), key=lambda item: item[1])[0] for pid in pids}
    assert not umems & manager, "the manager still maps packet memory of an NF"


def test_a_process_never_serves_a_second_client(platform, documents):
    """Clients come and go through a small pool; every process has had one client at most."""
    server = platform.ensure(web(documents.root, idle=2, maximum=4, extra="    idle_timeout: 1s\n"), clients=12)
    clients_of = {}
    for number in range(1, 13):
        address = client_address(number)
        fetch_when_there_is_room(address, 20)
        nf = server.nf_of(address)
        clients_of.setdefault(nf["pid"], set()).add(address)
    assert all(len(clients) == 1 for clients in clients_of.values()), clients_of


def test_ipv4_and_ipv6_clients_have_processes_of_their_own(platform, documents):
    server = platform.ensure(web(documents.root, extra=EVERY_IPV6_ADDRESS_IS_A_CLIENT), clients=3)
    addresses = [client_address(number, family) for number in (1, 2, 3) for family in (4, 6)]
    for address in addresses:
        fetch(address, 6 if ":" in address else 4)
    assert len(set(bound_pids(server, addresses).values())) == 6


def test_the_addresses_of_one_ipv6_network_are_one_client(platform, documents):
    """By default a /64 is a client: who has one has 2^64 addresses."""
    server = platform.ensure(clients=3)
    before = {nf["pid"] for nf in server.nfs() if nf.get("client")}
    for number in (1, 2, 3):
        fetch(client_address(number, 6), 6)
    v6 = [nf for nf in server.nfs() if nf.get("client") and ":" in nf["client"]]
    assert len(v6) == 1 and v6[0]["pid"] not in before


def test_isolation_none_is_one_process(platform, documents):
    server = platform.ensure(web(documents.root, isolation="none"), clients=8)
    for number in range(1, 9):
        fetch(client_address(number))
    assert len({nf["pid"] for nf in server.nfs()}) == 1
    pid = server.nfs()[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    time.sleep(1)
    fetch(client_address(1))
    assert {nf["pid"] for nf in server.nfs()} - {pid}


def test_isolation_connection_is_a_process_a_connection(platform, documents):
    server = platform.ensure(web(documents.root, isolation="connection", idle=8, maximum=32))
    connections = [Connection() for _ in range(6)]
    for connection in connections:
        assert connection.fetch("/text.txt").status == 200
    assert len({nf["pid"] for nf in server.nfs() if nf.get("client")}) == 6
    for connection in connections:
        connection.close()


@pytest.mark.limit(120)
def test_isolation_connection_survives_a_stream_of_connections(platform, documents):
    """Three hundred connections, a fresh process each: the pool is refilled as it is used up."""
    server = platform.ensure(web(documents.root, isolation="connection", idle=32, maximum=64))
    pids = set()
    for number in range(300):
        fetch_when_there_is_room(client_address(1))
        if number % 10 == 0:
            pids |= {nf["pid"] for nf in server.nfs()}
    assert len(pids) > 60, "processes were used again"
    server.wait_until(lambda: server.status()["services"][0]["idle"] >= 32, 20, "the pool is full again")


def wait_until_taken(server, count):
    """Until then a client is not refused but waits: the manager may yet make it an NF."""
    server.wait_until(lambda: server.status()["services"][0]["bound"] == count, 10, "every NF is taken")


def test_overflow_refuse(platform, documents):
    server = platform.ensure(web(documents.root, idle=2, maximum=2, overflow="refuse"), clients=3)
    for number in (1, 2):
        fetch(client_address(number))
    wait_until_taken(server, 2)
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        Connection(source=client_address(3))
    assert time.monotonic() - started < 1
    for number in (1, 2):
        fetch(client_address(number))
    assert server.status()["services"][0]["overflow_counts"]["refused"] >= 1


def test_overflow_share(platform, documents):
    server = platform.ensure(web(documents.root, idle=2, maximum=2, overflow="share"), clients=8)
    for number in range(1, 9):
        fetch(client_address(number))
    assert len({nf["pid"] for nf in server.nfs()}) == 2
    assert server.status()["services"][0]["overflow_counts"]["shared"] >= 6


def test_overflow_drop(platform, documents):
    server = platform.ensure(web(documents.root, idle=2, maximum=2, overflow="drop"), clients=3)
    for number in (1, 2):
        fetch(client_address(number))
    wait_until_taken(server, 2)
    with pytest.raises(TimeoutError):
        Connection(source=client_address(3), timeout=1.5)
    assert server.status()["services"][0]["overflow_counts"]["dropped"] >= 1


def test_two_services(platform, documents):
    other = documents.write("other/index.html", b"the other service\n").parent
    topology = web(documents.root) + (
        "  - name: other\n    nf: web-server\n    listen: [\"10.77.0.1:8080\"]\n    isolation: none\n"
        f"    options:\n      root: {other}\n")
    server = platform.ensure(topology)
    fetch(client_address(1))
    with Connection(port=8080) as connection:
        assert connection.fetch("/").body == b"the other service\n"
    assert {nf["service"] for nf in server.nfs()} == {"web", "other"}
    assert len(server.status()["services"]) == 2


def test_a_hung_process_is_replaced(platform, documents):
    """SIGSTOP looks like an endless loop: the heartbeat stands still while packets wait."""
    server = platform.ensure(web(documents.root, idle=4, maximum=8))
    address = client_address(1)
    fetch(address)
    pid = server.nf_of(address)["pid"]
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with Connection(source=address, timeout=1) as connection:
                assert connection.fetch("/text.txt").status == 200
            break
        except (TimeoutError, OSError):
            time.sleep(0.1)
    else:
        pytest.fail("the client of a hung NF was not served again within 20 s")
    assert server.nf_of(address)["pid"] != pid
    assert not process_facts.exists(pid), "the hung process is still there"


def test_curl_can_be_told_apart_in_the_status(platform, documents):
    """What an operator reads: who is served by whom, and how much."""
    server = platform.ensure(clients=2)
    run("curl", "-s", "-o", "/dev/null", "--interface", client_address(2), url(documents.path(65536)), namespace=CLIENT)
    nf = server.nf_of(client_address(2))
    assert nf["service"] == "web" and nf["rx_packets"] > 3 and nf["tx_packets"] > 45
    status = server.status()
    assert {"ports", "services", "nfs", "counters"} <= status.keys()
    assert status["ports"][0]["device"] == "port0" and status["ports"][0]["mode"] in ("native", "generic")
    assert all(isinstance(value, int) for value in status["counters"].values())
    table = server.command("status").stdout
    assert client_address(2) in table and str(nf["pid"]) in table
    assert run("ip", "-n", HOST, "-o", "link").stdout.count("onvm") >= 2


def test_a_stopped_process_goes_on(platform, documents):
    """SIGSTOP and SIGCONT interrupt its sleep (signal(7)); the call it sleeps in is made again, and no other."""
    server = platform.ensure()
    pids = [nf["pid"] for nf in server.nfs()]
    for pid in pids:
        for number in (signal.SIGSTOP, signal.SIGCONT):
            os.kill(pid, number)
            state = "T" if number == signal.SIGSTOP else "S"
            server.wait_until(lambda: process_facts.status(pid)["State"][0] == state, 5, f"{pid} is in state {state}")
    fetch(client_address(1))
    assert {nf["pid"] for nf in server.nfs()} >= set(pids)

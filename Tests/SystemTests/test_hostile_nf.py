"""An NF that was taken over (Tests/HostileNF) tries what an isolated NF must not be able to do. Nothing comes of it."""

import re
import socket
import threading
import time

import process_facts
import pytest
from bed import CLIENT, HOST, ONVM, SERVER, client_address, device, inside, run
from platform_under_test import Onvm, client_of, web

pytestmark = pytest.mark.product

HOSTILE = ONVM.with_name("onvm-nf-hostile")
CALLS = ["open", "socket", "fork", "kill", "setuid", "namespace", "code", "descriptor", "protection", "advice",
         "tap-read", "tap-ioctl"]


@pytest.fixture
def hostile(bed, tmp_path, documents):
    """Starts a service of hostile NFs with one attack; a manager each, ended with the test."""
    servers = []

    def start(attack, transmit="tap"):
        tmp_path.chmod(0o755)
        server = Onvm(tmp_path)
        servers.append(server)
        topology = web(documents.root, idle=2, options={"attack": attack}).replace(
            # What gets through is asked here, not for how long it may try.
            "nf: web-server", f"nf: hostile\n    transmit: {transmit}\n    violations: 1000000")
        server.start(topology, arguments=("--nf-program", HOSTILE))
        return server

    yield start
    for server in servers:
        assert server.running, f"the manager did not survive its NF\n{server.tail()}"
        server.stop()


def knock(address=None):
    """Sends a SYN as a client; no answer is expected."""
    with inside(CLIENT):
        probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if address:
        probe.bind((address, 0))
    probe.setblocking(False)
    probe.connect_ex((SERVER[4], 80))
    return probe


class Listener:
    """Notes which forged frames a device receives, by the names in them."""

    def __init__(self, namespace, device):
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((device, 0))
        self.socket.settimeout(0.2)
        self.names = set()
        # Who frames with such a name are for and from: their MAC addresses, both.
        self.macs = set()
        self.longest = 0
        # Of IPv4 frames with such a name: source and destination.
        self.addresses = set()
        self.ended = False
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while not self.ended:
            try:
                frame = self.socket.recv(65536)
                names = re.findall(rb"HOSTILE-[a-z0-9-]+", frame)
                self.names.update(names)
                if names:
                    self.macs.add(frame[:12])
                    self.addresses.add((frame[26:30], frame[30:34]))
                    self.longest = max(self.longest, len(frame))
            except TimeoutError:
                pass

    def end(self):
        self.ended = True
        self.thread.join()
        self.socket.close()
        return {name.decode() for name in self.names}


@pytest.mark.parametrize("transmit", ["tap", "socket"])
def test_it_can_only_answer_its_client(hostile, transmit):
    server = hostile("frames", transmit)
    listener = Listener(CLIENT, "client0")
    with knock():
        time.sleep(2)
    # What it wrote as MAC addresses, or as a VLAN tag, means nothing: the frame leaves as the kernel's neighbours say.
    link = {"HOSTILE-source-mac", "HOSTILE-destination-mac", "HOSTILE-vlan"}
    assert {"HOSTILE-proper"} <= listener.end() <= {"HOSTILE-proper"} | link
    proper = bytes.fromhex((device(CLIENT, "client0")["address"] + device(HOST, "port0")["address"]).replace(":", ""))
    assert listener.macs == {proper}
    assert listener.longest <= 1514, "longer than the port's MTU"
    counters = server.status()["counters"]
    refused = {name: count for name, count in counters.items() if "egress" in name and count}
    assert sum(refused.values()) >= 200, f"what egress refused is not counted: {counters}"
    assert len(refused) >= 6, f"the causes are not told apart: {refused}"


def test_lies_about_segments_change_nothing(hostile):
    """Headers of struct virtio_net_hdr that make no sense: the host stands, and the wire carries the NF's own stream."""
    server = hostile("headers")
    listener = Listener(CLIENT, "client0")
    with knock():
        time.sleep(2)
    assert listener.end() <= {"HOSTILE-proper"}
    assert server.status()["counters"]["egress_drop_malformed"] > 0


@pytest.fixture(params=["card", "kernel"])
def checksums(request, bed):
    """Who completes the checksums of what leaves: a port that can (a veth leaves them partial), or the kernel."""
    if request.param == "kernel":
        run("ethtool", "-K", "port0", "tx", "off", namespace=HOST)
    yield
    if request.param == "kernel":
        run("ethtool", "-K", "port0", "tx", "on", "tso", "on", "gso", "on", namespace=HOST)


def test_a_checksum_is_written_over_nothing_else(hostile, checksums):
    """Whoever completes a checksum writes where struct virtio_net_hdr says: over an address, if nobody objected."""
    server = hostile("checksums")
    listener = Listener(CLIENT, "client0")
    with knock() as client:
        time.sleep(1)
        own = (socket.inet_aton(SERVER[4]), socket.inet_aton(client.getsockname()[0]))
    names = listener.end()
    assert listener.addresses == {own}
    assert names == {"HOSTILE-proper"}
    assert server.status()["counters"]["egress_drop_malformed"] > 0


def test_another_clients_nf_does_not_hear_it(hostile):
    """Two hostile NFs in neighbouring slots: what one sends never reaches the other's socket."""
    server = hostile("frames")
    with knock(), knock():
        time.sleep(1)
        before = {nf["slot"]: nf["rx_packets"] for nf in server.nfs()}
        time.sleep(1)
        after = {nf["slot"]: nf["rx_packets"] for nf in server.nfs()}
    # A slot whose client never finished its handshake may have got a new process meanwhile.
    both = before.keys() & after.keys()
    assert len(both) >= 2
    assert {slot: after[slot] for slot in both} == {slot: before[slot] for slot in both}


@pytest.mark.parametrize("call", CALLS)
def test_the_kernel_ends_it_for_a_forbidden_call(hostile, call):
    server = hostile(call)
    pids = {nf["pid"] for nf in server.nfs()}
    with knock():
        server.wait_until(lambda: any(not process_facts.exists(pid) for pid in pids), 5, "the NF is gone")
        server.wait_until(lambda: "killed by SIGSYS" in server.tail(), 5, "the reason is in the log")


def test_a_crash_is_seen_and_mended(hostile):
    server = hostile("crash")
    with knock():
        server.wait_until(lambda: "SIGSEGV" in server.tail(), 5, "the crash is in the log")
    server.wait_until(lambda: server.status()["services"][0]["idle"] == 2, 5, "the pool is full again")


def test_an_abort_is_told_from_a_forbidden_call(hostile):
    """What libc calls when it finds its heap destroyed: the operator reads what it was."""
    server = hostile("abort")
    with knock():
        server.wait_until(lambda: "killed by SIGABRT" in server.tail(), 5, "the abort is in the log")
    assert "SIGSYS" not in server.tail()


def test_who_crashes_nfs_again_and_again_waits_for_the_next(hostile, bed):
    """Each crash tells an attacker whether a guess was right. Others have their NFs meanwhile."""
    bed.ensure(clients=2)
    server = hostile("crash")
    crashes = lambda client: re.findall(
        rf"^(\d\d):(\d\d):(\S+) warning web/\d+: NF .*SIGSEGV.* client={client} .*", server.tail(), re.M)
    for tries in range(1, 5):
        assert "client_waits" not in server.tail()
        # Or the client is refused, and nothing crashes.
        server.wait_until(lambda: server.status()["services"][0]["idle"] == 2, 10, "the pool is full")
        with knock():
            server.wait_until(lambda: len(crashes(client_address(1))) == tries, 10, "its NF crashed once more")
    assert "client_waits=500 ms" in server.tail()
    assert server.status()["services"][0]["counters"]["client_pauses"] == 1
    server.wait_until(lambda: server.status()["services"][0]["idle"] == 2, 10, "the pool is full")
    # What it sends now goes to the dead NF's slot. Its kernel sends the SYN again after a second.
    with knock(), knock(client_address(2)):
        server.wait_until(lambda: crashes(client_address(2)), 10, "another client has an NF of its own")
        server.wait_until(lambda: len(crashes(client_address(1))) == 5, 20, "the pause is over")
    times = [int(hours) * 3600 + int(minutes) * 60 + float(seconds)
             for hours, minutes, seconds in crashes(client_address(1))]
    assert (times[4] - times[3]) % 86_400 >= 0.499
    assert "client_waits=1000 ms" in server.tail()


def test_a_hang_is_seen_and_mended(hostile):
    server = hostile("hang")
    with knock():
        victim = server.wait_until(
            lambda: next((nf["pid"] for nf in server.nfs() if client_of(nf)), None), 5, "it is bound")
        server.wait_until(lambda: not process_facts.exists(victim), 10, "the hung NF was ended")


@pytest.mark.parametrize("attack", ["rings", "channel"])
def test_rubbish_in_rings_and_messages_hurts_nobody(hostile, attack):
    server = hostile(attack)
    with knock():
        time.sleep(1)
    assert server.status()["services"][0]["name"] == "web"

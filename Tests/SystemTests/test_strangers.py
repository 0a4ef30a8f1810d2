"""Frames of people who are no clients: from addresses nobody has, in pieces, for others, in a client's name.

Each is what a stranger, or a careless network, can really send. Nobody who is served notices.
"""

import socket
import threading
import time

import pytest
from bed import CLIENT, HOST, SERVER, client_address, device, inside, run
from documents import MIB
from platform_under_test import client_of, web
from raw_http import Connection
from scapy.layers.inet import ICMP, IP, TCP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

pytestmark = pytest.mark.product
REAL = client_address(1)
GET = b"GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\n\r\n"


@pytest.fixture
def wire(bed):
    """Sends and receives whole frames on the client's device."""
    with inside(CLIENT):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.bind(("client0", 0))
    wire.settimeout(0.2)
    with wire:
        yield wire


def ether(source=None):
    return Ether(src=source or device(CLIENT, "client0")["address"], dst=device(HOST, "port0")["address"])


def answers(wire, port, seconds=1.0):
    """TCP segments of the server to that port of a client."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            data, address = wire.recvfrom(65536)
        except TimeoutError:
            continue
        frame = Ether(data)
        if address[2] != socket.PACKET_OUTGOING and TCP in frame and frame[TCP].dport == port:
            yield frame


def test_martians_get_no_nf(platform, documents, wire):
    """What the kernel's own input would drop takes no slot, and nothing is sent back."""
    server = platform.ensure(web(documents.root, idle=2, maximum=16))
    sources = ["127.0.0.1", "0.0.0.0", "224.0.0.9", "240.0.0.1", "255.255.255.255", SERVER[4]]
    sources6 = ["::", "::1", "ff02::1", "::ffff:10.77.0.2", SERVER[6]]
    for number, source in enumerate(sources):
        wire.send(bytes(ether() / IP(src=source, dst=SERVER[4]) / TCP(sport=5000 + number, dport=80, flags="S")))
    for number, source in enumerate(sources6):
        wire.send(bytes(ether() / IPv6(src=source, dst=SERVER[6]) / TCP(sport=6000 + number, dport=80, flags="S")))
    wire.send(bytes(ether("01:00:5e:00:00:01") / IP(src=REAL, dst=SERVER[4]) / TCP(sport=7000, dport=80, flags="S")))
    server.wait_until(
        lambda: server.status()["counters"]["steer_drop_martian"] >= len(sources) + len(sources6) + 1, 5, "all dropped")
    assert not [nf for nf in server.nfs() if client_of(nf)]


@pytest.mark.parametrize("family", (4, 6), ids=("ipv4", "ipv6"))
def test_a_request_in_fragments_does_not_reset_the_clients_connection(platform, documents, wire, family):
    """Reassembled by the kernel it would meet no socket, and the RST would end what the client has with its NF."""
    server = platform.ensure(web(documents.root))
    with Connection(family=family, source=client_address(1, family)) as connection:
        assert connection.fetch("/text.txt").status == 200
        port = connection.socket.getsockname()[1]
        segment = TCP(sport=port, dport=80, flags="PA", seq=1, ack=1) / Raw(GET + bytes(64))
        if family == 4:
            pieces = fragment(IP(src=REAL, dst=SERVER[4], id=77) / segment, fragsize=40)
        else:
            whole = IPv6(src=client_address(1, 6), dst=SERVER[6]) / IPv6ExtHdrFragment(id=77) / segment
            pieces = fragment6(whole, 120)
        assert len(pieces) >= 2
        before = server.status()["counters"]["steer_drop_fragment"]
        for piece in pieces:
            wire.send(bytes(ether() / piece))
        server.wait_until(
            lambda: server.status()["counters"]["steer_drop_fragment"] > before, 5, "the first fragment is dropped")
        assert connection.fetch("/text.txt").status == 200, "the connection lives on"


def test_an_atomic_fragment_is_a_whole_packet(platform, documents, wire):
    """RFC 6946: a Fragment header with no offset and nothing to come. Some translators put one into every packet."""
    platform.ensure(web(documents.root))
    source = "fd77::abcd"
    below = ether() / IPv6(src=source, dst=SERVER[6]) / IPv6ExtHdrFragment(nh=6, id=9)
    wire.send(bytes(below / TCP(sport=5151, dport=80, flags="S", seq=100)))
    reply = next(answers(wire, 5151))
    assert (str(reply[TCP].flags), reply[TCP].ack) == ("SA", 101)
    wire.send(bytes(below / TCP(sport=5151, dport=80, flags="PA", seq=101, ack=reply[TCP].seq + 1) / GET))
    content = next(bytes(frame[TCP].payload) for frame in answers(wire, 5151) if len(frame[TCP].payload) > 20)
    assert content.startswith(b"HTTP/1.1 200 OK")
    wire.send(bytes(below / TCP(sport=5151, dport=80, flags="R", seq=101 + len(GET))))


def test_a_port_number_alone_takes_only_what_is_for_this_host(platform, documents, wire):
    """`listen: 80` on a router: what passes through it is nobody's to take. Addresses count as they come and go."""
    server = platform.ensure(web(documents.root, listen=80))

    def is_served(address, port):
        wire.send(bytes(ether() / IP(src=REAL, dst=address) / TCP(sport=port, dport=80, flags="S", seq=1)))
        return any(str(frame[TCP].flags) == "SA" for frame in answers(wire, port, 0.5))

    assert is_served(SERVER[4], 5201)
    for number, transit in enumerate(("192.0.2.80", "10.77.0.99", "8.8.8.8")):
        assert not is_served(transit, 5210 + number)
    assert server.status()["counters"]["steer_pass_other_host"] >= 3
    run("ip", "address", "add", "10.77.0.99/32", "dev", "port0", namespace=HOST)
    try:
        server.wait_until(lambda: is_served("10.77.0.99", 5220), 5, "the new address is served")
    finally:
        run("ip", "address", "del", "10.77.0.99/32", "dev", "port0", namespace=HOST)
    server.wait_until(lambda: not is_served("10.77.0.99", 5221), 5, "it is not any more")


@pytest.mark.parametrize("way", ("route", "path"))
def test_forged_frames_do_not_turn_a_clients_answers_away(platform, documents, wire, way):
    """Frames in the client's name from other MAC addresses: the download comes whole, and the NF is blamed for nothing."""
    server = platform.ensure(web(documents.root, extra=f"    return: {way}\n"))
    path = documents.path(10 * MIB)
    with Connection(source=REAL) as connection:
        port = connection.socket.getsockname()[1]
        ended = threading.Event()

        def forge():
            number = 0
            while not ended.is_set() and number < 4_000:
                number += 1
                frame = ether(f"02:66:66:66:66:{number % 8:02x}") / IP(src=REAL, dst=SERVER[4]) / TCP(
                    sport=port if number % 2 else 1024 + number, dport=80, flags="A", seq=number * 7919,
                    ack=number * 104729)
                wire.send(bytes(frame))
                time.sleep(0.0005)

        forger = threading.Thread(target=forge)
        forger.start()
        try:
            for _ in range(5):
                response = connection.fetch(path)
                assert response.status == 200
                assert response.digest == documents.digest(10 * MIB)
        finally:
            ended.set()
            forger.join()
    counters = server.status()["counters"]
    assert counters["egress_drop_link"] == 0, counters
    assert "the NF sent what it may not" not in server.tail()


def test_icmp_errors_in_anybodys_name_reach_no_nf(platform, documents, wire):
    """They must quote what was sent, and there are only so many of them; a download does not notice."""
    server = platform.ensure(web(documents.root))
    path = documents.path(10 * MIB)
    with Connection(source=REAL) as connection:
        assert connection.fetch("/text.txt").status == 200
        port = connection.socket.getsockname()[1]
        before = server.status()["counters"]
        for number in range(3_000):
            quoted = IP(src=SERVER[4], dst=REAL) / TCP(sport=80, dport=port, flags="A", seq=number * 1_431_655)
            error = ICMP(type=3, code=4, nexthopmtu=552) / Raw(bytes(quoted))
            wire.send(bytes(ether() / IP(src="192.0.2.1", dst=SERVER[4]) / error))
        response = connection.fetch(path)
        assert response.digest == documents.digest(10 * MIB)
    after = server.status()["counters"]
    dropped = sum(after[name] - before[name] for name in ("steer_drop_icmp_sequence", "steer_drop_icmp_rate"))
    assert dropped >= 2_900, {name: after[name] - before[name] for name in after if "icmp" in name}


def test_no_prefix_takes_all(platform, documents):
    """Half of the NFs is the most that one /24 has, unless the topology says otherwise."""
    topology = web(documents.root, idle=8, maximum=8).replace("    prefix_limit: 65536\n", "")
    server = platform.ensure(topology, clients=8)
    connections = []
    try:
        for number in range(1, 5):
            connection = Connection(source=client_address(number))
            connections.append(connection)
            assert connection.fetch("/text.txt").status == 200
        with pytest.raises(OSError):
            Connection(source=client_address(5)).fetch("/text.txt")
        assert server.status()["services"][0]["overflow_counts"]["prefix_limit_refused"] >= 1
        # Somebody else finds an NF.
        with Connection(family=6, source=client_address(1, 6)) as other:
            assert other.fetch("/text.txt").status == 200
    finally:
        for connection in connections:
            connection.close()

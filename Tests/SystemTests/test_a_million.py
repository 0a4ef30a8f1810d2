"""A million frames that were proper once at the port, a million of an NF's at its TAP, a million requests at the manager."""

import json
import pathlib
import socket
import struct
import time

import process_facts
import pytest
from bed import CLIENT, HOST, INSTANCE, SERVER, client_address, device, run
from documents import MIB
from platform_under_test import Onvm, web
from raw_http import Connection
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from test_hostile_nf import HOSTILE, Listener, knock

pytestmark = [pytest.mark.slow, pytest.mark.product, pytest.mark.limit(900)]
MILLION = 1_000_000


def proper_frames(port):
    """Of a client that has a connection from `port`, and of others."""
    ether = Ether(src=device(CLIENT, "client0")["address"], dst=device(HOST, "port0")["address"])
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("WScale", 7)]
    get = Raw(b"GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\n\r\n")
    for ip in (IP(src=client_address(1), dst=SERVER[4]), IP(src=client_address(2), dst=SERVER[4]),
               IPv6(src=client_address(1, 6), dst=SERVER[6]), IPv6(src="fd77::bad", dst=SERVER[6])):
        for flags in ("S", "A", "PA", "FA", "R", "SA", "SEC"):
            yield ether / ip / TCP(sport=port, dport=80, flags=flags, options=options)
            yield ether / ip / TCP(sport=port, dport=80, flags=flags, seq=77, ack=99) / get
        yield ether / ip / UDP(sport=port, dport=80) / get
        yield ether / Dot1Q(vlan=5) / ip / TCP(sport=port, dport=80, flags="S", options=options)
    quoted = IP(src=SERVER[4], dst=client_address(1)) / TCP(sport=80, dport=port, flags="A", seq=1)
    yield ether / IP(src="192.0.2.1", dst=SERVER[4]) / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(bytes(quoted))
    quoted6 = IPv6(src=SERVER[6], dst=client_address(1, 6)) / TCP(sport=80, dport=port, flags="A", seq=1)
    yield ether / IPv6(src="fd77::9", dst=SERVER[6]) / ICMPv6PacketTooBig(mtu=1280) / Raw(bytes(quoted6))
    for piece in fragment(IP(src=client_address(2), dst=SERVER[4]) / TCP(dport=80, flags="PA") / get, fragsize=24):
        yield ether / piece
    for header in (IPv6ExtHdrFragment(id=3), IPv6ExtHdrDestOpt()):
        yield ether / IPv6(src="fd77::bad", dst=SERVER[6]) / header / TCP(sport=port, dport=80, flags="S")
    # No ARP: a forged one turns away the host's own answers to its neighbours, and so those of NFs.


def test_mutated_frames_at_the_port(platform, documents, tmp_path):
    server = platform.ensure(web(documents.root, idle=16, maximum=64), clients=5)
    program = tmp_path / "mutate"
    run("gcc", "-std=gnu11", "-O2", "-o", program, pathlib.Path(__file__).with_name("mutate.c"))
    path = documents.path(MIB)
    with Connection(source=client_address(3)) as bystander:
        for seed in range(10):
            corpus = tmp_path / "frames"
            corpus.write_bytes(b"".join(
                struct.pack("=H", len(data)) + data for data in map(bytes, proper_frames(40_000 + seed))))
            with corpus.open("rb") as frames:
                done = run(program, "client0", MILLION // 10, seed, namespace=CLIENT, stdin=frames, timeout=300)
            assert int(done.stdout) == MILLION // 10
            assert bystander.fetch(path).digest == documents.digest(MIB)
    assert server.running
    for nf in server.nfs():
        frames = nf["telemetry"]
        if frames["asleep"]:
            assert frames["frames_free"] + frames["frames_in_flight"] == frames["frames_total"], nf
    # Nobody was harmed who would not be for a request of his own: no NF crashed or hung.
    ended = server.status()["services"][0]["ended"]
    assert ended["crashed"] == ended["hung"] == ended["violation"] == 0, ended
    with Connection(source=client_address(4)) as late:
        assert late.fetch(path).digest == documents.digest(MIB)


def test_mutated_frames_of_an_nf(bed, documents, tmp_path):
    tmp_path.chmod(0o755)
    server = Onvm(tmp_path)
    topology = web(documents.root, idle=2, options={"attack": "mutations"}).replace(
        "nf: web-server", "nf: hostile\n    violations: 1000000")
    server.start(topology, arguments=("--nf-program", HOSTILE))
    try:
        listener = Listener(CLIENT, "client0")
        with knock() as client:
            own = (socket.inet_aton(SERVER[4]), socket.inet_aton(client.getsockname()[0]))

            def sent():
                counters = server.status()["counters"]
                return sum(count for name, count in counters.items() if name.startswith("egress_"))

            server.wait_until(lambda: sent() >= MILLION, 300, "a million frames were judged")
        names = listener.end()
        # A frame may have been cut short in the middle of its name.
        assert all("HOSTILE-mutated".startswith(name) for name in names), names
        # Of every frame that came through, whatever else had changed in it.
        assert listener.addresses <= {own}
        # On a veth a run of segments stays one frame; each is as long as the port's MTU at most (egress, EgressPropertyTests).
        assert listener.longest <= 14 + 65_535
        assert server.running
    finally:
        server.stop()


def test_rubbish_at_the_control_socket(platform, documents):
    """Requests with some bytes changed, many at a time: each has its answer or ends its connection, and status works."""
    server = platform.ensure(web(documents.root))
    before = len(process_facts.descriptors(server.process.pid))
    path = f"/run/onvm/{INSTANCE}/control.sock"
    valid = json.dumps({"version": 1, "command": "status"}).encode()
    state, answered, sent = 12345, 0, 0
    while sent < MILLION:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(path)
            lines = []
            for _ in range(1_000):
                state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
                line = bytearray(valid)
                line[(state >> 33) % len(line)] = state >> 40 & 0xFF
                line[(state >> 20) % len(line)] = state >> 48 & 0xFF
                lines.append(bytes(line.replace(b"\n", b" ")))
            sent += len(lines)
            control.sendall(b"\n".join(lines) + b"\n")
            control.shutdown(socket.SHUT_WR)
            while data := control.recv(1 << 16):
                answered += data.count(b"\n")
    assert answered >= MILLION // 2, answered
    started = time.monotonic()
    assert server.status()["instance"] == INSTANCE
    print(f"status took {time.monotonic() - started:.3f} s; {answered} of {sent} answered")
    server.wait_until(lambda: len(process_facts.descriptors(server.process.pid)) <= before + 2, 40, "nothing leaks")

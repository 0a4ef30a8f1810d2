"""Segments that lie, on connections the attacker really has: each gets the answer RFC 9293 and RFC 5961 ask for, or
silence, and its cause is counted.

The attacker has an address the client's kernel does not know, and plays TCP by hand on a packet socket.
"""

import json
import random
import select
import socket
import time

import pytest
from bed import CLIENT, HOST, SERVER, client_address, device, inside
from platform_under_test import web
from raw_http import Connection
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

pytestmark = pytest.mark.product

ATTACKER = "10.77.0.252"
GET = b"GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\n\r\n"
WINDOW = 65_535


class Hand:
    """One connection, segment by segment."""

    def __init__(self, port, options=(("MSS", 1460),), window=WINDOW):
        self.port = port
        self.window = window
        self.ether = Ether(src=device(CLIENT, "client0")["address"], dst=device(HOST, "port0")["address"])
        with inside(CLIENT):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
            self.socket.bind(("client0", 0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
        self.sequence = random.Random(port).getrandbits(32)
        self.acknowledgment = 0
        self.send("S", options=list(options))
        answer = self.receive()[0]
        assert answer.flags == "SA", answer.summary()
        self.sequence = self.sequence + 1 & 0xFFFF_FFFF
        self.acknowledgment = answer.seq + 1 & 0xFFFF_FFFF
        self.synack = answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.send("R")
        self.socket.close()

    def segment(self, flags, offset=0, ahead=0, payload=b"", **fields):
        """`offset` is from our next sequence number, `ahead` from what we acknowledge."""
        fields.setdefault("window", self.window)
        return self.ether / IP(src=ATTACKER, dst=SERVER[4]) / TCP(
            sport=self.port, dport=80, flags=flags, seq=self.sequence + offset & 0xFFFF_FFFF,
            ack=self.acknowledgment + ahead & 0xFFFF_FFFF, **fields) / payload

    def send(self, *arguments, **fields):
        self.socket.send(bytes(self.segment(*arguments, **fields)))

    def receive(self, seconds=1.0, count=1):
        """Segments that came for this connection: at least `count` unless the time is over."""
        found, deadline = [], time.monotonic() + seconds
        while len(found) < count and (left := deadline - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                break
            frame = Ether(self.socket.recv(65536))
            if TCP in frame and frame[IP].src == SERVER[4] and frame[TCP].dport == self.port:
                found.append(frame[TCP])
        return found

    def silence(self, seconds=0.3):
        assert self.receive(seconds) == []

    def settle(self):
        """After the challenge before, another is allowed (RFC 5961 §7)."""
        time.sleep(0.25)

    def works(self, **fields):
        """A request is answered; everything that comes is acknowledged."""
        self.send("PA", payload=GET, **fields)
        self.sequence = self.sequence + len(GET) & 0xFFFF_FFFF
        body = self.take(lambda data: b"200 OK" in data)
        assert b"200 OK" in body, body
        return body

    def take(self, enough, seconds=3.0):
        data, deadline = b"", time.monotonic() + seconds
        while not enough(data) and time.monotonic() < deadline:
            for segment in self.receive(0.5):
                payload = content(segment)
                if segment.seq == self.acknowledgment and payload:
                    self.acknowledgment = self.acknowledgment + len(payload) & 0xFFFF_FFFF
                    data += payload
            self.send("A")
        return data


def content(segment):
    """The payload without Ethernet's padding."""
    frame = segment.underlayer
    return bytes(segment.payload)[:frame.len - frame.ihl * 4 - segment.dataofs * 4]


class Counted:
    """What the attacker's NF counted between two looks."""

    def __init__(self, server):
        self.server = server
        self.before = self.now()

    def now(self):
        nf = self.server.nf_of(ATTACKER)
        assert nf, "the attacker has no NF"
        # Being asked for its connections, an NF brings its counters up to date.
        self.server.command("nf", "connections", nf["slot"], "--json")
        nf = self.server.nf_of(ATTACKER)
        return {**nf["tcp"], **nf["tcp_drops"]}

    def risen(self):
        after = self.now()
        return {name: after[name] - self.before[name] for name in after if after[name] != self.before[name]}


@pytest.fixture
def server(platform, documents):
    server = platform.ensure(web(documents.root, idle=8, maximum=64), clients=4)
    with Connection(source=client_address(3)) as bystander:
        yield server
        assert bystander.fetch("/text.txt").status == 200, "a client beside the attacker was hurt"


_ports = iter(range(20_000, 30_000))


def hand(**options):
    return Hand(next(_ports), **options)


def test_reset_probes_at_each_edge_of_the_window(server):
    """RFC 5961 §3.2: exactly the next number resets; inside the window it is asked back; elsewhere it is nothing."""
    with hand() as line:
        line.works()
        counted = Counted(server)
        for offset in (-1, -1_000_000, 1 << 31, 1 << 30):
            line.send("R", offset=offset)
            line.silence(0.1)
        assert counted.risen().get("invalid_reset") == 4, counted.risen()
        for offset in (1, 1_000, 30_000):
            line.settle()
            line.send("R", offset=offset)
            answers = line.receive()
            assert [(a.flags, a.ack) for a in answers] == [("A", line.sequence)], answers
        assert counted.risen().get("challenge_acknowledgments") == 3, counted.risen()
        line.works()
        line.send("R")
        time.sleep(0.1)
        line.send("A")
        answers = line.receive()
        assert [a.flags for a in answers] == ["R"], "the connection outlived a proper reset"
        assert counted.risen().get("resets_received") == 1, counted.risen()


def test_a_syn_in_the_window_is_asked_back(server):
    """RFC 5961 §4.2; a hundred of them get one answer in a fifth of a second (§7)."""
    with hand() as line:
        line.works()
        counted = Counted(server)
        for _ in range(100):
            line.send("S", offset=10)
        answers = line.receive(0.15, count=100)
        assert 1 <= len(answers) <= 2 and {str(a.flags) for a in answers} == {"A"}, answers
        risen = counted.risen()
        assert risen.get("invalid_flags", 0) + risen.get("outside_window", 0) == 100, risen
        line.settle()
        line.works()


def test_blind_acknowledgments(server):
    """RFC 5961 §5: of what was never sent, or long ago."""
    with hand() as line:
        line.works()
        counted = Counted(server)
        for ahead in (1, 100_000, 1 << 30):
            line.settle()
            line.send("A", ahead=ahead)
            # RFC 9293 §3.10.7.4, fifth: an ACK of unsent bytes is answered by an ACK.
            assert [str(a.flags) for a in line.receive()] == ["A"]
        line.settle()
        line.send("PA", ahead=-(1 << 30), payload=b"x")
        assert all(a.ack == line.sequence for a in line.receive(0.3)), "data with an old ACK was taken"
        assert counted.risen().get("unacceptable_acknowledgment") == 4, counted.risen()
        line.works()


def test_data_outside_of_the_window(server):
    with hand() as line:
        line.works()
        counted = Counted(server)
        for offset in (-5_000, 1 << 24, 1 << 31):
            line.settle()
            line.send("PA", offset=offset, payload=b"x" * 100)
            assert [(str(a.flags), a.ack) for a in line.receive()] == [("A", line.sequence)]
        assert counted.risen().get("outside_window") == 3, counted.risen()
        line.works()


def test_sack_of_what_was_never_sent(server):
    """Blocks outside of what is in flight, backwards, or of everything: not one segment is sent again for them."""
    options = (("MSS", 1460), ("SAckOK", b""))
    with hand(options=options) as line:
        line.works()
        counted = Counted(server)
        base = line.acknowledgment
        wild = [(base + (1 << 20), base + (1 << 21)), (base + 1_000, base + 500), (base - 5_000, base - 1_000),
                (0, 0xFFFF_FFFF)]
        for number in range(500):
            left, right = wild[number % 4]
            line.send("A", options=[("SAck", (left & 0xFFFF_FFFF, right & 0xFFFF_FFFF))])
        time.sleep(0.3)
        risen = counted.risen()
        assert "retransmitted_segments" not in risen and "recoveries" not in risen, risen
        line.works()


def test_a_flood_of_duplicate_sacks(server, documents):
    """RFC 2883 reports of segments that arrived twice, thousands of them, in the middle of a download."""
    size = 262_144
    options = (("MSS", 1460), ("SAckOK", b""))
    request = f"GET {documents.path(1 << 20)} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-{size - 1}\r\n\r\n".encode()
    with hand(options=options) as line:
        line.works()
        counted = Counted(server)
        line.send("PA", payload=request)
        line.sequence = line.sequence + len(request) & 0xFFFF_FFFF
        data, deadline = b"", time.monotonic() + 20
        while len(data) < size and time.monotonic() < deadline:
            for segment in line.receive(0.5):
                payload = content(segment)
                if segment.seq == line.acknowledgment and payload:
                    line.acknowledgment = line.acknowledgment + len(payload) & 0xFFFF_FFFF
                    data += payload
            last = line.acknowledgment
            duplicate = ("SAck", (last - 1_460 & 0xFFFF_FFFF, last))
            for _ in range(50):
                line.send("A", options=[duplicate])
        assert data.startswith(b"HTTP/1.1 206") and len(data) > size, len(data)
        assert counted.risen().get("duplicate_selective_acknowledgments", 0) > 100, counted.risen()


def test_timestamps_wrap_and_old_ones_are_refused(server):
    """RFC 7323 §5: values go from 2^32 - 1 to 0 in the middle of a connection; older ones are a duplicate's."""
    clock = 0xFFFF_FFF0

    def stamp(value):
        return [("NOP", None), ("NOP", None), ("Timestamp", (value & 0xFFFF_FFFF, 0))]

    with hand(options=(("MSS", 1460), ("Timestamp", (clock, 0)))) as line:
        for step in (0, 8, 16, 24):
            part = GET[step:step + 8] if step < 24 else GET[24:]
            line.send("PA", payload=part, options=stamp(clock + step))
            line.sequence = line.sequence + len(part) & 0xFFFF_FFFF
        data, deadline = b"", time.monotonic() + 3
        while b"200 OK" not in data and time.monotonic() < deadline:
            data += b"".join(content(s) for s in line.receive(0.5))
        assert b"200 OK" in data
        line.acknowledgment = line.acknowledgment + len(data) & 0xFFFF_FFFF
        line.send("A", options=stamp(clock + 30))
        counted = Counted(server)
        line.settle()
        line.send("PA", payload=b"old", options=stamp(clock - 1_000))
        assert [a.ack for a in line.receive()] == [line.sequence]
        line.send("PA", payload=b"bare")
        risen = counted.risen()
        assert risen.get("paws") == 1 and risen.get("missing_timestamp") == 1, risen


def test_a_flood_out_of_order(server):
    """Two thousand single bytes, every other one missing: memory is bounded, and gaps are filled when they can be."""
    with hand(options=(("MSS", 1460), ("SAckOK", b""))) as line:
        line.works()
        counted = Counted(server)
        for number in range(2_000):
            line.send("A", offset=1 + 2 * number, payload=b"G")
        time.sleep(0.3)
        risen = counted.risen()
        assert risen.get("out_of_order_segments", 0) + risen.get("no_receive_room", 0) >= 1_990, risen
        line.receive(0.2, count=5_000)
        # A request that overlaps all of them is taken as it is: what came first, or what came now, but each byte once.
        text = b"GET /" + b"G" * 5_000 + b" HTTP/1.1\r\nHost: onvm.test\r\n\r\n"
        first, answers = line.sequence, b""
        for _ in range(5):
            # Sent again like any segment that is not acknowledged.
            line.sequence = first
            for start in range(0, len(text), 1_400):
                line.send("PA", offset=start, payload=text[start:start + 1_400])
            line.sequence = first + len(text) & 0xFFFF_FFFF
            answers = line.take(lambda data: b"\r\n\r\n" in data, 1.0)
            if answers:
                break
        assert answers.startswith(b"HTTP/1.1 4"), answers[:100]


def test_camping_at_a_closed_window(server, documents):
    """Fifty connections ask for a megabyte and never take a byte: they are probed, and cost the NF no packet more."""
    lines = []
    request = f"GET {documents.path(1 << 20)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    try:
        for _ in range(50):
            lines.append(hand(window=0))
            lines[-1].send("PA", payload=request)
            lines[-1].sequence += len(request)
        counted = Counted(server)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            for line in lines:
                if line.receive(0.001):
                    line.send("A")
        risen = counted.risen()
        assert risen.get("window_probes", 0) >= 50, risen
        assert risen["segments_sent"] < 50 * 20, risen
        with hand() as another:
            another.works()
    finally:
        for line in lines:
            line.__exit__()


def test_urgent_data_is_received_in_line(server):
    """RFC 6093: wherever the pointer points, even out of the segment."""
    for pointer in (0, 1, 5, 65_535):
        with hand() as line:
            line.send("PAU", payload=GET, urgptr=pointer)
            line.sequence = line.sequence + len(GET) & 0xFFFF_FFFF
            assert b"200 OK" in line.take(lambda data: b"200 OK" in data)


@pytest.mark.parametrize("size", (0, 1, 63))
def test_a_tiny_mss_does_not_make_tiny_segments(server, size):
    """An MSS of one byte would make a megabyte a million packets; one of zero is none (RFC 9293 §3.7.1)."""
    with hand(options=(("MSS", size),)) as line:
        line.send("PA", payload=GET)
        line.sequence = line.sequence + len(GET) & 0xFFFF_FFFF
        first = next(s for s in line.receive(1, count=3) if content(s))
        assert len(content(first)) >= 64, len(content(first))


def test_a_window_scale_of_fifteen_is_taken_for_fourteen(server):
    """RFC 7323 §2.3: with a shift of 15 a window of 2 would be 64 KiB; with 14 it is 32 KiB."""
    with hand(options=(("MSS", 1460), ("WScale", 15)), window=2) as line:
        line.works()
        counted = Counted(server)
        slot = server.nf_of(ATTACKER)["slot"]
        shown = json.loads(server.command("nf", "connections", slot, "--json").stdout)["connections"]
        mine = next(c for c in shown if c["peer"] == f"{ATTACKER}:{line.port}" and c["state"] == "established")
        assert mine["values"]["send_window"] == 2 << 14, mine["values"]
        assert counted.before["established"] >= 1


def test_data_after_fin(server):
    """Nothing follows FIN (RFC 9293 §3.10.7.4 seventh): it is acknowledged no further."""
    with hand() as line:
        line.works()
        line.send("FA")
        line.sequence = line.sequence + 1 & 0xFFFF_FFFF
        line.receive(0.3, count=3)
        line.send("PA", payload=GET)
        assert all(a.ack == line.sequence or "R" in a.flags for a in line.receive(0.3, count=3))

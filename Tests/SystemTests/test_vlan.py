"""Clients behind an 802.1Q tag: their frames are served as they come, and the answers carry the tag again.

Not every kernel has VLAN devices, so the client is a handful of frames made by hand: a handshake and one request.
"""

import socket
import struct
import time

import pytest
from bed import CLIENT, HOST, SERVER, client_address, device, inside
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

VLAN, PORT = 78, 45_078
# packet(7): the kernel takes the tag out of the frame and says so beside it.
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 1 << 4


class TaggedClient:
    """Sends and receives single TCP segments with a tag, beneath the kernel's own stack."""

    def __init__(self, family):
        network = IP if family == 4 else IPv6
        ether = Ether(src=device(CLIENT, "client0")["address"], dst=device(HOST, "port0")["address"])
        self.network = network
        self.below = ether / Dot1Q(vlan=VLAN, prio=3) / network(src=client_address(1, family), dst=SERVER[family])
        with inside(CLIENT):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(("client0", 0))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.settimeout(2)

    def send(self, payload=b"", **fields):
        self.socket.send(bytes(self.below / TCP(sport=PORT, dport=80, **fields) / payload))

    def receive(self):
        """The next segment of the server to this connection, and the tag it came with."""
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            data, ancillary, _, address = self.socket.recvmsg(65536, 256)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            packet = Ether(data)
            tag = packet[Dot1Q].vlan if Dot1Q in packet else None
            for level, kind, content in ancillary:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                    status, *_, tci, _ = struct.unpack("=IIIHHHH", content[:20])
                    tag = tci & 0xFFF if status & TP_STATUS_VLAN_VALID else tag
            if TCP in packet and packet[TCP].sport == 80 and packet[TCP].dport == PORT:
                return packet[TCP], tag
        raise AssertionError("no answer")


@pytest.mark.product
@pytest.mark.parametrize("family", (4, 6), ids=("ipv4", "ipv6"))
def test_a_tagged_client(platform, family):
    platform.ensure()
    client = TaggedClient(family)
    client.send(flags="S", seq=1000)
    answer, tag = client.receive()
    assert (str(answer.flags), answer.ack, tag) == ("SA", 1001, VLAN)
    client.send(flags="A", seq=1001, ack=answer.seq + 1)
    client.send(b"GET /text.txt HTTP/1.1\r\nHost: onvm.test\r\nConnection: close\r\n\r\n",
                flags="PA", seq=1001, ack=answer.seq + 1)
    content, finished = b"", False
    while not finished:
        segment, tag = client.receive()
        assert tag == VLAN
        content += bytes(segment.payload)
        finished = "F" in str(segment.flags)
    client.send(flags="R", seq=1001 + 62)
    assert content.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"0123456789abcdefghijklmnopqrstuvwxyz\n" in content

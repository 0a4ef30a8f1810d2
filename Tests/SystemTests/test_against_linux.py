"""The project's TCP stack against Linux's, in both roles, over a wire that can be made bad.

What travels is checked byte by byte: by SHA-256 at the kernel's end, against the content itself at ours. The wire's
generators are seeded, the kernel's timing is not: a failure names the seed and what the wire did.
"""

import concurrent.futures
import socket
import subprocess
import sys
import time

import pytest
from bed import CLIENT, SERVER, Impairment, client_address, inside, run, spawn
from documents import KIB, MIB
from tcp_peer import (
    Content, Peer, connect, download, listen, receive_digest, send_content, upload)
from test_clients import FAMILIES

pytestmark = pytest.mark.product

GIB = 1 << 30
BAD = {"loss": 0.01, "duplicate": 0.005, "reorder": 0.02}
SINK, SOURCE, ECHO, SLOW, IDLE, PUSH = 9001, 9002, 9003, 9004, 9005, 9006
SERVES = [argument for role in (f"{SINK}:sink", f"{SOURCE}:source", f"{ECHO}:echo", f"{SLOW}:slow=16384",
                                f"{IDLE}:idle", f"{PUSH}:push=1048576") for argument in ("--serve", role)]


@pytest.fixture(scope="module")
def content():
    return Content()


@pytest.fixture
def wire(bed):
    bed.ensure(wire=True)
    return bed


def accept_one(server):
    connection, _ = server.accept()
    connection.settimeout(60)
    return connection


@FAMILIES
@pytest.mark.limit(120)
@pytest.mark.parametrize("seed", (1, 2))
def test_a_kernel_client_over_a_bad_wire(wire, content, family, seed):
    """Passive open; sizes around a segment, then bulk, both ways."""
    with wire.impaired(Impairment(seed, **BAD, delay_microseconds=500)), Peer(wire, content, *SERVES) as peer:
        for size in (0, 1, 1447, 1448, 1449, 64 * KIB, 10 * MIB):
            with connect(SINK, family) as connection:
                upload(connection, content, size)
            with connect(SOURCE, family) as connection:
                download(connection, content, size)
        peer.wait_ended(14)
    assert {end["reason"] for end in peer.ended} == {"finished"}, peer.ended
    assert wire.counters["lost"] > 20 and wire.counters["reordered"] > 20, f"the wire was too good: {wire.counters}"
    assert peer.counters["retransmittedSegments"] > 0


@FAMILIES
@pytest.mark.limit(120)
@pytest.mark.parametrize("seed", (1, 2))
def test_a_kernel_server_over_a_bad_wire(wire, content, family, seed):
    """Active open; bulk both ways."""
    size = 10 * MIB
    with wire.impaired(Impairment(seed, **BAD, delay_microseconds=500)), listen(5000, family) as server:
        with Peer.opening(wire, content, f"push={size}", 5000, family=family) as peer:
            with accept_one(server) as connection:
                assert receive_digest(connection, size) == (size, content.digest(size))
            peer.wait_exit()
        assert peer.ended[0]["reason"] == "finished" and peer.ended[0]["acknowledged"] == size, peer.ended
        with Peer.opening(wire, content, "sink", 5000, family=family, first_port=21_000) as peer:
            with accept_one(server) as connection:
                upload(connection, content, size)
            peer.wait_exit()
        assert peer.ended[0]["received"] == size and peer.ended[0]["mismatch"] is None, peer.ended
    assert wire.counters["lost"] > 20, wire.counters


@FAMILIES
def test_both_directions_at_once(wire, content, family):
    """An echo of 4 MiB over a bad wire: data and acknowledgments share every segment."""
    size = 4 * MIB
    with wire.impaired(Impairment(3, **BAD, delay_microseconds=500)), Peer(wire, content, *SERVES):
        with connect(ECHO, family) as connection, concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(send_content, connection, content, size)
            assert receive_digest(connection, size) == (size, content.digest(size))
            sent.result()


@FAMILIES
def test_damage_is_never_taken_for_data(wire, content, family):
    """The kernel fills in its checksums, so that a flipped bit is a wrong checksum in both directions."""
    run("ethtool", "-K", "client0", "tx", "off", namespace=CLIENT)
    try:
        with wire.impaired(Impairment(21, corrupt=0.02)), Peer(wire, content, *SERVES) as peer:
            with connect(SINK, family) as connection:
                upload(connection, content, 4 * MIB)
            with connect(SOURCE, family) as connection:
                download(connection, content, 4 * MIB)
    finally:
        run("ethtool", "-K", "client0", "tx", "on", "tso", "off", "gso", "off", namespace=CLIENT)
    assert wire.counters["corrupted"] > 20 and peer.counters["tcpChecksum"] > 0, (wire.counters, peer.counters)


@FAMILIES
def test_half_close_by_the_kernel(wire, content, family):
    """The kernel's FIN comes with the request; all data follows it the other way."""
    with Peer(wire, content, *SERVES) as peer, connect(SOURCE, family) as connection:
        connection.sendall(b"%d\n" % MIB)
        connection.shutdown(socket.SHUT_WR)
        assert receive_digest(connection, MIB) == (MIB, content.digest(MIB))
        assert peer.wait_ended()[0]["reason"] == "finished"


@FAMILIES
def test_half_close_by_us(wire, content, family):
    """Our FIN comes after 1 MiB; the kernel reads it to the end, and only then sends 2 MiB."""
    with Peer(wire, content, *SERVES) as peer, connect(PUSH, family) as connection:
        assert receive_digest(connection, MIB) == (MIB, content.digest(MIB))
        send_content(connection, content, 2 * MIB)
        ended = peer.wait_ended()[0]
    assert (ended["received"], ended["mismatch"], ended["reason"]) == (2 * MIB, None, "finished"), ended


@FAMILIES
def test_a_slow_reader_of_ours(wire, content, family):
    """16 KiB every 10 ms from a window of 64 KiB: it closes again and again, and the kernel's probes are answered."""
    with Peer(wire, content, *SERVES, "--window", 64 * KIB) as peer, connect(SLOW, family) as connection:
        started = time.monotonic()
        upload(connection, content, 2 * MIB)
        took = time.monotonic() - started
    assert took > 1.0, f"2 MiB took {took:.2f} s: the reader was not slow"
    assert peer.counters["zeroWindowsAdvertised"] > 0, peer.counters


@FAMILIES
def test_a_slow_reader_of_the_kernel(wire, content, family):
    """The kernel's window stays shut for three seconds; we probe it (RFC 9293 §3.8.6.1) and go on where we stopped."""
    with Peer(wire, content, *SERVES) as peer:
        with connect(SOURCE, family, receive_buffer=16 * KIB) as connection:
            connection.sendall(b"%d\n" % MIB)
            time.sleep(3)
            assert receive_digest(connection, MIB) == (MIB, content.digest(MIB))
    assert peer.counters["windowProbes"] >= 2, peer.counters


def test_a_window_that_opens_is_learned_of_although_its_update_is_lost(wire, content):
    """Everything is lost while the kernel reads on: only a probe can find the window open again."""
    with Peer(wire, content, *SERVES) as peer:
        with connect(SOURCE, receive_buffer=16 * KIB) as connection:
            connection.sendall(b"%d\n" % (256 * KIB))
            time.sleep(1)
            with wire.impaired(Impairment(5, loss=1.0)):
                first = connection.recv(1 << 20)
                time.sleep(0.5)
            rest, _ = receive_digest(connection, 256 * KIB)
            assert len(first) + rest == 256 * KIB
    assert peer.counters["windowProbes"] >= 1, peer.counters


@pytest.mark.limit(120)
def test_thousands_of_connects_by_the_kernel(wire, content):
    """Three thousand connections one after another and side by side, each with data and both FINs."""
    def one(_):
        with connect(SINK) as connection:
            upload(connection, content, 2_000)

    with Peer(wire, content, *SERVES) as peer, concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(one, range(3_000)))) == 3_000
        ended = peer.wait_ended(3_000)
    assert all(end["reason"] == "finished" and end["received"] == 2_000 for end in ended)
    assert peer.counters["established"] == 3_000


@pytest.mark.limit(120)
def test_thousands_of_connects_by_us(wire, content):
    """Three thousand active opens, sixteen at a time, over a wire that loses one frame in a hundred."""
    count, size = 3_000, 2_000

    def serve(connection):
        with connection:
            return receive_digest(connection, size)

    with wire.impaired(Impairment(7, loss=0.01)), listen(5000) as server:
        with Peer.opening(wire, content, f"push={size}", 5000, "--count", count, "--parallel", 64) as peer:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                jobs = [pool.submit(serve, accept_one(server)) for _ in range(count)]
                assert {job.result() for job in jobs} == {(size, content.digest(size))}
            peer.wait_exit()
    assert peer.counters["established"] == count, peer.counters
    assert all(end["reason"] == "finished" and end["acknowledged"] == size for end in peer.ended)


def test_refused_both_ways(wire, content):
    """A port nobody listens on answers RST: ours to the kernel, the kernel's to us."""
    with Peer(wire, content, *SERVES) as peer:
        with pytest.raises(ConnectionRefusedError):
            connect(9999)
    assert peer.counters["resetsSent"] >= 1
    with Peer.opening(wire, content, "sink", 5999, "--count", 5) as peer:
        peer.wait_exit(10)
    assert peer.counters["activeOpens"] == 5 and peer.counters["resetsReceived"] == 5, peer.counters
    assert "established" not in peer.counters and peer.ended == []


def test_simultaneous_open(wire, content):
    """RFC 9293 §3.5, figure 7: both SYNs are on the wire at the same time; one connection comes of it."""
    with wire.impaired(Impairment(9, delay_microseconds=150_000)):
        with Peer.opening(wire, content, f"push={MIB}", 6000, first_port=6001) as peer:
            with inside(CLIENT):
                connection = socket.socket()
            with connection:
                connection.settimeout(20)
                connection.bind((client_address(1), 6000))
                connection.connect((SERVER[4], 6001))
                assert receive_digest(connection, MIB) == (MIB, content.digest(MIB))
            peer.wait_exit(30)
    assert peer.counters["established"] == 1 and peer.ended[0]["acknowledged"] == MIB, (peer.counters, peer.ended)
    assert "resetsSent" not in peer.counters, peer.counters


@FAMILIES
def test_keepalive_keeps_and_ends(wire, content, family):
    """The kernel answers our probes as long as the wire is there; once it is cut, three unanswered ones are the end."""
    with Peer(wire, content, *SERVES, "--keepalive", 250) as peer, connect(IDLE, family) as connection:
        time.sleep(2)
        assert peer.ended == [], "probes that were answered ended the connection"
        with wire.impaired(Impairment(1, loss=1.0)):
            ended = peer.wait_ended(seconds=5)[0]
        # Our end is gone: what the kernel sends now is answered by a reset.
        connection.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert ended["reason"] == "timedOut", ended
    assert peer.counters["keepaliveProbes"] >= 3 + 3, peer.counters


def test_the_kernels_keepalive_is_answered(wire, content):
    options = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
               (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1))
    with Peer(wire, content, *SERVES), connect(ECHO, options=options) as connection:
        time.sleep(4.5)
        connection.sendall(content.block[:100])
        assert connection.recv(100) == content.block[:100]


def test_a_client_process_that_dies(wire, content):
    """SIGKILL with unread data in its socket: the kernel resets (RFC 2525 §2.17), and we are told."""
    program = f"import socket; s = socket.create_connection(({SERVER[4]!r}, {SOURCE})); " \
              "s.sendall(b'100000000\\n'); s.recv(1); print('open', flush=True); input()"
    with Peer(wire, content, *SERVES) as peer:
        client = spawn(sys.executable, "-c", program, namespace=CLIENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert client.stdout.readline() == b"open\n"
        client.kill()
        client.wait(10)
        ended = peer.wait_ended()[0]
        assert ended["reason"] == "reset" and ended["acknowledged"] < 100_000_000, ended
        with connect(SINK) as connection:
            upload(connection, content, 1_000)


@FAMILIES
def test_a_peer_that_vanishes(wire, content, family):
    """No FIN, no RST: the user timeout (RFC 9293 §3.8.3) ends a download nobody acknowledges any more."""
    with Peer(wire, content, *SERVES, "--user-timeout", 1_500) as peer, connect(SOURCE, family) as connection:
        connection.sendall(b"100000000\n")
        connection.recv(1)
        with wire.impaired(Impairment(1, loss=1.0)):
            ended = peer.wait_ended(seconds=10)[0]
        assert ended["reason"] == "timedOut", ended
    assert peer.counters["retransmissionTimeouts"] >= 2 and peer.counters["closedByTimeout"] == 1, peer.counters


def test_our_process_dies(wire, content):
    """The device goes back to the kernel behind it, which knows no such connection: the client is reset, not left."""
    with Peer(wire, content, *SERVES) as peer, connect(ECHO, timeout=10) as connection:
        connection.sendall(b"")
        peer.kill()
        with pytest.raises(ConnectionResetError):
            connection.sendall(content.block[:1])
            connection.recv(1)


@FAMILIES
def test_an_address_removed_under_way(wire, content, family):
    """The client loses its address in the middle of a download and gets it back two seconds later."""
    address = f"{client_address(1, family)}/{24 if family == 4 else 64}"
    size = 8 * MIB
    with wire.impaired(Impairment(1, delay_microseconds=5_000)):
        with Peer(wire, content, *SERVES) as peer, connect(SOURCE, family) as connection:
            connection.sendall(b"%d\n" % size)
            first = connection.recv(100_000, socket.MSG_WAITALL)
            run("ip", "-n", CLIENT, "addr", "del", address, "dev", "client0")
            time.sleep(2)
            run("ip", "-n", CLIENT, "addr", "add", address, "dev", "client0", *(["nodad"] if family == 6 else []))
            # A device without any IPv4 address forgets its neighbours.
            peer.make_known()
            rest = bytearray()
            while part := connection.recv(1 << 18):
                rest += part
    assert first + rest == b"".join(content.parts(size))
    assert peer.counters["retransmissionTimeouts"] >= 1, peer.counters


@pytest.mark.slow
@FAMILIES
@pytest.mark.limit(900)
def test_a_gibibyte_each_way_over_a_bad_wire(wire, content, family):
    with wire.impaired(Impairment(77, **BAD, delay_microseconds=500)), Peer(wire, content, *SERVES) as peer:
        with connect(SINK, family) as connection:
            upload(connection, content, GIB)
        with connect(SOURCE, family) as connection:
            download(connection, content, GIB)
    assert wire.counters["lost"] > 10_000 and wire.counters["reordered"] > 20_000, wire.counters
    assert {end["reason"] for end in peer.ended} == {"finished"}, peer.ended


@pytest.mark.slow
@pytest.mark.limit(900)
def test_a_gibibyte_each_way_with_a_kernel_server(wire, content):
    with wire.impaired(Impairment(78, **BAD, delay_microseconds=500)), listen(5000) as server:
        with Peer.opening(wire, content, f"push={GIB}", 5000) as peer:
            with accept_one(server) as connection:
                assert receive_digest(connection, GIB) == (GIB, content.digest(GIB))
            peer.wait_exit()
        with Peer.opening(wire, content, "sink", 5000, first_port=21_000) as peer:
            with accept_one(server) as connection:
                upload(connection, content, GIB)
            peer.wait_exit()
        assert peer.ended[0]["received"] == GIB and peer.ended[0]["mismatch"] is None, peer.ended

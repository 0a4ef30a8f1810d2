"""What is not ours reaches the kernel's stack as before, on the same device and address, while services are busy."""

import socket
import threading

import pytest
from bed import CLIENT, HOST, SERVER, client_address, inside, run, spawn, url
from raw_http import Connection


@pytest.fixture
def server(platform, documents):
    """Busy with downloads for as long as the test runs."""
    server = platform.ensure(clients=4)
    load = spawn("wrk", "-t1", "-c32", "-d", "30s", url(documents.path(64)), namespace=CLIENT, stdout=-3, stderr=-3)
    yield server
    load.kill()
    load.wait()


def echo(listener, kind):
    """A plain kernel socket that sends back what it gets; ends when the socket is closed."""
    try:
        if kind == socket.SOCK_DGRAM:
            while True:
                data, peer = listener.recvfrom(65536)
                listener.sendto(data, peer)
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)
    except OSError:
        pass


@pytest.mark.parametrize("family", (4, 6), ids=("ipv4", "ipv6"))
@pytest.mark.parametrize("port", (22, 81, 8080))
def test_tcp_on_other_ports(server, family, port):
    """Like a login shell: many small exchanges, then a bulk one."""
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    with inside(HOST):
        listener = socket.create_server((SERVER[family], port), family=af)
    threading.Thread(target=echo, args=(listener, socket.SOCK_STREAM), daemon=True).start()
    with inside(CLIENT):
        client = socket.create_connection((SERVER[family], port), timeout=10)
    with listener, client:
        for number in range(200):
            line = b"line %d\n" % number
            client.sendall(line)
            assert client.recv(64) == line
        sent = bytes(range(256)) * 4096
        sender = threading.Thread(target=client.sendall, args=(sent,))
        sender.start()
        received = b""
        while len(received) < len(sent):
            received += client.recv(1 << 16)
        sender.join()
        assert received == sent


@pytest.mark.parametrize("family", (4, 6), ids=("ipv4", "ipv6"))
def test_udp_even_on_the_service_port(server, family):
    """The service is TCP port 80; UDP port 80 is not ours. Large datagrams come in fragments."""
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    with inside(HOST):
        listener = socket.socket(af, socket.SOCK_DGRAM)
        listener.bind((SERVER[family], 80))
    threading.Thread(target=echo, args=(listener, socket.SOCK_DGRAM), daemon=True).start()
    with inside(CLIENT):
        client = socket.socket(af, socket.SOCK_DGRAM)
    client.settimeout(5)
    with listener, client:
        for size in (1, 1000, 1472, 1473, 20_000):
            client.sendto(b"x" * size, (SERVER[family], 80))
            assert len(client.recv(65536)) == size


@pytest.mark.parametrize("target", tuple(SERVER.values()))
@pytest.mark.parametrize("size", (0, 56, 1400, 8000))
def test_ping(server, target, size):
    output = run("ping", "-q", "-c", 5, "-i", "0.05", "-W", 2, "-s", size, target, namespace=CLIENT).stdout
    assert " 5 received" in output, output


def test_arp_is_answered(server):
    run("ip", "-n", CLIENT, "neigh", "flush", "dev", "client0")
    run("ping", "-q", "-c", 1, "-W", 2, SERVER[4], namespace=CLIENT)
    assert "lladdr" in run("ip", "-n", CLIENT, "neigh", "show", SERVER[4], "dev", "client0").stdout


def test_neighbour_discovery_is_answered(server):
    run("ip", "-n", CLIENT, "-6", "neigh", "flush", "dev", "client0")
    run("ping", "-6", "-q", "-c", 1, "-W", 2, SERVER[6], namespace=CLIENT)
    assert "lladdr" in run("ip", "-n", CLIENT, "-6", "neigh", "show", SERVER[6], "dev", "client0").stdout
    # Link-local and multicast, which neighbours use before they know each other.
    run("ping", "-6", "-q", "-c", 1, "-W", 2, "ff02::1%client0", namespace=CLIENT)


def test_the_host_can_be_a_client_itself(server):
    """Connections that start in the host's namespace and leave by the port come back to their sockets."""
    with inside(CLIENT):
        listener = socket.create_server((client_address(1), 80))
    threading.Thread(target=echo, args=(listener, socket.SOCK_STREAM), daemon=True).start()
    with inside(HOST):
        client = socket.create_connection((client_address(1), 80), timeout=10)
    with listener, client:
        client.sendall(b"from port to client\n")
        assert client.recv(64) == b"from port to client\n"


@pytest.mark.product
def test_a_stray_segment_is_answered_by_the_kernel(server):
    """A connection that no NF knows is reset at once, not left to time out."""
    with Connection(source=client_address(4)) as connection:
        assert connection.fetch("/text.txt").status == 200
    with pytest.raises(ConnectionRefusedError), inside(CLIENT):
        socket.create_connection((SERVER[4], 81), timeout=2)

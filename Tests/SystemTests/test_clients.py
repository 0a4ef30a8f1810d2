"""Every client people use gets exactly the bytes of the file, over both IP versions and both common MTUs."""

import hashlib
import re
import socket
import subprocess
import textwrap
import time

import pytest
import requests
from bed import CLIENT, client_address, inside, run, spawn, url
from documents import GIB, KIB, MIB, SIZES
from raw_http import Connection

FAMILIES = pytest.mark.parametrize("family", (4, 6), ids=("ipv4", "ipv6"))
PATHS = pytest.mark.parametrize("mtu", (1500, 9000), ids=("mtu1500", "mtu9000"))


def digest_of_command(*command, timeout=120):
    """The SHA-256 of what a program in the client namespace writes, without holding it in memory."""
    process = spawn(*command, namespace=CLIENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    digest = hashlib.sha256()
    try:
        while data := process.stdout.read(1 << 20):
            digest.update(data)
        assert process.wait(timeout) == 0, f"{command[0]} failed"
    finally:
        process.kill()
        process.stdout.close()
    return digest.hexdigest()


def with_curl(address):
    return digest_of_command("curl", "--silent", "--show-error", "--fail", address)


def with_wget(address):
    return digest_of_command("wget", "--quiet", "--tries=1", "--output-document=-", address)


def with_requests(address):
    digest = hashlib.sha256()
    with inside(CLIENT), requests.get(address, stream=True, timeout=30) as response:
        assert response.status_code == 200
        for part in response.iter_content(1 << 18):
            digest.update(part)
    return digest.hexdigest()


FETCH = {"curl": with_curl, "wget": with_wget, "requests": with_requests}


@PATHS
@FAMILIES
@pytest.mark.parametrize("client", FETCH)
def test_files_of_every_size(platform, documents, client, family, mtu):
    platform.ensure(mtu=mtu)
    for size in SIZES:
        assert FETCH[client](url(documents.path(size), family)) == documents.digest(size), f"{size} bytes"


@PATHS
@FAMILIES
def test_one_connection_fetches_files_of_every_size(platform, documents, family, mtu):
    platform.ensure(mtu=mtu)
    with inside(CLIENT), requests.Session() as session:
        for size in (*SIZES, *reversed(SIZES)):
            response = session.get(url(documents.path(size), family), timeout=30)
            assert hashlib.sha256(response.content).hexdigest() == documents.digest(size), f"{size} bytes"


@pytest.mark.limit(120)
@pytest.mark.parametrize("client, family, mtu", (("curl", 4, 1500), ("wget", 6, 1500), ("requests", 4, 9000)))
def test_one_gibibyte(platform, documents, client, family, mtu):
    platform.ensure(mtu=mtu)
    assert FETCH[client](url(documents.path(GIB), family)) == documents.digest(GIB)


@FAMILIES
@pytest.mark.parametrize("keep_alive", (True, False), ids=("keepalive", "close"))
def test_ab(platform, documents, family, keep_alive):
    platform.ensure()
    options = ["-k"] if keep_alive else []
    output = run("ab", "-q", *options, "-n", 4000, "-c", 64, url(documents.path(1448), family), namespace=CLIENT).stdout
    assert re.search(r"Complete requests:\s+4000\b", output), output
    assert re.search(r"Failed requests:\s+0\b", output), output
    assert "Non-2xx" not in output, output
    assert re.search(r"HTML transferred:\s+%d bytes" % (4000 * 1448), output), output
    if keep_alive:
        assert re.search(r"Keep-Alive requests:\s+4000\b", output), output


@FAMILIES
@pytest.mark.parametrize("size", (64, 64 * KIB))
def test_wrk_with_a_thousand_connections(platform, documents, tmp_path, family, size):
    """wrk compares every body with the file, so that a mixed-up response cannot hide behind its length."""
    platform.ensure()
    script = tmp_path / "compare.lua"
    script.write_text(textwrap.dedent(f"""\
        local file = io.open("{documents.root}{documents.path(size)}", "rb")
        local expected = file:read("*a")
        file:close()
        wrong = 0
        response = function(status, headers, body)
            if status ~= 200 or body ~= expected then wrong = wrong + 1 end
        end
        local workers = {{}}
        setup = function(worker) table.insert(workers, worker) end
        done = function(summary)
            local total = 0
            for _, worker in ipairs(workers) do total = total + worker:get("wrong") end
            local e = summary.errors
            print(string.format("RESULT requests=%d wrong=%d connect=%d read=%d write=%d status=%d timeout=%d",
                summary.requests, total, e.connect, e.read, e.write, e.status, e.timeout))
        end
        """))
    output = run("wrk", "--threads", 1, "--connections", 1000, "--duration", "5s", "--timeout", "10s",
                 "--script", script, url(documents.path(size), family), namespace=CLIENT).stdout
    result = re.search(r"RESULT requests=(\d+) (.*)", output)
    assert result, output
    assert int(result[1]) >= 1000, output
    assert set(re.findall(r"=(\d+)", result[2])) == {"0"}, output


BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Connection: keep-alive",
    "Cookie: " + "session=" + "0123456789abcdef" * 16,
    "Upgrade-Insecure-Requests: 1",
    "Priority: u=0, i",
)


@PATHS
@FAMILIES
def test_pipelined_burst_like_a_browser(platform, documents, family, mtu):
    """Six connections, forty requests each in one write; the answers come in order, each with its own bytes."""
    platform.ensure(mtu=mtu)
    order = [SIZES[(i * 5) % 6] for i in range(40)]
    connections = [Connection(family) for _ in range(6)]
    for connection in connections:
        fields = "".join(f"{line}\r\n" for line in ("Host: onvm.test", *BROWSER, ""))
        connection.send("".join(f"GET {documents.path(size)} HTTP/1.1\r\n{fields}" for size in order))
    for connection in connections:
        for size in order:
            response = connection.read()
            assert (response.status, response.digest) == (200, documents.digest(size)), f"{size} bytes"
        connection.close()


@FAMILIES
def test_a_request_that_arrives_byte_by_byte(platform, documents, family):
    platform.ensure()
    with Connection(family) as connection:
        for byte in f"GET {documents.path(1449)} HTTP/1.1\r\nHost: onvm.test\r\n\r\n":
            connection.send(byte)
        assert connection.read().digest == documents.digest(1449)


def test_a_reader_that_pauses(platform, documents):
    """The window closes while the client reads nothing, and opens again: persist timer, window updates."""
    platform.ensure()
    with Connection() as connection:
        connection.get(documents.path(10 * MIB))
        connection.socket.settimeout(20)
        time.sleep(3)
        response = connection.read()
    assert response.digest == documents.digest(10 * MIB)


def test_a_client_with_a_tiny_receive_buffer(platform, documents):
    platform.ensure()
    connection = Connection(connect=False)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.socket.connect(("10.77.0.1", 80))
    assert connection.fetch(documents.path(64 * KIB)).digest == documents.digest(64 * KIB)
    connection.close()


def test_a_client_without_timestamps_window_scale_or_sack(platform, documents):
    """What an old or tiny TCP offers: an MSS option at most (RFC 9293 §3.7.1)."""
    platform.ensure()
    settings = ("tcp_timestamps", "tcp_window_scaling", "tcp_sack")
    before = {s: run("sysctl", "-n", f"net.ipv4.{s}", namespace=CLIENT).stdout.strip() for s in settings}
    try:
        for setting in settings:
            run("sysctl", "-q", "-w", f"net.ipv4.{setting}=0", namespace=CLIENT)
        for size in SIZES:
            assert with_curl(url(documents.path(size))) == documents.digest(size), f"{size} bytes"
    finally:
        for setting, value in before.items():
            run("sysctl", "-q", "-w", f"net.ipv4.{setting}={value}", namespace=CLIENT)


def test_many_downloads_at_once(platform, documents):
    """Thirty-two transfers of eight clients share the path; each is exact."""
    platform.ensure(clients=8)
    jobs = [
        spawn("curl", "--silent", "--fail", "--interface", client_address(1 + i % 8), url(documents.path(10 * MIB)),
              namespace=CLIENT, stdout=subprocess.PIPE)
        for i in range(32)
    ]
    checks = [subprocess.Popen(["sha256sum"], stdin=job.stdout, stdout=subprocess.PIPE, text=True) for job in jobs]
    for job, check in zip(jobs, checks):
        job.stdout.close()
        digest = check.communicate(timeout=60)[0].split()[0]
        assert job.wait(10) == 0, f"curl exited with {job.returncode}"
        assert digest == documents.digest(10 * MIB)

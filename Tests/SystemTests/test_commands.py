"""What an operator types besides `run`: top, nf, version, help, and the log they read."""

import os
import re

import process_facts
import pytest
from bed import ONVM, client_address, run
from platform_under_test import web
from raw_http import Connection

pytestmark = pytest.mark.product


@pytest.fixture
def server(platform):
    server = platform.ensure(clients=2)
    with Connection(source=client_address(2)) as connection:
        assert connection.fetch("/text.txt").status == 200
    return server


def test_help_names_every_command():
    output = run(ONVM, "--help").stdout
    for command in ("run", "check", "status", "top", "nf", "cleanup"):
        assert re.search(rf"^\s+{command}\b", output, re.M), command


def test_version():
    assert re.fullmatch(r"onvm \d+\.\d+\.\d+\S*\n", run(ONVM, "--version").stdout)


def test_top_into_a_pipe_is_one_snapshot(server):
    output = server.command("top").stdout
    assert "web" in output and client_address(2) in output
    assert "\x1b" not in output


def test_the_list_of_nfs(server):
    output = server.command("nf", "list").stdout
    assert all(str(nf["pid"]) in output for nf in server.nfs())


def test_an_nf_can_be_ended_by_hand(server):
    before = server.nf_of(client_address(2))
    server.command("nf", "kill", str(before["slot"]))
    server.wait_until(lambda: not process_facts.exists(before["pid"]), 5, "the process ended")
    with Connection(source=client_address(2)) as connection:
        assert connection.fetch("/text.txt").status == 200
    assert server.nf_of(client_address(2))["pid"] != before["pid"]


def test_ending_an_nf_that_does_not_exist(server):
    done = server.command("nf", "kill", "4000", check=False)
    assert done.returncode == 1 and "4000" in done.stdout


def test_access_log(platform, documents):
    """Off unless asked for; then one line a request, as log analysers know it."""
    log = documents.base / "access.log"
    server = platform.ensure(web(documents.root, options={"access_log": log}), clients=2)
    with Connection(source=client_address(2)) as connection:
        connection.fetch("/text.txt", "User-Agent: system-test")
        connection.fetch("/absent?a=1", "Referer: http://onvm.test/")
        connection.fetch("/text.txt", method="HEAD")
    server.wait_until(lambda: len(log.read_text().splitlines()) >= 3, 5, "the log has its lines")
    lines = log.read_text().splitlines()
    assert [re.search(r'"(\w+ \S+ \S+)" (\d+) (\d+|-)', line).groups() for line in lines] == [
        ("GET /text.txt HTTP/1.1", "200", "37"), ("GET /absent?a=1 HTTP/1.1", "404", lines[1].split()[9]),
        ("HEAD /text.txt HTTP/1.1", "200", lines[2].split()[9])]
    assert all(line.startswith(f"{client_address(2)} ") for line in lines)
    assert '"system-test"' in lines[0] and '"http://onvm.test/"' in lines[1]
    platform.stop()
    os.unlink(log)

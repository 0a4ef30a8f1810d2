"""An NF that was taken over (Tests/HostileNF) says and writes what it likes to its manager. It ends, and that is all."""

import contextlib
import re

import process_facts
import pytest
from bed import client_address
from platform_under_test import client_of
from test_hostile_nf import hostile, knock  # noqa: F401 (a fixture)

pytestmark = pytest.mark.product


def service(server):
    return server.status()["services"][0]


def ended(server, *causes):
    counts = service(server)["ended"]
    return sum(counts[cause] for cause in causes)


@pytest.fixture
def clients(bed):
    bed.ensure(clients=40)
    return [client_address(number) for number in range(2, 40)]


@pytest.mark.parametrize("attack, cause", [
    ("failed", "failed"), ("ready-again", "violation"), ("malformed", "violation"), ("out-of-order", "violation"),
    ("too-long", "violation"),
])
def test_what_a_bound_nf_says_ends_it_and_holds_up_nobody(hostile, clients, attack, cause):  # noqa: F811
    """Each client's NF says it; the next client finds one. In a service that slows down the pool is empty soon."""
    server = hostile(attack)
    for number, address in enumerate(clients[:14]):
        with knock(address):
            server.wait_until(lambda: ended(server, cause) > number, 10, f"the NF of client {number} ended")
        server.wait_until(lambda: service(server)["idle"] == 2, 5, f"the pool is full after client {number}")
    counts = service(server)
    assert counts["ended"]["start_failed"] == 0 and counts["overflow_counts"]["refused"] == 0
    log = server.log.read_text()
    assert "\x1b" not in log and not re.search(r"^12:00:00.000 error forged", log, re.M), "an NF wrote a line of the log"


@pytest.mark.parametrize("attack", ["flood", "flood-descriptors"])
def test_a_flood_of_messages_ends_its_nf_and_the_manager_answers(hostile, clients, attack):  # noqa: F811
    server = hostile(attack)
    before = len(process_facts.descriptors(server.process.pid))
    with contextlib.ExitStack() as stack:
        for address in clients[:12]:
            stack.enter_context(knock(address))
            assert server.status()["services"]
    server.wait_until(lambda: ended(server, "violation") >= 12, 10, "each of them ended")
    server.wait_until(lambda: service(server)["idle"] == 2, 5, "the pool is full again")
    # Slots that were used keep their devices; of the messages nothing is left.
    server.wait_until(
        lambda: len(process_facts.descriptors(server.process.pid)) <= before + 12 * 6, 5, "no descriptor is left")
    assert service(server)["overflow_counts"]["refused"] == 0


def test_numbers_that_make_no_sense_are_shown(hostile, clients):  # noqa: F811
    """Telemetry of all ones: every command that shows it does, and the manager lives."""
    server = hostile("telemetry")
    with knock(clients[0]):
        liar = server.wait_until(
            lambda: next((nf for nf in server.nfs() if client_of(nf) and nf["accepted"] == 2**64 - 1), None), 5,
            "it lies")
        for command in (["status"], ["status", "--json"], ["nf", "list"], ["nf", "connections"], ["top"],
                        ["nf", "connections", str(liar["slot"])], ["nf", "connections", "--json", str(liar["slot"])],
                        ["nf", "events", str(liar["slot"])]):
            done = server.command(*command, check=False)
            # Connections are asked for: a liar may answer or not, but nothing crashes.
            assert done.returncode == 0 or "did not answer" in done.stdout, f"{command}: {done}"
            assert "Fatal" not in done.stdout and "\x1b" not in done.stdout
        assert str(2**64 - 1) in server.command("nf", "list").stdout


@pytest.mark.slow
@pytest.mark.limit(300)
def test_a_liar_loses_its_slot(hostile, clients):  # noqa: F811
    """It says that its client has connections. The client has not been heard since its first packet."""
    server = hostile("telemetry")
    with knock(clients[0]):
        liar = server.wait_until(lambda: next((nf for nf in server.nfs() if client_of(nf)), None), 5, "it is bound")
    server.wait_until(lambda: not process_facts.exists(liar["pid"]), 200, "it was ended")

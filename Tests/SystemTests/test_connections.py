"""What `onvm nf connections` and `onvm nf events` say of a connection, held against the kernel at its other end."""

import json
import re
import time

import pytest
from bed import CLIENT, Impairment, client_address, end, run, spawn, url
from documents import MIB
from platform_under_test import FAILED

pytestmark = pytest.mark.product


def connections(server, slot):
    return json.loads(server.command("nf", "connections", slot, "--json").stdout)["connections"]


def kernel_view(port):
    """What ss(8) tells of the client's end: the least rtt in ms, and the bytes it received."""
    text = run("ss", "-tinH", f"sport = :{port}", namespace=CLIENT).stdout
    return {"least": float(re.search(r" minrtt:([\d.]+)", text)[1]),
            "received": int((re.search(r" bytes_received:(\d+)", text) or [0, 0])[1])}


@pytest.mark.limit(90)
def test_numbers_are_those_of_the_kernels_end(platform, documents):
    """A download at 20 ms and one loss in a hundred, looked at in its middle."""
    server = platform.ensure(wire=True)
    with platform.bed.impaired(Impairment(61, loss=0.01, delay_microseconds=10_000)):
        curl = spawn("curl", "--silent", "--output", "/dev/null", "--local-port", "41000",
                     url(documents.path(100 * MIB)), namespace=CLIENT)
        try:
            time.sleep(3)
            slot = server.nf_of(client_address(1))["slot"]
            before = kernel_view(41_000)
            started = time.monotonic()
            shown = [c for c in connections(server, slot) if c["peer"] == f"{client_address(1)}:41000"]
            took = time.monotonic() - started
            after = kernel_view(41_000)
            table = server.command("nf", "connections", slot).stdout
            events = server.command("nf", "events", slot, f"{client_address(1)}:41000").stdout
            counted = server.nf_of(client_address(1))
        finally:
            end(curl)
    assert len(shown) == 1 and took < 3, (shown, took)
    connection, values = shown[0], shown[0]["values"]
    assert connection["state"] == "established" and {"timestamps", "window_scale"} <= set(connection["options"])
    assert 18 < values["smoothed_round_trip"] / 1e6 < 60, values
    assert 18 < values["minimum_round_trip"] / 1e6 <= values["smoothed_round_trip"] / 1e6 + 1, values
    # The least of both ends: the kernel's only receives, and its smoothed value is of its SYN and one request.
    assert abs(values["minimum_round_trip"] / 1e6 - before["least"]) < 5, (values, before)
    # What was acknowledged lies between what the kernel had before and after; the response's head is in both.
    assert before["received"] - 64 * 1448 <= values["bytes_acknowledged"] <= after["received"], (before, values, after)
    assert values["bytes_acknowledged"] <= values["bytes_sent"] <= values["bytes_promised"]
    assert values["retransmitted_segments"] > 0 and values["recoveries"] > 0, values
    assert values["maximum_segment_size"] == 1448 and values["congestion_window"] >= 1448, values
    assert 200 <= values["retransmission_timeout"] / 1e6 < 2_000, values
    assert f"{client_address(1)}:41000" in table and "established" in table
    assert re.search(r"\d+\.\d{6}  (fast_recovery|tail_loss_probe|retransmission_timeout) ", events), events
    assert counted["tcp"]["retransmitted_segments"] >= values["retransmitted_segments"], counted["tcp"]
    assert counted["tcp"]["selective_acknowledgments"] > 0 and counted["tcp"]["recoveries"] > 0, counted["tcp"]


def test_what_happened_is_known_after_the_end(platform, documents):
    server = platform.ensure()
    run("curl", "--silent", "--fail", "--output", "/dev/null", "--local-port", "41001", url(documents.path(1448)),
        namespace=CLIENT)
    # The kernel's client may be reset instead of finished; both ends show.
    run("ss", "-K", "sport = :41001", namespace=CLIENT, check=False)
    slot = server.nf_of(client_address(1))["slot"]
    shown = [c for c in connections(server, slot) if c["peer"].endswith(":41001")]
    assert shown and shown[-1]["state"] in ("time_wait", "ended"), shown
    names = [event["event"] for event in shown[-1]["events"]]
    assert names[:2] == ["syn_received", "established"] and "fin_received" in names, names
    instants = [event["instant"] for event in shown[-1]["events"]]
    assert instants == sorted(instants)


def test_an_nf_that_is_not_there(platform):
    server = platform.ensure()
    done = server.command("nf", "connections", 9_999, check=False)
    assert done.returncode == FAILED and "slot 9999 has no NF" in done.stdout, done.stdout
    slot = server.nfs()[0]["slot"]
    done = server.command("nf", "events", slot, "1.2.3.4:5", check=False)
    assert done.returncode == FAILED and "no connection 1.2.3.4:5" in done.stdout, done.stdout


def test_looking_wakes_a_sleeping_nf_once(platform):
    """Nobody looks: the NF sleeps on. Somebody looks: it answers at once."""
    server = platform.ensure()
    slot = next(nf["slot"] for nf in server.nfs() if nf["state"] == "idle")

    def wakeups():
        return next(nf for nf in server.nfs() if nf["slot"] == slot)["telemetry"]["wakeups"]

    before = wakeups()
    time.sleep(1)
    assert wakeups() == before, "an idle NF wakes up without a reason"
    started = time.monotonic()
    assert connections(server, slot) == []
    assert time.monotonic() - started < 1
    assert 1 <= wakeups() - before <= 2

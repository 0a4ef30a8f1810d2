"""Who has nothing to do uses no processor."""

import os
import pathlib
import signal
import time

import pytest
from bed import client_address
from platform_under_test import web
from raw_http import Connection


def seconds(pid):
    """What a process has used of the processor, to the nanosecond (Documentation/scheduler/sched-stats.rst)."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


@pytest.mark.product
def test_everybody_sleeps_after_an_nf_ended(platform, documents):
    """Also the process that NFs are forked from: the end of one is an event to be consumed."""
    server = platform.ensure(web(documents.root, idle=2))
    with Connection() as connection:
        assert connection.fetch("/text.txt").status == 200
        os.kill(server.nf_of(client_address(1))["pid"], signal.SIGKILL)
        server.wait_until(lambda: server.nf_of(client_address(1)) is None, 5, "the NF's end is noticed")
    service = lambda: server.status()["services"][0]
    server.wait_until(lambda: service()["idle"] >= 2 and service()["starting"] == 0, 10, "the pool is full again")
    status = server.status()
    pids = {"manager": server.process.pid, "zygote": status["manager"]["zygote_pid"]}
    pids |= {f"NF {nf['slot']}": nf["pid"] for nf in status["nfs"] if nf.get("pid")}
    before = {name: seconds(pid) for name, pid in pids.items()}
    time.sleep(1)
    used = {name: seconds(pid) - before[name] for name, pid in pids.items()}
    assert all(amount < 0.05 for amount in used.values()), f"seconds of the processor in one second: {used}"

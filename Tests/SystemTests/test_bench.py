"""scripts/bench measures, fails when a run fails, and leaves the host as it was."""

import json
import os
import pathlib
import signal
import subprocess

import pytest
from bed import CLIENT, HOST, ONVM, REPOSITORY, spawn

COMMAND = ["/usr/bin/python3", "-B", "-m", "benchmarks"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts"), "ONVM": str(ONVM)}

pytestmark = pytest.mark.product


def start(bed, output, *arguments):
    """Runs it on a bed of its own making: what the tests had there is gone, as after a removal."""
    bed.remove()
    log = open(output / "log", "w+")
    process = spawn(*COMMAND, *arguments, "--output", output, env=ENVIRONMENT, stdout=log, stderr=log)
    return process, log


def finish(process, log, seconds):
    status = process.wait(seconds)
    log.seek(0)
    text = log.read()
    log.close()
    assert not any(pathlib.Path(f"/run/netns/{namespace}").exists() for namespace in (HOST, CLIENT)), text
    return status, text


def test_a_case_at_a_time(bed, tmp_path):
    process, log = start(bed, tmp_path, "http", "--case", "64B-c16", "--case", "64B-c4-k4-r500", "--servers",
                         "client,none,nginx", "--pairs", "1", "--seconds", "1")
    status, text = finish(process, log, 50)
    assert status == 0, text
    results = json.loads((tmp_path / "results.json").read_text())
    assert [case["case"] for case in results["cases"]] == ["64B-c16", "64B-c4-k4-r500"]
    for case in results["cases"]:
        # A second round when the host disturbed the first.
        assert [sample["contestant"] for sample in case["samples"]] in (
            ["client", "none", "nginx"], ["client", "none", "nginx"] * 2)
        assert all(sample["requests"] > 400 and sample["p50"] > 0 for sample in case["samples"]), case
    assert {row["peer"] for row in results["rows"]} == {"nginx"}
    for key in ("processor", "kernel", "offloads", "nginx", "wrk", "placement"):
        assert results["machine"][key], key
    assert (tmp_path / "results.txt").read_text().count("http 64B-c16") >= 3


def test_a_run_with_errors_fails(bed, tmp_path):
    """An NF with room for four connections, and sixteen of them."""
    process, log = start(bed, tmp_path, "http", "--case", "64B-c16", "--servers", "none", "--pairs", "1",
                         "--seconds", "1", "--nf-option", "connections=4")
    status, text = finish(process, log, 50)
    assert status == 1 and "FAILED http 64B-c16: none: " in text, text
    assert json.loads((tmp_path / "results.json").read_text())["failures"]


def test_ctrl_c_shows_what_there_is(bed, tmp_path):
    process, log = start(bed, tmp_path, "http", "--case", "64B-c1", "--servers", "none", "--pairs", "100",
                         "--seconds", "1")
    try:
        for _ in range(300):
            if "2/100" in (tmp_path / "log").read_text():
                break
            try:
                process.wait(0.1)
                break
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.send_signal(signal.SIGINT)
    status, text = finish(process, log, 30)
    assert status == 130, text
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results["cases"][0]["samples"]) >= 2, text


@pytest.mark.slow
@pytest.mark.limit(300)
def test_everything_in_its_short_form(bed, tmp_path):
    """All suites; that every target is met is not asked here."""
    process, log = start(bed, tmp_path, "--quick")
    status, text = finish(process, log, 280)
    assert status == 0, text
    suites = {row["suite"] for row in json.loads((tmp_path / "results.json").read_text())["rows"]}
    assert suites == {"http", "figure", "lifecycle", "connections"}
    for name in ("figure", "ratios", "sizes", "first-byte"):
        assert (tmp_path / f"{name}.svg").exists(), text

"""The open-loop client (paced.c), built when it is first used."""

import json
import pathlib
import subprocess

from .bed import CLIENT, CLIENT_CORE, SERVER, Failure, client_address, run, within


def parse_report(text):
    """The last line of what the client printed."""
    lines = text.strip().splitlines()
    report = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None
    if not report or len(report["latencies_ns"]) != report["requests"]:
        raise Failure(f"the paced client ended without a result: {text.strip()[-500:]}")
    return report


class Paced:
    """Requests at fixed times; every response compared byte by byte, every latency kept."""

    def __init__(self, directory):
        self.program = directory / "paced"

    def run(self, load, file, path, seconds, during):
        if not self.program.exists():
            run("gcc", "-std=gnu11", "-O2", "-Wall", "-o", self.program, pathlib.Path(__file__).with_name("paced.c"))
        addresses = [client_address(number) for number in range(1, load.clients + 1)]
        process = subprocess.Popen(
            within(CLIENT, self.program, SERVER, path, file, load.connections, load.rate, seconds, *addresses,
                   core=CLIENT_CORE),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        try:
            for moment in ("begin", "end"):
                if process.stdout.readline().strip() != moment:
                    raise Failure(f"the paced client failed: {process.stderr.read().strip()}")
                during(moment)
            # Not communicate(): what readline() has read ahead would be lost. The client watches its own time.
            output, errors = process.stdout.read(), process.stderr.read()
            process.wait(10)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode != 0:
            raise Failure(f"the paced client failed: {errors.strip()}")
        report = parse_report(output)
        rate = report["requests"] / report["seconds"]
        if rate < 0.98 * load.rate:
            raise Failure(f"the paced client reached {rate:.0f} of {load.rate} requests/s")
        return {
            "requests_per_second": rate, "megabytes_per_second": rate * load.size / 1e6,
            "requests": report["requests"], "latest_send_microseconds": report["latest_send_ns"] / 1e3,
            "latency": [(nanoseconds / 1e3, 1) for nanoseconds in report["latencies_ns"]],
        }

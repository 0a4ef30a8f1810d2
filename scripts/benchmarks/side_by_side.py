"""Ours and nginx in turn on the test bed, the same files, the same client; see scripts/bench."""

import argparse
import hashlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ONVM = ROOT / ".build/release/onvm"
SERVER_CORE, CLIENT_CORE = 0, 1
CLIENTS = 16

# Prints one JSON line; wrk's own report rounds. Latencies are in microseconds.
REPORT = """
done = function(summary, latency)
    local e = summary.errors
    print(string.format(
        'RESULT {"requests": %d, "microseconds": %d, "bytes": %d, "errors": %d, "p50": %d, "p99": %d, "p999": %d}',
        summary.requests, summary.duration, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""


FIRST_USER = 61_000


class Failure(Exception):
    pass


def inside(namespace, core, *command):
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", "taskset", "-c", str(core), *map(str, command)]


def output_of(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **options).stdout


def user_of(address):
    return FIRST_USER + int(address.rsplit(".", 1)[1])


def prepare_sources():
    """wrk binds to no address: each of its processes runs as a user whose routes prefer one (ip-rule(8), uidrange)."""
    for number in range(CLIENTS):
        address = f"10.77.0.{2 + number}"
        table = str(100 + number)
        user = user_of(address)
        client = ("ip", "-n", "onvm-client")
        output_of(*client, "route", "replace", "10.77.0.1", "dev", "client0", "src", address, "table", table)
        output_of(*client, "rule", "add", "uidrange", f"{user}-{user}", "lookup", table)


class Server:
    """A server on core 0 for the length of a `with` block."""

    def __init__(self, work):
        self.work = work

    def __enter__(self):
        self.log = open(self.work / f"{self.name}.log", "w")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failure(f"{self.name} did not start:\n" + (self.work / f"{self.name}.log").read_text()[-2000:])
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def answers(self):
        probe = inside("onvm-client", CLIENT_CORE, "curl", "-s", "-m", 1, "-o", "/dev/null", "http://10.77.0.1/64.bin")
        return subprocess.run(probe).returncode == 0


class Nginx(Server):
    """One worker, sendfile, no access log, files kept open: nginx at its best for static files."""

    name = "nginx"

    def command(self):
        file = self.work / "nginx.conf"
        file.write_text(
            f"daemon off; worker_processes 1; user root; pid {self.work}/nginx.pid; error_log {self.work}/error.log;\n"
            "events { worker_connections 8192; }\n"
            "http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; etag on;\n"
            "open_file_cache max=100 inactive=60s; default_type application/octet-stream;\n"
            f"server {{ listen 10.77.0.1:80 backlog=4096; root {self.work}/site; }} }}\n")
        return inside("onvm-host", SERVER_CORE, "nginx", "-p", self.work, "-c", file)


class Onvm(Server):
    def __init__(self, work, isolation):
        super().__init__(work)
        self.isolation = isolation
        self.name = f"onvm-{isolation}"

    def command(self):
        file = self.work / f"{self.name}.yaml"
        pool = f"    idle: {CLIENTS}\n    max: {2 * CLIENTS}\n" if self.isolation == "client" else ""
        file.write_text(
            "instance: bench\nports:\n  - device: port0\nservices:\n  - name: web\n    nf: web-server\n"
            f"    listen: [\"10.77.0.1:80\"]\n    isolation: {self.isolation}\n{pool}    cores: [{SERVER_CORE}]\n"
            f"    options: {{root: {self.work}/site}}\n")
        return ["taskset", "-c", str(SERVER_CORE), ONVM, "run", "--netns", "onvm-host", file]


def cpu_seconds():
    """Of the whole machine, not idle (proc(5))."""
    fields = list(map(int, open("/proc/stat").readline().split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Measurement:
    def __init__(self, work, size, connections, isolation, seconds):
        self.work, self.size, self.seconds = work, size, seconds
        self.connections, self.isolation = connections, isolation
        self.file = work / "site" / f"{size}.bin"
        if not self.file.exists():
            self.file.write_bytes(os.urandom(size))
        self.digest = hashlib.sha256(self.file.read_bytes()).hexdigest()
        self.report = work / "report.lua"
        self.report.write_text(REPORT)

    def once(self, server):
        """One run of the client against a server that was just started."""
        with server:
            self.check_content(server)
            self.wrk(1)
            before = cpu_seconds()
            results = self.wrk(self.seconds)
            cpu = cpu_seconds() - before
            self.check_content(server)
        requests = sum(result["requests"] for result in results)
        elapsed = max(result["microseconds"] for result in results) / 1e6
        if any(result["errors"] for result in results) or requests == 0:
            raise Failure(f"{server.name}: errors in a run: {results}")
        return {
            "server": server.name, "requests_per_second": requests / elapsed,
            "megabytes_per_second": sum(result["bytes"] for result in results) / elapsed / 1e6,
            "cpu_microseconds_per_request": cpu / requests * 1e6,
            "p50": statistics.median(result["p50"] for result in results),
            "p99": max(result["p99"] for result in results), "p999": max(result["p999"] for result in results),
        }

    def wrk(self, seconds):
        """With isolated clients there is a wrk for each address, and the connections are shared among them."""
        addresses = [f"10.77.0.{2 + i}" for i in range(CLIENTS)] if self.isolation == "client" else ["10.77.0.2"]
        each = max(1, self.connections // len(addresses))
        jobs = []
        for address in addresses:
            command = inside(
                "onvm-client", CLIENT_CORE, "setpriv", f"--reuid={user_of(address)}", "wrk", "-t", 1, "-c", each,
                "-d", f"{seconds}s", "--timeout", "5s", "-s", self.report, f"http://10.77.0.1/{self.size}.bin")
            jobs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        results = []
        for job in jobs:
            text, _ = job.communicate(timeout=seconds + 30)
            match = re.search(r"^RESULT (.*)$", text, re.M)
            if not match:
                raise Failure(f"wrk: {text}")
            results.append(json.loads(match[1]))
        return results

    def check_content(self, server):
        done = subprocess.run(
            inside("onvm-client", CLIENT_CORE, "curl", "-s", "-f", "-m", 20, f"http://10.77.0.1/{self.size}.bin"),
            capture_output=True)
        if hashlib.sha256(done.stdout).hexdigest() != self.digest:
            raise Failure(f"{server.name}: wrong content ({len(done.stdout)} of {self.size} bytes)")


def describe_machine():
    model = re.search(r"^model name\s*: (.*)$", open("/proc/cpuinfo").read(), re.M)
    versions = {
        "nginx": subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1],
        "wrk": (re.search(r"wrk \S*?([\d.]+)", subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout)
                or ["", "?"])[1],
    }
    return {"cpu": model[1] if model else os.uname().machine, "cores": os.cpu_count(), "kernel": os.uname().release,
            **versions, "mtu": 1500, "offloads": "veth defaults"}


def summary(runs, key):
    values = [run[key] for run in runs]
    return statistics.median(values), min(values), max(values)


def compare(work, size, connections, isolation, pairs, seconds):
    measurement = Measurement(work, size, connections, isolation, seconds)
    ours, theirs = Onvm(work, isolation), Nginx(work)
    runs = {ours.name: [], theirs.name: []}
    print(f"\n{size} B, keep-alive, {connections} connections, isolation {isolation}: {pairs} pairs of {seconds} s")
    for pair in range(pairs):
        for server in (ours, theirs):
            result = measurement.once(server)
            runs[server.name].append(result)
            print("  pair {}  {server:12} {requests_per_second:10.0f} requests/s  {megabytes_per_second:8.1f} MB/s  "
                  "p50 {p50:6.0f} us  p99 {p99:6.0f} us  {cpu_microseconds_per_request:6.1f} CPU us/request".format(
                      pair + 1, **result), flush=True)
    for name, key in (("requests/s", "requests_per_second"), ("p50 us", "p50"), ("p99 us", "p99"),
                      ("CPU us/request", "cpu_microseconds_per_request")):
        (a, low_a, high_a), (b, low_b, high_b) = (summary(runs[server.name], key) for server in (ours, theirs))
        print(f"  {name:15} {a:10.1f} ({low_a:.1f} to {high_a:.1f})  nginx {b:10.1f} ({low_b:.1f} to {high_b:.1f})  "
              f"ratio {a / b if b else float('nan'):.2f}")
    return {"size": size, "connections": connections, "isolation": isolation, "runs": runs}


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--size", type=int, action="append")
    parser.add_argument("--connections", type=int, action="append")
    parser.add_argument("--isolation", choices=("none", "client"), action="append")
    parser.add_argument("--json")
    options = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for each side")

    pairs, seconds = (3, 3) if options.quick else (5, 8)
    machine = describe_machine()
    print("  ".join(f"{key}: {value}" for key, value in machine.items()))
    results = []
    with tempfile.TemporaryDirectory(prefix="onvm-bench-", dir="/var/tmp") as directory:
        work = pathlib.Path(directory)
        work.chmod(0o755)
        (work / "site").mkdir()
        (work / "site" / "64.bin").write_bytes(os.urandom(64))
        output_of(ROOT / "scripts/testbed", "down")
        output_of(ROOT / "scripts/testbed", "up", "--clients", CLIENTS)
        try:
            prepare_sources()
            for isolation in options.isolation or ["none"]:
                for size in options.size or [64]:
                    for connections in options.connections or [64]:
                        results.append(compare(work, size, connections, isolation, pairs, seconds))
        except Failure as failure:
            sys.exit(f"bench: {failure}")
        finally:
            output_of(ROOT / "scripts/testbed", "down", "--force")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()

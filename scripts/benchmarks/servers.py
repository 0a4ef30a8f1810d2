"""What is measured: a run of the platform, or of nginx, pinned to the server's core."""

import dataclasses
import json
import pathlib
import signal
import subprocess
import time

from .bed import HOST, NAME, SERVER, SERVER_CORE, Failure, client_address, run, within
from .documents import fetch

INSTANCE = f"{NAME}-bench"


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A server as it is set up for a comparison.

    Names: `none`, `client`, `connection` are ours by their isolation; `peer-…` the same of another build; `nginx`;
    with `-nogso` segmentation offload of the port is off while it runs.
    """

    name: str

    @property
    def kind(self):
        return self.name.removesuffix("-nogso")

    @property
    def has_segmentation_offload(self):
        return not self.name.endswith("-nogso")

    @property
    def is_ours(self):
        return self.kind in ("none", "client", "connection")

    @property
    def is_peer(self):
        return self.name.startswith("peer-")

    @property
    def isolation(self):
        return self.kind.removeprefix("peer-")

    def __post_init__(self):
        if self.kind != "nginx" and self.isolation not in ("none", "client", "connection"):
            raise ValueError(f"no such server: {self.name}")


@dataclasses.dataclass(frozen=True)
class Build:
    """The binaries of the platform and options that its NFs get beside the usual ones."""

    onvm: pathlib.Path
    options: tuple = ()

    def knows(self, key):
        """Whether its topologies have this key: an older build to compare with may not."""
        return key.encode() in self.onvm.read_bytes()


class Server:
    """A server on the server's core for the length of a `with` block."""

    name = "server"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.log = self.directory / f"{self.name}.log"
        self.process = None

    def __enter__(self):
        with open(self.log, "w") as log:
            # A session of its own: Ctrl-C is for us, and we stop it in order.
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self.wait_until(self.is_ready, 60, "it is ready")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind, *_):
        ended_before = self.process.poll() is not None
        status = self.stop()
        if kind is None and (ended_before or status != 0):
            raise Failure(f"{self.name} exited with {status}\n{self.tail()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        return self.process.returncode

    def wait_until(self, condition, seconds, what, interval=0.03):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise Failure(f"{self.name} exited with {self.process.returncode} before {what}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self.name}: not within {seconds} s: {what}\n{self.tail()}")
            time.sleep(interval)

    def tail(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def is_settled(self, _):
        """Nothing of its start or of the connections made so far is still going on."""
        return True

    def drops(self):
        """Frames it lost, by cause, as far as it knows."""
        return {}


class Nginx(Server):
    """One worker, sendfile, no access log, files kept open: nginx at its best for static files."""

    name = "nginx"

    def __init__(self, directory, root, connections=16_384, workers=1):
        super().__init__(directory)
        self.root, self.connections, self.workers = root, connections // workers + 1000 * (workers > 1), workers

    def command(self):
        file = self.directory / "nginx.conf"
        # Only a listener for each worker spreads connections evenly.
        shared = " reuseport" if self.workers > 1 else ""
        file.write_text(
            f"daemon off; worker_processes {self.workers}; user root;\n"
            f"pid {self.directory}/nginx.pid; error_log {self.directory}/nginx-error.log;\n"
            f"events {{ worker_connections {self.connections}; }}\n"
            "http { access_log off; sendfile on; tcp_nopush on;\n"
            "keepalive_requests 1000000000; keepalive_timeout 600s;\n"
            "open_file_cache max=1000 inactive=60s; default_type application/octet-stream;\n"
            f"server {{ listen {SERVER}:80 backlog=16384{shared}; root {self.root}; }} }}\n")
        return within(HOST, "nginx", "-p", self.directory, "-c", file, core=SERVER_CORE)

    def is_ready(self):
        try:
            fetch("/64.bin", client_address(1), timeout=1)
            return True
        except (Failure, OSError):
            return False


class Onvm(Server):
    """The platform with one web service."""

    name = "onvm"

    def __init__(self, directory, root, build, isolation, idle=1, maximum=None, service="", options=()):
        super().__init__(directory)
        self.root, self.build, self.isolation = root, build, isolation
        self.idle, self.maximum = idle, maximum or idle
        self.service = service
        # The bench's own options give way to those that whoever measures asks for.
        self.options = {"root": str(root), **dict(options), **dict(build.options)}

    def command(self):
        file = self.directory / "topology.yaml"
        # All clients of the bed have one prefix.
        pool = "" if self.isolation == "none" else (
            f"    idle: {self.idle}\n    max: {self.maximum}\n    half_open_limit: {self.maximum}\n")
        if pool and self.build.knows("prefix_limit"):
            pool += f"    prefix_limit: {self.maximum}\n"
        if self.isolation == "connection" and self.build.knows("address_limit"):
            pool += f"    address_limit: {self.maximum}\n"
        file.write_text(
            f"instance: {INSTANCE}\nports:\n  - device: port0\nservices:\n  - name: web\n    nf: web-server\n"
            f"    listen: [\"{SERVER}:80\"]\n    isolation: {self.isolation}\n{pool}    cores: [{SERVER_CORE}]\n"
            f"{self.service}    options:\n"
            + "".join(f"      {key}: {json.dumps(value)}\n" for key, value in self.options.items()))
        return ["taskset", "-c", str(SERVER_CORE), str(self.build.onvm), "run", "--netns", HOST, str(file)]

    def is_ready(self):
        """The pool is full."""
        try:
            service = self.status()["services"][0]
        except (Failure, ValueError):
            return False
        wanted = 1 if self.isolation == "none" else self.idle
        return service["idle"] + service["bound"] >= wanted

    def is_settled(self, idle):
        """No NF is on its way, and so many wait for a client."""
        service = self.status()["services"][0]
        return service["starting"] == 0 and service["idle"] >= idle

    def status(self):
        return json.loads(run(self.build.onvm, "status", "--json", "--instance", INSTANCE, timeout=30))

    def nfs(self):
        """The NFs that have a process."""
        return [nf for nf in self.status()["nfs"] if nf.get("pid")]

    def drops(self):
        status = self.status()
        found = {}
        for nf in status["nfs"]:
            for cause, count in nf["drops"].items():
                found[cause] = found.get(cause, 0) + count
        for cause, count in status["counters"].items():
            if "drop" in cause:
                found[f"kernel {cause}"] = count
        return {cause: count for cause, count in found.items() if count}

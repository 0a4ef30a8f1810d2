"""The server the tests talk to: the platform, or nginx to check the tests themselves."""

import json
import pathlib
import re
import subprocess
import time

import bed as bed_module
from bed import CLIENT, HOST, INSTANCE, ONVM, SERVER, run, spawn

# Exit statuses of onvm.
DONE, FAILED, USAGE, BAD_TOPOLOGY, NOT_PERMITTED = 0, 1, 64, 65, 77

def web(root, device="port0", isolation="client", idle=8, maximum=64, overflow="refuse", listen=None, extra="",
        options=None):
    """The topology of one web service."""
    listen = listen or [f"{SERVER[4]}:80", f"[{SERVER[6]}]:80"]
    # All clients of the bed have one prefix, and many tests take all slots.
    pool = (f"    idle: {idle}\n    max: {maximum}\n    overflow: {overflow}\n"
            "    prefix_limit: 65536\n    half_open_limit: 65536\n") if isolation != "none" else ""
    if isolation == "connection":
        pool += "    address_limit: 65536\n"
    options = {"root": root, **(options or {})}
    return (
        f"instance: {INSTANCE}\nports:\n  - device: {device}\n"
        "services:\n"
        "  - name: web\n"
        "    nf: web-server\n"
        f"    listen: {json.dumps(listen)}\n"
        f"    isolation: {isolation}\n"
        f"{pool}{extra}"
        "    options:\n" + "".join(f"      {key}: {json.dumps(str(value))}\n" for key, value in options.items())
    )


class NotReady(AssertionError):
    pass


def client_of(nf):
    """The address of the client that an NF is bound to, without the length of its prefix; None when there is none."""
    return nf["client"].split("/")[0] if nf.get("client") else None


class Onvm:
    """One run of the manager."""

    name = "onvm"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.log = self.directory / "onvm.log"
        self.process = None

    def start(self, topology, ready_within=30, prefix=(), arguments=()):
        """Runs the manager on a topology and waits until every service has the NFs its pool wants."""
        file = self.directory / "topology.yaml"
        file.write_text(topology)
        with open(self.log, "a") as log:
            log.write(f"---- {time.strftime('%H:%M:%S')} onvm run\n{topology}----\n")
            log.flush()
            self.process = spawn(*prefix, ONVM, "run", "--netns", HOST, *arguments, file,
                                 stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wanted = {}
        for service in topology.split("  - name: ")[1:]:
            idle = re.search(r"^    idle: (\d+)$", service, re.M)
            wanted[service.splitlines()[0]] = int(idle[1]) if idle else 1
        self.wait_until(lambda: self._ready(wanted), ready_within, "every pool has its idle NFs")

    def stop(self, timeout=20):
        """SIGTERM, as an operator's service manager does. Returns the exit status."""
        return bed_module.end(self.process, timeout)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def command(self, *arguments, check=True, timeout=30):
        """Runs another onvm command beside the manager."""
        return run(ONVM, *arguments, "--instance", INSTANCE, check=check, timeout=timeout)

    def status(self):
        done = run(ONVM, "status", "--json", "--instance", INSTANCE, stderr=subprocess.PIPE, timeout=10)
        return json.loads(done.stdout)

    def nfs(self):
        """The NFs that have a process."""
        return [nf for nf in self.status()["nfs"] if nf.get("pid")]

    def nf_of_pid(self, pid):
        return next((nf for nf in self.nfs() if nf["pid"] == pid), {})

    def nf_of(self, client):
        """The NF bound to a client address, or None."""
        return next((nf for nf in self.nfs() if client_of(nf) == client), None)

    def wait_until(self, condition, seconds, what):
        """Polls until a condition on the platform holds; fails with the last reason it did not."""
        deadline = time.monotonic() + seconds
        reason = ""
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise NotReady(f"onvm exited with {self.process.returncode} before {what}\n{self.tail()}")
            try:
                value = condition()
                if value:
                    return value
            except (AssertionError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
                reason = f"{type(error).__name__}: {error}"
            time.sleep(0.05)
        raise NotReady(f"not within {seconds} s: {what}. {reason}\n{self.tail()}")

    def tail(self, lines=60):
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(text[-lines:])

    def _ready(self, wanted):
        services = {service["name"]: service for service in self.status()["services"]}
        return all(services[name]["idle"] + services[name]["bound"] >= count for name, count in wanted.items())


class Nginx:
    """The stand-in: the same files on the same addresses, by the kernel's stack."""

    name = "nginx"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.log = self.directory / "nginx.log"
        self.process = None

    def start(self, topology, **_):
        root = json.loads(re.search(r"^      root: (.*)$", topology, re.M)[1])
        configuration = self.directory / "nginx.conf"
        listen = "".join(f"listen {address}:80 backlog=16384; " for address in (SERVER[4], f"[{SERVER[6]}]"))
        configuration.write_text(
            "daemon off; worker_processes 1; user root;\n"
            f"pid {self.directory}/nginx.pid; error_log {self.log};\n"
            "events { worker_connections 16000; }\n"
            "http { access_log off; sendfile on; keepalive_requests 1000000; default_type application/octet-stream;\n"
            "include /etc/nginx/mime.types; client_header_timeout 60s; keepalive_timeout 60s;\n"
            f"server {{ {listen} root {root}; index index.html; }} }}\n")
        self.process = spawn("nginx", "-p", self.directory, "-c", configuration, namespace=HOST,
                             stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.wait_until(self._answers, 10, "nginx answers")

    def stop(self, timeout=10):
        return bed_module.end(self.process, timeout)

    running = Onvm.running
    wait_until = Onvm.wait_until
    tail = Onvm.tail

    def _answers(self):
        return run("curl", "-s", "-o", "/dev/null", bed_module.url(), namespace=CLIENT, check=False).returncode == 0


class Platform:
    """Keeps one server running on the bed and replaces it only when a test asks for something else."""

    def __init__(self, bed, documents, server):
        self.bed = bed
        self.documents = documents
        self.server = server
        self._topology = None
        self._shape = None

    def ensure(self, topology=None, mtu=1500, clients=1, wire=False):
        """The server runs with this topology on a bed of this shape. Returns it."""
        topology = topology or web(self.documents.root)
        fits = self.server.running and (topology, mtu, wire) == (self._topology, *(self._shape or ()))
        if not fits:
            self.stop()
        self.bed.ensure(mtu, clients, wire)
        if not fits:
            self.server.start(topology)
            self._topology, self._shape = topology, (mtu, wire)
        return self.server

    def stop(self):
        """Stops the server; a bad exit is a failure of whoever ran before."""
        if self.server.process is None:
            return
        exited_before = not self.server.running
        status = self.server.stop()
        log = self.server.tail()
        self.server.process = None
        assert not exited_before, f"{self.server.name} had exited with {status}\n{log}"
        assert status == 0, f"{self.server.name} exited with {status} on SIGTERM\n{log}"

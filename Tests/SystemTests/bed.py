"""The test bed as the tests see it: two namespaces, the devices in them, and what runs there."""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ONVM = pathlib.Path(os.environ.get("ONVM", REPOSITORY / ".build/release/onvm"))
# scripts/testbed reads ONVM_BED too: another bed beside one that is in use.
_NAME = os.environ.get("ONVM_BED", "onvm")
# What the managers of the tests are called; with a bed of their own they leave other managers alone.
INSTANCE = "default" if _NAME == "onvm" else _NAME
SHARES_HOST = _NAME != "onvm"
HOST, CLIENT, WIRE = f"{_NAME}-host", f"{_NAME}-client", f"{_NAME}-wire"
SERVER = {4: "10.77.0.1", 6: "fd77::1"}

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def client_address(number, family=4):
    """The address of client `number` (from 1), as scripts/testbed gives them out."""
    if family == 6:
        return "fd77::2" if number == 1 else f"fd77::{0x1000 + number:x}"
    if number <= 250:
        return f"10.77.0.{number + 1}"
    beyond = number - 250
    return f"10.77.{8 + beyond // 256}.{beyond % 256}"


def url(path="/", family=4, port=80):
    host = SERVER[family] if family == 4 else f"[{SERVER[family]}]"
    return f"http://{host}{'' if port == 80 else f':{port}'}{path}"


def within(namespace):
    """The command prefix that runs a program in a namespace; the file systems stay the host's."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--"] if namespace else []


def run(*arguments, namespace=None, check=True, timeout=60, **options):
    """Runs a program to its end and returns it with its output as text."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.STDOUT)
    options.setdefault("text", True)
    done = subprocess.run([*within(namespace), *map(str, arguments)], timeout=timeout, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout or ''}")
    return done


def spawn(*arguments, namespace=None, **options):
    return subprocess.Popen([*within(namespace), *map(str, arguments)], **options)


def end(process, timeout=10):
    """Ends a process this test started: asks, waits, insists. Returns its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
    return process.returncode


@contextlib.contextmanager
def inside(namespace):
    """Sockets this thread creates in the block belong to the namespace, and stay there after it."""

    def enter(file):
        if _libc.setns(file, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")

    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        other = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(other)
        finally:
            os.close(other)
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(home)


def device(namespace, name):
    """What `ip -d link` knows of a device."""
    return json.loads(run("ip", "-n", namespace, "-j", "-d", "link", "show", "dev", name).stdout)[0]


class Impairment:
    """How bad the wire is; probabilities per frame and direction."""

    def __init__(self, seed, loss=0.0, duplicate=0.0, reorder=0.0, corrupt=0.0, delay_microseconds=0,
                 bits_per_second=0, queue_bytes=None):
        self.arguments = [
            "--seed", str(seed), "--loss", str(loss), "--duplicate", str(duplicate), "--reorder", str(reorder),
            "--corrupt", str(corrupt), "--delay", str(delay_microseconds), "--rate", str(bits_per_second),
        ]
        if queue_bytes is not None:
            self.arguments += ["--queue", str(queue_bytes)]

    def __repr__(self):
        return "impair " + " ".join(self.arguments)


class Bed:
    """Builds and rebuilds the bed; one for the whole session.

    `shape` names what it is now. Whoever runs a server on it must restart it when the shape changes.
    """

    def __init__(self):
        self.shape = None
        self._directory = tempfile.TemporaryDirectory(prefix="onvm-bed-")
        self._impair = None
        self.counters = {}

    def ensure(self, mtu=1500, clients=1, wire=False):
        """Brings the bed to a shape: plain, or with a wire in the middle that `impaired` can make bad.

        Clients are only added: taking addresses away would break those who hold them.
        """
        if self.shape is not None and self.shape[:2] == (mtu, wire):
            if clients > self.shape[2]:
                self._testbed("up", "--clients", clients, "--mtu", mtu)
                self.shape = (mtu, wire, clients)
            return
        if self.shape is not None:
            self.remove()
        self._testbed("up", "--clients", clients, "--mtu", mtu)
        if wire:
            self._insert_wire(mtu)
            self._testbed("up", "--clients", clients, "--mtu", mtu)
            # Frames as a wire carries them, one MTU each: a lost frame is then one segment, not a super-frame.
            for namespace, name in ((HOST, "port0"), (CLIENT, "client0")):
                run("ethtool", "-K", name, "tso", "off", "gso", "off", namespace=namespace)
        # Tests open more connections in a minute than the default range has ports.
        for setting in ("net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1"):
            run("sysctl", "-q", "-w", setting, namespace=CLIENT)
        self.shape = (mtu, wire, clients)

    def remove(self, force=True):
        """Takes the bed away. Without force, somebody else's programs in it are a reason not to."""
        self.end_impairment()
        self._testbed("down", *(["--force"] if force else []))
        if pathlib.Path(f"/run/netns/{WIRE}").exists():
            run("ip", "netns", "del", WIRE)
        self.shape = None

    @contextlib.contextmanager
    def impaired(self, impairment):
        """The wire between the namespaces is bad in the block; `counters` says afterwards what it did."""
        assert self.shape and self.shape[1], "ensure(wire=True) first"
        self.end_impairment()
        self._start_impairment(impairment.arguments)
        try:
            yield
        finally:
            self.end_impairment()
            self._start_impairment([])

    def end_impairment(self):
        """Stops the forwarder of the wire and takes down what it counted."""
        if self._impair is None:
            return
        process, self._impair = self._impair, None
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
        self.counters = json.loads(output.splitlines()[-1])

    def _testbed(self, *arguments):
        run(REPOSITORY / "scripts/testbed", *arguments, timeout=120)

    def _insert_wire(self, mtu):
        if not pathlib.Path(f"/run/netns/{WIRE}").exists():
            run("ip", "netns", "add", WIRE)
        for setting in ("default", "all"):
            run("sysctl", "-q", "-w", f"net.ipv6.conf.{setting}.disable_ipv6=1", namespace=WIRE)
        run("ip", "-n", HOST, "link", "del", "port0")
        pairs = ((HOST, "port0", "wire0"), (CLIENT, "client0", "wire1"))
        for namespace, end_device, wire_device in pairs:
            run("ip", "link", "add", end_device, "netns", namespace, "mtu", mtu, "type", "veth",
                "peer", "name", wire_device, "netns", WIRE, "mtu", mtu)
            run("ip", "-n", WIRE, "link", "set", wire_device, "up")
        self._start_impairment([])

    def _start_impairment(self, arguments):
        program = pathlib.Path(self._directory.name) / "impair"
        if not program.exists():
            run("gcc", "-std=gnu11", "-O2", "-o", program, pathlib.Path(__file__).with_name("impair.c"))
        self._impair = spawn(program, "wire0", "wire1", *arguments, namespace=WIRE, stdout=subprocess.PIPE, text=True)
        assert self._impair.stdout.readline() == "ready\n", "the impaired wire did not start"

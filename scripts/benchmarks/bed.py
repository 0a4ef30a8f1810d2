"""The test bed while something is measured: namespaces, client addresses, MTU, offloads."""

import contextlib
import ctypes
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# scripts/testbed reads ONVM_BED too: another bed beside one that is in use.
NAME = os.environ.get("ONVM_BED", "onvm")
HOST, CLIENT = f"{NAME}-host", f"{NAME}-client"
SERVER = "10.77.0.1"
SERVER_CORE, CLIENT_CORE = 0, 1

# Client addresses that a program which binds to no address can be given; see `_route_users`.
ROUTED_CLIENTS = 16
_FIRST_USER = 61_000
_FIRST_TABLE = 100

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


class Failure(Exception):
    """A measurement that must not be used; the message says why."""


def client_address(number):
    """The IPv4 address of client `number` (from 1), as scripts/testbed gives them out."""
    if number <= 250:
        return f"10.77.0.{number + 1}"
    beyond = number - 250
    return f"10.77.{8 + beyond // 256}.{beyond % 256}"


def within(namespace, *command, core=None, client=None):
    """The command line that runs a program in a namespace, on a core, as the user whose packets have an address."""
    prefix = ["nsenter", f"--net=/run/netns/{namespace}", "--"]
    if core is not None:
        prefix += ["taskset", "-c", str(core)]
    if client is not None:
        prefix += ["setpriv", f"--reuid={_FIRST_USER + client}"]
    return [*prefix, *map(str, command)]


def run(*command, check=True, timeout=120):
    """Runs a program to its end; returns what it wrote."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as expired:
        raise Failure(f"{' '.join(map(str, command))}: not done within {timeout} s") from expired
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def inside(namespace):
    """Sockets this thread creates in the block belong to the namespace, and stay there after it."""

    def enter(file):
        if _libc.setns(file, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {namespace}")

    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    other = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(other)
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(other)
        os.close(home)


class Bed:
    """The bed for one session of measurements; a context manager that leaves nothing behind."""

    def __init__(self):
        self.shape = None

    def __enter__(self):
        # Without --force: somebody else's programs in the bed are a reason not to measure.
        self._testbed("down")
        return self

    def __exit__(self, *_):
        self._testbed("down", "--force")

    def ensure(self, mtu=1500, clients=ROUTED_CLIENTS):
        """Brings the bed to an MTU and a number of client addresses. Not under a server, which read the MTU at its start."""
        clients = max(clients, ROUTED_CLIENTS)
        if self.shape == (mtu, clients):
            return
        if self.shape is not None and self.shape[0] != mtu:
            # A device that had another MTU has learnt routes and offloads by it: a new one has not.
            self._testbed("down", "--force")
        self._testbed("up", "--clients", clients, "--mtu", mtu)
        # One request per connection uses more ports in a minute than the default range has.
        for setting in ("net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1"):
            run(*within(CLIENT, "sysctl", "-q", "-w", setting))
        self._route_users()
        self.shape = (mtu, clients)

    def set_segmentation_offload(self, wanted):
        """On: what a veth has by default, frames of up to 64 KiB that no wire carries. Off: frames of one MTU each."""
        state = "on" if wanted else "off"
        run(*within(HOST, "ethtool", "-K", "port0", "tso", state, "gso", state))

    def congestion_control(self):
        """Of the kernel's TCP in the bed: nginx's. Kernels are built with different defaults."""
        return run(*within(HOST, "sysctl", "-n", "net.ipv4.tcp_congestion_control")).strip()

    def offloads(self):
        """The offload settings of both devices that are on, as ethtool names them."""
        found = {}
        for namespace, device in ((HOST, "port0"), (CLIENT, "client0")):
            lines = run(*within(namespace, "ethtool", "-k", device)).splitlines()[1:]
            states = (line.strip().partition(": ") for line in lines)
            names = ("segmentation-offload", "receive-offload", "checksumming", "scatter-gather")
            found[device] = [name for name, _, state in states if state.startswith("on") and name.endswith(names)]
        return found

    def _testbed(self, *arguments):
        run(ROOT / "scripts/testbed", *arguments)

    def _route_users(self):
        """wrk binds to no address: each process runs as a user whose routes prefer one (ip-rule(8), uidrange)."""
        client = ("ip", "-n", CLIENT)
        for number in range(1, ROUTED_CLIENTS + 1):
            user, table = _FIRST_USER + number, str(_FIRST_TABLE + number)
            run(*client, "route", "replace", SERVER, "dev", "client0", "src", client_address(number), "table", table)
            run(*client, "rule", "del", "table", table, check=False)
            run(*client, "rule", "add", "uidrange", f"{user}-{user}", "lookup", table)

"""Several managers on one host: what is one's is never taken for the other's, by whatever name and in whatever namespace."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import process_facts
import pytest
from bed import CLIENT, HOST, INSTANCE, ONVM, end, inside, run, spawn
from platform_under_test import web

pytestmark = pytest.mark.product

# Two ports beside the bed's own, with names that differ in their last byte as those of the instances do.
ADDRESSES = {1: ("10.78.1.1", "10.78.1.2"), 2: ("10.78.2.1", "10.78.2.2")}


@pytest.fixture
def ports(bed):
    for number, (server, client) in ADDRESSES.items():
        name, peer = f"port{number}x", f"client{number}x"
        run("ip", "link", "add", name, "netns", HOST, "type", "veth", "peer", "name", peer, "netns", CLIENT)
        for namespace, device, address in ((HOST, name, server), (CLIENT, peer, client)):
            run("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device)
            run("ip", "-n", namespace, "link", "set", device, "up")
    yield
    for number in ADDRESSES:
        run("ip", "-n", HOST, "link", "del", f"port{number}x", check=False)


class Manager:
    """A manager of its own, on one of the two ports."""

    def __init__(self, directory, root, number, instance=None, prefix=(), extra=()):
        self.instance = instance or f"{INSTANCE}{number}"
        self.number = number
        topology = web(root, device=f"port{number}x", idle=2, maximum=8, listen=[f"{ADDRESSES[number][0]}:80"])
        self.file = directory / f"topology-{number}-{time.monotonic_ns()}.yaml"
        self.file.write_text(topology.replace(f"instance: {INSTANCE}\n", f"instance: {self.instance}\n"))
        self.log = self.file.with_suffix(".log")
        self.process = spawn(*prefix, ONVM, "run", "--netns", HOST, *extra, self.file, stdin=subprocess.DEVNULL,
                             stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    def ready(self):
        """Waits until it says so; returns itself."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                # It answers: its pool is full soon.
                with contextlib.closing(self.connect()) as client:
                    if self.get(client) == 200:
                        return self
            time.sleep(0.05)
        raise AssertionError(f"{self.instance} does not serve\n{self.log.read_text()}")

    def connect(self):
        server, address = ADDRESSES[self.number]
        connection = http.client.HTTPConnection(server, timeout=5, source_address=(address, 0))
        with inside(CLIENT):
            connection.connect()
        return connection

    @staticmethod
    def get(connection):
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def functions(self):
        """PID and user of each NF, as the kernel knows them: the children of its zygote, and theirs."""
        children = process_facts.children(self.process.pid)
        found = {}
        for zygote in children:
            for pid in process_facts.children(zygote):
                user = os.stat(f"/proc/{pid}").st_uid
                if user:
                    found[pid] = user
        return found

    def crash(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        return end(self.process, 20)


@pytest.fixture
def start(ports, documents, tmp_path):
    """Starts managers; those that still run are stopped, and what they left is removed."""
    tmp_path.chmod(0o755)
    started = []

    def begin(number, ready=True, **options):
        manager = Manager(tmp_path, documents.root, number, **options)
        started.append(manager)
        return manager.ready() if ready else manager

    yield begin
    for manager in started:
        manager.stop()
    for instance in {manager.instance for manager in started}:
        cleanup(instance)


def cleanup(instance, *arguments, check=True):
    return run(ONVM, "cleanup", "--instance", instance, *arguments, check=check)


def test_one_comes_and_goes_and_the_nfs_of_the_other_live_on(start):
    first = start(1)
    with contextlib.closing(first.connect()) as client:
        assert first.get(client) == 200
        before = first.functions()
        assert before

        def unharmed(when):
            assert first.get(client) == 200, when
            assert before.items() <= first.functions().items(), when

        for round in range(2):
            second = start(2)
            unharmed("the other started")
            users = set(second.functions().values())
            assert users and not users & set(before.values()), "no user is both's"
            if round:
                assert second.stop() == 0
                unharmed("the other stopped")
            else:
                second.crash()
                unharmed("the other crashed")
                assert "NF process" in cleanup(second.instance).stdout
                unharmed("what the other left was removed")
        second = start(2)
        second.crash()
        second = start(2)
        unharmed("the other started after a crash")


# A manager that sees neither /run/onvm nor bpffs of the others.
HIDDEN = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
          'mount -t tmpfs none /run/onvm && umount -l /sys/fs/bpf 2>/dev/null; exec "$@"', "--")


def test_one_in_another_mount_namespace_has_users_of_its_own(start):
    first = start(1)
    with contextlib.closing(first.connect()) as client:
        assert first.get(client) == 200
        before = first.functions()
        second = start(2, prefix=HIDDEN)
        users = {user >> 14 for user in second.functions().values()}
        assert users and not users & {user >> 14 for user in before.values()}
        assert second.stop() == 0
        assert first.get(client) == 200 and before.items() <= first.functions().items()


def test_one_of_the_same_name_in_another_mount_namespace_is_refused(start):
    first = start(1)
    with contextlib.closing(first.connect()) as client:
        assert first.get(client) == 200
        before = first.functions()
        second = start(2, ready=False, prefix=HIDDEN, instance=first.instance)
        assert second.process.wait(20) == 1
        assert "already run" in second.log.read_text()
        # Nor does it matter who sees what: a cleanup from there leaves it alone, too.
        done = run(*HIDDEN, ONVM, "cleanup", "--instance", first.instance, "--netns", HOST, check=False)
        assert done.returncode == 1 and "already run" in done.stdout
        assert first.get(client) == 200 and before.items() <= first.functions().items()


def test_users_that_somebody_has_are_left_alone(start):
    """A process of the very user that the first NF would have: it is neither joined nor killed."""
    first = start(1)
    users = sorted(first.functions().values())
    assert first.stop() == 0
    base = users[0] >> 14 << 14
    strangers = [spawn("setpriv", f"--reuid={base + slot}", "--clear-groups", "sleep", "60") for slot in range(2)]
    try:
        deadline = time.monotonic() + 10
        while any(os.stat(f"/proc/{one.pid}").st_uid < base for one in strangers) and time.monotonic() < deadline:
            time.sleep(0.01)
        second = start(1)
        assert not {user >> 14 for user in second.functions().values()} & {base >> 14}
        second.crash()
        cleanup(second.instance)
        assert all(one.poll() is None for one in strangers), "a process was killed for its user alone"
    finally:
        for one in strangers:
            end(one)


def test_subordinate_users_are_left_alone(start, tmp_path):
    first = start(1)
    base = min(first.functions().values()) >> 14 << 14
    assert first.stop() == 0
    (tmp_path / "subuid").write_text(f"somebody:{base + 16_000}:65536\n")
    prefix = ("unshare", "--mount", "--propagation", "private", "sh", "-c",
              f'touch /etc/subuid; mount --bind {tmp_path}/subuid /etc/subuid && exec "$@"', "--")
    existed = pathlib.Path("/etc/subuid").exists()
    try:
        second = start(1, prefix=prefix)
        taken = range(base + 16_000, base + 16_000 + 65_536)
        assert not any(user in taken or user >> 14 == base >> 14 for user in second.functions().values())
    finally:
        if not existed:
            pathlib.Path("/etc/subuid").unlink(missing_ok=True)


# ---- what a dead manager left

def state_file(instance):
    return pathlib.Path(f"/run/onvm/{instance}/state.json")


def devices(instance):
    links = json.loads(run("ip", "-n", HOST, "-j", "-d", "link", "show").stdout)
    return [link["ifname"] for link in links if link.get("ifalias") == f"onvm:{instance}"]


@pytest.mark.parametrize("damage", [
    lambda state: state | {"users": 4_294_967_295},
    lambda state: state | {"users": -1},
    lambda state: state | {"zygotes": [{"pid": -1, "startTicks": 0}]},
    lambda state: state | {"zygotes": [{"pid": 2**40, "startTicks": 2**70}]},
    lambda state: state | {"firstUserID": 4_294_967_295, "slotCount": 4_294_967_295, "users": None, "zygotes": None},
    lambda state: state | {"changedFeatures": [{"device": "port1x", "turnedOff": ["rx-gro", "rx-gro"]}]},
    lambda state: [state],
])
def test_bad_numbers_in_the_record_of_a_dead_manager(start, damage):
    first = start(1)
    first.crash()
    nfs = json.loads(state_file(first.instance).read_text())["zygotes"]
    assert nfs and devices(first.instance)
    file = state_file(first.instance)
    kept = json.loads(file.read_text())
    file.write_text(json.dumps(damage(kept)))
    more = () if isinstance(damage(kept), dict) else ("--netns", HOST)
    done = cleanup(first.instance, *more, check=False)
    assert done.returncode == 0, done.stdout
    assert not devices(first.instance) and not file.exists()
    # Whoever is told of its NFs is told no more by a damaged record: ended here by hand.
    for pid in process_facts.session(kept["zygotes"][0]["pid"]):
        assert "damaged" in done.stdout, "NFs were left and nobody was told"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_namespace_of_a_dead_manager_is_gone(bed, documents, tmp_path):
    tmp_path.chmod(0o755)
    name, instance = f"{HOST}-gone", f"{INSTANCE}-gone"
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", "port0", "netns", name, "type", "veth", "peer", "name", "peer0", "netns", name)
        for device in ("port0", "peer0"):
            run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", name, "addr", "add", "10.79.0.1/24", "dev", "port0")
        file = tmp_path / "topology.yaml"
        file.write_text(web(documents.root, idle=2, listen=["10.79.0.1:80"]).replace(f": {INSTANCE}\n", f": {instance}\n", 1))
        log = tmp_path / "log"
        process = spawn(ONVM, "run", "--netns", name, file, stdin=subprocess.DEVNULL, stdout=log.open("w"),
                        stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done = run(ONVM, "status", "--json", "--instance", instance, check=False)
            if done.returncode == 0 and json.loads(done.stdout)["services"][0]["idle"] == 2:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(log.read_text())
        zygote = json.loads(state_file(instance).read_text())["zygotes"][0]["pid"]
        process.kill()
        process.wait(10)
        run("ip", "netns", "del", name)
        assert process_facts.session(zygote), "its NFs live on"
        # A file that stands for nothing is as good as none.
        pathlib.Path(f"/run/netns/{name}").touch()
        done = cleanup(instance, check=False)
        pathlib.Path(f"/run/netns/{name}").unlink()
        assert done.returncode == 0, done.stdout
        assert f"namespace {name} is gone" in done.stdout and "2 NF processes" in done.stdout, done.stdout
        assert not process_facts.session(zygote) and not state_file(instance).exists()
    finally:
        run("ip", "netns", "del", name, check=False)
        cleanup(instance, check=False)


@pytest.mark.parametrize("command", [("cleanup",), ("status",), ("nf", "kill", "0"), ("top",)])
def test_an_instance_name_that_leads_elsewhere(bed, command):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="onvm-elsewhere-"))
    try:
        name = f"../..{directory}/x"
        done = run(ONVM, *command, "--instance", name, check=False)
        assert done.returncode in (1, 64) and "no name of an instance" in done.stdout, done.stdout
        assert not list(directory.iterdir()), "something was made there"
    finally:
        run("rm", "-rf", directory)


@pytest.mark.parametrize("limit", [150, 512, 1023])
def test_few_open_files_are_allowed(start, limit):
    """Without the right to raise it: fewer NFs, said, and each works with what there is."""
    prefix = ("prlimit", f"--nofile={limit}:{limit}", "capsh", "--drop=cap_sys_resource", "--", "-c", 'exec "$@"', "--")
    manager = start(1, prefix=prefix)
    pids = manager.functions()
    assert pids
    for pid in pids:
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert f"{limit}" in limits.split("Max open files")[1].splitlines()[0]
    needed = 128 + 8 * 8
    assert (f"the limit of open files is {limit}" in manager.log.read_text()) == (limit < needed)
    assert manager.stop() == 0


def test_without_a_descriptor_left_a_client_is_told(start):
    """A client that cannot be taken must neither wait nor keep the manager busy."""
    manager = start(1)
    kept = run("prlimit", "--pid", manager.process.pid, "--nofile", "--output=SOFT,HARD", "--noheadings").stdout.split()
    number = max(process_facts.descriptors(manager.process.pid)) + 1
    run("prlimit", "--pid", manager.process.pid, f"--nofile={number}:")
    for _ in range(number):
        done = run(ONVM, "status", "--instance", manager.instance, check=False)
        assert "does not answer" not in done.stdout
        if "went away" in done.stdout:
            break
        # There were gaps: fewer.
        number -= 1
        run("prlimit", "--pid", manager.process.pid, f"--nofile={number}:")
    else:
        raise AssertionError("there was always a descriptor")
    run("prlimit", "--pid", manager.process.pid, f"--nofile={kept[0]}:")
    assert run(ONVM, "status", "--instance", manager.instance).returncode == 0

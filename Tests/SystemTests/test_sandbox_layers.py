"""Each layer of an NF's sandbox alone: it refuses by itself what works without it, and the product has put it on."""

import ctypes
import errno
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import process_facts
import pytest
import refused_calls
from bed import CLIENT, HOST, ONVM, SERVER, inside, run
from platform_under_test import BAD_TOPOLOGY, Onvm, web
from raw_http import Connection
from test_errors import run_onvm

pytestmark = pytest.mark.product

HOSTILE = ONVM.with_name("onvm-nf-hostile")
ABSTRACT_SOCKET, SHARED_MEMORY_KEY = "onvm-layer-attacks", 0x6F6E766D
GROUP = 4242

_libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(scope="module")
def place():
    """A directory that everybody may enter, and what is tried on it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="onvm-layers-", dir="/var/tmp"))
    path.chmod(0o755)
    (path / "root").mkdir()
    for name, mode, group in (("secret", 0o600, 0), ("of-group", 0o640, GROUP), ("public", 0o666, 0),
                              ("root/inside", 0o666, 0)):
        (path / name).write_text("text\n")
        os.chown(path / name, 0, group)
        (path / name).chmod(mode)
    shutil.copy(HOSTILE, path / "set-user-id")
    (path / "set-user-id").chmod(0o4755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def host_things():
    """What the host's namespaces have: a TCP listener, a socket with an abstract name, shared memory of System V."""
    with socket.create_server(("127.0.0.1", 0)) as listener, \
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as named:
        named.bind(f"\0{ABSTRACT_SOCKET}")
        named.listen()
        identity = _libc.shmget(SHARED_MEMORY_KEY, 4096, 0o1666)
        assert identity >= 0, os.strerror(ctypes.get_errno())
        yield listener.getsockname()[1]
        _libc.shmctl(identity, 0, None)


def attempt(layers, *attack, **options):
    """What came of an attack behind these layers: 0, or the name of the error."""
    done = run(HOSTILE, "--trial", layers or "none", *attack, **options)
    assert re.fullmatch(r"\d+\n", done.stdout), done.stdout
    return errno.errorcode.get(int(done.stdout), 0)


# The layers that are there anyway, the one that is tested, the attack, and how it is refused.
TRIALS = {
    "user: files of others": ("", "user", ["read", "{place}/secret"], "EACCES"),
    "user: files of groups": ("", "user", ["read", "{place}/of-group"], "EACCES"),
    "user: processes of others": ("", "user", ["signal", "{pid}"], "EPERM"),
    "capabilities": ("", "capabilities", ["make-namespaces"], "EPERM"),
    "bounding set": ("", "bounding-set", ["execute", HOSTILE, "--trial", "none", "make-namespaces"], "EPERM"),
    "no new privileges": (
        "user", "no-new-privileges", ["execute", "{place}/set-user-id", "--trial", "none", "be-root"], "EPERM"),
    "network namespace": ("", "namespaces", ["connect", "{port}"], "ENETUNREACH"),
    "network namespace: abstract names": ("", "namespaces", ["connect-abstract", ABSTRACT_SOCKET], "ECONNREFUSED"),
    "IPC namespace": ("", "namespaces", ["shared-memory", SHARED_MEMORY_KEY], "ENOENT"),
    "mount namespace": ("", "namespaces", ["read", "/etc/passwd"], "ENOENT"),
    "read-only root": ("", "namespaces", ["make-directory", "/onvm-layers"], "EROFS"),
    "Landlock: outside": ("", "landlock={place}/root", ["read", "{place}/public"], "EACCES"),
    "Landlock: writing": ("", "landlock={place}/root", ["write", "{place}/root/inside"], "EACCES"),
    "Landlock: no root": ("", "landlock=/nowhere", ["read", "{place}/root/inside"], "EACCES"),
    "not dumpable": ("user", "tracing", ["trace"], "EACCES"),
    "limit of processes": ("user", "limit-processes", ["fork"], "EAGAIN"),
    "limit of descriptors": ("", "limit-files", ["descriptors"], "EMFILE"),
    "limit of locked memory": ("user", "limit-locked", ["lock-memory"], "EPERM"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_it_refuses_alone_what_works_without_it(name, place, host_things, descriptors):
    others, layer, attack, refusal = TRIALS[name]
    words = {"place": place, "pid": os.getpid(), "port": host_things}
    attack = [str(word).format(**words) for word in attack]
    layer = layer.format(**words)
    assert attempt(others, *attack, extra_groups=[GROUP]) == 0, "the attack proves nothing: it fails by itself"
    assert attempt(",".join(filter(None, [others, layer])), *attack, extra_groups=[GROUP]) == refusal


def test_landlock_leaves_the_document_root(place):
    assert attempt(f"landlock={place}/root", "read", f"{place}/root/inside") == 0


@pytest.mark.parametrize("layers, renamed", [("none", True), ("namespaces", False)])
def test_the_hosts_name_is_out_of_reach(layers, renamed):
    """In a namespace of the test's own, for the one that succeeds."""
    script = '"$@" && hostname'
    done = run("unshare", "--uts", "sh", "-c", script, "sh", HOSTILE, "--trial", layers, "rename-host", "hostile")
    assert done.stdout.splitlines()[0] == "0"
    assert (done.stdout.splitlines()[1] == "hostile") == renamed


# What the whole sandbox refuses when its system call filter lets everything through, and the layer that does it.
REFUSALS = {
    "signal-zygote": "EPERM",        # user
    "become-root": "EPERM",          # capabilities
    "make-namespaces": "EPERM",      # capabilities
    "mount": "EPERM",                # capabilities
    "gain-privileges": "EPERM",      # no_new_privs
    "be-traced": "EPERM",            # not dumpable
    "read-host-file": "ENOENT",      # mount namespace
    "read-empty-root": "EACCES",     # Landlock
    "write-empty-root": "EROFS",     # read-only root
    "above-document-root": "EXDEV",  # detached document root
    "write-document": "EROFS",       # read-only document root
    "execute-document": "EACCES",    # noexec document root
    "connect-host": "ENETUNREACH",   # network namespace
    "connect-abstract": "ECONNREFUSED",
    "shared-memory": "ENOENT",       # IPC namespace
    "shrink-memory": "EPERM",        # seals
    "fork": "EAGAIN",                # RLIMIT_NPROC
    "lock-memory": "EPERM",          # RLIMIT_MEMLOCK
    "descriptors": "EMFILE",         # RLIMIT_NOFILE
}


def tries(directory, documents, prefix=()):
    """What came of every attack of an NF (Tests/HostileNF/LayerAttacks.swift)."""
    directory.chmod(0o755)
    root = documents.root
    for name, mode in (("world-writable.txt", 0o666), ("program", 0o755)):
        documents.write(name, b"#!/bin/sh\n").chmod(mode)
    server = Onvm(directory)
    # With an access log an NF may write to files, such as the one that standard error is here.
    options = {"attack": "layers", "access_log": directory / "access.log"}
    topology = web(root, idle=1, maximum=1, options=options).replace("nf: web-server", "nf: hostile")
    server.start(topology, prefix=prefix, arguments=("--nf-program", HOSTILE))
    try:
        with inside(CLIENT):
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        client.connect_ex((SERVER[4], 80))
        with client:
            server.wait_until(lambda: "TRIED end" in server.tail(), 20, "the NF has tried everything")
        found = re.findall(r"TRIED ([a-z-]+) (\d+)", server.tail())
        return {name: errno.errorcode.get(int(number), 0) for name, number in found if name != "end"}
    finally:
        server.stop()


@pytest.fixture(scope="module")
def tried(session_platform, tmp_path_factory, documents):
    session_platform.stop()
    session_platform.bed.ensure()
    with host_namespace_things():
        return tries(tmp_path_factory.mktemp("layers"), documents)


class host_namespace_things:
    """The same things in the namespace of the manager, where an NF would find them if it were not in one of its own."""

    def __enter__(self):
        with inside(HOST):
            self.named = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.named.bind(f"\0{ABSTRACT_SOCKET}")
            self.named.listen()
        self.identity = _libc.shmget(SHARED_MEMORY_KEY, 4096, 0o1666)

    def __exit__(self, *_):
        self.named.close()
        _libc.shmctl(self.identity, 0, None)


def test_every_attack_is_known(tried):
    assert tried.keys() == REFUSALS.keys()


@pytest.mark.parametrize("name", REFUSALS)
def test_the_product_has_put_it_on(tried, name):
    assert tried[name] == REFUSALS[name]


# MARK: Hosts that lack something

def test_without_landlock_the_detached_root_holds_alone(bed, tmp_path, documents):
    with host_namespace_things():
        outcome = tries(tmp_path, documents, refused_calls.command("ENOSYS", refused_calls.LANDLOCK))
    assert outcome.pop("read-empty-root") == 0, "Landlock was there"
    assert outcome == {name: error for name, error in REFUSALS.items() if name != "read-empty-root"}
    log = (tmp_path / "onvm.log").read_text()
    assert re.search(r"warning: this host lacks Landlock \(CONFIG_SECURITY_LANDLOCK", log), log


def test_without_landlock_strict_refuses_to_run(bed, tmp_path, documents):
    file = tmp_path / "topology.yaml"
    file.write_text(web(documents.root).replace("ports:", "sandbox: strict\nports:", 1))
    prefix = refused_calls.command("ENOSYS", refused_calls.LANDLOCK)
    for command in ("run", "check"):
        done = run_onvm(command, file, prefix=prefix)
        assert done.returncode == BAD_TOPOLOGY, done.stderr
        assert f"{file}:2:10: sandbox is strict, and this host lacks Landlock" in done.stderr


def test_with_everything_strict_runs(platform, documents):
    platform.ensure(web(documents.root).replace("ports:", "sandbox: strict\nports:", 1))
    with Connection() as connection:
        assert connection.fetch("/text.txt").status == 200


@pytest.mark.parametrize("call", refused_calls.CALLS)
def test_a_layer_that_cannot_be_put_on_is_no_nf(bed, tmp_path, documents, call):
    """Nothing is skipped: who cannot confine an NF does not run it."""
    tmp_path.chmod(0o755)
    file = tmp_path / "topology.yaml"
    file.write_text(web(documents.root, idle=1, maximum=1))
    prefix = refused_calls.command("EPERM", [refused_calls.CALLS[call]])
    log = tmp_path / "log"
    with open(log, "w") as output:
        process = subprocess.Popen(
            [*prefix, str(ONVM), "run", "--netns", HOST, str(file)], stdout=output, stderr=subprocess.STDOUT)
    server = Onvm(tmp_path)
    server.process, server.log = process, log
    try:
        deadline = time.monotonic() + 20
        while process.poll() is None and not re.search(" (error|warning) ", log.read_text()):
            assert time.monotonic() < deadline, f"it says nothing\n{server.tail()}"
            time.sleep(0.05)
        if process.poll() is None:
            assert not [nf for nf in server.nfs() if nf["state"] in ("idle", "bound")]
        words = {"setresgid": "setresgid and setresuid", "setresuid": "setresgid and setresuid",
                 "execveat": "execute the NF program", "unshare": "CAP_SYS_ADMIN"}
        assert words.get(call, call) in log.read_text()
    finally:
        server.stop()


def test_a_program_that_only_root_may_execute_is_named(bed, place, tmp_path, documents):
    """An NF is executed as its own user already."""
    tmp_path.chmod(0o755)
    private = place / "private"
    shutil.copy(ONVM.with_name("onvm-nf"), private)
    private.chmod(0o700)
    server = Onvm(tmp_path)
    with pytest.raises(AssertionError):
        server.start(web(documents.root, idle=1, maximum=1), ready_within=2, arguments=("--nf-program", private))
    server.stop()
    assert "execute the NF program: Permission denied (errno 13). It must be executable for every user" in server.tail()

"""Access logs and standard error: whose a line is, what a full disk costs, files that are renamed, writers that die."""

import fcntl
import os
import pathlib
import re
import signal
import subprocess
import time

import process_facts
import pytest
from bed import CLIENT, HOST, ONVM, client_address, run, spawn
from platform_under_test import Onvm, web
from raw_http import Connection
from test_hostile_nf import HOSTILE, knock

pytestmark = pytest.mark.product

LINE = re.compile(rb'[0-9a-f.:]+ - - \[[^]]+\] "[ -~]*" \d{3} \d+ "[ -~]*" "[ -~]*" nf=web/\d+\n')


@pytest.fixture
def directory(tmp_path):
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def serve(bed, documents, directory):
    """Starts a manager with an access log at `directory`/access.log; ended with the test."""
    servers = []

    def start(attack=None, idle=2, arguments=(), **options):
        server = Onvm(directory)
        servers.append(server)
        options = {"access_log": directory / "access.log", **options}
        topology = web(documents.root, idle=idle, maximum=8, options=options)
        if attack:
            topology = topology.replace("nf: web-server", "nf: hostile") + f"      attack: {attack}\n"
            arguments = ("--nf-program", HOSTILE, *arguments)
        server.start(topology, arguments=arguments)
        return server

    yield start
    for server in servers:
        assert server.running, f"the manager ended\n{server.tail()}"
        assert server.stop() == 0


def request(count=1, agent="a"):
    """Requests of one client over one connection. The agent tells their lines."""
    with Connection(source=client_address(1)) as connection:
        for number in range(count):
            assert connection.fetch("/text.txt", f"User-Agent: {agent} {number}").status == 200


def log_of(server):
    return server.status()["services"][0]["access_log"]


def lines_with(path, word):
    return [line for line in path.read_bytes().splitlines(keepends=True) if word.encode() in line]


def wait_for_lines(server, path, word, count):
    server.wait_until(lambda: path.exists() and len(lines_with(path, word)) >= count, 10, f"{count} lines of {word}")
    assert len(lines_with(path, word)) == count


# Who may do what.


def test_an_nf_has_no_file(serve, directory):
    server = serve()
    for nf in server.nfs():
        targets = process_facts.descriptors(nf["pid"])
        assert targets[2].startswith("pipe:"), "standard error is the manager's"
        assert not any(str(directory) in target for target in targets.values()), targets
        limits = pathlib.Path(f"/proc/{nf['pid']}/limits").read_text()
        assert re.search(r"^Max file size\s+0\s+0\s", limits, re.M), "it could write a file if it had one"


def test_what_a_log_writer_may_do(serve):
    status = serve().status()
    writers = [status["services"][0]["access_log"]["writer_pid"], status["manager"]["standard_error"]["writer_pid"]]
    users = {nf["uid"] for nf in status["nfs"]}
    manager = status["manager"]["pid"]
    for pid in writers:
        facts = process_facts.status(pid)
        assert len(set(facts["Uid"] + facts["Gid"])) == 1 and facts["Groups"] == []
        assert int(facts["Uid"][0]) > 0 and int(facts["Uid"][0]) not in users
        assert all(facts[name] == ["0000000000000000"] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
        assert facts["NoNewPrivs"] == ["1"] and facts["Seccomp"] == ["2"]
        for kind in ("net", "mnt", "ipc", "uts"):
            assert process_facts.namespace(pid, kind) != process_facts.namespace(manager, kind), kind
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max processes\s+0\s+0\s", limits, re.M)
        targets = process_facts.descriptors(pid)
        assert all(targets[standard] == "/dev/null" for standard in (0, 1, 2))


# Lines that are told from others.


def test_a_line_says_whose_it_is(serve, directory):
    server = serve()
    request(3, "three")
    log = directory / "access.log"
    wait_for_lines(server, log, "three", 3)
    slot = server.nf_of(client_address(1))["slot"]
    assert all(LINE.fullmatch(line) and line.endswith(b" nf=web/%d\n" % slot) for line in lines_with(log, "three"))
    assert log.stat().st_mode & 0o777 == 0o640
    server.wait_until(lambda: log_of(server)["lines"] >= 3, 5, "they are counted")
    assert "access.log" in server.command("status").stdout


def test_a_hostile_nf_writes_in_nobody_elses_name(serve, directory):
    """Forged lines, escape sequences, lines without an end, 300 MB: beside it, another's lines are all there."""
    server = serve(attack="log", access_log_size="1MiB", access_log_keep=3, access_log_rate="256KiB")
    with knock(client_address(1)), knock():
        server.wait_until(lambda: log_of(server)["throttled"] > 0 and log_of(server)["rotations"] > 0, 20, "it writes")
        server.wait_until(lambda: diaries(directory), 20, "the neighbour has written everything")
    for path in directory.glob("access.log*"):
        content = path.read_bytes()
        assert set(content) <= set(range(0x20, 0x7F)) | {0x0A}, "something else than printable ASCII"
        lines = content.splitlines()
        assert all(re.search(rb" nf=web/\d+$", line) for line in lines), "a line that is nobody's"
        hostile = [line for line in lines if b"HOSTILE" in line]
        assert all(int(line.rsplit(b"/", 1)[1]) % 2 == 1 for line in hostile), "a line in another's name"
        # What was read before the writer was told of another file, every byte of it escaped.
        assert path.stat().st_size <= (1 << 20) + 6 * 65_536
        own = [line for line in lines if b"DIARY" in line]
        assert all(re.fullmatch(rb"DIARY \d+ \d+ of 1000 nf=web/\d*[02468]", line) for line in own)
    assert len(list(directory.glob("access.log*"))) <= 4


def diaries(directory):
    """Those that are complete: every line, in order."""
    numbers = {}
    age = {path: int(path.suffix[1:]) if path.suffix != ".log" else 0 for path in directory.glob("access.log*")}
    for path in sorted(age, key=age.get, reverse=True):
        for line in lines_with(path, "DIARY"):
            name, number = re.match(rb"DIARY (\d+) (\d+) of", line).groups()
            numbers.setdefault(name, []).append(int(number))
    return [name for name, found in numbers.items() if found == list(range(1_000))]


def test_standard_error_of_an_nf_is_no_voice_of_the_manager(serve, directory):
    server = serve(attack="log")
    with knock(client_address(1)), knock():
        server.wait_until(lambda: "HOSTILE-FORGED instance stopped" in server.tail(1_000), 10, "it is heard")
        time.sleep(1)
    log = server.log.read_bytes()
    own = log[log.index(b"----\n", 10):]
    assert set(own) <= set(range(0x20, 0x7F)) | {0x0A}, "something spoke to the terminal"
    heard = [line for line in own.splitlines() if b"HOSTILE" in line]
    assert all(re.match(rb"\d\d:\d\d:\d\d\.\d{3} nf web/\d*[13579]: ", line) for line in heard), heard
    # It offers hundreds of megabytes.
    assert sum(map(len, heard)) < 4 << 20
    assert server.status()["manager"]["standard_error"]["throttled"] > 0


def test_the_last_words_of_an_nf_are_heard(serve):
    server = serve(attack="words")
    with knock():
        server.wait_until(
            lambda: re.search(r"^\S+ nf web/\d+: .*Fatal error: unknown attack words", server.tail(), re.M), 10, "them")


# Files.


def test_a_renamed_file_is_let_go_at_sighup(serve, directory):
    """As logrotate(8) does it: rename, signal, and the next line is in a new file."""
    server = serve()
    log, old = directory / "access.log", directory / "access.log.old"
    request(2, "before")
    wait_for_lines(server, log, "before", 2)
    log.rename(old)
    request(2, "between")
    wait_for_lines(server, old, "between", 2)
    server.process.send_signal(signal.SIGHUP)
    server.wait_until(log.exists, 10, "there is a new file")
    server.wait_until(lambda: targets_of(log_of(server)["writer_pid"], log), 10, "the writer has it")
    request(2, "after")
    wait_for_lines(server, log, "after", 2)
    assert lines_with(old, "after") == [] and len(lines_with(old, "before")) == 2


def targets_of(pid, path):
    return str(path) in process_facts.descriptors(pid).values()


def test_a_file_that_cannot_be_opened_again_costs_nothing(serve, directory):
    """A directory in its place: the manager says so and goes on with the file it has."""
    server = serve()
    log, old = directory / "access.log", directory / "old"
    log.rename(old)
    log.mkdir()
    server.process.send_signal(signal.SIGHUP)
    server.wait_until(lambda: "Is a directory" in (log_of(server).get("error") or ""), 10, "it is in the status")
    request(2, "still")
    wait_for_lines(server, old, "still", 2)
    log.rmdir()
    server.process.send_signal(signal.SIGHUP)
    server.wait_until(lambda: not log_of(server).get("error"), 10, "all is well")


def test_a_file_is_renamed_at_its_size(serve, directory):
    server = serve(access_log_size="64KiB", access_log_keep=2)
    request(400, "x" * 800)
    names = ["access.log", "access.log.1", "access.log.2"]
    server.wait_until(lambda: all((directory / name).exists() for name in names), 10, "they are there")
    server.wait_until(lambda: log_of(server)["lines"] == 400, 10, "everything is written")
    assert sorted(path.name for path in directory.glob("access.log*")) == names
    for name in names:
        lines = (directory / name).read_bytes().splitlines(keepends=True)
        assert all(LINE.fullmatch(line) for line in lines), "a line is torn"
    log = log_of(server)
    assert log["rotations"] >= 2 and log["dropped"] == 0 and log["cut"] == 0


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_what_is_no_file_is_refused(bed, directory, documents, kind):
    log = directory / "access.log"
    {"fifo": lambda: os.mkfifo(log), "link": lambda: log.symlink_to("/etc/passwd"), "directory": log.mkdir}[kind]()
    topology = directory / "topology.yaml"
    topology.write_text(web(documents.root, options={"access_log": log}))
    done = run(ONVM, "run", "--netns", HOST, topology, check=False, timeout=20)
    assert done.returncode == 1
    assert f"service web: access_log {log}" in done.stdout


@pytest.fixture
def small_disk(directory):
    """A file system of 256 KiB."""
    disk = directory / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk)
    yield disk
    run("umount", "--lazy", disk)


def test_a_full_disk_costs_lines_and_nothing_else(serve, small_disk):
    """Requests are served, lines are lost by the count, and when there is room again every line is whole."""
    log = small_disk / "access.log"
    server = serve(access_log=log)
    request(2_000, "é" * 300)
    server.wait_until(lambda: "No space left" in (log_of(server).get("error") or ""), 10, "it is in the status")
    assert "No space left" in server.command("status").stdout
    server.wait_until(lambda: log_of(server)["dropped"] > 0, 10, "the NF counts what nobody took")
    assert log.read_bytes().count(b"\n") < 2_000
    run("mount", "-o", "remount,size=16m", small_disk)
    server.wait_until(lambda: not log_of(server).get("error"), 10, "it goes on")
    request(1, "again")
    wait_for_lines(server, log, "again", 1)
    server.wait_until(lambda: log_of(server)["lines"] + log_of(server)["dropped"] == 2_001, 10, "all are accounted for")
    lines = log.read_bytes().splitlines(keepends=True)
    assert all(LINE.fullmatch(line) for line in lines), "a line is torn"
    assert len(lines) == log_of(server)["lines"] and log_of(server)["cut"] == 0


# Writers.


def test_a_writer_that_dies_is_replaced(serve, directory):
    server = serve()
    log = directory / "access.log"
    request(2, "first")
    wait_for_lines(server, log, "first", 2)
    before = log_of(server)["writer_pid"]
    nf = server.nf_of(client_address(1))["pid"]
    os.kill(before, signal.SIGKILL)
    server.wait_until(lambda: log_of(server).get("writer_pid") not in (None, before), 10, "there is another")
    request(2, "second")
    wait_for_lines(server, log, "second", 2)
    assert server.nf_of(client_address(1))["pid"] == nf, "the NF did not survive it"
    status = log_of(server)
    assert status["writer_restarts"] == 1
    server.wait_until(lambda: log_of(server)["lines"] >= 2, 5, "what the first one wrote still counts")
    assert "its writer ended: killed by SIGKILL" in server.tail()


def test_lines_wait_for_a_writer(serve, directory):
    """The writer stands still: requests are served, and their lines are there when it goes on."""
    server = serve()
    log = directory / "access.log"
    writer = log_of(server)["writer_pid"]
    os.kill(writer, signal.SIGSTOP)
    try:
        request(50, "patience")
        assert lines_with(log, "patience") == []
    finally:
        os.kill(writer, signal.SIGCONT)
    wait_for_lines(server, log, "patience", 50)


def test_a_manager_that_dies_does_not_end_the_log(bed, documents, directory):
    """NFs serve on without their manager, and their lines are written. Then nothing is left."""
    log = directory / "access.log"
    server = Onvm(directory)
    server.start(web(documents.root, idle=2, options={"access_log": log}))
    request(1, "with")
    status = server.status()
    writers = [status["services"][0]["access_log"]["writer_pid"], status["manager"]["standard_error"]["writer_pid"]]
    server.process.kill()
    server.process.wait()
    request(2, "without")
    deadline = time.monotonic() + 10
    while len(lines_with(log, "without")) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(lines_with(log, "without")) == 2
    server.command("cleanup")
    assert not any(process_facts.exists(pid) for pid in writers)


# The manager's own standard error.


def test_a_reader_of_standard_error_may_sleep_or_go(bed, documents, directory):
    """A pipe that nobody reads, then one that nobody has: the manager answers all the same."""
    topology = directory / "topology.yaml"
    topology.write_text(web(documents.root, idle=1, maximum=4))
    manager = spawn(ONVM, "run", "--netns", HOST, "--verbose", topology, stderr=subprocess.PIPE)
    # One page: F_SETPIPE_SZ.
    fcntl.fcntl(manager.stderr, 1031, 4_096)
    server = Onvm(directory)
    server.process = manager
    try:
        server.wait_until(lambda: server.status()["services"][0]["idle"] >= 1, 20, "it runs")
        for _ in range(100):
            for nf in server.nfs()[:1]:
                server.command("nf", "kill", str(nf["slot"]), check=False)
        manager.stderr.close()
        manager.send_signal(signal.SIGHUP)
        server.wait_until(lambda: server.status()["services"][0]["idle"] >= 1, 40, "it goes on")
        request(1, "a")
        assert server.status()["manager"]["pid"] == manager.pid
    finally:
        assert server.stop() == 0


def test_a_terminal_that_goes_away_stops_nothing(bed, documents, directory):
    """The manager in the foreground of a terminal, which is closed: it goes on."""
    topology = directory / "topology.yaml"
    topology.write_text(web(documents.root, idle=1))
    leader, terminal = os.openpty()
    manager = subprocess.Popen(
        ["setsid", "--ctty", ONVM, "run", "--netns", HOST, topology], stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    server = Onvm(directory)
    server.process = manager
    server.wait_until(lambda: server.status()["services"][0]["idle"] >= 1, 20, "it runs")
    os.close(leader)
    pid = server.status()["manager"]["pid"]
    request(1, "a")
    assert server.status()["manager"]["pid"] == pid
    os.kill(pid, signal.SIGTERM)
    assert manager.wait(20) == 0

"""What goes wrong gives one clear message and the right exit status, and leaves the host as it was."""

import os
import re
import subprocess

import process_facts
import pytest
import snapshot
from bed import CLIENT, HOST, INSTANCE, ONVM, client_address, device, end, run, spawn, url
from foreign_xdp import ForeignProgram
from platform_under_test import BAD_TOPOLOGY, FAILED, NOT_PERMITTED, USAGE, web

pytestmark = pytest.mark.product


@pytest.fixture
def unchanged(bed):
    """The host after the test is the host before it."""
    before = snapshot.take()
    yield bed
    assert not snapshot.difference(before, snapshot.take())


def run_onvm(*arguments, prefix=(), timeout=10):
    """A command that is expected to end soon, in the port's namespace."""
    process = spawn(*prefix, ONVM, *arguments, namespace=HOST, text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        output, message = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        end(process)
        pytest.fail(f"did not end within {timeout} s: {arguments}: {process.communicate()[1][-2000:]}")
    return subprocess.CompletedProcess(arguments, process.returncode, output, message)


def assert_one_message(done, *words):
    """One line for people: no stack trace, no dump, no second-hand errno alone."""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines, f"said nothing (exit {done.returncode}); stdout: {done.stdout}"
    errors = [line for line in lines if not re.search(r"\b(warning|info|notice)\b", line)]
    assert len(errors) <= 3, done.stderr
    for word in words:
        assert re.search(word, done.stderr, re.I), f"{word!r} is not in: {done.stderr}"
    assert not re.search(r"Fatal error|Stack dump|Swift/|\bat 0x[0-9a-f]+", done.stderr), done.stderr


@pytest.fixture
def topology_file(tmp_path):
    def write(text):
        file = tmp_path / "topology.yaml"
        file.write_text(text)
        return file

    return write


def test_a_second_manager(platform, documents, topology_file):
    server = platform.ensure()
    file = topology_file(web(documents.root))
    before = snapshot.take()
    done = run_onvm("run", file)
    assert done.returncode == FAILED, done
    assert_one_message(done, "already|running|in use", str(server.process.pid))
    assert not snapshot.difference(before, snapshot.take()), "the second manager disturbed the first"
    assert server.status()["services"][0]["idle"] > 0


def test_a_second_instance_on_the_same_port(platform, documents, topology_file):
    platform.ensure()
    before = snapshot.take()
    done = run_onvm("run", topology_file(web(documents.root).replace(INSTANCE, "another", 1)))
    assert done.returncode == FAILED, done
    assert_one_message(done, "port0", "XDP|steer|already|in use")
    assert not snapshot.difference(before, snapshot.take())


def test_a_foreign_program_on_the_port(unchanged, documents, topology_file):
    with ForeignProgram(HOST, "port0"):
        identity = device(HOST, "port0")["xdp"]["prog"]["id"]
        done = run_onvm("run", topology_file(web(documents.root)))
        assert done.returncode == FAILED, done
        assert_one_message(done, "port0", "someone_elses", str(identity))
        assert device(HOST, "port0")["xdp"]["prog"]["id"] == identity, "the foreign program was replaced"


@pytest.mark.parametrize("dropped", ("net_admin", "bpf", "net_raw"))
def test_without_one_capability(unchanged, documents, topology_file, dropped):
    # Without these a capability of root's own would stand in for the one that is dropped.
    more = ",cap_sys_admin" if dropped == "bpf" else ""
    prefix = ("capsh", f"--drop=cap_{dropped}{more}", "--", "-c", 'exec "$@"', "--")
    done = run_onvm("run", topology_file(web(documents.root)), prefix=prefix)
    assert done.returncode == NOT_PERMITTED, done
    assert_one_message(done, f"CAP_{dropped}")


def test_as_an_ordinary_user(unchanged, documents, topology_file, tmp_path):
    file = topology_file(web(documents.root))
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all")
    # The build may lie where an ordinary user cannot reach it: then it is handed over as a copy.
    program = tmp_path / "onvm"
    program.write_bytes(ONVM.read_bytes())
    program.chmod(0o755)
    done = run(*prefix, program, "run", file, namespace=HOST, check=False, stderr=subprocess.PIPE, timeout=20)
    assert done.returncode == NOT_PERMITTED, done
    assert_one_message(done, "CAP_")


def test_a_missing_device(unchanged, documents, topology_file):
    done = run_onvm("run", topology_file(web(documents.root, device="nosuch0")))
    assert done.returncode in (FAILED, BAD_TOPOLOGY), done
    assert_one_message(done, "nosuch0", r"topology\.yaml:3:\d+")


BROKEN = (
    ("not YAML", "ports: [\n", r"topology\.yaml:\d+:\d+"),
    ("empty", "", r"topology\.yaml:\d+:\d+"),
    ("a list", "- ports\n", r"topology\.yaml:1:1"),
    ("a misspelt key", "portz:\n  - device: port0\n", r"topology\.yaml:1:1.*portz.*ports"),
    ("a device that is no name", "ports:\n  - device: [1, 2]\n", r"topology\.yaml:2:\d+"),
    ("an isolation nobody knows", lambda root: web(root, isolation="total"),
     r"topology\.yaml:8:\d+.*client.*connection.*none"),
    ("an overflow nobody knows", lambda root: web(root, overflow="explode"), r"topology\.yaml:11:\d+.*refuse"),
    ("a pool larger than the most", lambda root: web(root, idle=9, maximum=3), r"topology\.yaml:\d+:\d+"),
    ("a port number too large", lambda root: web(root, listen=["10.77.0.1:99999"]), r"topology\.yaml:7:\d+.*65535"),
    ("an address that is none", lambda root: web(root, listen=["10.77.0.999:80"]), r"topology\.yaml:7:\d+"),
    ("a document root that is missing", lambda root: web("/nonexistent"), r"topology\.yaml:\d+:\d+.*/nonexistent"),
    ("a document root that is a file", lambda root: web(f"{root}/text.txt"), r"topology\.yaml:\d+:\d+"),
    ("an NF nobody knows", lambda root: web(root).replace("web-server", "web-serber"),
     r"topology\.yaml:6:\d+.*web-server"),
    ("two services of one name", lambda root: web(root) + web(root).split("services:\n")[1], r"topology\.yaml:\d+:\d+"),
    ("binary", "\0\1\2\3", r"topology\.yaml:\d+:\d+"),
    ("an alias bomb", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n", r"topology\.yaml:\d+:\d+"),
)


@pytest.mark.parametrize("text, pattern", [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_topology(unchanged, documents, topology_file, text, pattern):
    done = run_onvm("run", topology_file(text(documents.root) if callable(text) else text))
    assert done.returncode == BAD_TOPOLOGY, done
    assert_one_message(done, pattern)


def test_a_topology_that_is_not_there(unchanged):
    done = run_onvm("run", "/nonexistent/web.yaml")
    assert done.returncode in (FAILED, BAD_TOPOLOGY), done
    assert_one_message(done, "/nonexistent/web.yaml")


@pytest.mark.parametrize("arguments", (("frob",), ("run",), ("run", "--frob", "x"), ("status", "extra")))
def test_wrong_usage(unchanged, arguments):
    done = run_onvm(*arguments)
    assert done.returncode == USAGE, done
    assert re.search("usage|help", done.stderr, re.I)


def test_status_without_a_manager(unchanged):
    done = run_onvm("status", "--json", "--instance", INSTANCE)
    assert done.returncode == FAILED, done
    assert_one_message(done, "not running|no manager|is not|cannot connect|nothing")


def test_check_says_what_this_host_gives(unchanged):
    done = run_onvm("check")
    assert done.returncode == 0, done
    assert re.search("XDP", done.stdout) and re.search("kernel|multi-buffer|zero-copy", done.stdout, re.I)


def test_check_warns_of_an_address_that_no_port_has(unchanged, documents, topology_file):
    """It may be routed to this host, so it is no error; most often it is a slip."""
    done = run_onvm("check", topology_file(web(documents.root, listen=["10.99.0.1:80"])))
    assert done.returncode == 0, done
    assert re.search(r"topology\.yaml:7:\d+: warning: .*10\.99\.0\.1", done.stderr), done.stderr


def test_check_of_a_topology(unchanged, documents, topology_file):
    assert run_onvm("check", topology_file(web(documents.root))).returncode == 0
    done = run_onvm("check", topology_file(web(documents.root, isolation="total")))
    assert done.returncode == BAD_TOPOLOGY, done


@pytest.mark.parametrize("suffix", ["h", "n", "t"])
def test_a_slot_loses_its_devices(platform, documents, suffix):
    """Somebody removes what is not theirs: the client whose NF it was gets another one at its next SYN."""
    server = platform.ensure()
    fetch = ("curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", url("/text.txt"))
    assert run(*fetch, namespace=CLIENT).stdout == "200"
    victim = server.wait_until(lambda: server.nf_of(client_address(1)), 5, "the client has an NF")
    run("ip", "-n", HOST, "link", "del", f"onvm{victim['slot']}{suffix}")
    server.wait_until(lambda: not process_facts.exists(victim["pid"]), 5, "the deaf NF was ended")
    assert run(*fetch, namespace=CLIENT).stdout == "200"
    assert server.nf_of(client_address(1))["pid"] != victim["pid"]
    server.wait_until(lambda: server.status()["services"][0]["idle"] >= 4, 5, "the pool is full again")


def test_the_port_disappears_while_it_runs(platform, documents):
    """The manager says so and ends or waits; it does not crash, and cleanup finds nothing strange."""
    server = platform.ensure()
    run("ip", "-n", HOST, "link", "del", "port0")
    try:
        try:
            status = server.process.wait(5)
            assert status in (0, FAILED), f"exit {status}"
        except subprocess.TimeoutExpired:
            assert server.stop() in (0, FAILED)
        assert not re.search(r"Fatal error|Stack dump", server.tail(200))
    finally:
        if server.running:
            server.process.kill()
            server.process.wait()
        run_onvm("cleanup", "--instance", INSTANCE)
        server.process = None
        platform.bed.remove()
    links = run("ip", "netns", "list").stdout
    assert HOST not in links
    assert not snapshot.processes()


def test_no_core_or_file_is_left_in_the_working_directory(unchanged, documents, topology_file, tmp_path):
    before = set(os.listdir("."))
    run_onvm("run", topology_file("ports: [\n"))
    assert set(os.listdir(".")) == before

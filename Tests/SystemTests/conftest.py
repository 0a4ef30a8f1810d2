"""Fixtures of the system tests: one bed and one server for the session, both replaced when a test needs another shape.

Real clients, real sockets, real kernel. Needs root. `--server nginx` runs the tests that any web server passes
against nginx on the same bed: it shows that a failure is the platform's and not the test's.
"""

import os
import resource
import shutil
import signal
import tempfile

import pytest
import snapshot
from bed import INSTANCE, ONVM, Bed, run
from documents import Documents
from platform_under_test import Nginx, Onvm, Platform

DEFAULT_LIMIT_SECONDS = 60


def pytest_addoption(parser):
    parser.addoption("--server", choices=("onvm", "nginx"), default="onvm", help="what serves (default: onvm)")
    parser.addoption("--slow", action="store_true", help="run the slow tests instead of the others")


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): the test fails when it takes longer (default 60)")
    config.addinivalue_line("markers", "product: about the platform itself, left out with --server nginx")
    config.addinivalue_line("markers", "slow: takes minutes; run by scripts/test-slow")
    if os.geteuid() != 0:
        raise pytest.UsageError("the system tests need root: they make namespaces and devices")
    if config.getoption("--server") == "onvm" and not ONVM.exists():
        raise pytest.UsageError(f"{ONVM} does not exist: run 'swift build -c release' first")


def pytest_collection_modifyitems(config, items):
    def wanted(item):
        if config.getoption("--server") == "nginx" and item.get_closest_marker("product"):
            return False
        return bool(item.get_closest_marker("slow")) == config.getoption("--slow")

    left_out = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the server logged."""
    report = (yield).get_result()
    platform = item.funcargs.get("platform")
    if report.failed and platform is not None and platform.server.log.exists():
        report.sections.append((f"{platform.server.name} log", platform.server.tail(80)))


@pytest.fixture(autouse=True)
def time_limit(request):
    """No test waits for ever: a lost packet must show as a failure with a stack, not as a hung suite."""
    marker = request.node.get_closest_marker("limit")
    seconds = marker.args[0] if marker else DEFAULT_LIMIT_SECONDS

    def expire(*_):
        raise TimeoutError(f"the test took longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


@pytest.fixture(scope="session")
def descriptors():
    """Room for the tests that open thousands of connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard >= 12000, f"the tests open 10,000 connections at once: 'ulimit -Hn' is {hard}"


@pytest.fixture(scope="session")
def documents():
    made = Documents()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def session_bed(request):
    """The bed. What the host looked like before is kept for the test that comes last."""
    bed = Bed()
    bed.remove(force=False)
    if request.config.getoption("--server") == "onvm":
        # What an interrupted session left; a manager that lives is refused and named.
        run(ONVM, "cleanup", "--instance", INSTANCE)
    bed.before = snapshot.take()
    yield bed
    bed.remove()


@pytest.fixture(scope="session")
def session_platform(request, session_bed, documents, descriptors):
    directory = tempfile.mkdtemp(prefix="onvm-system-tests-")
    os.chmod(directory, 0o755)
    kind = {"onvm": Onvm, "nginx": Nginx}[request.config.getoption("--server")]
    platform = Platform(session_bed, documents, kind(directory))
    yield platform
    platform.stop()
    shutil.rmtree(directory)


@pytest.fixture
def platform(session_platform):
    """The server; ask it for a topology and a bed with `ensure`. It must survive every test."""
    yield session_platform
    server = session_platform.server
    if server.process is not None and not server.running:
        status, server.process = server.process.returncode, None
        pytest.fail(f"{server.name} exited with {status} during the test\n{server.tail()}")


@pytest.fixture
def bed(session_platform):
    """The bed with no server on it, for tests that run onvm themselves."""
    session_platform.stop()
    session_platform.bed.ensure()
    return session_platform.bed

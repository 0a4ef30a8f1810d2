"""Who may talk to the manager: the mode of its socket and the user at the other end, each alone."""

import contextlib
import json
import os
import pathlib
import socket
import stat

import pytest
from bed import INSTANCE

pytestmark = pytest.mark.product

SOCKET = pathlib.Path(f"/run/onvm/{INSTANCE}/control.sock")
STRANGER = 1_987_654_321
REQUEST = json.dumps({"version": 1, "command": "status"}).encode() + b"\n"


def ask(user):
    """What a process of this user hears on the control socket: bytes, or the exception it got."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(10)
                client.connect(str(SOCKET))
                with contextlib.suppress(BrokenPipeError):
                    client.sendall(REQUEST)
                try:
                    answer = client.recv(65536)
                except ConnectionResetError:
                    answer = b""
        except OSError as error:
            answer = type(error).__name__.encode()
        os.write(writing, answer[:1000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@contextlib.contextmanager
def open_for_everybody():
    """The socket without its mode."""
    mode = stat.S_IMODE(SOCKET.stat().st_mode)
    SOCKET.chmod(0o666)
    try:
        yield
    finally:
        SOCKET.chmod(mode)


def test_its_mode_keeps_others_out(platform):
    platform.ensure()
    assert stat.S_IMODE(SOCKET.stat().st_mode) == 0o600
    # The directories are no help here: anybody may enter them.
    assert all(directory.stat().st_mode & 0o001 for directory in list(SOCKET.parents)[:-1])
    assert ask(STRANGER) == b"PermissionError"
    assert ask(0).startswith(b"{")


def test_the_manager_looks_who_is_there(platform):
    server = platform.ensure()
    refusals = server.tail().count("a control client of another user was refused")
    with open_for_everybody():
        assert ask(STRANGER) == b"", "it was answered"
        server.wait_until(
            lambda: server.tail().count("a control client of another user was refused") > refusals, 5, "it says so")
        assert ask(0).startswith(b"{")
    assert server.status()["services"]

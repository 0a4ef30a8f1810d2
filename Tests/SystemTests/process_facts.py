"""What /proc says about an NF process."""

import os
import pathlib
import re


def status(pid):
    """/proc/PID/status as a dictionary of words."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def uid(pid):
    return int(status(pid)["Uid"][0])


def exists(pid):
    try:
        return status(pid)["State"][0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _living():
    """(PID, parent, session) of each process that is no zombie."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] not in ("Z", "X"):
            yield int(entry.name), int(fields[1]), int(fields[3])


def children(pid):
    return [child for child, parent, _ in _living() if parent == pid]


def session(leader):
    """The processes of a session but its leader, which may be gone."""
    return [pid for pid, _, number in _living() if number == leader and pid != leader]


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def shared_writable(pid):
    """The files a process maps writable and shared: {(device, inode): (bytes, name)}. Its UMEM is one of them."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        match = re.match(r"(\w+)-(\w+) (\S{4}) \w+ (\S+) (\d+)\s*(.*)", line)
        start, stop, mode, device, inode, name = match.groups()
        if mode[1] == "w" and mode[3] == "s":
            key = (device, int(inode))
            size, _ = found.get(key, (0, name))
            found[key] = (size + int(stop, 16) - int(start, 16), name)
    return found


def regions(pid):
    """The memfds among them."""
    return {key: size for key, (size, name) in shared_writable(pid).items() if name.startswith("/memfd:")}


def descriptors(pid):
    """What each open descriptor refers to."""
    base = pathlib.Path(f"/proc/{pid}/fd")
    found = {}
    for entry in base.iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:
            continue
    return found


def sockets(pid):
    return {target for target in descriptors(pid).values() if target.startswith("socket:")}


def private_kib(pid):
    """Memory that only this process has, in KiB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(amount) for amount in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", text, re.M))


def proportional_kib(pid):
    return int(re.search(r"^Pss:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])

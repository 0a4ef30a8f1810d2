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


def limits(pid):
    """/proc/PID/limits as {resource: (soft, hard)}; None is unlimited."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]:
        name, soft, hard = re.match(r"(.{25})\s(\S+)\s+(\S+)", line).groups()
        found[name.strip()] = tuple(None if value == "unlimited" else int(value) for value in (soft, hard))
    return found


def is_untraceable(pid):
    """The files of a process that is not dumpable belong to root (proc(5))."""
    return os.stat(f"/proc/{pid}/environ").st_uid == 0


# What status says of ways of speculation that are off for good, or that nobody can turn off for one process
# (fs/proc/array.c).
SPECULATION_SETTLED = {"not vulnerable", "thread force mitigated", "globally mitigated", "vulnerable", "unknown",
                       "not affected", "conditional force disabled", "always enabled", "always disabled", "unsupported"}


def speculation(pid):
    """How the ways of speculation that prctl(2) controls are for a process."""
    facts = status(pid)
    return {" ".join(facts[name]) for name in ("Speculation_Store_Bypass", "SpeculationIndirectBranch")
            if name in facts}


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


def resident_bytes(pid):
    return int(status(pid)["VmRSS"][0]) * 1024


def limits(pid):
    """/proc/PID/limits: {name: (soft, hard)}, None for unlimited."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]:
        name, soft, hard = re.match(r"(.+?)\s{2,}(\S+)\s+(\S+)", line).groups()
        found[name] = tuple(None if value == "unlimited" else int(value) for value in (soft, hard))
    return found


def groups(pid):
    """The directories of a process's control groups by controller; {} where there are none."""
    mounts = [line.split() for line in open("/proc/self/mountinfo")]
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in mounts:
            kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
            if kind == "cgroup2" and not controllers or kind == "cgroup" and controllers and set(
                    controllers.split(",")) <= set(options):
                directory = pathlib.Path(mount[4] + path.removeprefix(mount[3].rstrip("/")))
                names = (directory / "cgroup.controllers").read_text().split() if not controllers else (
                    controllers.split(","))
                found.update({name: directory for name in names})
                break
    return found


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

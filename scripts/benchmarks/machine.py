"""On what it was measured: machine, kernel, versions, and what runs on which core."""

import os
import pathlib
import platform
import re
import subprocess

from .bed import CLIENT_CORE, ROOT, SERVER_CORE


def _text(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout + done.stderr
    except OSError:
        return ""


def _first(pattern, text, default="unknown"):
    match = re.search(pattern, text, re.M)
    return match[1].strip() if match else default


def describe(builds, bed):
    """What to know when comparing the numbers with others."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    memory = int(_first(r"^MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(), "0"))
    commit = _text("git", "-C", str(ROOT), "describe", "--always", "--dirty").strip()
    return {
        "processor": _first(r"^model name\s*: (.*)$", cpu, platform.machine()),
        "cores": os.cpu_count(), "virtual": "hypervisor" in cpu, "memory_mib": memory // 1024,
        "kernel": f"{os.uname().release} {os.uname().machine}",
        "onvm": {name: f"{build.onvm} ({_text(str(build.onvm), '--version').strip() or 'unknown version'})"
                 + "".join(f" {key}={value}" for key, value in build.options) for name, build in builds.items()},
        "commit": commit,
        "nginx": _first(r"nginx/(\S+)", _text("nginx", "-v")),
        "wrk": _first(r"^wrk (?:debian/)?(\S+)", _text("wrk", "-v")),
        "placement": f"server (manager, NFs, nginx worker) on core {SERVER_CORE}, client on core {CLIENT_CORE}; "
                     "softirqs run where a frame is sent, so a request's way in (and XDP) runs on the client's core "
                     "and a response's way out on the server's; threads of threaded NAPI are not pinned",
        "link": "veth, one pair, both ends with the offloads of their default; where a name ends in -nogso, "
                "segmentation offload (tso, gso) of the server's end is off",
        "congestion_control": bed.congestion_control(),
        "offloads": bed.offloads(),
    }


def lines(machine):
    """The statement at the head of the output."""
    yield (f"{machine['processor']}, {machine['cores']} cores{' (virtual)' if machine['virtual'] else ''}, "
           f"{machine['memory_mib']} MiB, Linux {machine['kernel']}")
    for name, build in machine["onvm"].items():
        yield f"{name}: {build}" + (f", commit {machine['commit']}" if name == "ours" else "")
    yield (f"nginx {machine['nginx']} on the kernel's TCP with {machine['congestion_control']}, "
           f"wrk {machine['wrk']}")
    yield machine["placement"]
    yield machine["link"]
    for device, names in machine["offloads"].items():
        yield f"{device}: {', '.join(names)}"

"""What a host looks like from outside: to be the same before the platform runs and after it ended."""

import difflib
import json
import os
import pathlib
import re

from bed import CLIENT, HOST, INSTANCE, ONVM, SHARES_HOST, WIRE, run

# Of a link, what an operator sets or sees; not counters, not the qdisc's or the carrier's passing state.
LINK_KEYS = ("ifname", "link_type", "mtu", "min_mtu", "max_mtu", "operstate", "ifalias", "address", "promiscuity",
             "num_tx_queues", "num_rx_queues", "gro_max_size", "gso_max_size", "gso_max_segs", "qdisc", "txqlen", "xdp")


def take():
    """A snapshot: named facts, each a list of lines."""
    facts = {}
    for namespace in (HOST, CLIENT):
        if pathlib.Path(f"/run/netns/{namespace}").exists():
            facts.update(_of_namespace(namespace))
    facts["links of the machine"] = sorted(
        name for name in os.listdir("/sys/class/net") if name.startswith(("onvm", "port0", "client0")))
    facts["namespaces"] = sorted({HOST, CLIENT, WIRE} & set(os.listdir("/run/netns"))) if os.path.isdir(
        "/run/netns") else []
    facts["pins"] = _files(f"/sys/fs/bpf/onvm/{INSTANCE if SHARES_HOST else ''}")
    facts["/run/onvm"] = _files(f"/run/onvm/{INSTANCE if SHARES_HOST else ''}")
    facts["mounts"] = sorted(
        f"{fields[1]} {fields[2]}" for fields in map(str.split, open("/proc/self/mounts"))
        if (fields[2] == "bpf" or "onvm" in fields[1]) and not fields[1].startswith("/run/netns")
        and not (SHARES_HOST and fields[1] == "/sys/fs/bpf"))
    own = f"onvm-{INSTANCE}"
    facts["cgroups"] = sorted(
        os.path.join(folder, name) for folder, names, _ in os.walk("/sys/fs/cgroup")
        for name in names if (name.startswith((f"{own}.", f"{own}-manager")) if SHARES_HOST else name.startswith("onvm")))
    # Which controllers a group hands on to those in it (version 2).
    facts["cgroup controllers"] = sorted(
        f"{path}: {path.read_text().strip()}" for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
        for path in pathlib.Path(base).glob("cgroup.subtree_control"))
    facts["eBPF programs"] = sorted(
        program.get("name", "") for program in json.loads(run("bpftool", "-j", "prog", "show").stdout or "[]")
        if program.get("name") in ("steer", "deliver", "egress") and not SHARES_HOST)
    facts["processes"] = processes()
    return facts


def processes():
    """Live processes of the platform: 'pid name' (a zombie is its parent's business).

    On a host that is shared with other managers: those of our programs only.
    """
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            executable = os.readlink(entry / "exe")
            state = re.search(r"^State:\s+(\S)", (entry / "status").read_text(), re.M)
        except OSError:
            continue
        path = executable.removesuffix(" (deleted)")
        if SHARES_HOST and os.path.dirname(path) != str(ONVM.parent.resolve()):
            continue
        if os.path.basename(path) in ("onvm", "onvm-nf") and state and state[1] != "Z":
            found.append(f"{entry.name} {os.path.basename(executable)}")
    return sorted(found)


def difference(before, after):
    """The facts that changed, as a unified diff; empty when none did."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, []), after.get(name, [])
        if old != new:
            lines += difflib.unified_diff(old, new, f"{name}: before", f"{name}: after", lineterm="", n=0)
    return "\n".join(lines)


def _files(directory):
    found = []
    for folder, names, files in os.walk(directory):
        found += [os.path.join(folder, name) for name in (*names, *files)]
    return sorted(found)


def _of_namespace(namespace):
    facts = {}
    links = json.loads(run("ip", "-n", namespace, "-j", "-d", "link", "show").stdout)
    facts[f"{namespace} links"] = sorted(
        json.dumps({key: link.get(key) for key in LINK_KEYS}, sort_keys=True) for link in links)
    facts[f"{namespace} addresses"] = sorted(
        f"{link['ifname']} {address['local']}/{address['prefixlen']}"
        for link in json.loads(run("ip", "-n", namespace, "-j", "addr", "show").stdout)
        for address in link["addr_info"] if address.get("scope") != "link")
    for family in ("-4", "-6"):
        facts[f"{namespace} routes {family}"] = sorted(
            line.strip()
            for line in run("ip", "-n", namespace, family, "route", "show", "table", "all").stdout.splitlines()
            if " fe80" not in line and not line.startswith(("fe80", "local fe80", "multicast ff00")))
        facts[f"{namespace} rules {family}"] = run("ip", "-n", namespace, family, "rule", "show").stdout.splitlines()
    for link in links:
        name = link["ifname"]
        facts[f"{namespace} {name} offloads"] = run("ethtool", "-k", name, namespace=namespace).stdout.splitlines()
        facts[f"{namespace} {name} filters"] = run(
            "tc", "-n", namespace, "filter", "show", "dev", name, "ingress", check=False).stdout.splitlines()
        facts[f"{namespace} {name} queueing"] = [
            re.sub(r"qdisc (\S+) \S+:", r"qdisc \1", line)
            for line in run("tc", "-n", namespace, "qdisc", "show", "dev", name).stdout.splitlines()]
    return facts

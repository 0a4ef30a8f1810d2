"""The layers of the package, held against what it really builds: arrows point down only."""
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What each library and executable may depend on (packages of others in lower case).
ALLOWED = {
    "CLinux": set(),
    "CStaticPIE": set(),
    "Linux": {"CLinux"},
    "BPF": {"Linux", "CXDP", "CBPFTypes"},
    "XSK": {"Linux", "CLinux"},
    "PacketHeaders": set(),
    "TCPStack": {"PacketHeaders"},
    "HTTP1": set(),
    "Handover": {"Linux", "XSK"},
    "LogWriter": {"CLinux", "Handover", "Linux"},
    "NetworkFunction": {"CLinux", "Handover", "Linux", "PacketHeaders", "TCPStack", "XSK"},
    "NetworkFunctions": {"CLinux", "HTTP1", "Linux", "NetworkFunction", "PacketHeaders", "TCPStack"},
    "ControlAPI": set(),
    "Manager": {"BPF", "CBPFTypes", "CLinux", "ControlAPI", "Handover", "Linux", "XSK", "Yams", "Logging"},
    "onvm": {"ControlAPI", "Linux", "Manager", "ArgumentParser", "Logging"},
    "onvm-nf": {"CStaticPIE", "Handover", "Linux", "LogWriter", "NetworkFunction", "NetworkFunctions"},
    "tcp-cost": {"PacketHeaders", "TCPStack", "TestSupport"},
    "onvm-nf-hostile": {"CLinux", "CStaticPIE", "Handover", "Linux", "NetworkFunction", "NetworkFunctions"},
    "onvm-tcp-peer": {"BPF", "Handover", "Linux", "NetworkFunction", "PacketHeaders", "TCPStack", "XSK",
                      "ArgumentParser"},
}

# No Foundation, no concurrency runtime, no logging.
DATA_PLANE = ["Linux", "BPF", "XSK", "PacketHeaders", "TCPStack", "HTTP1", "Handover", "LogWriter",
              "NetworkFunction", "NetworkFunctions", "onvm-nf"]
FORBIDDEN = re.compile(r"^\s*(?:public\s+|@\w+\s+)*import\s+(Foundation\w*|Dispatch|Logging|Yams|ArgumentParser|_Concurrency)\b",
                       re.MULTILINE)


@pytest.fixture(scope="module")
def targets():
    described = subprocess.run(["swift", "package", "describe", "--type", "json"], cwd=ROOT, check=True,
                               capture_output=True, text=True)
    return {target["name"]: target for target in json.loads(described.stdout)["targets"]}


def test_every_arrow_points_down(targets):
    for name, allowed in ALLOWED.items():
        target = targets[name]
        used = set(target.get("target_dependencies", [])) | set(target.get("product_dependencies", []))
        used -= {"CompileBPF"}
        assert used <= allowed, f"{name} may not depend on {sorted(used - allowed)}"


def test_no_library_is_missing_from_the_list(targets):
    known = set(ALLOWED) | {"CXDP", "CBPFTypes", "CompileBPF", "bpf-embed", "TestSupport", "CAllocationCounter",
                            "CTrials"}
    libraries = {name for name, target in targets.items() if target["type"] in ("library", "executable")}
    assert libraries <= known, f"say here what {sorted(libraries - known)} may depend on"


@pytest.mark.parametrize("module", DATA_PLANE)
def test_the_data_plane_imports_no_runtime(module):
    for source in (ROOT / "Sources" / module).rglob("*.swift"):
        found = FORBIDDEN.search(source.read_text())
        assert not found, f"{source.relative_to(ROOT)}: {found.group(0).strip()}"

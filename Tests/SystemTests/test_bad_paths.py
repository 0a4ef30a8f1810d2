"""Loss, reordering, duplication and damage on the path: every transfer completes and is exact.

The wire's generator is seeded, the kernel's timing is not: a failure names the seed and what the wire did.
"""

import concurrent.futures
import subprocess
import time

import pytest
from bed import CLIENT, Impairment, client_address, run, spawn, url
from documents import KIB, MIB, SMALL_SIZES
from test_clients import FAMILIES, digest_of_command, with_curl

ONE_PERCENT = {"loss": 0.01, "duplicate": 0.01, "reorder": 0.02}
TEN_PERCENT = {"loss": 0.10, "duplicate": 0.02, "reorder": 0.05}


@FAMILIES
@pytest.mark.parametrize("seed", (1, 2, 3))
@pytest.mark.limit(120)
def test_one_percent_loss_with_reordering_and_duplicates(platform, documents, family, seed):
    platform.ensure(wire=True)
    with platform.bed.impaired(Impairment(seed, **ONE_PERCENT, delay_microseconds=500)):
        for size in (*SMALL_SIZES, 10 * MIB):
            assert with_curl(url(documents.path(size), family)) == documents.digest(size), f"{size} bytes"
    counters = platform.bed.counters
    assert counters["lost"] > 10 and counters["reordered"] > 10, f"the wire was too good: {counters}"


@FAMILIES
@pytest.mark.limit(120)
def test_ten_percent_loss(platform, documents, family):
    platform.ensure(wire=True)
    with platform.bed.impaired(Impairment(11, **TEN_PERCENT, delay_microseconds=500)):
        for size in (1, 1448, 64 * KIB, MIB):
            assert with_curl(url(documents.path(size), family)) == documents.digest(size), f"{size} bytes"
    assert platform.bed.counters["lost"] > 50, platform.bed.counters


@FAMILIES
def test_damaged_frames_are_never_taken_for_data(platform, documents, family):
    """The client fills in its checksums, so that a flipped bit is always a wrong checksum, in both directions."""
    platform.ensure(wire=True)
    run("ethtool", "-K", "client0", "tx", "off", namespace=CLIENT)
    try:
        with platform.bed.impaired(Impairment(21, corrupt=0.02)):
            for size in (1, 64 * KIB, 10 * MIB):
                assert with_curl(url(documents.path(size), family)) == documents.digest(size), f"{size} bytes"
        assert platform.bed.counters["corrupted"] > 0, platform.bed.counters
    finally:
        run("ethtool", "-K", "client0", "tx", "on", "tso", "off", "gso", "off", namespace=CLIENT)


@pytest.mark.limit(120)
def test_requests_are_lost_too(platform, documents):
    """Two hundred connections, one short request each: SYN, request, response and FIN all meet a bad path."""
    platform.ensure(wire=True, clients=8)

    def fetch(number):
        return digest_of_command("curl", "--silent", "--fail", "--max-time", "60", "--interface",
                                 client_address(1 + number % 8), url(documents.path(1448)))

    with platform.bed.impaired(Impairment(31, **TEN_PERCENT)):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            digests = set(pool.map(fetch, range(200)))
    assert digests == {documents.digest(1448)}


@FAMILIES
@pytest.mark.limit(120)
def test_a_long_path(platform, documents, family):
    """40 ms round trip, one loss in a thousand: recovery must not need a timeout each time to keep this pace."""
    platform.ensure(wire=True)
    with platform.bed.impaired(Impairment(41, loss=0.001, delay_microseconds=20_000)):
        done = run("curl", "--silent", "--fail", "--output", "/dev/null", "--write-out", "%{speed_download}",
                   url(documents.path(10 * MIB), family), namespace=CLIENT)
    assert float(done.stdout) > 500_000, f"{float(done.stdout) / 1e6:.2f} MB/s"


@pytest.mark.limit(120)
def test_the_path_is_cut_and_comes_back(platform, documents):
    """Three seconds of nothing in the middle of a transfer: it goes on where it stopped."""
    platform.ensure(wire=True)
    with platform.bed.impaired(Impairment(51, delay_microseconds=5_000)):
        job = spawn("curl", "--silent", "--fail", "--limit-rate", "4M", url(documents.path(10 * MIB)),
                    namespace=CLIENT, stdout=subprocess.PIPE)
        check = subprocess.Popen(["sha256sum"], stdin=job.stdout, stdout=subprocess.PIPE, text=True)
        job.stdout.close()
        time.sleep(1)
        with platform.bed.impaired(Impairment(52, loss=1.0)):
            time.sleep(3)
        assert check.communicate(timeout=60)[0].split()[0] == documents.digest(10 * MIB)
        assert job.wait(10) == 0


@pytest.mark.slow
@pytest.mark.limit(600)
@pytest.mark.parametrize("seed", range(100, 110))
def test_large_transfers_over_a_bad_path(platform, documents, seed):
    platform.ensure(wire=True)
    with platform.bed.impaired(Impairment(seed, **ONE_PERCENT, corrupt=0.001, delay_microseconds=1_000)):
        assert with_curl(url(documents.path(100 * MIB))) == documents.digest(100 * MIB)

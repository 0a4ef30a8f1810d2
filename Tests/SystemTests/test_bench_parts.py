"""The parts of scripts/bench that compute: parsers, quantiles, ratios, targets, the names of loads."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from benchmarks import accounting, distribution, paced, plots, report, suite_http, wrk  # noqa: E402
from benchmarks.bed import Failure  # noqa: E402
from benchmarks.case import Case, Comparison  # noqa: E402
from benchmarks.load import Load  # noqa: E402
from benchmarks.progress import Progress  # noqa: E402
from benchmarks.servers import Contestant  # noqa: E402
from benchmarks.session import Plan, Session  # noqa: E402
from benchmarks.summary import Row, Summary, Target, pair_ratios  # noqa: E402

# What wrk 4.1 printed with our script, shortened.
WRK_REPORT = """Running 2s test @ http://10.77.0.1/64.bin
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   248.29us  180.95us   7.61ms   95.85%
Requests/sec: 140355.11
Transfer/sec:     38.95MB
RESULT {"requests": 100, "microseconds": 2000000, "bytes": 4000000, "connect": 0, "read": 0, "write": 0, "status": 0, \
"timeout": 0, "latencies": [[100,60],[400,39],[900,1]]}
"""


def wrk_report(**changes):
    return {**wrk.parse_report(WRK_REPORT), **changes}


def test_a_report_of_wrk_is_read():
    merged = wrk.merge([wrk_report()], 1)
    assert merged["requests_per_second"] == 50
    assert merged["megabytes_per_second"] == 2
    assert distribution.quantile(merged["latency"], 0.5) == 100
    assert distribution.quantile(merged["latency"], 0.99) == 400
    assert distribution.quantile(merged["latency"], 0.999) == 900


def test_reports_of_several_processes_are_added_up():
    slow = wrk_report(requests=300, latencies=[[1000, 150], [2000, 150]])
    merged = wrk.merge([wrk_report(), slow], 1)
    assert merged["requests"] == 400
    assert merged["requests_per_second"] == 200
    # A quarter of the requests took 900 us at most, so the median is one of the slow process's.
    assert distribution.quantile(merged["latency"], 0.25) == 900
    assert distribution.quantile(merged["latency"], 0.5) == 1000


def test_latencies_that_wrk_makes_up_are_taken_out():
    """100 requests in 2,500 us on one connection: 97 of 10 us, one of 40, one of 60 and one of 1,430 us."""
    reported = {10: 97, 40: 1, 60: 1, 1430: 1}
    # As stats_correct of wrk's stats.c does it, with an interval of 25 us.
    for value in range(50, 1431):
        count, shorter = reported.get(value, 0), value - 25
        while count and shorter > 25:
            reported[shorter] = reported.get(shorter, 0) + count
            shorter -= 25
    assert sum(reported.values()) == 157
    report_ = wrk_report(requests=100, microseconds=2500, latencies=[list(step) for step in sorted(reported.items())])
    assert wrk.measured(report_, 1) == [(10, 97), (40, 1), (60, 1), (1430, 1)]
    with pytest.raises(Failure, match="latencies of 99 requests"):
        wrk.measured({**report_, "requests": 99, "microseconds": 2475}, 1)


@pytest.mark.parametrize("name", ["connect", "read", "write", "status", "timeout"])
def test_an_error_of_one_process_fails_the_run(name):
    with pytest.raises(Failure, match=name):
        wrk.merge([wrk_report(), wrk_report(**{name: 1})], 1)


def test_a_run_without_a_request_or_a_report_fails():
    with pytest.raises(Failure, match="no request"):
        wrk.merge([wrk_report(requests=0)], 1)
    with pytest.raises(Failure, match="unable to connect"):
        wrk.parse_report("unable to connect to 10.77.0.1:http Connection refused")


def test_connections_that_do_not_take_part_fail_the_run():
    good = ("ESTAB 0      0          10.77.0.2:40000     10.77.0.1:80\n"
            "\t cubic wscale:10,7 rto:204 lastsnd:4 lastrcv:3 lastack:3 pacing_rate 1Gbps\n")
    still = good.replace("40000", "40001").replace("lastrcv:3 ", "lastrcv:1801 ")
    closing = "FIN-WAIT-2 0 0 10.77.0.2:40002 10.77.0.1:80\n"
    unanswered = "SYN-SENT 0 1 10.77.0.2:40003 10.77.0.1:80\n\t cubic rto:1000 lastrcv:5000\n"
    wrk.check_connections(good + good + closing, 2)
    with pytest.raises(Failure, match="1500 ms: .*40001"):
        wrk.check_connections(good + still, 2)
    with pytest.raises(Failure, match="1 of 2 connections .*SYN-SENT"):
        wrk.check_connections(good + unanswered, 2)


def test_the_paced_client_s_report():
    report_ = paced.parse_report('{"requests": 2, "seconds": 1.0, "latest_send_ns": 5, "latencies_ns": [1000,2000]}\n')
    assert report_["latencies_ns"] == [1000, 2000]
    for text in ("", "paced: connection 3: wrong content", '{"requests": 2, "latencies_ns": [1]}'):
        with pytest.raises(Failure):
            paced.parse_report(text)


def test_quantiles():
    steps = [(3, 1), (1, 1), (2, 1), (4, 1)]
    assert [distribution.quantile(steps, fraction) for fraction in (0, 0.25, 0.26, 0.5, 0.99, 1)] == [1, 1, 2, 2, 4, 4]
    thinned = distribution.thin([(value, 1) for value in range(1, 10_001)])
    assert thinned[-1] == (1.0, 10_000) and len(thinned) <= 200
    assert dict(thinned)[0.99] == 9_900
    with pytest.raises(ValueError):
        distribution.quantile([], 0.5)


def test_processor_time_of_each_core():
    text = "cpu  300 0 0 0 0 0 0 0 0 0\ncpu0 100 5 200 1000 7 1 50 3 0 0\ncpu1 1 0 0 0 0 0 0 0 0 0\nintr 1\n"
    cores = accounting.parse_stat(text)
    assert sorted(cores) == [0, 1]
    ticks = accounting.TICKS
    assert cores[0]["system"] == 200 / ticks and cores[0]["softirq"] == 50 / ticks and cores[0]["steal"] == 3 / ticks


def test_counters_of_the_kernel_s_tcp():
    text = ("Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: RtoAlgorithm MaxConn RetransSegs\nTcp: 1 -1 7\n"
            "TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 0 3\n")
    counters = accounting.parse_tcp_counters(text)
    assert counters["RetransSegs"] == 7 and counters["TCPTimeouts"] == 3 and counters["MaxConn"] == -1


def test_the_name_of_a_load_is_the_load():
    load = Load.parse("1MiB-c16-k16-mtu9000")
    assert (load.size, load.connections, load.clients, load.mtu, load.keep_alive) == (1 << 20, 16, 16, 9000, True)
    for case in suite_http.CASES:
        assert Load.parse(case.load.name) == case.load
    assert not Load.parse("64B-c64-close").keep_alive
    assert Load.parse("64B-c64-r1000").rate == 1000
    for wrong in ("64-c1", "64B", "64B-c0", "64B-c8-k16", "64B-c64-k17", "64B-c20-k16", "64B-c1-close-r10", "64B-c1-x"):
        with pytest.raises(ValueError):
            Load.parse(wrong)


def test_contestants():
    assert Contestant("nginx-nogso").kind == "nginx" and not Contestant("nginx-nogso").has_segmentation_offload
    assert Contestant("peer-client").isolation == "client" and not Contestant("peer-client").is_ours
    with pytest.raises(ValueError):
        Contestant("apache")


def test_ratios_are_of_pairs():
    # The machine became twice as fast after the first pair: the ratios do not show it, ratios of medians might.
    row = Row.compare("s", "w", "u", [10, 40, 40], "peer", [5, 20, 10], Target(2.0, at_least=True))
    assert row.ratio == Summary(2.0, 2.0, 4.0, 3)
    assert row.is_met
    with pytest.raises(ValueError):
        pair_ratios([1, 2], [1])


@pytest.mark.parametrize(("value", "bound", "at_least", "met"), [
    (2.1, 2.1, True, True), (2.09, 2.1, True, False), (0.35, 0.35, False, True), (0.36, 0.35, False, False)])
def test_targets(value, bound, at_least, met):
    assert Row.of("s", "w", "u", [value], Target(bound, at_least)).is_met is met


def test_a_row_without_a_target_is_neither_met_nor_missed():
    assert Row.of("s", "w", "u", [1]).is_met is None


def test_another_build_as_the_peer():
    case = Case.of("64B-c64-k16", "client none nginx").against_peer()
    assert [c.name for c in case.contestants] == ["client", "peer-client", "none", "peer-none"]
    assert {(c.ours, c.theirs) for c in case.comparisons} == {("client", "peer-client"), ("none", "peer-none")}


def test_the_time_left_follows_the_pace():
    now = [0.0]
    with open("/dev/null", "w") as nowhere:
        progress = Progress(100, nowhere, lambda: now[0])
        assert progress.seconds_left() == 100
        now[0] = 20
        progress.step("ten seconds of work that took twenty", 10)
        assert progress.seconds_left() == 180


class ScriptedRunner:
    """Samples without servers; those with the numbers given fail, or were disturbed by the host."""

    def __init__(self, failing=None, disturbed=()):
        self.failing, self.calls = failing, []
        self.disturbed = [disturbed] if isinstance(disturbed, int) else disturbed

    def sample(self, contestant, load, seconds):
        self.calls.append(contestant.name)
        if len(self.calls) == self.failing:
            raise Failure("wrong content")
        rate = 200.0 if contestant.is_ours else 100.0
        core = {"busy": 0.5, "user": 0.1, "system": 0.2, "softirq": 0.2}
        return {
            "contestant": contestant.name, "requests_per_second": rate, "megabytes_per_second": rate, "p50": 1.0,
            "p99": 2.0, "p999": 3.0, "cpu_microseconds_per_request": 1.0, "latency": [(0.5, 1.0), (1.0, 2.0)],
            "drops": {"ring_full": 3} if contestant.is_ours else {},
            "cost": {"cores": {0: core, 1: core}, "steal": 0.1 if len(self.calls) in self.disturbed else 0.0,
                     "tcp": {"server": {"RetransSegs": 0}, "client": {"RetransSegs": 0}}}}


def scripted_session(runner, tmp_path):
    with open("/dev/null", "w") as nowhere:
        session = Session(Plan(pairs=3, seconds=1), None, runner, tmp_path, Progress(10, nowhere))
        case = Case.of("64B-c1", "none nginx", Comparison("none", "nginx", "requests_per_second", 2.1))
        session.run_case("http", case)
    return session


def test_servers_run_in_turn_and_nothing_is_lost(tmp_path):
    runner = ScriptedRunner()
    session = scripted_session(runner, tmp_path)
    assert runner.calls == ["none", "nginx"] * 3
    assert len(session.cases[0]["samples"]) == 6 and not session.failures
    assert "MISSED" in report.comparisons(session.rows) and ">= 2.1" in report.comparisons(session.rows)
    assert "ring_full" in "\n".join(report.drops(session.cases))
    results = json.loads(report.as_json({}, "bench", session))
    assert results["rows"][0]["ratio"]["median"] == 2 and results["rows"][0]["met"] is False
    assert {file.name for file in plots.draw(results, tmp_path)} == {"ratios.svg", "latency.svg"}


def test_what_the_host_took_away_is_said(tmp_path):
    """Round 2 was disturbed: there is one more, and the other three are compared."""
    runner = ScriptedRunner(disturbed=4)
    session = scripted_session(runner, tmp_path)
    assert runner.calls == ["none", "nginx"] * 4
    assert [sample["used"] for sample in session.cases[0]["samples"]] == [True] * 2 + [False] * 2 + [True] * 4
    assert session.rows[0].ours.count == 3
    said = list(report.disturbances(session.cases))
    assert len(said) == 1 and "of 4 rounds not compared" in said[0] and ": 2 (5.0 %);" in said[0]


def test_there_is_an_end_to_more_rounds(tmp_path):
    runner = ScriptedRunner(disturbed=range(1, 100))
    session = scripted_session(runner, tmp_path)
    assert len(runner.calls) == 2 * 5 and session.rows[0].ours.count == 3
    assert session.progress.seconds_left() >= 0


def test_a_failed_run_fails_the_case_and_stays_in_the_record(tmp_path):
    session = scripted_session(ScriptedRunner(failing=4), tmp_path)
    assert [failure["reason"] for failure in session.failures] == ["wrong content"]
    assert len(session.cases[0]["samples"]) == 3 and session.cases[0]["failure"] == "wrong content"
    assert session.rows == []

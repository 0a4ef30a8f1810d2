"""The command line; see scripts/bench."""

import argparse
import json
import os
import pathlib
import resource
import shlex
import signal
import sys
import tempfile
import time
import traceback

from . import machine as machine_facts
from . import plots, report, suite_connections, suite_figure, suite_http, suite_lifecycle
from .bed import CLIENT_CORE, ROOT, Bed, Failure
from .case import CaseRunner
from .documents import Documents
from .progress import Progress
from .servers import Build
from .session import Plan, Session

SUITES = {suite.NAME: suite for suite in (suite_http, suite_figure, suite_lifecycle, suite_connections)}


def nf_option(text):
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text}: expected KEY=VALUE")
    return key, value


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="scripts/bench", usage="scripts/bench [SUITE ...] [OPTION ...]; see scripts/bench --help")
    parser.add_argument("suites", nargs="*", metavar="SUITE", choices=[*SUITES, []])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--servers", default="")
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--build-dir", type=pathlib.Path)
    parser.add_argument("--nf-option", type=nf_option, action="append", default=[])
    parser.add_argument("--peer-onvm", type=pathlib.Path)
    parser.add_argument("--peer-nf-option", type=nf_option, action="append", default=[])
    options = parser.parse_args(arguments)
    options.suites = options.suites or (["http"] if options.case else list(SUITES))
    if options.case and options.suites != ["http"]:
        parser.error("--case belongs to the suite http")
    if options.servers and not options.case:
        parser.error("--servers needs --case")
    if options.peer_nf_option and not options.peer_onvm:
        parser.error("--peer-nf-option needs --peer-onvm")
    options.plan = Plan(
        pairs=options.pairs or (3 if options.quick else 5), seconds=options.seconds or (1 if options.quick else 2),
        is_quick=options.quick, peer=options.peer_onvm is not None, cases=tuple(options.case),
        contestants=options.servers.replace(",", " "))
    try:
        suite_http.cases(options.plan)
    except ValueError as error:
        parser.error(str(error))
    return options


def builds_of(options):
    default = os.environ.get("ONVM") or (options.build_dir or ROOT / ".build/release") / "onvm"
    builds = {"ours": Build(pathlib.Path(default).resolve(), tuple(options.nf_option))}
    if options.peer_onvm:
        builds["peer"] = Build(options.peer_onvm.resolve(), tuple(options.peer_nf_option))
    for build in builds.values():
        if not os.access(build.onvm, os.X_OK) or not os.access(build.onvm.with_name("onvm-nf"), os.X_OK):
            sys.exit(f"bench: {build.onvm}: no onvm with an onvm-nf beside it")
    return builds


def show_list(plan):
    for case in suite_http.cases(plan):
        print(f"{case.name:24} {' '.join(c.name for c in case.contestants):44} {case.load.description}")


def end_in_order(*_):
    raise KeyboardInterrupt


def measure(options):
    builds, plan = builds_of(options), options.plan
    output = options.output or ROOT / ".build/bench" / time.strftime("%Y-%m-%d-%H%M%S")
    output.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, end_in_order)
    # A shell starts jobs in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, end_in_order)
    # nginx and the clients need a descriptor a connection.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Everything started from here is the client's, but for the servers, which are given their core.
    os.sched_setaffinity(0, {CLIENT_CORE})
    planned = sum(SUITES[name].expected_seconds(plan) for name in options.suites)
    with tempfile.TemporaryDirectory(prefix="onvm-bench-", dir="/var/tmp") as name:
        # NF processes have uids of their own and must be able to read the files.
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        documents = Documents(directory)
        documents.path(64)
        interrupted = False
        with Bed() as bed:
            bed.ensure()
            machine = machine_facts.describe(builds, bed)
            print("\n".join(machine_facts.lines(machine)), flush=True)
            print(f"About {planned / 60:.0f} minutes.", flush=True)
            session = Session(plan, bed, CaseRunner(bed, directory, documents, builds), directory, Progress(planned))
            try:
                for suite in options.suites:
                    try:
                        SUITES[suite].run(session)
                    except Failure as failure:
                        session.fail(suite, "", str(failure))
                    except Exception:
                        # What was measured before is written down all the same.
                        session.fail(suite, "", traceback.format_exc())
            except KeyboardInterrupt:
                interrupted = True
                session.fail("bench", "", "interrupted: what follows is not complete")
        finish(output, machine, session)
    return 130 if interrupted else 1 if session.failures else 0


def finish(output, machine, session):
    """Writes everything down and prints the tables."""
    text = []
    if session.cases:
        text += [report.details(session.cases), ""]
    if session.rows:
        text += [report.comparisons(session.rows), ""]
    text += report.drops(session.cases)
    text += report.disturbances(session.cases)
    text += [f"FAILED {f['suite']} {f['what']}: {f['reason']}" for f in session.failures]
    command = "scripts/bench " + shlex.join(sys.argv[1:])
    results = report.as_json(machine, command, session)
    (output / "results.json").write_text(results)
    (output / "results.txt").write_text("\n".join([command, *machine_facts.lines(machine), "", *text]) + "\n")
    print("\n" + "\n".join(text))
    files = plots.draw(json.loads(results), output)
    print(f"Written to {output}: results.txt, results.json" + "".join(f", {file.name}" for file in files))


def main():
    options = parse(sys.argv[1:])
    if options.list:
        show_list(options.plan)
        return 0
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for each side")
    return measure(options)


if __name__ == "__main__":
    sys.exit(main())

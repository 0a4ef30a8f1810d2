"""The results as text and as JSON."""

import json
import statistics


def number(value):
    """Four significant digits, without an exponent."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    magnitude = abs(value)
    digits = 0 if magnitude >= 1000 else 1 if magnitude >= 100 else 2 if magnitude >= 1 else 3
    return f"{value:,.{digits}f}"


def spread(summary):
    return f"{number(summary.median)} ({number(summary.low)} to {number(summary.high)})"


def table(header, lines):
    """Columns as wide as their widest cell; the first is text, the others are numbers."""
    cells = [list(map(str, line)) for line in [header, *lines]]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    out = []
    for line in cells:
        out.append("  ".join([line[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]).rstrip())
    out.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(out)


def comparisons(rows):
    """Every row with its target."""
    lines = []
    for row in rows:
        met = {None: "", True: "met", False: "MISSED"}[row.is_met]
        lines.append((
            f"{row.suite} {row.what}", row.unit, spread(row.ours), row.peer, spread(row.theirs) if row.theirs else "",
            f"{row.ratio.median:.3f} ({row.ratio.low:.3f} to {row.ratio.high:.3f})" if row.ratio else "",
            row.target or "", met))
    return table(("what", "unit", "ours", "peer", "peer's", "ratio", "target", ""), lines)


def details(cases):
    """Medians of every server in every case, with the cores' load."""
    lines = []
    for case in cases:
        names = dict.fromkeys(sample["contestant"] for sample in case["samples"])
        for name in names:
            samples = [s for s in case["samples"] if s["contestant"] == name and s.get("used", True)]

            def median(get):
                return statistics.median(get(sample) for sample in samples)

            def core(index):
                used = {state: median(lambda s: s["cost"]["cores"][index][state])
                        for state in ("busy", "user", "system", "softirq")}
                return " ".join(f"{100 * share:.0f}" for share in used.values())

            lines.append((
                f"{case['suite']} {case['case']}", name, len(samples),
                number(median(lambda s: s["requests_per_second"])), number(median(lambda s: s["megabytes_per_second"])),
                *(number(median(lambda s, p=p: s[p])) for p in ("p50", "p99", "p999")),
                number(median(lambda s: s["cpu_microseconds_per_request"])), core(0), core(1),
                f"{100 * median(lambda s: s['cost']['steal']):.1f}",
                int(median(lambda s: sum(s["cost"]["tcp"][side]["RetransSegs"] for side in ("server", "client")))),
            ))
    return table(
        ("case", "server", "runs", "requests/s", "MB/s", "p50 us", "p99 us", "p99.9 us", "CPU us/request",
         "core 0: busy user system softirq %", "core 1", "steal %", "kernel retransmits"), lines)


def drops(cases):
    """Frames that a server of ours lost, by cause, over all samples of a case."""
    found = []
    for case in cases:
        for sample in case["samples"]:
            for cause, count in sample["drops"].items():
                found.append(f"{case['suite']} {case['case']} {sample['contestant']} run {sample['pair']}: "
                             f"{count} {cause}")
    return found


def disturbances(cases):
    """Rounds that were not compared because the host of this virtual machine took its processors away (steal)."""
    for case in cases:
        rounds = {}
        for sample in case["samples"]:
            share = 100 * sample["cost"]["steal"] / len(sample["cost"]["cores"])
            largest, used = rounds.get(sample["pair"], (0.0, True))
            rounds[sample["pair"]] = max(largest, share), used and sample.get("used", True)
        aside = [f"{number} ({share:.1f} %)" for number, (share, used) in rounds.items() if not used]
        if aside:
            worst = max(share for share, used in rounds.values() if used)
            yield (f"{case['suite']} {case['case']}: of {len(rounds)} rounds not compared, for the processor time that "
                   f"the host took: {', '.join(aside)}; at most {worst:.1f} % in the others")


def as_json(machine, command, session):
    return json.dumps({
        "machine": machine, "command": command, "rows": [row.as_dictionary() for row in session.rows],
        "failures": session.failures, "cases": session.cases, "records": session.records}, indent=1) + "\n"

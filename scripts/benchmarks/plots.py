"""The results as pictures (SVG), drawn from what results.json holds."""

import statistics

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402 - the backend comes first

from .documents import size_name  # noqa: E402

plt.rcParams.update({
    "font.size": 9, "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False,
    "figure.constrained_layout.use": True, "svg.hashsalt": "onvm"})
COLORS = {"none": "tab:blue", "client": "tab:orange", "connection": "tab:green", "nginx": "tab:gray",
          "nginx-nogso": "black", "none-nogso": "tab:purple"}
LABELS = {"none": "one NF for all (traditional)", "client": "an NF per client (isolated)",
          "connection": "an NF per connection", "nginx": "nginx, veth's offloads",
          "nginx-nogso": "nginx, frames of one MTU", "none-nogso": "one NF for all, frames of one MTU"}


def draw(results, directory):
    """Every picture for which something was measured; returns the files."""
    makers = {"figure": figure, "ratios": ratios, "sizes": sizes, "latency": latency, "first-byte": first_byte}
    files = []
    for name, maker in makers.items():
        picture = maker(results)
        if picture is None:
            continue
        file = directory / f"{name}.svg"
        picture.savefig(file, metadata={"Date": None})
        plt.close(picture)
        files.append(file)
    return files


def _samples(case, contestant):
    return [sample for sample in case["samples"] if sample["contestant"] == contestant and sample.get("used", True)]


def _contestants(case):
    return list(dict.fromkeys(sample["contestant"] for sample in case["samples"]))


def _error_bars(axes, xs, groups, **style):
    """Medians with bars from the least to the largest of each group."""
    medians = [statistics.median(group) for group in groups]
    below = [median - min(group) for median, group in zip(medians, groups)]
    above = [max(group) - median for median, group in zip(medians, groups)]
    axes.errorbar(xs, medians, yerr=[below, above], marker="o", markersize=4, capsize=3, linewidth=1.2, **style)


def _size_axis(axes, found):
    axes.set_xscale("log", base=2)
    axes.set_xticks(found, [size_name(size) for size in found])
    axes.minorticks_off()


def figure(results):
    """The figure: traditional against isolated over file size, and the ratio of the pairs."""
    cases = sorted((case for case in results["cases"] if case["suite"] == "figure" and not case["failure"]),
                   key=lambda case: case["load"]["size"])
    if not cases:
        return None
    found = [case["load"]["size"] for case in cases]
    picture, (above, below) = plt.subplots(2, 1, figsize=(6.4, 5.6), height_ratios=(3, 2), sharex=True)
    names = _contestants(cases[0])
    for name in reversed(names):
        _error_bars(above, found, [[s["megabytes_per_second"] for s in _samples(case, name)] for case in cases],
                    label=LABELS.get(name, name), color=COLORS.get(name))
    above.set_yscale("log")
    above.set_ylabel("MB/s")
    above.set_title("Web server NF: one process for all clients, and one per client\n"
                    f"{cases[0]['load']['connections']} connections of {cases[0]['load']['clients']} clients, "
                    f"MTU {cases[0]['load']['mtu']}, medians, bars from least to most")
    above.legend()
    pairs = [[a["megabytes_per_second"] / b["megabytes_per_second"]
              for a, b in zip(_samples(case, names[0]), _samples(case, names[1]))] for case in cases]
    _error_bars(below, found, pairs, color="black")
    below.axhline(1, color="gray", linewidth=0.8)
    below.set_ylim(bottom=0)
    below.set_ylabel(f"{names[0]} / {names[1]}")
    below.set_xlabel("file size")
    _size_axis(below, found)
    return picture


def ratios(results):
    """Every line that has a target for its ratio, with the target."""
    rows = [row for row in results["rows"] if row["target"] and row["ratio"]]
    if not rows:
        return None
    picture, axes = plt.subplots(figsize=(7.6, 0.8 + 0.3 * len(rows)))
    for position, row in enumerate(reversed(rows)):
        ratio, color = row["ratio"], "tab:green" if row["met"] else "tab:red"
        axes.errorbar(ratio["median"], position, color=color, marker="o", markersize=5, capsize=3,
                      xerr=[[ratio["median"] - ratio["low"]], [ratio["high"] - ratio["median"]]])
        axes.plot(row["target"]["bound"], position, marker=">" if row["target"]["at_least"] else "<", color="black")
    axes.set_yticks(range(len(rows)), [f"{row['what']} : {row['peer']}, {row['unit']}" for row in reversed(rows)])
    axes.set_xscale("log")
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.set_xlabel("ratio, ours to the peer's: median of pairs, bars from least to most; triangles are targets")
    return picture


def sizes(results):
    """Throughput over file size, ours and nginx."""
    cases = [case for case in results["cases"] if case["suite"] == "http" and not case["failure"]
             and case["load"]["keep_alive"] and not case["load"]["rate"] and case["load"]["mtu"] == 1500
             and case["load"]["connections"] in (16, 64) and case["case"] != "64B-c16"]
    cases.sort(key=lambda case: case["load"]["size"])
    if len({case["load"]["size"] for case in cases}) < 2:
        return None
    picture, axes = plt.subplots(figsize=(6.4, 4))
    for name in ("none", "client", "nginx", "nginx-nogso"):
        groups = {}
        for case in cases:
            values = [s["megabytes_per_second"] for s in _samples(case, name)]
            # Of two cases with one size the first is the one of a single client.
            if values and case["load"]["size"] not in groups:
                groups[case["load"]["size"]] = values
        if groups:
            _error_bars(axes, list(groups), list(groups.values()), label=LABELS[name], color=COLORS[name])
    axes.set_yscale("log")
    axes.set_ylabel("MB/s")
    axes.set_xlabel("file size (64 connections; 1 MiB and more: 16)")
    _size_axis(axes, sorted({case["load"]["size"] for case in cases}))
    axes.legend()
    return picture


def latency(results):
    """Which share of the requests took how long at most, each run a line."""
    wanted = ("64B-c1", "64B-c64-k16-r1000")
    cases = [case for case in results["cases"]
             if case["suite"] == "http" and case["case"] in wanted and not case["failure"]]
    if not cases:
        return None
    picture, all_axes = plt.subplots(1, len(cases), figsize=(4.4 * len(cases), 3.6), squeeze=False)
    for axes, case in zip(all_axes[0], cases):
        for name in _contestants(case):
            for number, sample in enumerate(_samples(case, name)):
                fractions, values = zip(*sample["latency"])
                axes.step(values, fractions, where="post", linewidth=0.8, alpha=0.7, color=COLORS.get(name),
                          label=LABELS.get(name, name) if number == 0 else None)
        axes.set_xscale("log")
        axes.set_title(case["case"])
        axes.set_xlabel("microseconds")
        axes.legend(fontsize=7, loc="lower right")
    all_axes[0][0].set_ylabel("share of requests")
    return picture


def first_byte(results):
    """What new clients waited from their first SYN to the first byte."""
    found = results["records"].get("lifecycle", {}).get("first_byte_microseconds")
    if not found:
        return None
    picture, axes = plt.subplots(figsize=(6.4, 3.6))
    for way, rounds in found.items():
        values = sorted(value for times in rounds for value in times)
        axes.step(values, [(index + 1) / len(values) for index in range(len(values))], where="post", label=way)
    axes.axvline(1000, color="gray", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("microseconds from the first SYN to the first byte of the response")
    axes.set_ylabel("share of new clients")
    axes.legend()
    return picture

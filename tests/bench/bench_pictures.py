"""Draws the table as two pictures, by gnuplot: requests per second, and cost against the number of tokens."""

import csv
import os
import subprocess

REQUESTS = """
set terminal svg size 900,%(height)d font "sans-serif,13" background "white"
set output "%(file)s"
set title "Requests per second of one nginx worker\\n(median, least, greatest; %(machine)s)"
set style fill solid
set yrange [-0.7:%(count)d - 0.3]
set xrange [0:*]
set grid xtics
set ytics nomirror
set format x "%%.0f"
plot $data using ($0 * 0 + $2):0:(0):2:($0 - 0.35):($0 + 0.35):5:ytic(1) with boxxyerror linecolor rgb variable notitle, \\
    $data using 2:0:3:4 with xerrorbars pointtype 0 linecolor "black" notitle
"""
GROWTH = """
set terminal svg size 900,600 font "sans-serif,13" background "white"
set output "%(file)s"
set title "Processor time against the number of tokens\\n(medians; %(machine)s)"
set logscale xy
set format xy "10^{%%L}"
set xlabel "tokens in the store"
set ylabel "microseconds"
set xrange [800:*]
set grid
set key outside right top Left reverse samplen 2
plot %(plots)s
"""
OURS, OTHERS = 0x2E6F9E, 0xB8B8B8
MICROSECONDS = {"ns": 0.001, "us": 1, "ms": 1000}
LINES = ("list", "check", "compact", "open", "revoke", "create", "a host follows one change", "verify")


def gnuplot(script):
    subprocess.run(["gnuplot"], input=script, check=True, encoding="utf-8")


def escaped(text):
    return text.replace("{", "\\\\{").replace("}", "\\\\}").replace("_", "\\\\_")


def draw_requests(rows, path, machine):
    """Once for each way and number of tokens."""
    bars = {}
    for row in rows:
        if row["unit"] == "/s" and row["what"].startswith("nginx requests/s, "):
            name, tokens = row["what"].partition(", ")[2], row["tokens"]
            label = "%s%s" % (name, ", {:,} tokens".format(int(tokens)) if tokens else "")
            bars.setdefault(label, [float(row[key]) for key in ("median", "minimum", "maximum")])
    if not bars:
        return False
    ordered = sorted(bars.items(), key=lambda bar: bar[1][0])  # the first one is at the bottom
    data = "".join('"%s" %f %f %f %d\n' % (escaped(name), *values, OURS if "toktab" in name else OTHERS)
                   for name, values in ordered)
    gnuplot("$data << end\n%send\n" % data + REQUESTS % {
        "file": path, "machine": machine, "count": len(bars), "height": 120 + 26 * len(bars)})
    return True


def draw_growth(rows, path, machine):
    lines = {what: [] for what in LINES}
    for row in rows:
        if row["part"] == "growth" and row["what"] in lines:
            lines[row["what"]].append((int(row["tokens"]), float(row["median"]) * MICROSECONDS[row["unit"]]))
    lines = {what: sorted(points) for what, points in lines.items() if points}
    if not lines:
        return False
    data, plots = "", []
    for number, (what, points) in enumerate(lines.items()):
        data += "$data%d << end\n%send\n" % (number, "".join("%d %f\n" % point for point in points))
        plots.append('$data%d with linespoints linewidth 2 title "%s"' % (number, what))
    gnuplot(data + GROWTH % {"file": path, "machine": machine, "plots": ", ".join(plots)})
    return True


def draw(folder, machine):
    """From folder/table.csv; the names of the pictures."""
    with open(os.path.join(folder, "table.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = (("requests.svg", draw_requests), ("growth.svg", draw_growth))
    return ["build/bench/" + name for name, drawn in pictures if drawn(rows, os.path.join(folder, name), machine)]

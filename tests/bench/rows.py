"""A row of what was measured, and the table of all rows: on the terminal, and as CSV."""

import collections
import csv
import statistics

COLUMNS = ("part", "tokens", "what", "unit", "median", "minimum", "maximum", "rounds", "goal", "verdict",
           "worker's time", "worker's instructions")
WORDS = {"": "", "<=": "at most ", ">=": "at least "}
# How far the middle half of the rounds may be apart: if further, the worker's processor time decides on requests per second,
# and any other verdict says so.
STEADY, QUIET = 0.04, 0.25

# what: the row without its number of tokens. unit: "" for a ratio. goal: "<=1.3", ">=0.98" or "". values: one for each
# round. Of a row of nginx also the ratios of the worker's processor time, and the worker's instructions for a request.
Row = collections.namedtuple("Row", "what unit goal values tokens worker_time instructions",
                             defaults=(None, None, None))


def ratios(of, to):
    return [a / b for a, b in zip(of, to)]


def meets(goal, value):
    return value <= float(goal[2:]) if goal.startswith("<=") else value >= float(goal[2:])


def varies(values, share):
    """Is the middle half wider than this share of the median?"""
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return quarters[2] - quarters[0] > share * abs(quarters[1])


def judge(row):
    """The verdict on a row, in a word or some."""
    if not row.goal:
        return ""
    if row.worker_time and varies(row.values, STEADY):
        # A worker that has a processor for itself answers as many requests as it has time for.
        met = meets(row.goal, 1 / statistics.median(row.worker_time))
        return ("met" if met else "MISSED") + " by the worker's time"
    met = meets(row.goal, statistics.median(row.values))
    return ("met" if met else "MISSED") + (" (noisy)" if varies(row.values, QUIET) else "")


def number(row, value):
    return "%.1f" % value if row.unit else "%.3f" % value


def name(row):
    return "%s%s" % ("{:,} tokens: ".format(row.tokens) if row.tokens else "", row.what)


def rows_of_other_parts(path, parts):
    """What an earlier run has written of the parts that are not measured now."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file) if row != list(COLUMNS) and row[0] not in parts]
    except FileNotFoundError:
        return []


class Table:
    """Prints each row as it comes, and writes it to a file, behind rows that are kept."""

    def __init__(self, file, kept):
        self.csv = csv.writer(file)
        self.csv.writerow(COLUMNS)
        self.csv.writerows(kept)
        self.missed = self.met = 0

    def begin(self, part):
        print("\n%-70s %10s %-5s %25s  %-16s %s" % (part, "median", "", "(minimum..maximum)", "goal", ""))

    def add(self, part, row):
        median, least, greatest = statistics.median(row.values), min(row.values), max(row.values)
        verdict = judge(row)
        self.missed += verdict.startswith("MISSED")
        self.met += verdict.startswith("met")
        worker = "%.3f" % statistics.median(row.worker_time) if row.worker_time else ""
        executed = "%.0f" % row.instructions if row.instructions else ""
        print("%-70s %10s %-5s %25s  %-16s %s%s%s"
              % (name(row), number(row, median), row.unit, "(%s..%s)" % (number(row, least), number(row, greatest)),
                 WORDS[row.goal[:2]] + row.goal[2:], verdict, "  worker's time " + worker if worker else "",
                 "  instructions " + executed if executed else ""), flush=True)
        self.csv.writerow([part, row.tokens or "", row.what, row.unit or "ratio", "%.6g" % median, "%.6g" % least,
                           "%.6g" % greatest, len(row.values), row.goal, verdict, worker, executed])

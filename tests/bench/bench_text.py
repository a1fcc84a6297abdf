"""Writes what the part `growth` has measured as the tables of HACKING."""

import csv
import os

SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}
UNITS = (("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
LIBRARY = ("verify", "open", "a host follows one change", "memory of a token")
COMMANDS = ("create", "revoke", "list", "check", "history", "compact")


def shown(row):
    """A median in two digits, as people say it."""
    value = float(row["median"])
    if row["unit"] == "bytes":
        return "%.0f bytes" % value
    seconds = float("%.2g" % (value * SECONDS[row["unit"]]))
    unit, size = next((unit for unit in UNITS if seconds >= unit[1]), UNITS[-1])
    return "%.*f %s" % (0 if seconds >= 10 * size else 1, seconds / size, unit)


def lines(head, names, columns):
    """head: the first cell; columns: {heading: {name: cell}}"""
    yield "| %s | %s |" % (head, " | ".join(columns))
    yield "| --- |" + " --- |" * len(columns)
    for name in names:
        cells = [column.get(name, "") for column in columns.values()]
        if any(cells):
            yield "| %s | %s |" % (name, " | ".join(cells))
    yield ""


def columns_of(rows, is_column):
    """{heading: {name: cell}} of the rows for which is_column(row) is a heading and a name."""
    columns = {}
    for row in rows:
        found = is_column(row)
        if found:
            columns.setdefault(found[0], {})[found[1]] = shown(row)
    return columns


def with_tokens(row):
    return ("{:,}".format(int(row["tokens"])), row["what"]) if row["what"] in LIBRARY + COMMANDS else None


def with_changes(row):
    name, _, changes = row["what"].partition(", and ")
    return (changes.removesuffix(" changes"), name) if changes else None


def with_domains(row):
    name, _, domains = row["what"].partition(", ")
    return (domains.split()[0], name) if domains.endswith(("domain", "domains")) else None


def with_processes(row):
    name, _, processes = row["what"].partition(", by each of ")
    return (processes.split()[0], name) if processes else None


TABLES = (("tokens", with_tokens), ("changes behind 1,000 tokens", with_changes),
          ("domains in the configuration", with_domains), ("processes that verify at once", with_processes))


def write(folder):
    """From folder/table.csv into folder/growth.md; False where it was not measured."""
    with open(os.path.join(folder, "table.csv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "growth"]
    with open(os.path.join(folder, "growth.md"), "w", encoding="utf-8") as file:
        for head, is_column in TABLES:
            columns = columns_of(rows, is_column)
            if columns:
                file.write("\n".join(lines(head, LIBRARY + COMMANDS, columns)) + "\n")
    return bool(rows)

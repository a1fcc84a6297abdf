"""The tool on a great store against the tool on a small one: writing does not read the whole, revoking scans once."""

import subprocess
import time

PREFIX = len("tok_")
ID = 12


def run(tool, site, *arguments):
    """Milliseconds, and what it printed."""
    began = time.perf_counter()
    output = subprocess.run([tool, "-c", site + "/toktab.conf", *arguments], check=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8").stdout
    return (time.perf_counter() - began) * 1000, output


def rows(tool, small, great, tokens, rounds):
    """Yields (name, unit, goal, values)."""
    times = {(command, site): [] for command in ("create", "revoke") for site in (small, great)}
    for _ in range(rounds):
        for site in (small, great):
            taken, token = run(tool, site, "create", "-l", "measured")
            times["create", site].append(taken)
            taken, _ = run(tool, site, "revoke", "-y", token[PREFIX:PREFIX + ID])
            times["revoke", site].append(taken)
    for command in ("create", "revoke"):
        ratios = [a / b for a, b in zip(times[command, great], times[command, small])]
        yield "toktab %s, %s tokens / 1,000" % (command, format(tokens, ",")), "", "", ratios
        yield "toktab %s, 1,000 tokens" % command, "ms", "", times[command, small]
        yield "toktab %s, %s tokens" % (command, format(tokens, ",")), "ms", "", times[command, great]

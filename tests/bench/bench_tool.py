"""The tool on a great store against the tool on a small one: writing does not read the whole, revoking scans once.
And scan against grep -F for one fixed string, over the same text in the page cache."""

import os
import subprocess
import sysconfig
import tempfile
import time

PREFIX = len("tok_")
ID = 12


def run(tool, site, *arguments):
    """Milliseconds, and what it printed."""
    began = time.perf_counter()
    output = subprocess.run([tool, "-c", site + "/toktab.conf", *arguments], check=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8").stdout
    return (time.perf_counter() - began) * 1000, output


TEXT = 512 * 1024 * 1024


def write_text(path):
    """Python's own library, over and over: words, underscores and lines as source code has them."""
    folder = sysconfig.get_path("stdlib")
    sources = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    with open(path, "wb") as file:
        while file.tell() < TEXT:
            for source in sources:
                with open(source, "rb") as text:
                    file.write(text.read())
        file.truncate(TEXT)


def scan_rows(tool, small, rounds):
    scans, ratios = [], []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        text = os.path.join(folder, "text")
        write_text(text)
        for _ in range(rounds):
            scan, _ = run(tool, small, "scan", text)
            began = time.perf_counter()
            subprocess.run(["grep", "-F", "-c", "tok_none_has_this", text], stdout=subprocess.DEVNULL,
                           env={**os.environ, "LC_ALL": "C"}, check=False)
            ratios.append(scan / ((time.perf_counter() - began) * 1000))
            scans.append(TEXT / 1000 / scan)
    yield "toktab scan / grep -F, source code", "", "", ratios
    yield "toktab scan, source code", "MB/s", ">=500", scans


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
    yield from scan_rows(tool, small, rounds)

"""The page of toktab-panel at 10,000 and 100,000 tokens: a request on its socket, with all that the tool does for it."""

import os
import secrets
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "e2e"))

from harness import IS_ROOT, NOBODY, Site
from panel_host import PANEL, Panel, parameters, speak
from rows import Row

SIZES = ((10_000, "<=300"), (100_000, "<=1000"))
PAGES = (("list", ""), ("search", "q=nothing+has+this"))


def rows(bench):
    if os.path.exists(PANEL):
        for tokens, goal in SIZES:
            yield from rows_of(bench, tokens, goal)


def rows_of(bench, tokens, goal):
    owner = NOBODY if IS_ROOT else None
    site = Site([{"name": "many", "foreign": True, "admins": ["web:alice@example.com"]}], owner=owner, group=owner)
    panel = Panel(site)
    try:
        keys = "".join("Number %d\tsk-live-%s\n" % (i, secrets.token_hex(24)) for i in range(tokens))
        site.run("import", "-y", "-", stdin=keys, user=owner)
        panel.start()
        for name, query in PAGES:
            times = []
            for _ in range(bench.rounds):
                began = time.perf_counter()
                answer = speak(panel.path, parameters("/many/", QUERY_STRING=query))
                times.append((time.perf_counter() - began) * 1000)
                assert b"</strong> %d</a>" % tokens in answer, answer
            yield Row("toktab-panel, %s" % name, "ms", goal, times, tokens)
    finally:
        if panel.process:
            panel.stop()
        site.close()

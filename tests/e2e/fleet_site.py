"""Several hosts with one engine, each a site of its own."""

import os
import shutil
import tempfile

from harness import TOP, Site, config_text, remove, wait_until

SHARED = os.path.join(TOP, "conf", "examples", "engine-shared")


class Engines:
    """A folder of engines, and what they write."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="toktab-engine-")
        os.chmod(self.dir, 0o755)
        self.log = os.path.join(self.dir, "log")

    def close(self):
        remove(self.dir)

    def install(self, name, text):
        path = os.path.join(self.dir, "engine-" + name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    def install_shared(self, name="shared"):
        """The example of toktab-engine(7), with a directory of our own; a copy, which every user may read."""
        example = os.path.join(self.dir, "example")
        shutil.copy(SHARED, example)
        os.chmod(example, 0o755)
        self.install(name, '#!/bin/sh\nENGINE_SHARED="%s" exec "%s" "$@"\n' % (self.log, example))


class Host(Site):
    """A host whose domain has an engine as source."""

    def __init__(self, engines, source="shared", **settings):
        self.engines = engines
        super().__init__([{"name": "example.com", "source": source, **settings}])

    def configure(self, text):
        if not isinstance(text, bytes):
            text = 'engine_dir = "%s";\n%s' % (self.engines.dir, text)
        super().configure(text)

    def set_source(self, source):
        """None: changes are made here."""
        settings = {**self.domains[0], "source": source}
        if source is None:
            del settings["source"]
        self.configure(config_text(self.store_dir, [settings]))

    def head(self):
        return self.run("check").out.strip()

    def catch_up(self):
        return self.run("follow", "--once")


def wait_for_same(hosts, seconds=30):
    """Until all hosts have the same bytes."""
    wait_until(lambda: len({os.path.exists(host.path()) and host.bytes() for host in hosts}) == 1, "the same log", seconds)

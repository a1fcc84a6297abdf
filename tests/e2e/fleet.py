"""Hosts that follow each other, in one place: each is a Site of its own, and a source is a command that prints."""

import contextlib
import os
import signal
import stat

from harness import TOKTAB, Site, SiteTest, config_text, killed_at_end, wait_until


def log_command(site):
    """What a follower runs to follow that site."""
    return "%s -c %s log --from - --follow" % (TOKTAB, site.conf)


class FleetTest(SiteTest):
    """self.site is the writer."""

    def follower(self, of=None, **settings):
        """A new host that follows a site, by default the writer."""
        host = Site([{"name": self.site.domain, "source": log_command(of or self.site), **settings}])
        host.secrets = self.site.secrets
        self.addCleanup(host.close)
        self.addCleanup(lambda: self.assertEqual(host.leaking_files(), []))
        return host

    def point_at(self, host, source=None):
        """Give a host another source, or none."""
        domain = {"name": host.domain, **({"source": source} if source else {})}
        host.configure(config_text(host.store_dir, [domain]))

    @contextlib.contextmanager
    def following(self, host, *args):
        """toktab follow, as long as the block lasts; nothing of it is left then."""
        with killed_at_end(host.start("follow", *args)) as process:
            yield process

    def once(self, host, code=0, *args, says=()):
        result = host.run("follow", "--once", *args)
        self.assertEqual(result.code, code, result)
        for word in (says,) if isinstance(says, str) else says:
            self.assertIn(word, result.err, result)
        return result

    def script(self, host, data, then=""):
        """A source that does not care what it is asked: it prints these bytes."""
        path = os.path.join(host.dir, "source")
        with open(path + ".data", "wb") as file:
            file.write(data)
        with open(path, "w") as file:
            file.write("#!/bin/sh\nread head\ncat %s.data\n%s\n" % (path, then))
        os.chmod(path, stat.S_IRWXU)
        return path

    def assert_small(self, process):
        """It has never had 5 MB in memory; a sanitizer, which reserves terabytes, makes it larger."""
        with open("/proc/%d/status" % process.pid) as file:
            status = {line.split(":")[0]: line.split()[1] for line in file if line.startswith("Vm")}
        if int(status["VmSize"]) < 1 << 30:
            self.assertLess(int(status["VmHWM"]), 5000, "kB")

    def assert_same(self, host, of=None):
        self.assertEqual(host.bytes(), (of or self.site).bytes())

    def wait_same(self, host, of=None):
        def same():
            with contextlib.suppress(FileNotFoundError):
                return host.bytes() == (of or self.site).bytes()

        wait_until(same, "the follower has what its source has")
        self.assert_same(host, of)


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

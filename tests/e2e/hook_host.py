"""Programs that use the library as strangers do: built against what `make install` installs, with pkg-config's flags."""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading

from harness import TIME_LIMIT, TOKTAB, TOP, Result, environment

BUILD = os.path.dirname(os.path.abspath(TOKTAB))
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")


def sanitizers():
    """Those that the library was built with: its hosts want the same."""
    with open(os.path.join(BUILD, "libtoktab.so.0"), "rb") as file:
        library = file.read()
    return [name for mark, name in ((b"__asan_init", "address,undefined"), (b"__tsan_init", "thread")) if mark in library]


def limited_memory(size):
    """A preexec_fn: not more data than that, but for a sanitizer, which wants terabytes."""
    def limit():
        if not sanitizers():
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))

    return limit


class Installation:
    """What was built, installed below a private PREFIX."""

    def __init__(self):
        self.prefix = tempfile.mkdtemp(prefix="toktab-installed-")
        self.examples = os.path.join(self.prefix, "share/doc/toktab/examples")
        self.libdir = os.path.join(self.prefix, "lib")
        # -o all: nothing is built anew for this prefix
        self.run("make", "-C", TOP, "-o", "all", "install", "BUILD=" + BUILD, "PREFIX=" + self.prefix, "NGINX_SRC=")

    def close(self):
        shutil.rmtree(self.prefix)

    def environment(self):
        return environment({
            "PKG_CONFIG_PATH": os.path.join(self.libdir, "pkgconfig"),
            "LD_LIBRARY_PATH": self.libdir,
        })

    def run(self, *command):
        """Run a command that must succeed and be silent on stderr; what it prints."""
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=self.environment(),
            timeout=2 * TIME_LIMIT)
        result = Result(command, ended.returncode, ended.stdout, ended.stderr)
        if result.code or result.err:
            raise AssertionError(result)
        return result.out

    def pkg_config(self, *options):
        return self.run("pkg-config", *options, "toktab").split()

    def compile(self, name, sources, libs, *flags):
        """A program from these sources (of the examples, unless they say where), as the path to it."""
        program = os.path.join(self.prefix, name)
        found = sanitizers()
        self.run(
            "gcc" if found else os.environ.get("CC", "cc"), "-std=c11", "-O1", "-g", "-pthread", *WARNINGS,
            *("-fsanitize=" + sanitizer for sanitizer in found), "-o", program,
            *(os.path.join(self.examples, source) for source in sources),
            *self.pkg_config("--cflags"), *flags, *libs,
        )
        return program


class Httpd:
    """The example daemon, running. port: where. lines: what it has written on stderr."""

    def __init__(self, program, env, *args):
        self.process = subprocess.Popen([program, "0", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=env)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stderr.readline, b"")))
        self.reader.start()
        said = self.process.stdout.readline().decode()
        self.port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", said)[1]) if said else None

    def end(self, number=signal.SIGTERM):
        """How it ended, as a Result."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        try:
            self.process.wait(TIME_LIMIT)
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            out = self.process.stdout.read()
            self.process.stdout.close()
            self.process.stderr.close()
        return Result(self.process.args, self.process.returncode, out, b"".join(self.lines))

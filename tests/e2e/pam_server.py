#!/usr/bin/env python3
"""The process behind pam_host.PamHost: asks PAM what it is told to.

    pam_server.py SERVICES    the directory that stands for /etc/pam.d

Commands come as JSON, one a line, on stdin; answers go to stdout. It is a process of its own because the environment of
the modules is set when it starts. Texts are bytes, as latin-1.
"""

import contextlib
import ctypes
import json
import os
import sys

SUCCESS = 0
ITEMS = {"service": 1, "user": 2, "tty": 3, "rhost": 4, "authtok": 6, "ruser": 8}
ECHO_OFF, ECHO_ON = 1, 2


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(Message)), ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_void_p,
)  # fmt: skip


class Conversation(ctypes.Structure):
    _fields_ = [("function", CONVERSE), ("data", ctypes.c_void_p)]


class MallInfo(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]


class Server:
    def __init__(self, services):
        self.services = services.encode()
        self.pam, self.libc = ctypes.CDLL("libpam.so.0"), ctypes.CDLL(None)
        self.libc.calloc.restype = self.libc.strdup.restype = ctypes.c_void_p
        self.libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
        with contextlib.suppress(AttributeError):
            self.libc.mallinfo2.restype = MallInfo
        self.handles, self.answers, self.prompts, self.asking = [], [], [], None
        self.conversation = Conversation(CONVERSE(self.converse), None)

    def converse(self, count, messages, responses, _):
        made = ctypes.cast(self.libc.calloc(count, ctypes.sizeof(Response)), ctypes.POINTER(Response))
        for i in range(count):
            message = messages[i].contents
            self.prompts.append([message.style, message.text.decode("latin-1")])
            if message.style not in (ECHO_OFF, ECHO_ON):
                continue
            answer = self.answers.pop(0) if len(self.answers) > 1 else (self.answers or [None])[0]
            if isinstance(answer, int):
                self.libc.free(made)
                return answer
            if isinstance(answer, dict):  # a service that learns more while it talks to the client
                for item, text in answer["set"].items():
                    self.set(self.asking, item, text)
                answer = answer["text"]
            if answer is not None:
                made[i].text = self.libc.strdup(answer.encode("latin-1"))
        responses[0] = ctypes.cast(made, ctypes.c_void_p)
        return SUCCESS

    def start(self, service, user):
        handle = ctypes.c_void_p()
        user = None if user is None else user.encode("latin-1")
        code = self.pam.pam_start_confdir(
            service.encode(), user, ctypes.byref(self.conversation), self.services, ctypes.byref(handle)
        )
        if code:
            raise RuntimeError("pam_start_confdir: %d" % code)
        self.handles.append(handle)
        return len(self.handles) - 1

    def call(self, number, function, flags, answers):
        self.answers, self.prompts, self.asking = answers, [], number
        code = getattr(self.pam, function)(self.handles[number], flags)
        return code, self.prompts

    def set(self, number, item, text):
        text = None if text is None else text.encode("latin-1")
        return self.pam.pam_set_item(self.handles[number], ITEMS[item], text)

    def end(self, number):
        return self.pam.pam_end(self.handles[number], 0)

    def repeat(self, times, service, user, answer):
        """So often from start to end: the codes that came."""
        codes = {}
        for _ in range(times):
            number = self.start(service, user)
            code = self.call(number, "pam_authenticate", 0, [answer])[0]
            codes[code] = codes.get(code, 0) + 1
            self.end(number)
            self.handles.pop()
        return codes

    def holds(self):
        """Open descriptors, mappings, and bytes on the heap."""
        info = self.libc.mallinfo2() if hasattr(self.libc, "mallinfo2") else MallInfo()
        with open("/proc/self/maps") as maps:
            return len(os.listdir("/proc/self/fd")), len(maps.readlines()), info.uordblks + info.hblkhd

    def fork_and_end(self, number):
        """As sshd does: a child ends a handle that it shares with its parent."""
        pid = os.fork()
        if pid == 0:
            os._exit(self.pam.pam_end(self.handles[number], 0x40000000))  # PAM_DATA_SILENT
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def load(self, path):
        """Can it be loaded with all that it asks for, at once, outside of PAM?"""
        try:
            ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_LOCAL)
        except OSError as error:
            return str(error)
        return ""

    def setenv(self, name, value):
        return self.libc.setenv(name.encode(), value.encode(), 1)


def main():
    server = Server(sys.argv[1])
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        print(json.dumps(getattr(server, command)(*arguments)), flush=True)


if __name__ == "__main__":
    main()

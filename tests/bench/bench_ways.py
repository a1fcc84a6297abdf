"""nginx's other ways to ask who is there, each in the cheapest form that it has."""

import base64
import os
import random
import subprocess

from bench_nginx import Field, Kind, authorizations, free_port, map_of, toktab, write
from common import SMALL

MODULES = "/usr/lib/nginx/modules/"
USERS = (1, 1000, 100_000)
PASSWORD = "secret"
PROXY = """location = /verify {
            internal;
            proxy_pass http://verifier;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }"""
VERIFIER = """upstream verifier { server 127.0.0.1:%(port)d; keepalive 16; }
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            if ($known = 0) { return 401; }
            return 204;
        }
    }"""
SCRIPT = """const known = {%s};

function check(request) {
    return known[request.headersIn.Authorization] ? "1" : "";
}

export default { check };
"""


def stored_passwords():
    """{name: how a password file keeps it}"""
    def said(*command):
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              encoding="utf-8").stdout.strip()

    return {
        "plain": "{PLAIN}" + PASSWORD,
        "{SHA}": said("htpasswd", "-nbs", "user", PASSWORD).partition(":")[2],
        "apr1": said("openssl", "passwd", "-apr1", PASSWORD),
        "bcrypt": said("htpasswd", "-nbB", "user", PASSWORD).partition(":")[2],
    }


def basic(bench):
    for users in USERS:
        names = ["user%06d" % number for number in range(users)]
        asking = random.Random(1).sample(names, min(SMALL, users))
        lines = write(bench.path("basic-%d" % users), "".join(
            "Basic %s\n" % base64.b64encode(("%s:%s" % (name, PASSWORD)).encode()).decode() for name in asking))
        for name, kept in stored_passwords().items():
            file = write(bench.path("passwords-%s-%d" % (name, users)), "".join("%s:%s\n" % (user, kept) for user in names))
            yield Kind("auth_basic %s, %s" % (name, "1 user" if users == 1 else "{:,} users".format(users)), lines,
                       location='auth_basic "api"; auth_basic_user_file "%s";' % file)


def auth_request(bench):
    """The verifier is a map in the same nginx: no other could be cheaper."""
    return Kind("auth_request", authorizations(bench, SMALL), SMALL, location="auth_request /verify;", server=PROXY,
                http=map_of(bench, SMALL) + VERIFIER % {"port": free_port()})


def can_mount():
    """Only root can give auth_pam an /etc/pam.d of its own, and not in a chroot."""
    return subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def auth_pam(bench):
    """Of a service that admits everybody."""
    folder = bench.new("pam.d")
    write(os.path.join(folder, "bench"), "auth required pam_permit.so\naccount required pam_permit.so\n")
    return Kind("auth_pam, a service that admits everybody", bench.path("basic-1"),
                under=["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/pam.d && exec "$@"', folder],
                load="load_module %sngx_http_auth_pam_module.so;" % MODULES,
                location='auth_pam "api"; auth_pam_service_name bench;')


def lua(bench):
    return Kind("Lua", authorizations(bench, SMALL), SMALL,
                load="load_module %sndk_http_module.so; load_module %sngx_http_lua_module.so;" % (MODULES, MODULES),
                http="init_by_lua_block { known = {}; for line in io.lines('%s') do known[line] = true end }"
                     % authorizations(bench, SMALL),
                location="access_by_lua_block { if not known[ngx.var.http_authorization] then ngx.exit(401) end }")


def njs(bench):
    with open(authorizations(bench, SMALL), encoding="utf-8") as file:
        known = ", ".join('"%s": true' % line.strip() for line in file)
    write(bench.path("known.js"), SCRIPT % known)
    return Kind("njs", authorizations(bench, SMALL), SMALL,
                load="load_module %sngx_http_js_module.so;" % MODULES,
                http="js_path %s; js_import asked from known.js; js_set $known asked.check;" % bench.folder,
                location='if ($known = "") { return 401; }')


def rows(bench):
    ours = toktab(bench, SMALL)
    others = [*basic(bench), auth_request(bench), lua(bench), njs(bench)]
    if can_mount():
        others.append(auth_pam(bench))
    else:
        print("auth_pam is left out: it needs root, and no chroot")
    field = Field(bench, "ways", [ours, *others])
    field.run(bench.few(11))
    for other in others:
        yield field.against(ours, other, ">=1")
    for kind in field.kinds:
        yield from field.absolute(kind)

# Sourced by the scripts that run in the booted root: said.sh, and nginx as a system administrator sets it up.
# shellcheck shell=sh source-path=SCRIPTDIR disable=SC2034 # the scripts use these
. "$(dirname "$0")/../../debian/tests/said.sh"
settings=/etc/toktab/toktab.conf
site=/etc/nginx/conf.d/toktab-test.conf
base=http://127.0.0.1:8080

# serve LINE…: nginx has a server with these lines, and has loaded them
serve() {
    {
        echo 'server { listen 127.0.0.1:8080;'
        printf '%s\n' "$@" '}'
    } > $site
    nginx -t 2> /dev/null || nginx -t
    systemctl reload-or-restart nginx
}

# status PATH [TOKEN]: of the answer
status() {
    curl -s -o /dev/null -w '%{http_code}' ${2:+-H} ${2:+"Authorization: Bearer $2"} "$base$1" || :
}

# id_of TOKEN
id_of() {
    echo "$1" | sed 's/.*_\(.\{12\}\).*/\1/'
}

# property UNIT NAME
property() {
    systemctl show --value -p "$2" "$1"
}

# manual NAME FILE: the lines of an example in a manual
manual() {
    sed -n "/^\.\\\\\" begin $1\$/,/^\.Ed/p" "$2" | grep -v '^\.' | sed 's/\\-/-/g; s/\\e$/\\/; s/\\(dq/"/g'
}

# is_held_in UNIT [LINE…]: by its status in the kernel
is_held_in() {
    who=$1 pid=$(property "$1" MainPID)
    shift
    for line in "${@:-CapBnd: 0000000000000000}" 'NoNewPrivs: 1' 'Seccomp: 2'; do
        tr '\t' ' ' < "/proc/$pid/status" | grep -qx "$line" || fail "$who: no $line"
    done
}

# writable_in UNIT: the folders where its user may write
writable_in() {
    nsenter --target "$(property "$1" MainPID)" --mount -- runuser -u toktab -- \
        find / -path /proc -prune -o -type d -writable -print 2> /dev/null |
        grep -v '^/var/lib/toktab/' | sort | tr '\n' ' ' | sed 's/ $//'
}

# said UNIT WORDS: does its journal have them? Asked until it does.
said() {
    becomes yes sh -c "journalctl -u '$1' --no-pager | grep -q -- '$2' && echo yes || echo no"
}

# Afterwards nothing is in trouble, and the next script finds what this one has found.
tidy() {
    rm -rf $site /etc/nginx/tokens.passwd /var/lib/toktab/default.* /var/lib/toktab/used
    systemctl reset-failed
    systemctl restart nginx
}

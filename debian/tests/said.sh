# Sourced by the tests, because set -eu alone does not say what failed.
# shellcheck shell=sh

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# is WANTED COMMAND…: what the command prints
is() {
    wanted=$1
    shift
    got=$("$@") || fail "$*: exit status $?"
    [ "$got" = "$wanted" ] || fail "$*: \"$got\" in place of \"$wanted\""
}

# becomes WANTED COMMAND…: what the command prints within ten seconds
becomes() {
    wanted=$1
    shift
    tries=0
    until [ "$("$@")" = "$wanted" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "$*: \"$("$@")\" in place of \"$wanted\""
        sleep 0.1
    done
}

# refused COMMAND…
refused() {
    if "$@"; then
        fail "$*: it was not refused"
    fi
}

# mistyped TOKEN: with another last character
mistyped() {
    case $1 in
    *0) echo "${1%?}1" ;;
    *) echo "${1%?}0" ;;
    esac
}

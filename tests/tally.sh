# Sourced by the scripts that run tests: counts, and prints the closing line "N passed, N failed".
# shellcheck shell=bash
passed=0
failed=0
skipped=()

# part NAME COMMAND…: run a part that counts by itself, and add its closing line (that of libcheck
# is understood too). Without such a line its exit status counts as one test; 77 means skipped.
part() {
    local name=$1 log line status ok bad left_out began=$SECONDS
    shift
    log=$(mktemp) || exit
    printf '\n=== %s: %s\n' "$name" "$*"
    "$@" < /dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    line=$(sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+)$/\1-\2-\3 \2+\3 0/p
        s/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 0\4/p' "$log" | tail -n 1)
    rm -f "$log"
    echo "--- $name: $((SECONDS - began)) s"
    if [ "$status" = 77 ]; then
        skipped+=("$name")
        return
    fi
    read -r ok bad left_out <<< "${line:-$((status == 0)) 0 0}"
    ok=$((ok)) bad=$((bad)) left_out=$((10#$left_out))
    if [ $left_out != 0 ]; then
        skipped+=("$name: $left_out of its tests")
    fi
    if [ "$status" != 0 ] && [ $bad = 0 ]; then
        echo "FAILED: $name: exit status $status"
        bad=1
    elif [ $((ok + bad)) = 0 ]; then
        echo "FAILED: $name: no test was run"
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}

# silent NAME COMMAND…: one test, passed if the command prints nothing at all.
silent() {
    local name=$1 output
    shift
    output=$("$@" 2>&1)
    if [ -z "$output" ]; then
        echo "ok: $name"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s\n%s\n' "$name" "$output"
        failed=$((failed + 1))
    fi
}

# The end of the script.
closing() {
    local name
    for name in "${skipped[@]}"; do
        echo "SKIPPED: $name"
    done
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}

# Sourced by the scripts that run what was built with ThreadSanitizer, in build/tsan.
# shellcheck shell=bash

# It wants the addresses of gcc 12's time: not so random, where the kernel lets us say so.
if setarch -R true 2> /dev/null; then
    plainly_placed=(setarch -R)
else
    plainly_placed=()
fi

# tsan COMMAND…
tsan() {
    TSAN_OPTIONS=halt_on_error=1 "${plainly_placed[@]}" "$@"
}

# tsan_unit_tests SUITE
tsan_unit_tests() {
    CK_RUN_SUITE=$1 tsan build/tsan/unit-tests
}

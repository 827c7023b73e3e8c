# shellcheck shell=sh
# What ./dev tells its user.

say() { printf 'dev: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# timed WHAT COMMAND...: says what is being done, and how long it took when it took long.
timed() {
    timed_what=$1
    shift
    say "$timed_what"
    timed_begin=$(date +%s)
    timed_status=0
    "$@" || timed_status=$?
    timed_took=$(($(date +%s) - timed_begin))
    if [ "$timed_status" -ne 0 ]; then
        say "$timed_what: failed after $timed_took s"
    elif [ "$timed_took" -ge 5 ]; then
        say "$timed_what: $timed_took s"
    fi
    return "$timed_status"
}

has() { command -v "$1" >/dev/null 2>&1; }

# at_least WANTED FOUND: compares versions as numbers, part by part.
at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$1" ]
}

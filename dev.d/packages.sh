# shellcheck shell=sh
# What the distribution provides: a C compiler, PostgreSQL, Python, certificates.

oldest_postgres=15

# Emptied where servers that exist are used instead.
wants_postgres=yes
wants_nats=yes

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif may_become_root; then
        sudo "$@"
    else
        return 1
    fi
}

# sudo may ask for a password only where somebody can answer.
may_become_root() {
    [ "$(id -u)" -eq 0 ] || { has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

# apt_install PACKAGE...: nothing is asked, and nothing that is only recommended comes along.
apt_install() {
    if ! has apt-get || ! may_become_root; then
        fail "please install, as root: $*" \
            "(Debian, Ubuntu: apt-get install $*), then run this again"
    fi
    mkdir -p .mediconnect
    timed "installing $*" apt_install_logged "$@" || {
        tail -n 20 .mediconnect/apt.log >&2
        fail "apt-get could not install: $*"
    }
}

apt_install_logged() { apt_install_quietly "$@" >.mediconnect/apt.log 2>&1; }

apt_install_quietly() {
    case " $* " in *' postgresql '*) keep_postgres_from_starting ;; esac
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes \
            --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold "$@"
}

# Debian's package would make and start a database cluster of its own; ours are private.
keep_postgres_from_starting() {
    configuration=/etc/postgresql-common/createcluster.conf
    [ -e "$configuration" ] || has pg_lsclusters || {
        as_root mkdir -p "$(dirname "$configuration")"
        echo 'create_main_cluster = false' | as_root tee "$configuration" >/dev/null
    }
}

has_postgres() {
    [ -n "$wants_postgres" ] || return 0
    [ -z "${MC_POSTGRES_BIN:-}" ] || return 0 # its version is checked where it is used
    for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] || continue
        major=${folder#/usr/lib/postgresql/}
        at_least "$oldest_postgres" "${major%/bin}" && return 0
    done
    has postgres && has initdb
}

# A Python that can make virtual environments, or that has pip itself.
has_pip() { has python3 && { python3 -m pip --version || python3 -c 'import ensurepip'; }; } \
    >/dev/null 2>&1

need_packages() {
    set --
    has cc || set -- "$@" gcc libc6-dev
    has_postgres || set -- "$@" postgresql
    has_nats || has_pip || set -- "$@" python3 python3-venv
    has_rust || has curl || set -- "$@" curl
    [ -e /etc/ssl/certs/ca-certificates.crt ] || set -- "$@" ca-certificates
    [ $# -eq 0 ] || apt_install "$@"
    has_postgres || fail \
        "this distribution's PostgreSQL is older than $oldest_postgres; please install a newer one" \
        'and name the folder of its programs in MC_POSTGRES_BIN'
}

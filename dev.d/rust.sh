# shellcheck shell=sh
# A Rust that is new enough: the one that is there, rustup's, or the distribution's.

oldest_rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

# What rustup and cargo install is found even in a shell that doesn't know it yet.
PATH="$here/.mediconnect/tools/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export PATH

has_rust() {
    has cargo || return 1
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2)
    [ -n "$found" ] && at_least "$oldest_rust" "${found%%-*}"
}

need_rust() {
    has_rust && return
    install_with_rustup && has_rust && return
    install_from_distribution && has_rust && return
    fail "Rust $oldest_rust or newer is needed, and could not be installed;" \
        'please install it (rustup.rs), then run this again'
}

install_with_rustup() {
    if has rustup; then
        timed 'updating Rust with rustup' rustup toolchain install stable \
            --profile minimal --component clippy --component rustfmt || return 1
        export RUSTUP_TOOLCHAIN=stable
        return
    fi
    has curl || return 1
    installer=$(mktemp)
    if curl --proto '=https' --tlsv1.2 --silent --fail --location --connect-timeout 10 \
        --max-time 60 --output "$installer" https://sh.rustup.rs; then
        timed 'installing Rust with rustup' sh "$installer" -y --quiet --no-modify-path \
            --profile minimal --component clippy --component rustfmt >&2 && status=0 || status=1
    else
        say 'rustup cannot be reached; trying the distribution'
        status=1
    fi
    rm -f "$installer"
    return "$status"
}

# Debian keeps a current Rust for its browsers beside the one of its release.
install_from_distribution() {
    has apt-cache || return 1
    for pair in 'rustc-web cargo-web' 'rustc cargo'; do
        candidate=$(apt-cache policy "${pair%% *}" | sed -n 's/^  Candidate: //p')
        if at_least "$oldest_rust" "${candidate%%[-+~]*}"; then
            # shellcheck disable=SC2086 # two packages
            apt_install $pair
            return
        fi
    done
    return 1
}

# The tests' runner gives each test a process of its own, which also ends with it.
need_nextest() {
    have_nextest=yes
    cargo nextest --version >/dev/null 2>&1 && return
    say 'cargo-nextest is missing; building it once takes minutes'
    timed 'installing cargo-nextest' \
        cargo install --quiet --locked --root "$here/.mediconnect/tools" cargo-nextest && return
    say 'it could not be installed; using cargo test instead'
    have_nextest=
}

# need_component NAME DEBIAN_PACKAGE: clippy or rustfmt.
need_component() {
    cargo "${1#rust}" --version >/dev/null 2>&1 && return
    if has rustup && rustup component add "$1" >/dev/null 2>&1; then return; fi
    apt_install "$2"
}

# shellcheck shell=sh
# Everything that can be checked without running the product.

# Each has a replacement that the product uses: rustls with ring, and Ed25519.
forbidden_crates='openssl openssl-sys native-tls aws-lc-rs aws-lc-sys rsa'

dev_lint() {
    need_packages
    need_rust
    need_component rustfmt rustfmt-web
    need_component clippy rust-web-clippy
    timed 'formatting' cargo fmt --all --check
    timed 'clippy' cargo clippy --locked --workspace --all-targets -- --deny warnings
    timed 'shell scripts' lint_scripts
    timed 'forbidden dependencies' lint_dependencies
    timed 'licences and sources' lint_licences
    timed 'paths in committed files' lint_paths
    timed 'files of the deployment' lint_deployment
}

lint_scripts() {
    has shellcheck || {
        if has apt-get && may_become_root; then apt_install shellcheck; fi
    }
    if has shellcheck; then
        shellcheck --external-sources --check-sourced dev dev.d/sqlx.sh .ci/run \
            deploy/make-secrets deploy/postgres/owner.sh
    else
        say 'shellcheck is not installed: skipped'
    fi
}

lint_dependencies() {
    in_use=$(cargo tree --locked --workspace --prefix none --format '{p}' | cut -d' ' -f1 | sort -u)
    for crate in $forbidden_crates; do
        if printf '%s\n' "$in_use" | grep -qx "$crate"; then
            say "$crate is in the dependency tree: cargo tree --invert $crate"
            return 1
        fi
    done
}

# Advisories need a database that is cloned from elsewhere; the CI of the repository does that.
lint_licences() {
    if cargo deny --version >/dev/null 2>&1; then
        cargo deny --log-level error check licenses bans sources
    else
        say 'cargo-deny is not installed: skipped'
    fi
}

# Nothing may depend on where somebody's clone is.
lint_paths() {
    git rev-parse --git-dir >/dev/null 2>&1 || {
        say 'not a git clone: skipped'
        return
    }
    home='(home|Users)/[[:alnum:]_.-]+'
    if git grep --line-number -I --extended-regexp -e "/$home/" -e '/root/' -- . \
        ':!dev.d/lint.sh'; then
        say 'committed files must not name a home folder'
        return 1
    fi
}

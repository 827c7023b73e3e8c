#!/bin/sh
# Renews .sqlx/: compiles every checked query against a migrated database, which writes what the
# database said about it. Run by `./dev sqlx` with a server at hand.
set -eu

export DATABASE_URL="$MC_TEST_POSTGRES_URL"

# `mediconnect migrate` makes these roles, but can't be built before this is done.
grep -oh 'mediconnect_[a-z]*' migrations/*.sql | sort -u |
    sed 's/.*/CREATE ROLE &;/' | psql --quiet --set ON_ERROR_STOP=1 "$DATABASE_URL"
for migration in migrations/*.sql; do
    psql --quiet --set ON_ERROR_STOP=1 --single-transaction "$DATABASE_URL" --file "$migration"
done

SQLX_OFFLINE_DIR=$(mktemp -d)
export SQLX_OFFLINE_DIR SQLX_OFFLINE=false
# Only the crate `store` has checked queries. Cargo doesn't know that the database has changed.
touch shared/store/src/lib.rs
cargo check --locked --package store --all-targets

mkdir -p .sqlx
rm -f .sqlx/query-*.json
cp "$SQLX_OFFLINE_DIR"/query-*.json .sqlx/
count=$(find .sqlx -name 'query-*.json' | wc -l)
printf 'dev: .sqlx has %s queries\n' "$count" >&2

#!/bin/sh
# Run once, by a new PostgreSQL, as its superuser: the role that owns the schema, and its database.
# The owner is no superuser, so row-level security, which is forced, binds it too; it makes the
# services' roles when `mediconnect migrate` runs.
set -eu

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres --username "${PGUSER:-postgres}" \
    --set password="$(cat "${OWNER_PASSWORD_FILE:-/run/secrets/owner.password}")" <<'SQL'
CREATE ROLE mediconnect_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE scheduling OWNER mediconnect_owner;
SQL

-- Who can sign in, and who they are as patient or practitioner.
-- Written by api through the role mediconnect_accounts; roles are made by `mediconnect migrate`
-- before the first migration runs.

-- The caller of the current transaction. After a transaction that set it, a setting reads as an
-- empty string, not as null: hence the nullif.
CREATE FUNCTION caller_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('mc.user_id', true), '')::uuid;

CREATE FUNCTION caller_role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('mc.role', true), '');

-- Puts the correlation ids of a transaction into the server's own log. Nothing else of a
-- statement is logged, least of all its parameters.
CREATE FUNCTION log_correlation(VARIADIC ids uuid[]) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE LOG 'correlation_id=%', array_to_string(ids, ',');
END $$;

-- Opens the transaction of a caller: whose rows are visible, and which request asks.
CREATE FUNCTION begin_as(user_id uuid, role text, correlation_id uuid) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('mc.user_id', user_id::text, true), set_config('mc.role', role, true);
    RAISE LOG 'correlation_id=%', correlation_id;
END $$;

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('patient', 'doctor', 'admin', 'operator')),
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    created_at    timestamptz NOT NULL,
    created_by    uuid REFERENCES users
);

-- A sign-in. Its refresh tokens form a family: using one twice revokes all of them.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_user_id ON sessions (user_id);

CREATE TABLE refresh_tokens (
    token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    session_id   uuid NOT NULL REFERENCES sessions,
    issued_at    timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

-- Failed sign-ins in a row, per account.
CREATE TABLE login_failures (
    user_id      uuid PRIMARY KEY REFERENCES users,
    failures     integer NOT NULL,
    retry_after  timestamptz NOT NULL
);

CREATE TABLE patients (
    id          uuid PRIMARY KEY REFERENCES users,
    given_name  text NOT NULL,
    family_name text NOT NULL,
    birth_date  date NOT NULL
);

CREATE TABLE practitioners (
    id          uuid PRIMARY KEY REFERENCES users,
    given_name  text NOT NULL,
    family_name text NOT NULL,
    specialty   text NOT NULL,
    licence     text NOT NULL UNIQUE,
    approved_at timestamptz,
    approved_by uuid REFERENCES users
);

-- Accounts in depth: throttling that strangers can't turn against an account's owner, second factors,
-- passwords that are reset, sessions that their owners see. Written by api through the role
-- mediconnect_accounts, and read by nobody else.

-- Failed sign-ins in a row, by the digest of what was typed, whether or not anybody has that
-- address: what is stored, and what it costs, doesn't tell who has an account.
CREATE TABLE sign_in_failures (
    subject_sha256 bytea PRIMARY KEY CHECK (length(subject_sha256) = 32),
    failures       integer NOT NULL CHECK (failures > 0),
    retry_after    timestamptz NOT NULL,
    failed_at      timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (failed_at);
DROP TABLE login_failures;

-- A browser or app that its owner has signed in from. Its failures are counted apart, so that a
-- stranger's keep nobody out of their own account.
CREATE TABLE known_devices (
    token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    user_id      uuid NOT NULL REFERENCES users,
    expires_at   timestamptz NOT NULL,
    failures     integer NOT NULL DEFAULT 0,
    retry_after  timestamptz
);
CREATE INDEX known_devices_by_user ON known_devices (user_id, expires_at);

ALTER TABLE sessions
    -- Of its last sign-in or refresh: the idle time is counted from here.
    ADD COLUMN last_used_at timestamptz,
    -- `Firefox on Linux`: words of our own, nothing of what the client sent.
    ADD COLUMN client text NOT NULL DEFAULT 'unknown' CHECK (length(client) BETWEEN 1 AND 60);
-- The owner is bound by row-level security, too.
ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY;
UPDATE sessions SET last_used_at = created_at;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions ALTER COLUMN last_used_at SET NOT NULL;

-- RFC 6238. Counts once a code has confirmed it.
CREATE TABLE totp_authenticators (
    user_id      uuid PRIMARY KEY REFERENCES users,
    secret       bytea NOT NULL CHECK (length(secret) = 20),
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    -- The step of the last code that was used: each counts once.
    last_step    bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    retry_after  timestamptz
);

-- Instead of a code, each once. 120 random bits, so that a plain digest is enough.
CREATE TABLE recovery_codes (
    code_sha256 bytea PRIMARY KEY CHECK (length(code_sha256) = 32),
    user_id     uuid NOT NULL REFERENCES users
);
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

-- The password was right, the second factor is awaited.
CREATE TABLE sign_in_challenges (
    token_sha256  bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
    user_id       uuid NOT NULL REFERENCES users,
    -- The known device that the password came from, if it was one.
    device_sha256 bytea CHECK (length(device_sha256) = 32),
    expires_at    timestamptz NOT NULL,
    failures      integer NOT NULL DEFAULT 0
);
CREATE INDEX sign_in_challenges_by_user ON sign_in_challenges (user_id);

-- Allows one new password, once. At most one per account.
CREATE TABLE password_resets (
    user_id      uuid PRIMARY KEY REFERENCES users,
    token_sha256 bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    -- The administrator who hands it over; none: whoever delivers notices.
    issued_by    uuid REFERENCES users,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);

-- What people have to be told of their accounts: an outbox for whatever delivers it. No token is in
-- here: whoever delivers a reset makes its token at that moment.
CREATE TABLE account_notices (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('account.reset-requested',
        'account.registration-repeated', 'account.password-changed',
        'account.second-factor-changed')),
    user_id      uuid NOT NULL REFERENCES users,
    created_at   timestamptz NOT NULL,
    delivered_at timestamptz
);
-- However often a stranger asks, there is one to deliver.
CREATE UNIQUE INDEX account_notices_undelivered ON account_notices (user_id, kind)
    WHERE delivered_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_failures, known_devices, totp_authenticators,
    recovery_codes, sign_in_challenges, password_resets TO mediconnect_accounts;
GRANT SELECT, INSERT ON account_notices TO mediconnect_accounts;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sign_in_failures', 'known_devices', 'totp_authenticators',
        'recovery_codes', 'sign_in_challenges', 'password_resets', 'account_notices']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY accounts ON %I TO mediconnect_accounts
            USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;

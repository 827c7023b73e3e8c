-- Who may touch what. Every service has a role of its own, which owns nothing; row-level
-- security is forced, so that not even the owner reads past it by accident.

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public
    TO mediconnect_api, mediconnect_accounts, mediconnect_booking, mediconnect_ops;

REVOKE ALL ON FUNCTION caller_id(), caller_role(), begin_as(uuid, text, uuid),
    log_correlation(uuid[]), busy_ranges(uuid[], tstzrange) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION caller_id(), caller_role(), begin_as(uuid, text, uuid)
    TO mediconnect_api;
GRANT EXECUTE ON FUNCTION log_correlation(uuid[])
    TO mediconnect_api, mediconnect_accounts, mediconnect_booking;
GRANT EXECUTE ON FUNCTION busy_ranges(uuid[], tstzrange) TO mediconnect_api;

-- api reads, in the name of its caller.
GRANT SELECT (id, email, role, status, created_at) ON users TO mediconnect_api;
GRANT SELECT ON patients, practitioners, availability_rules, appointments,
    appointment_status_history, requests TO mediconnect_api;

-- Sign-in and identity.
GRANT SELECT, INSERT, UPDATE ON users, sessions, refresh_tokens, login_failures, patients,
    practitioners TO mediconnect_accounts;
GRANT DELETE ON refresh_tokens, login_failures TO mediconnect_accounts;

-- The booking worker.
GRANT SELECT (id, status, role) ON users TO mediconnect_booking;
GRANT SELECT (id) ON patients TO mediconnect_booking;
GRANT SELECT (id, approved_at) ON practitioners TO mediconnect_booking;
GRANT SELECT, INSERT, DELETE ON availability_rules TO mediconnect_booking;
GRANT SELECT, INSERT ON appointments, appointment_status_history, requests TO mediconnect_booking;
GRANT UPDATE (status, version, cancelation_reason) ON appointments TO mediconnect_booking;
GRANT SELECT, INSERT, UPDATE, DELETE ON message_attempts TO mediconnect_booking;
-- UPDATE, because FOR UPDATE SKIP LOCKED asks for it.
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO mediconnect_booking;

-- The ledger counts requests and reads nothing of what was asked.
GRANT SELECT (id, kind, outcome, reason, stream_sequence, accepted_at, settled_at) ON requests
    TO mediconnect_ops;
GRANT SELECT (position, created_at) ON outbox TO mediconnect_ops;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'sessions', 'refresh_tokens', 'login_failures',
        'patients', 'practitioners', 'availability_rules', 'appointments',
        'appointment_status_history', 'requests', 'message_attempts', 'outbox']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;

    -- What the grants above allow these roles, they are allowed on every row: they act before
    -- anybody is signed in, or for many callers in one transaction.
    FOREACH name IN ARRAY ARRAY['users', 'sessions', 'refresh_tokens', 'login_failures',
        'patients', 'practitioners']
    LOOP
        EXECUTE format('CREATE POLICY accounts ON %I TO mediconnect_accounts
            USING (true) WITH CHECK (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['users', 'patients', 'practitioners', 'availability_rules',
        'appointments', 'appointment_status_history', 'requests', 'message_attempts', 'outbox']
    LOOP
        EXECUTE format('CREATE POLICY booking ON %I TO mediconnect_booking
            USING (true) WITH CHECK (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['requests', 'outbox']
    LOOP
        EXECUTE format('CREATE POLICY ledger ON %I FOR SELECT TO mediconnect_ops
            USING (true)', name);
    END LOOP;
END $$;

-- What a caller sees through api. Without a caller: nothing.
CREATE POLICY caller ON users FOR SELECT TO mediconnect_api
    USING (id = (SELECT caller_id()) OR (SELECT caller_role()) = 'admin');

-- The directory of approved practitioners is open to everybody who is signed in.
CREATE POLICY caller ON practitioners FOR SELECT TO mediconnect_api
    USING ((approved_at IS NOT NULL AND (SELECT caller_id()) IS NOT NULL)
        OR id = (SELECT caller_id())
        OR (SELECT caller_role()) = 'admin');

CREATE POLICY caller ON availability_rules FOR SELECT TO mediconnect_api
    USING ((SELECT caller_id()) IS NOT NULL);

CREATE POLICY caller ON appointments FOR SELECT TO mediconnect_api
    USING (((SELECT caller_role()) = 'patient' AND patient_id = (SELECT caller_id()))
        OR ((SELECT caller_role()) = 'doctor' AND practitioner_id = (SELECT caller_id()))
        OR (SELECT caller_role()) = 'admin');

-- A doctor's patients are those with a visit to them.
CREATE POLICY caller ON patients FOR SELECT TO mediconnect_api
    USING (id = (SELECT caller_id())
        OR (SELECT caller_role()) = 'admin'
        OR ((SELECT caller_role()) = 'doctor' AND EXISTS (
            SELECT FROM appointments a
            WHERE a.patient_id = patients.id AND a.practitioner_id = (SELECT caller_id()))));

CREATE POLICY caller ON appointment_status_history FOR SELECT TO mediconnect_api
    USING (EXISTS (SELECT FROM appointments a WHERE a.id = appointment_id));

-- A request is seen by whoever made it, and by nobody else.
CREATE POLICY caller ON requests FOR SELECT TO mediconnect_api
    USING (caller_id = (SELECT caller_id()));

-- The owner of busy_ranges() must see busy times although row-level security is forced.
DO $$
BEGIN
    EXECUTE format('CREATE POLICY busy_ranges ON appointments FOR SELECT TO %I USING (true)',
        current_user);
END $$;

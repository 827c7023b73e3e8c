-- The life of one request, for operators: what happened and when, and nothing of what was asked or
-- for whom.

-- Checks have no other way to be found by what caused them.
CREATE INDEX eligibility_checks_by_correlation ON eligibility_checks (correlation_id);

-- A request is found by when it was accepted, which the audit log knows. Rows are written nearly in
-- that order, so a summary per range of pages is enough, and costs an insert next to nothing.
CREATE INDEX requests_accepted_at ON requests
    USING brin (accepted_at) WITH (autosummarize = on);

GRANT SELECT (correlation_id) ON requests TO mediconnect_ops;
GRANT SELECT (event_id, kind, correlation_id) ON outbox TO mediconnect_ops;
GRANT SELECT (stream_sequence, error_class, failures, first_failure_at, last_failure_at)
    ON message_attempts TO mediconnect_ops;
GRANT SELECT (id, worker, correlation_id, error_class, generation, attempts, first_failure_at,
    last_failure_at, outcome, changed_at) ON dead_letters TO mediconnect_ops;
-- Not why: those are words of people.
GRANT SELECT (action, generation, actor_role, correlation_id, letter_id, acted_at)
    ON dead_letter_actions TO mediconnect_ops;
-- Not whom it shows, and not who saw it.
GRANT SELECT (position, stream, sequence, kind, recorded_at, action, operation, outcome, reason,
    role, resource_kind, occurrences, correlation_id) ON audit_log TO mediconnect_ops;
-- Not who is insured, nor by whom, nor what the insurer said.
GRANT SELECT (id, last_result_at, error_class, attempts, correlation_id, created_at,
    changed_at) ON eligibility_checks TO mediconnect_ops;
GRANT SELECT (number, events_to) ON audit_seals TO mediconnect_ops;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['message_attempts', 'dead_letter_actions', 'audit_seals',
        'eligibility_checks']
    LOOP
        EXECUTE format('CREATE POLICY trace ON %I FOR SELECT TO mediconnect_ops
            USING (true)', name);
    END LOOP;
END $$;

-- What becomes of dead letters. MC_DEAD keeps the bytes; here is what operators filter by, and the
-- state, which is changed by compare-and-set: no two of them replay one letter twice. Nothing here
-- says what was asked or for whom.

CREATE TABLE dead_letters (
    -- Follows from the message that died; stays when a replay of it dies again.
    id               uuid PRIMARY KEY,
    -- Grows in the order in which letters became known.
    position         bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    -- Position in MC_DEAD of the latest copy.
    dead_sequence    bigint NOT NULL,
    worker           text NOT NULL,
    kind             text NOT NULL,
    request_id       uuid,
    correlation_id   uuid,
    origin_stream    text NOT NULL,
    origin_sequence  bigint,
    error_class      text NOT NULL,
    error_detail     text NOT NULL,
    fingerprint      text NOT NULL,
    -- How often the message was put into its stream, and how often it was tried in all.
    generation       integer NOT NULL,
    attempts         bigint NOT NULL,
    first_failure_at timestamptz NOT NULL,
    last_failure_at  timestamptz NOT NULL,
    state            text NOT NULL DEFAULT 'open'
                         CHECK (state IN ('open', 'replaying', 'resolved', 'discarded')),
    changed_at       timestamptz NOT NULL,
    -- How its request ended, once it has.
    outcome          text CHECK (outcome IS NULL OR state = 'resolved'),
    -- The latest replay: one run of an operator's command, and where the message is since.
    replay_operation uuid,
    replay_sequence  bigint
);
CREATE INDEX dead_letters_by_state ON dead_letters (state, position);
CREATE INDEX dead_letters_by_request ON dead_letters (request_id);
CREATE INDEX dead_letters_by_correlation ON dead_letters (correlation_id);
CREATE INDEX dead_letters_by_fingerprint ON dead_letters (fingerprint);

-- Up to where MC_DEAD was read into the table above.
CREATE TABLE dead_letter_positions (
    stream   text PRIMARY KEY,
    position bigint NOT NULL
);

-- Who did what with which letter, and why.
CREATE TABLE dead_letter_actions (
    id             uuid PRIMARY KEY,
    letter_id      uuid NOT NULL REFERENCES dead_letters,
    action         text NOT NULL CHECK (action IN ('unmask', 'replay', 'discard')),
    generation     integer NOT NULL,
    actor_id       uuid NOT NULL,
    actor_role     text NOT NULL,
    correlation_id uuid NOT NULL,
    reason         text NOT NULL CHECK (reason <> ''),
    acted_at       timestamptz NOT NULL
);
CREATE INDEX dead_letter_actions_by_letter ON dead_letter_actions (letter_id, acted_at);

-- Whether a practitioner's hours were set again since a letter was accepted.
CREATE INDEX requests_by_availability
    ON requests ((result -> 'availability' ->> 'practitioner_id'), accepted_at)
    WHERE kind = 'set-availability' AND outcome = 'applied';

GRANT SELECT, INSERT, UPDATE ON dead_letters, dead_letter_positions TO mediconnect_booking;
GRANT SELECT ON dead_letters, dead_letter_actions TO mediconnect_api;
GRANT UPDATE (state, changed_at, replay_operation, replay_sequence) ON dead_letters
    TO mediconnect_api;
GRANT INSERT ON dead_letter_actions TO mediconnect_api;
GRANT SELECT (request_id, origin_stream, state) ON dead_letters TO mediconnect_ops;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['dead_letters', 'dead_letter_positions', 'dead_letter_actions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['dead_letters', 'dead_letter_positions']
    LOOP
        EXECUTE format('CREATE POLICY booking ON %I TO mediconnect_booking
            USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;

CREATE POLICY ledger ON dead_letters FOR SELECT TO mediconnect_ops USING (true);

-- Operators and administrators, each under their own name.
CREATE POLICY caller ON dead_letters TO mediconnect_api
    USING ((SELECT caller_role()) IN ('operator', 'admin'));
CREATE POLICY caller ON dead_letter_actions FOR SELECT TO mediconnect_api
    USING ((SELECT caller_role()) IN ('operator', 'admin'));
CREATE POLICY caller_acts ON dead_letter_actions FOR INSERT TO mediconnect_api
    WITH CHECK ((SELECT caller_role()) IN ('operator', 'admin')
        AND actor_id = (SELECT caller_id()) AND actor_role = (SELECT caller_role()));

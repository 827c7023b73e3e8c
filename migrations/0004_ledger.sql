-- What the ledger has proven, so that the stream of commands can be purged below it; and the rest
-- of a trace's context for facts.

-- Consecutive sequences of MC_COMMANDS in which each request has one end. What was counted here
-- is not counted again, and only what was counted here may leave the stream.
CREATE TABLE ledger_checkpoints (
    -- Which stream: one that was made anew under the old name begins at 1 again.
    stream_created_at timestamptz NOT NULL,
    from_sequence     bigint NOT NULL CHECK (from_sequence > 0),
    to_sequence       bigint NOT NULL,
    -- Requests, each counted at the message that it was settled from.
    applied           bigint NOT NULL CHECK (applied >= 0),
    rejected          bigint NOT NULL CHECK (rejected >= 0),
    rejected_by_reason jsonb NOT NULL,
    withdrawn         bigint NOT NULL CHECK (withdrawn >= 0),
    dead              bigint NOT NULL CHECK (dead >= 0),
    -- Further messages of requests that are counted elsewhere.
    repeats           bigint NOT NULL CHECK (repeats >= 0),
    -- Messages that name no request; each has a dead letter.
    unreadable        bigint NOT NULL CHECK (unreadable >= 0),
    recorded_at       timestamptz NOT NULL,
    PRIMARY KEY (stream_created_at, from_sequence),
    CONSTRAINT ledger_checkpoints_balance CHECK (to_sequence - from_sequence + 1
        = applied + rejected + withdrawn + dead + repeats + unreadable),
    CONSTRAINT ledger_checkpoints_overlap EXCLUDE USING gist (
        stream_created_at WITH =, int8range(from_sequence, to_sequence, '[]') WITH &&)
);

-- Messages in those ranges of which nothing but the dead letter is left: the ledger looks for
-- each of them for ever.
CREATE TABLE ledger_checkpoint_letters (
    stream_created_at timestamptz NOT NULL,
    sequence          bigint NOT NULL,
    -- None for an unreadable message.
    request_id        uuid,
    stored_at         timestamptz NOT NULL,
    PRIMARY KEY (stream_created_at, sequence)
);

-- The ledger reads stream and inbox side by side, in ranges of sequences. Rows are written nearly
-- in that order, so a summary per range of pages is enough, and costs an insert next to nothing.
CREATE INDEX requests_stream_sequence ON requests
    USING brin (stream_sequence) WITH (autosummarize = on);

-- W3C trace context, vendors' part; traceparent was there before.
ALTER TABLE outbox ADD COLUMN tracestate text;

GRANT SELECT, INSERT ON ledger_checkpoints, ledger_checkpoint_letters TO mediconnect_booking;
GRANT SELECT ON ledger_checkpoints, ledger_checkpoint_letters TO mediconnect_ops;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ledger_checkpoints', 'ledger_checkpoint_letters']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY booking ON %I TO mediconnect_booking
            USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY ledger ON %I FOR SELECT TO mediconnect_ops
            USING (true)', name);
    END LOOP;
END $$;

-- The audit log: who saw or did what. Added to by the audit worker alone, through the role
-- mediconnect_audit, and changed by nobody.

-- One row per patient whose data was shown, per fact, or per entry that shows nobody's. In the
-- order in which they were sealed.
CREATE TABLE audit_log (
    -- Without gaps: 1, 2, 3, …
    position         bigint PRIMARY KEY CHECK (position > 0),
    -- Where it was read: MC_AUDIT or MC_EVENTS, and its sequence there.
    stream           text NOT NULL CHECK (stream IN ('MC_AUDIT', 'MC_EVENTS')),
    sequence         bigint NOT NULL,
    -- What is recorded; 'fact' for facts, 'unreadable' for what could not be read, 'gap' for
    -- messages that were gone from the stream (from gap_from to sequence).
    kind             text NOT NULL,
    -- The entry's id, or the fact's.
    entry_id         uuid,
    recorded_at      timestamptz NOT NULL,
    action           text CHECK (action IN ('C', 'R', 'U', 'D', 'E')),
    operation        text,
    outcome          smallint NOT NULL CHECK (outcome IN (0, 4, 8)),
    reason           text,
    -- In the words of whoever did it, where these are asked for.
    stated_reason    text,
    user_id          uuid,
    role             text,
    session_id       uuid,
    source_address   text,
    purpose          text,
    resource_kind    text,
    resource_id      uuid,
    resource_version integer,
    patient_id       uuid,
    occurrences      integer NOT NULL,
    correlation_id   uuid,
    -- Who recorded it: service and instance.
    source           text,
    gap_from         bigint,
    -- Of an unreadable message; its bytes stay in the stream.
    message_sha256   bytea CHECK (length(message_sha256) = 32)
);
CREATE INDEX audit_log_by_time ON audit_log (recorded_at, position);
CREATE INDEX audit_log_by_patient ON audit_log (patient_id, recorded_at, position)
    WHERE patient_id IS NOT NULL;
CREATE INDEX audit_log_by_user ON audit_log (user_id, recorded_at, position)
    WHERE user_id IS NOT NULL;
CREATE INDEX audit_log_by_correlation ON audit_log (correlation_id)
    WHERE correlation_id IS NOT NULL;

-- Each seal covers the rows of one transaction and the seal before it. The last one says how far
-- both streams were read: rows, seal and positions are one write.
CREATE TABLE audit_seals (
    number        bigint PRIMARY KEY CHECK (number > 0),
    -- Unique: a fork is refused.
    previous_hash bytea NOT NULL UNIQUE CHECK (length(previous_hash) = 32),
    hash          bytea NOT NULL CHECK (length(hash) = 32),
    sealed_at     timestamptz NOT NULL,
    first_row     bigint NOT NULL,
    last_row      bigint NOT NULL CHECK (last_row >= first_row),
    -- The first and the last sequence that were read; the last is one less when none was.
    audit_from    bigint NOT NULL,
    audit_to      bigint NOT NULL CHECK (audit_to >= audit_from - 1),
    events_from   bigint NOT NULL,
    events_to     bigint NOT NULL CHECK (events_to >= events_from - 1),
    -- SHA-256 of each row, one behind the other: this is how a changed row is found.
    leaves        bytea NOT NULL CHECK (length(leaves) = 32 * (last_row - first_row + 1))
);
-- Hashes don't compress.
ALTER TABLE audit_seals ALTER COLUMN leaves SET STORAGE EXTERNAL;

-- For whoever has the privilege all the same, such as the owner.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the audit log is only added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What an administrator sees, newest first, behind (before_time, before_position). A definer
-- function and no policy: COPY, by which the rows come in, refuses tables with row-level security.
CREATE FUNCTION audit_page(patient uuid, actor uuid, correlation uuid,
        from_time timestamptz, to_time timestamptz,
        before_time timestamptz, before_position bigint, max_rows bigint)
    RETURNS SETOF audit_log
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF caller_role() IS DISTINCT FROM 'admin' THEN
        RETURN;
    END IF;
    -- Only the conditions that are asked for, so that an index can serve them.
    RETURN QUERY EXECUTE 'SELECT * FROM audit_log WHERE true'
        || CASE WHEN patient IS NULL THEN '' ELSE ' AND patient_id = $1' END
        || CASE WHEN actor IS NULL THEN '' ELSE ' AND user_id = $2' END
        || CASE WHEN correlation IS NULL THEN '' ELSE ' AND correlation_id = $3' END
        || CASE WHEN from_time IS NULL THEN '' ELSE ' AND recorded_at >= $4' END
        || CASE WHEN to_time IS NULL THEN '' ELSE ' AND recorded_at < $5' END
        || CASE WHEN before_time IS NULL THEN ''
                ELSE ' AND (recorded_at, position) < ($6, $7)' END
        || ' ORDER BY recorded_at DESC, position DESC LIMIT $8'
        USING patient, actor, correlation, from_time, to_time, before_time, before_position,
            max_rows;
END $$;

REVOKE ALL ON FUNCTION refuse_change(), audit_page(uuid, uuid, uuid, timestamptz, timestamptz,
    timestamptz, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_page(uuid, uuid, uuid, timestamptz, timestamptz, timestamptz,
    bigint, bigint) TO mediconnect_api;

GRANT USAGE ON SCHEMA public TO mediconnect_audit, mediconnect_auditor;
-- The writer can't even read what it has written; it has to know the last seal.
GRANT INSERT ON audit_log, audit_seals TO mediconnect_audit;
GRANT SELECT (number, hash, last_row, audit_to, events_to) ON audit_seals TO mediconnect_audit;
-- Whoever verifies.
GRANT SELECT ON audit_log, audit_seals TO mediconnect_auditor;

ALTER TABLE audit_seals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY audit ON audit_seals TO mediconnect_audit USING (true) WITH CHECK (true);
CREATE POLICY auditor ON audit_seals FOR SELECT TO mediconnect_auditor USING (true);

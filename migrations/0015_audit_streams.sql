-- Which streams the audit log was read from. One that is made anew under its name begins at 1
-- again, and must not be taken for the one whose messages are sealed.

-- When each was made; part of what is sealed. None in seals that are older than these columns.
ALTER TABLE audit_seals
    ADD COLUMN audit_created_at timestamptz,
    ADD COLUMN events_created_at timestamptz;

GRANT SELECT (audit_created_at, events_created_at) ON audit_seals TO mediconnect_audit;
GRANT SELECT (events_created_at) ON audit_seals TO mediconnect_ops;

COMMENT ON COLUMN audit_log.gap_from IS
    'Of a gap: the first sequence that is missing, up to sequence. When the stream was made anew '
    '(reason remade): the first of the old stream that nobody read, and sequence is 0.';

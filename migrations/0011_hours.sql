-- Hours until midnight, and doctors whose account is disabled.

-- 00:00 means the end of the day, as it does in availability_exceptions.
ALTER TABLE availability_rules
    DROP CONSTRAINT availability_rules_check,
    ADD CONSTRAINT availability_rules_ends_later
        CHECK (starts_at < ends_at OR ends_at = '00:00');

-- Slot search offers nobody whom the booking worker would refuse. Whether an account is active is
-- told to the directory by the account itself, so that nobody has to see accounts to know.
ALTER TABLE practitioners ADD COLUMN account_active boolean NOT NULL DEFAULT true;

-- Row-level security binds the owner, too, who could see and change no row.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE practitioners NO FORCE ROW LEVEL SECURITY;
UPDATE practitioners p SET account_active = false
FROM users u WHERE u.id = p.id AND u.status <> 'active';
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE practitioners FORCE ROW LEVEL SECURITY;

CREATE FUNCTION tell_directory() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE practitioners SET account_active = (NEW.status = 'active') WHERE id = NEW.id;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION tell_directory() FROM PUBLIC;

CREATE TRIGGER tell_directory AFTER UPDATE OF status ON users FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION tell_directory();

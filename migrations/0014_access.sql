-- Coverages that end or were wrong, what people decide where insurers can't say, and access to a
-- patient's chart in an emergency.

ALTER TABLE coverages
    ADD COLUMN version    integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD COLUMN changed_at timestamptz,
    ADD COLUMN changed_by uuid REFERENCES users;

-- A new day, or another question: what was answered before is no answer to it.
ALTER TABLE eligibility_checks
    -- When the visit begins, as far as the worker has heard.
    ADD COLUMN visit_start      timestamptz,
    -- Which version of the coverage is asked about.
    ADD COLUMN coverage_version integer NOT NULL DEFAULT 1,
    -- The visit or the coverage isn't there any more: nobody needs to know.
    ADD COLUMN is_stopped       boolean NOT NULL DEFAULT false,
    -- When somebody last wanted it asked at once.
    ADD COLUMN asked_for_at     timestamptz,
    -- What a person decided, and why. The insurer's answers stay beside it.
    ADD COLUMN decision         text CHECK (decision IN ('verified_by_phone', 'self_pay')),
    ADD COLUMN decision_reason  text CHECK (length(decision_reason) BETWEEN 3 AND 200),
    ADD COLUMN decided_by       uuid REFERENCES users,
    ADD COLUMN decided_at       timestamptz,
    ADD CONSTRAINT eligibility_checks_decided_by_somebody
        CHECK (num_nulls(decision, decision_reason, decided_by, decided_at) IN (0, 4)),
    -- How it stands, all told. A newer answer doesn't undo what a person has decided; one that
    -- says otherwise brings it back to them.
    ADD COLUMN standing         text NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN is_stopped THEN 'not_checked'
            WHEN decision = 'self_pay' THEN 'self_pay'
            WHEN decision = 'verified_by_phone' AND last_result_at > decided_at
                AND last_result <> 'active' THEN 'needs_attention'
            WHEN decision = 'verified_by_phone' THEN 'active'
            ELSE status
        END) STORED;

-- The owner is bound by row-level security, too.
ALTER TABLE eligibility_checks NO FORCE ROW LEVEL SECURITY;
UPDATE eligibility_checks c SET visit_start = lower(a.during)
    FROM appointments a WHERE a.id = c.appointment_id;
ALTER TABLE eligibility_checks FORCE ROW LEVEL SECURITY;

DROP INDEX eligibility_checks_by_status;
-- What is counted every few seconds, without all that was ever stopped.
CREATE INDEX eligibility_checks_open ON eligibility_checks (standing)
    WHERE standing IN ('not_checked', 'checking', 'pending_verification', 'needs_attention')
      AND NOT is_stopped;
CREATE INDEX eligibility_checks_by_visit
    ON eligibility_checks (coalesce(visit_start, 'infinity'), id);
-- What somebody has to look at, or nobody knows yet: few among many.
CREATE INDEX eligibility_checks_to_do
    ON eligibility_checks (coalesce(visit_start, 'infinity'), id)
    WHERE standing IN ('needs_attention', 'pending_verification');

CREATE FUNCTION forget_answers() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    NEW.status := 'not_checked';
    NEW.error_class := NULL;
    NEW.error_code := NULL;
    NEW.attempts := 0;
    -- Whoever is asking now asks for something else.
    NEW.lease_owner := NULL;
    NEW.lease_until := NULL;
    IF NEW.coverage_version <> OLD.coverage_version THEN
        NEW.last_result := NULL;
        NEW.last_result_at := NULL;
    END IF;
    IF NEW.decision = 'self_pay' THEN
        NEW.next_at := NULL;
    ELSE
        NEW.decision := NULL;
        NEW.decision_reason := NULL;
        NEW.decided_by := NULL;
        NEW.decided_at := NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER forget_answers BEFORE UPDATE ON eligibility_checks FOR EACH ROW
    WHEN (NEW.coverage_version <> OLD.coverage_version OR NEW.service_date <> OLD.service_date)
    EXECUTE FUNCTION forget_answers();

-- Row-level security can't compare a row with what it was.
CREATE FUNCTION check_decision() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    IF caller_role() IS DISTINCT FROM 'admin'
        OR (NEW.decision IS NOT NULL AND NEW.decided_by IS DISTINCT FROM caller_id())
    THEN
        RAISE EXCEPTION 'only administrators decide, each under their own name'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_decision
    BEFORE UPDATE OF decision, decision_reason, decided_by, decided_at ON eligibility_checks
    FOR EACH ROW EXECUTE FUNCTION check_decision();

-- A doctor who looks at the chart of a patient who isn't theirs: why, and until when.
CREATE TABLE emergency_accesses (
    id              uuid PRIMARY KEY,
    practitioner_id uuid NOT NULL REFERENCES practitioners,
    patient_id      uuid NOT NULL REFERENCES patients,
    -- In the doctor's words.
    reason          text NOT NULL CHECK (length(reason) BETWEEN 3 AND 200),
    began_at        timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
                        CHECK (expires_at > began_at
                            AND expires_at <= began_at + interval '24 hours'),
    -- The doctor needs it no longer.
    ended_at        timestamptz CHECK (ended_at >= began_at),
    correlation_id  uuid NOT NULL
);
CREATE INDEX emergency_accesses_by_practitioner
    ON emergency_accesses (practitioner_id, expires_at);

-- Who has looked at it since. A table of its own, so that nobody reviews what they did themselves.
CREATE TABLE emergency_access_reviews (
    access_id   uuid PRIMARY KEY REFERENCES emergency_accesses,
    reviewed_by uuid NOT NULL REFERENCES users,
    reviewed_at timestamptz NOT NULL,
    note        text NOT NULL CHECK (length(note) BETWEEN 3 AND 200)
);

-- The patients whose charts the caller may see for now.
CREATE FUNCTION emergency_patients() RETURNS SETOF uuid
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT e.patient_id FROM emergency_accesses e
        WHERE e.practitioner_id = caller_id() AND e.expires_at > now()
          AND (e.ended_at IS NULL OR e.ended_at > now());
    END;

-- The caller's own patients, all of them or whether this is one.
CREATE FUNCTION patients_in_care() RETURNS SETOF uuid
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT DISTINCT a.patient_id FROM appointments a WHERE a.practitioner_id = caller_id();
    END;
CREATE FUNCTION in_care_of_caller(patient uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM appointments a
        WHERE a.patient_id = patient AND a.practitioner_id = caller_id());

-- Who else saw or changed what is the caller's, newest first, behind (before_time,
-- before_position). A definer function as audit_page() is, and for the same reason.
CREATE FUNCTION record_access(before_time timestamptz, before_position bigint, max_rows bigint)
    RETURNS TABLE (log_position bigint, recorded_at timestamptz, kind text, action text,
        resource_kind text, user_id uuid, role text, purpose text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.position, l.recorded_at, l.kind, l.action, l.resource_kind, l.user_id, l.role,
        l.purpose
    FROM audit_log l
    WHERE caller_role() = 'patient' AND l.patient_id = caller_id()
      AND l.outcome = 0 AND l.user_id IS DISTINCT FROM caller_id()
      AND (l.recorded_at, l.position) < (coalesce(before_time, 'infinity'),
          coalesce(before_position, 9223372036854775807))
    ORDER BY l.recorded_at DESC, l.position DESC
    LIMIT max_rows
$$;

REVOKE ALL ON FUNCTION forget_answers(), check_decision(), emergency_patients(),
    patients_in_care(), in_care_of_caller(uuid), record_access(timestamptz, bigint, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION emergency_patients(), patients_in_care(), in_care_of_caller(uuid),
    record_access(timestamptz, bigint, bigint) TO mediconnect_api;

GRANT UPDATE (payer_id, subscriber_id, relationship, subscriber_given_name,
    subscriber_family_name, subscriber_birth_date, status, period_start, period_end, version,
    changed_at, changed_by) ON coverages TO mediconnect_api;
-- Still not how it stands, nor what an insurer said.
GRANT INSERT (visit_start, coverage_version) ON eligibility_checks TO mediconnect_api;
GRANT UPDATE (payer_id, service_date, visit_start, next_at, asked_for_at, coverage_version,
    is_stopped, decision, decision_reason, decided_by, decided_at, changed_at)
    ON eligibility_checks TO mediconnect_api;
GRANT UPDATE (service_date, visit_start, is_stopped) ON eligibility_checks
    TO mediconnect_eligibility;
GRANT SELECT (created_at) ON appointments TO mediconnect_eligibility;
GRANT SELECT, INSERT ON emergency_accesses, emergency_access_reviews TO mediconnect_api;
GRANT UPDATE (ended_at) ON emergency_accesses TO mediconnect_api;

ALTER TABLE emergency_accesses ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE emergency_access_reviews ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY caller_changes ON coverages FOR UPDATE TO mediconnect_api
    USING (((SELECT caller_role()) = 'patient' AND patient_id = (SELECT caller_id()))
        OR (SELECT caller_role()) = 'admin')
    WITH CHECK (changed_by = (SELECT caller_id()));

-- As in 0007, and not for doctors who see a coverage in an emergency.
DROP POLICY caller_adds ON eligibility_checks;
CREATE POLICY caller_adds ON eligibility_checks FOR INSERT TO mediconnect_api
    WITH CHECK ((SELECT caller_role()) IN ('patient', 'admin')
        AND EXISTS (SELECT FROM coverages c
            WHERE c.id = coverage_id AND c.payer_id = eligibility_checks.payer_id
              AND (appointment_id IS NULL OR EXISTS (SELECT FROM appointments a
                WHERE a.id = appointment_id AND a.patient_id = c.patient_id))));
CREATE POLICY caller_asks_again ON eligibility_checks FOR UPDATE TO mediconnect_api
    USING ((SELECT caller_role()) IN ('patient', 'admin')
        AND EXISTS (SELECT FROM coverages c WHERE c.id = coverage_id))
    WITH CHECK (EXISTS (SELECT FROM coverages c
        WHERE c.id = coverage_id AND c.payer_id = eligibility_checks.payer_id));

-- A doctor's own, under their own name; administrators see all of them.
CREATE POLICY caller ON emergency_accesses FOR SELECT TO mediconnect_api
    USING (((SELECT caller_role()) = 'doctor' AND practitioner_id = (SELECT caller_id()))
        OR (SELECT caller_role()) = 'admin');
CREATE POLICY caller_opens ON emergency_accesses FOR INSERT TO mediconnect_api
    WITH CHECK ((SELECT caller_role()) = 'doctor' AND practitioner_id = (SELECT caller_id())
        AND began_at BETWEEN now() - interval '5 minutes' AND now() + interval '5 minutes'
        AND EXISTS (SELECT FROM practitioners p
            WHERE p.id = practitioner_id AND p.approved_at IS NOT NULL));
CREATE POLICY caller_ends ON emergency_accesses FOR UPDATE TO mediconnect_api
    USING ((SELECT caller_role()) = 'doctor' AND practitioner_id = (SELECT caller_id()));
CREATE POLICY caller ON emergency_access_reviews FOR SELECT TO mediconnect_api
    USING (EXISTS (SELECT FROM emergency_accesses e WHERE e.id = access_id));
CREATE POLICY caller_reviews ON emergency_access_reviews FOR INSERT TO mediconnect_api
    WITH CHECK ((SELECT caller_role()) = 'admin' AND reviewed_by = (SELECT caller_id()));

-- The chart: what doctors see of their own patients, and who insures them.
DO $$
DECLARE
    chart_part text[];
BEGIN
    FOREACH chart_part SLICE 1 IN ARRAY ARRAY[['patients', 'id'], ['appointments', 'patient_id'],
        ['coverages', 'patient_id']]
    LOOP
        EXECUTE format('CREATE POLICY caller_in_emergency ON %I FOR SELECT TO mediconnect_api
            USING ((SELECT caller_role()) = ''doctor''
                AND %I IN (SELECT emergency_patients()))', chart_part[1], chart_part[2]);
    END LOOP;
END $$;

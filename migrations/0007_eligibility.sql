-- Who insures whom, and what insurers say of it. Coverages are written by api in the name of its
-- caller; what becomes of a check is the eligibility worker's, through mediconnect_eligibility.

-- FHIR R4 Coverage, in short.
CREATE TABLE coverages (
    id                     uuid PRIMARY KEY,
    patient_id             uuid NOT NULL REFERENCES patients,
    -- The insurer, as the clearinghouse numbers them; a text: 00123 is not 123.
    payer_id               text NOT NULL CHECK (payer_id ~ '^[A-Za-z0-9_-]{1,32}$'),
    -- What the insurer knows the subscriber by.
    subscriber_id          text NOT NULL CHECK (subscriber_id ~ '^[!-~]{1,80}$'),
    -- The patient to the subscriber.
    relationship           text NOT NULL CHECK (relationship IN (
                               'self', 'spouse', 'child', 'parent', 'common', 'other', 'injured')),
    -- The subscriber, when that is somebody else.
    subscriber_given_name  text,
    subscriber_family_name text,
    subscriber_birth_date  date,
    status                 text NOT NULL CHECK (status IN (
                               'active', 'cancelled', 'draft', 'entered-in-error')),
    -- First and last day; null means that nobody said.
    period_start           date,
    period_end             date,
    created_at             timestamptz NOT NULL,
    created_by             uuid NOT NULL REFERENCES users,
    CHECK (period_start <= period_end),
    CONSTRAINT coverages_subscriber_known CHECK (relationship = 'self'
        OR num_nulls(subscriber_given_name, subscriber_family_name, subscriber_birth_date) = 0)
);
CREATE INDEX coverages_by_patient ON coverages (patient_id, id);
CREATE UNIQUE INDEX coverages_once ON coverages (patient_id, payer_id, subscriber_id)
    WHERE status = 'active';

-- One question to an insurer: whether a coverage holds, for a visit or in general. It is asked
-- until there is an answer; what is due is what next_at says.
CREATE TABLE eligibility_checks (
    id             uuid PRIMARY KEY,
    coverage_id    uuid NOT NULL REFERENCES coverages,
    -- None: the coverage itself, without a visit.
    appointment_id uuid REFERENCES appointments,
    payer_id       text NOT NULL,
    -- The day that is asked for, by the practitioner's clock.
    service_date   date NOT NULL,
    status         text NOT NULL DEFAULT 'not_checked' CHECK (status IN (
                       'not_checked', 'checking', 'active', 'inactive', 'needs_attention',
                       'pending_verification', 'self_pay')),
    -- What the insurer said last, however long ago. An outage never changes it.
    last_result    text CHECK (last_result IN ('active', 'inactive', 'investigate')),
    last_result_at timestamptz,
    -- Why there is no newer answer: a word, and the insurer's AAA code if it gave one.
    error_class    text,
    error_code     text,
    -- Calls in a row without an answer, by the insurer's fault or ours.
    attempts       integer NOT NULL DEFAULT 0,
    -- When to ask (again); none when only a person or a new fact can help.
    next_at        timestamptz,
    -- Who is asking now, and until when nobody else will.
    lease_owner    uuid,
    lease_until    timestamptz,
    correlation_id uuid NOT NULL,
    traceparent    text,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    CHECK ((last_result IS NULL) = (last_result_at IS NULL)),
    CONSTRAINT eligibility_checks_once UNIQUE NULLS NOT DISTINCT (coverage_id, appointment_id)
);
CREATE INDEX eligibility_checks_due ON eligibility_checks (payer_id, next_at)
    WHERE next_at IS NOT NULL;
CREATE INDEX eligibility_checks_by_appointment ON eligibility_checks (appointment_id);
CREATE INDEX eligibility_checks_by_status ON eligibility_checks (status, id);

-- A practitioner's day, for a moment: their clock's, or else UTC's.
CREATE FUNCTION service_date(practitioner uuid, at timestamptz) RETURNS date
    LANGUAGE sql STABLE
    RETURN (at AT TIME ZONE coalesce(
        (SELECT min(time_zone) FROM availability_rules WHERE practitioner_id = practitioner),
        'UTC'))::date;
REVOKE ALL ON FUNCTION service_date(uuid, timestamptz) FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO mediconnect_eligibility;
GRANT EXECUTE ON FUNCTION log_correlation(uuid[]) TO mediconnect_eligibility;
GRANT EXECUTE ON FUNCTION service_date(uuid, timestamptz)
    TO mediconnect_eligibility, mediconnect_api;

-- The worker asks for whom it must: names and birth dates are part of the question.
GRANT SELECT ON patients TO mediconnect_eligibility;
GRANT SELECT (practitioner_id, time_zone) ON availability_rules TO mediconnect_eligibility;
GRANT SELECT (id, patient_id, practitioner_id, during, status) ON appointments
    TO mediconnect_eligibility;
GRANT SELECT ON coverages TO mediconnect_eligibility;
GRANT SELECT, INSERT ON eligibility_checks TO mediconnect_eligibility;
GRANT UPDATE (status, last_result, last_result_at, error_class, error_code, attempts, next_at,
    lease_owner, lease_until, changed_at) ON eligibility_checks TO mediconnect_eligibility;

GRANT SELECT, INSERT ON coverages TO mediconnect_api;
GRANT SELECT ON eligibility_checks TO mediconnect_api;
-- A new check is asked by the worker: api can't say how it stands.
GRANT INSERT (id, coverage_id, appointment_id, payer_id, service_date, next_at, correlation_id,
    traceparent, created_at, changed_at) ON eligibility_checks TO mediconnect_api;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['coverages', 'eligibility_checks']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['coverages', 'eligibility_checks', 'patients',
        'availability_rules', 'appointments']
    LOOP
        EXECUTE format('CREATE POLICY eligibility ON %I TO mediconnect_eligibility
            USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;

-- Member numbers are the patient's and the front desk's business, and nobody else's.
CREATE POLICY caller ON coverages FOR SELECT TO mediconnect_api
    USING (((SELECT caller_role()) = 'patient' AND patient_id = (SELECT caller_id()))
        OR (SELECT caller_role()) = 'admin');
CREATE POLICY caller_adds ON coverages FOR INSERT TO mediconnect_api
    WITH CHECK (created_by = (SELECT caller_id())
        AND (((SELECT caller_role()) = 'patient' AND patient_id = (SELECT caller_id()))
            OR (SELECT caller_role()) = 'admin'));

-- Whoever sees a visit sees how it is covered; a doctor sees no coverage behind it.
CREATE POLICY caller ON eligibility_checks FOR SELECT TO mediconnect_api
    USING (EXISTS (SELECT FROM appointments a WHERE a.id = appointment_id)
        OR EXISTS (SELECT FROM coverages c WHERE c.id = coverage_id));
CREATE POLICY caller_adds ON eligibility_checks FOR INSERT TO mediconnect_api
    WITH CHECK (EXISTS (SELECT FROM coverages c
        WHERE c.id = coverage_id AND c.payer_id = eligibility_checks.payer_id
          AND (appointment_id IS NULL OR EXISTS (SELECT FROM appointments a
            WHERE a.id = appointment_id AND a.patient_id = c.patient_id))));

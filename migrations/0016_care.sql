-- Whom a doctor cares for without a visit is their patient, too; and what doctors wrote down is part
-- of the chart that one may see in an emergency.

CREATE OR REPLACE FUNCTION patients_in_care() RETURNS SETOF uuid
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT a.patient_id FROM appointments a WHERE a.practitioner_id = caller_id()
        UNION
        SELECT r.patient_id FROM care_relations r
        WHERE r.practitioner_id = caller_id()
          AND r.since <= now() AND (r.until IS NULL OR r.until > now());
    END;

CREATE OR REPLACE FUNCTION in_care_of_caller(patient uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN caller_treats(patient);

CREATE POLICY caller_in_emergency ON clinical_notes FOR SELECT TO mediconnect_api
    USING ((SELECT caller_role()) = 'doctor'
        AND patient_id IN (SELECT emergency_patients()));

-- The visit's life beyond booking and cancelling: holds, other times, statuses and how they are
-- taken back, series, clinical notes, and who cares for whom. Written by the booking worker.

-- Holds of a practitioner or a patient that may have ended are looked for before every booking.
CREATE INDEX appointments_holds_by_practitioner ON appointments (practitioner_id)
    WHERE status = 'pending';
CREATE INDEX appointments_holds_by_patient ON appointments (patient_id) WHERE status = 'pending';

-- What a visit was after each change: with whom and when, so that changes of time can be read, and
-- whether the change took another back, so that the next one knows which status came before.
ALTER TABLE appointment_status_history
    ADD COLUMN during tstzrange,
    ADD COLUMN practitioner_id uuid,
    ADD COLUMN is_undo boolean NOT NULL DEFAULT false;
-- The owner is bound by row-level security, too.
ALTER TABLE appointments NO FORCE ROW LEVEL SECURITY;
ALTER TABLE appointment_status_history NO FORCE ROW LEVEL SECURITY;
UPDATE appointment_status_history h
    SET during = a.during, practitioner_id = a.practitioner_id
    FROM appointments a WHERE a.id = h.appointment_id;
ALTER TABLE appointments FORCE ROW LEVEL SECURITY;
ALTER TABLE appointment_status_history FORCE ROW LEVEL SECURITY;

-- Which dates stand in the way of a series that was refused: a list of times.
ALTER TABLE requests
    ADD COLUMN blocked_times jsonb CHECK (blocked_times IS NULL OR outcome = 'rejected');

-- One row per version, and none is ever changed or removed: what a doctor acted upon stays.
CREATE TABLE clinical_notes (
    id              uuid NOT NULL,
    version         integer NOT NULL CHECK (version > 0),
    appointment_id  uuid NOT NULL REFERENCES appointments,
    patient_id      uuid NOT NULL REFERENCES patients,
    -- Who wrote it, and may write further versions.
    practitioner_id uuid NOT NULL REFERENCES practitioners,
    text            text NOT NULL CHECK (length(text) BETWEEN 1 AND 10000),
    written_at      timestamptz NOT NULL,
    request_id      uuid NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE INDEX clinical_notes_by_appointment ON clinical_notes (appointment_id, id, version);

CREATE FUNCTION refuse_change_of_notes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'clinical notes are never changed or removed'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER clinical_notes_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON clinical_notes
    EXECUTE FUNCTION refuse_change_of_notes();

-- A doctor who cares for a patient without, or beyond, a visit; administrators say so.
CREATE TABLE care_relations (
    id              uuid PRIMARY KEY,
    practitioner_id uuid NOT NULL REFERENCES practitioners,
    patient_id      uuid NOT NULL REFERENCES patients,
    since           timestamptz NOT NULL,
    -- Null: until somebody ends it.
    until           timestamptz,
    assigned_by     uuid NOT NULL REFERENCES users,
    ended_by        uuid REFERENCES users,
    CHECK (since < until),
    CONSTRAINT care_relations_once EXCLUDE USING gist
        (practitioner_id WITH =, patient_id WITH =, tstzrange(since, until) WITH &&)
);
CREATE INDEX care_relations_by_patient ON care_relations (patient_id, practitioner_id);

-- A read that asks whether the caller treats somebody: by a visit, or by a care relation now.
CREATE FUNCTION caller_treats(patient uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (SELECT caller_role()) = 'doctor' AND (
        EXISTS (SELECT FROM appointments a
            WHERE a.patient_id = patient AND a.practitioner_id = (SELECT caller_id()))
        OR EXISTS (SELECT FROM care_relations r
            WHERE r.patient_id = patient AND r.practitioner_id = (SELECT caller_id())
              AND r.since <= now() AND (r.until IS NULL OR r.until > now())));
REVOKE ALL ON FUNCTION caller_treats(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION caller_treats(uuid) TO mediconnect_api;

GRANT SELECT ON clinical_notes, care_relations TO mediconnect_api;
GRANT SELECT, INSERT ON clinical_notes TO mediconnect_booking;
GRANT SELECT, INSERT ON care_relations TO mediconnect_booking;
GRANT UPDATE (until, ended_by) ON care_relations TO mediconnect_booking;

-- A visit at another time is asked for again, for another day.
GRANT UPDATE (service_date) ON eligibility_checks TO mediconnect_eligibility;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['clinical_notes', 'care_relations']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY booking ON %I TO mediconnect_booking
            USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;

CREATE POLICY caller ON care_relations FOR SELECT TO mediconnect_api
    USING (((SELECT caller_role()) = 'patient' AND patient_id = (SELECT caller_id()))
        OR ((SELECT caller_role()) = 'doctor' AND practitioner_id = (SELECT caller_id()))
        OR (SELECT caller_role()) = 'admin');

CREATE POLICY caller ON clinical_notes FOR SELECT TO mediconnect_api
    USING (((SELECT caller_role()) = 'patient' AND patient_id = (SELECT caller_id()))
        OR caller_treats(patient_id)
        OR (SELECT caller_role()) = 'admin');

-- A doctor's patients are those with a visit to them, or in their care.
ALTER POLICY caller ON patients
    USING (id = (SELECT caller_id())
        OR (SELECT caller_role()) = 'admin'
        OR caller_treats(id));

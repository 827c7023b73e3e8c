-- Where and for what patients come: locations, visit types, hours by both, exceptions by date; and
-- what a visit needs beyond its own time. Written by the booking worker.

-- FHIR R4 Location, in short. Video has none.
CREATE TABLE locations (
    id        uuid PRIMARY KEY,
    name      text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    -- IANA name: the wall clock that patients read at the door.
    time_zone text NOT NULL,
    active    boolean NOT NULL,
    version   integer NOT NULL CHECK (version > 0)
);

-- FHIR R4 HealthcareService: a visit type.
CREATE TABLE healthcare_services (
    id                     uuid PRIMARY KEY,
    name                   text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    -- Offered by practitioners of this specialty only; null: by all.
    specialty              text,
    modality               text NOT NULL CHECK (modality IN ('in-person', 'video')),
    duration_minutes       smallint NOT NULL CHECK (duration_minutes BETWEEN 5 AND 480),
    buffer_before_minutes  smallint NOT NULL CHECK (buffer_before_minutes BETWEEN 0 AND 240),
    buffer_after_minutes   smallint NOT NULL CHECK (buffer_after_minutes BETWEEN 0 AND 240),
    -- Where slots may begin, counted from the beginning of the opening hours.
    alignment_minutes      smallint NOT NULL CHECK (alignment_minutes BETWEEN 5 AND 240),
    -- How long before it begins a visit must be booked at the latest.
    minimum_notice_minutes integer NOT NULL CHECK (minimum_notice_minutes BETWEEN 0 AND 525600),
    -- How many days ahead it can be booked at the earliest.
    horizon_days           smallint NOT NULL CHECK (horizon_days BETWEEN 1 AND 1095),
    active                 boolean NOT NULL,
    version                integer NOT NULL CHECK (version > 0)
);

-- Hours may be for one location (none: any visit that needs no place) and for some visit types
-- (none named: all that the practitioner offers).
ALTER TABLE availability_rules
    ADD COLUMN location_id uuid REFERENCES locations,
    ADD COLUMN service_ids uuid[] NOT NULL DEFAULT '{}';

-- One date that differs from the week: closed, or open as well. By the wall clock of the
-- practitioner's zone.
CREATE TABLE availability_exceptions (
    practitioner_id uuid NOT NULL REFERENCES practitioners,
    date            date NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('closed', 'open')),
    starts_at       time NOT NULL,
    -- 00:00 means the end of the day.
    ends_at         time NOT NULL,
    location_id     uuid REFERENCES locations,
    service_ids     uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (practitioner_id, date, kind, starts_at),
    CHECK (starts_at < ends_at OR ends_at = '00:00')
);

ALTER TABLE appointments
    -- None: the practitioner's standard visit, as long as a slot.
    ADD COLUMN service_id uuid REFERENCES healthcare_services,
    ADD COLUMN location_id uuid REFERENCES locations,
    -- The visit with its buffers: what the practitioner can't be booked for again.
    ADD COLUMN occupied tstzrange,
    -- A hold's end. After it the row counts for nothing, whether or not somebody has cleared it.
    ADD COLUMN expires_at timestamptz,
    -- Visits that were booked as one recurring series.
    ADD COLUMN series_id uuid;
-- The owner is bound by row-level security, too.
ALTER TABLE appointments NO FORCE ROW LEVEL SECURITY;
UPDATE appointments SET occupied = during;
ALTER TABLE appointments FORCE ROW LEVEL SECURITY;
ALTER TABLE appointments
    ALTER COLUMN occupied SET NOT NULL,
    ADD CONSTRAINT appointments_occupied_holds_visit CHECK (occupied @> during),
    ADD CONSTRAINT appointments_hold_expires
        CHECK ((expires_at IS NOT NULL) = (status = 'pending')),
    DROP CONSTRAINT appointments_practitioner_busy,
    ADD CONSTRAINT appointments_practitioner_busy
        EXCLUDE USING gist (practitioner_id WITH =, occupied WITH &&)
        WHERE (status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'));
CREATE INDEX appointments_by_series ON appointments (series_id) WHERE series_id IS NOT NULL;

-- As in 0008, with buffers, and without holds that have expired.
CREATE OR REPLACE FUNCTION busy_ranges(practitioners uuid[], during tstzrange)
    RETURNS TABLE (practitioner_id uuid, busy tstzrange)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    busy_statuses text[] := ARRAY['pending', 'booked', 'arrived', 'checked-in', 'fulfilled'];
BEGIN
    RETURN QUERY
    SELECT visit.*
    FROM unnest(practitioners) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT a.practitioner_id, a.occupied
        FROM appointments a
        WHERE a.practitioner_id = wanted.id
          -- A visit lasts a day at most, its buffers four hours each.
          AND lower(a.during) > lower(busy_ranges.during) - interval '28 hours'
          AND lower(a.during) < upper(busy_ranges.during) + interval '4 hours'
          AND a.occupied && busy_ranges.during
          AND a.status = ANY (busy_statuses)
          AND (a.expires_at IS NULL OR a.expires_at > now())
        ORDER BY lower(a.during)
    ) AS visit;
END $$;

GRANT SELECT ON locations, healthcare_services, availability_exceptions TO mediconnect_api;
GRANT SELECT, INSERT, UPDATE ON locations, healthcare_services TO mediconnect_booking;
GRANT SELECT, INSERT, DELETE ON availability_exceptions TO mediconnect_booking;
GRANT SELECT (specialty) ON practitioners TO mediconnect_booking;
GRANT UPDATE (during, occupied, expires_at, service_id, location_id, practitioner_id)
    ON appointments TO mediconnect_booking;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['locations', 'healthcare_services', 'availability_exceptions']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY booking ON %I TO mediconnect_booking
            USING (true) WITH CHECK (true)', name);
        -- Open to everybody who is signed in, as the directory of practitioners is.
        EXECUTE format('CREATE POLICY caller ON %I FOR SELECT TO mediconnect_api
            USING ((SELECT caller_id()) IS NOT NULL)', name);
    END LOOP;
END $$;

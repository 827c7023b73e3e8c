-- What the booking worker writes, through the role mediconnect_booking.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Opening hours by the wall clock of an IANA zone. All rows of a practitioner have one zone and
-- one slot length; a change replaces them together.
CREATE TABLE availability_rules (
    practitioner_id uuid NOT NULL REFERENCES practitioners,
    weekday         smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7), -- 1 is Monday (ISO 8601)
    starts_at       time NOT NULL,
    ends_at         time NOT NULL,
    time_zone       text NOT NULL,
    slot_minutes    smallint NOT NULL CHECK (slot_minutes BETWEEN 5 AND 240),
    PRIMARY KEY (practitioner_id, weekday, starts_at),
    CHECK (starts_at < ends_at)
);

-- FHIR R4 Appointment. The two exclusion constraints are why no slot is taken twice, whichever
-- way a row gets here.
CREATE TABLE appointments (
    id                 uuid PRIMARY KEY,
    practitioner_id    uuid NOT NULL REFERENCES practitioners,
    patient_id         uuid NOT NULL REFERENCES patients,
    during             tstzrange NOT NULL CHECK (NOT isempty(during)),
    status             text NOT NULL CHECK (status IN (
                           'proposed', 'pending', 'booked', 'arrived', 'checked-in', 'fulfilled',
                           'cancelled', 'noshow', 'waitlist', 'entered-in-error')),
    version            integer NOT NULL CHECK (version > 0),
    cancelation_reason text CHECK ((cancelation_reason IS NOT NULL) = (status = 'cancelled')),
    request_id         uuid NOT NULL,
    created_at         timestamptz NOT NULL,
    CONSTRAINT appointments_practitioner_busy
        EXCLUDE USING gist (practitioner_id WITH =, during WITH &&)
        WHERE (status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled')),
    CONSTRAINT appointments_patient_busy
        EXCLUDE USING gist (patient_id WITH =, during WITH &&)
        WHERE (status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled'))
);
CREATE INDEX appointments_by_practitioner ON appointments (practitioner_id, lower(during), id);
CREATE INDEX appointments_by_patient ON appointments (patient_id, lower(during), id);

CREATE TABLE appointment_status_history (
    appointment_id uuid NOT NULL REFERENCES appointments,
    version        integer NOT NULL,
    status         text NOT NULL,
    reason         text,
    changed_at     timestamptz NOT NULL,
    actor_id       uuid NOT NULL,
    actor_role     text NOT NULL,
    request_id     uuid NOT NULL,
    correlation_id uuid NOT NULL,
    PRIMARY KEY (appointment_id, version)
);

-- The inbox: one row per request that has ended, whatever its end. Its keys are what makes a
-- redelivered message harmless.
CREATE TABLE requests (
    id             uuid PRIMARY KEY,
    kind           text NOT NULL,
    caller_id      uuid NOT NULL,
    -- Stands for (caller, route, Idempotency-Key); null without a key, and for a request that
    -- was rejected because its key had been used with another body.
    idempotency_id uuid UNIQUE,
    outcome        text NOT NULL CHECK (outcome IN ('applied', 'rejected', 'withdrawn')),
    reason         text CHECK ((reason IS NOT NULL) = (outcome = 'rejected')),
    -- What was done, as it was answered: a repeated request gets the same answer.
    result         jsonb CHECK ((result IS NOT NULL) = (outcome = 'applied')),
    correlation_id uuid NOT NULL,
    -- Position in MC_COMMANDS of the message that was settled.
    stream_sequence bigint NOT NULL,
    accepted_at    timestamptz NOT NULL,
    settled_at     timestamptz NOT NULL
);

-- Failures of single messages, by cause: what decides when a message becomes a dead letter. An
-- outage of a dependency is no failure of a message and adds nothing here.
CREATE TABLE message_attempts (
    stream_sequence  bigint NOT NULL,
    error_class      text NOT NULL,
    failures         integer NOT NULL,
    first_failure_at timestamptz NOT NULL,
    last_failure_at  timestamptz NOT NULL,
    PRIMARY KEY (stream_sequence, error_class)
);

-- Facts that are committed but may not be published yet. Published rows are deleted.
CREATE TABLE outbox (
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL,
    kind           text NOT NULL,
    version        integer NOT NULL,
    body           jsonb NOT NULL,
    correlation_id uuid NOT NULL,
    request_id     uuid NOT NULL,
    actor          text NOT NULL,
    traceparent    text,
    created_at     timestamptz NOT NULL
);

-- When practitioners are busy, without saying with whom. A join, because GiST can't use "= ANY"
-- together with the range: it would read everybody's bookings of these days. In PL/pgSQL, because
-- that keeps its plan from call to call.
CREATE FUNCTION busy_ranges(practitioners uuid[], during tstzrange)
    RETURNS TABLE (practitioner_id uuid, busy tstzrange)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT a.practitioner_id, a.during
    FROM unnest(practitioners) AS wanted (id)
    JOIN appointments a ON a.practitioner_id = wanted.id
    WHERE a.during && busy_ranges.during
      AND a.status IN ('pending', 'booked', 'arrived', 'checked-in', 'fulfilled');
END $$;

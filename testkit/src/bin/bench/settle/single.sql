-- One booking, one commit: the rows that the booking worker writes. The clients take turns.
\set n :i * :clients + :client_id
\set i :i + 1
BEGIN;
INSERT INTO appointments
    (id, practitioner_id, patient_id, during, occupied, status, version, request_id, created_at)
SELECT id, practitioner_id, patient_id, tstzrange(starts_at, ends_at),
    tstzrange(starts_at, ends_at), 'booked', 1, request_id, now()
FROM bench.bookings WHERE n = :n;
INSERT INTO appointment_status_history
    (appointment_id, version, status, reason, actor_id, actor_role, request_id, correlation_id,
     changed_at)
SELECT id, 1, 'booked', NULL, patient_id, 'patient', request_id, correlation_id, now()
FROM bench.bookings WHERE n = :n;
INSERT INTO outbox
    (event_id, kind, version, body, correlation_id, request_id, actor, traceparent, created_at)
SELECT event_id, 'appointment.booked', 1, body::jsonb, correlation_id, request_id, actor, NULL,
    now()
FROM bench.bookings WHERE n = :n;
INSERT INTO requests
    (id, kind, caller_id, idempotency_id, outcome, reason, result, correlation_id,
     stream_sequence, accepted_at, settled_at)
SELECT request_id, 'book', patient_id, idempotency_id, 'applied', NULL, result::jsonb,
    correlation_id, n + 1, accepted_at, now()
FROM bench.bookings WHERE n = :n;
COMMIT;

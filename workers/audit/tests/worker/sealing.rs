//! What becomes of entries and facts.

use domain::PatientId;
use testkit::any_entry;
use uuid::Uuid;

use super::log::Log;

#[tokio::test]
async fn entries_have_a_row_per_patient_and_facts_have_one() {
    let log = Log::open().await;
    let patients = [PatientId::generate(), PatientId::generate()];
    let (both, nobody) = (any_entry(&patients), any_entry(&[]));
    log.record(&both).await;
    log.record(&nobody).await;
    let booked = log.book(patients[0]).await;
    let worker = log.start_worker();
    log.until_rows(4).await;
    worker.stop().await;

    let sql = "SELECT position, stream, sequence, kind, entry_id, patient_id, correlation_id
               FROM audit_log ORDER BY position";
    let rows = log.admin.query(sql, &[]).await.unwrap();
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            let (position, stream, sequence) = (row.get::<_, i64>(0), row.get(1), row.get(2));
            let (kind, entry): (String, Uuid) = (row.get(3), row.get(4));
            let patient: Option<Uuid> = row.get(5);
            (position, stream, sequence, kind, entry, patient, row.get::<_, Uuid>(6))
        })
        .collect();
    let row = |position, stream: &str, sequence: i64, kind: &str| {
        (position, stream.to_owned(), sequence, kind.to_owned())
    };
    let expect = |(position, stream, sequence, kind), entry, patient: Option<PatientId>, id| {
        (position, stream, sequence, kind, entry, patient.map(PatientId::as_uuid), id)
    };
    let of = |entry: &contracts::AuditEntry| (entry.id.as_uuid(), entry.correlation_id.as_uuid());
    let mut expected = Vec::new();
    for (place, patient) in (1..).zip(patients) {
        let place = row(place, "MC_AUDIT", 1, "search");
        expected.push(expect(place, of(&both).0, Some(patient), of(&both).1));
    }
    let place = row(3, "MC_AUDIT", 2, "search");
    expected.push(expect(place, of(&nobody).0, None, of(&nobody).1));
    let place = row(4, "MC_EVENTS", 1, "fact");
    let id = booked.correlation_id.as_uuid();
    expected.push(expect(place, booked.id.as_uuid(), Some(patients[0]), id));
    assert_eq!(found, expected);

    let sql = "SELECT operation || ' ' || action || ' ' || role || ' ' || purpose || ' '
                   || resource_kind || ' ' || resource_version
               FROM audit_log WHERE kind = 'fact'";
    let fact: String = log.admin.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(fact, "appointment.booked C patient PATRQT Appointment 1");
}

#[tokio::test]
async fn what_cannot_be_read_is_sealed_as_that() {
    let log = Log::open().await;
    let context = log.jetstream().await;
    log.record(&any_entry(&[])).await;
    for subject in ["mc.audit.read", "mc.evt.appointment.booked", "mc.evt.rumour.heard"] {
        context.publish(subject, "?".into()).await.unwrap().await.unwrap();
    }
    log.record(&any_entry(&[])).await;
    let worker = log.start_worker();
    log.until_rows(5).await;
    worker.stop().await;
    let unreadable = "SELECT count(*) FROM audit_log WHERE kind = 'unreadable' AND outcome = 8
        AND message_sha256 = sha256('?') AND reason IN ('schema', 'unknown_kind')";
    assert_eq!(log.number(unreadable).await, 3);
    assert_eq!(log.number("SELECT count(*) FROM audit_log WHERE kind = 'search'").await, 2);
}

#[tokio::test]
async fn messages_that_are_gone_are_recorded_as_a_gap() {
    let log = Log::open().await;
    log.record(&any_entry(&[])).await;
    let context = log.jetstream().await;
    for _ in 0..3 {
        context.publish("mc.audit.denial", "?".into()).await.unwrap().await.unwrap();
    }
    log.record(&any_entry(&[])).await;
    let stream = context.get_stream(contracts::subjects::AUDIT).await.unwrap();
    stream.purge().filter("mc.audit.denial").await.unwrap();

    let worker = log.start_worker();
    log.until_rows(3).await;
    worker.stop().await;
    let gap = "SELECT count(*) FROM audit_log WHERE kind = 'gap' AND position = 2
        AND gap_from = 2 AND sequence = 4 AND outcome = 8";
    assert_eq!(log.number(gap).await, 1);
}

#[tokio::test]
async fn an_entry_that_is_published_again_is_sealed_once() {
    let log = Log::open().await;
    let entry = any_entry(&[]);
    for _ in 0..3 {
        log.record(&entry).await;
    }
    log.record(&any_entry(&[])).await;
    let worker = log.start_worker();
    log.until("SELECT coalesce(max(audit_to), 0) FROM audit_seals", 2).await;
    worker.stop().await;
    assert_eq!(log.number("SELECT count(*) FROM audit_log").await, 2);
}

#[tokio::test]
async fn many_batches_make_one_chain() {
    let log = Log::open().await;
    let context = log.jetstream().await;
    let mut acks = Vec::new();
    for _ in 0..2_500 {
        let entry = any_entry(&[PatientId::generate()]);
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Mc-Schema", entry.kind.schema().as_str());
        let (subject, body) = (entry.kind.subject(), entry.to_body().into());
        acks.push(context.publish_with_headers(subject, headers, body).await.unwrap());
    }
    for ack in acks {
        ack.await.unwrap();
    }
    let worker = log.start_worker();
    log.until_rows(2_500).await;
    worker.stop().await;
    assert_eq!(log.number("SELECT count(*) FROM audit_seals").await, 3);
    let broken = "SELECT count(*) FROM audit_seals one JOIN audit_seals next
        ON next.number = one.number + 1
        WHERE next.previous_hash <> one.hash OR next.first_row <> one.last_row + 1
            OR next.audit_from <> one.audit_to + 1";
    assert_eq!(log.number(broken).await, 0);
    assert_eq!(log.number("SELECT max(position) FROM audit_log").await, 2_500);
}

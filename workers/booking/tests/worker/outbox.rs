//! What is committed is published; what isn't, isn't.

use std::sync::Mutex;

use booking::{FACTS_AT_ONCE, PublishFacts, publish_outbox};
use bus::OutgoingEvent;
use contracts::{AppointmentEvent, EventKind, TraceContext};
use futures::future::join;
use store::booking::Failure;
use store::booking::outbox::{CountPending, Pending};

use super::clinic::{Clinic, monday, visit};

/// Keeps what it is given, unless it is told to fail.
#[derive(Default)]
struct Published {
    facts: Mutex<Vec<OutgoingEvent>>,
    is_down: bool,
}

impl PublishFacts for Published {
    async fn publish(&self, facts: &[OutgoingEvent]) -> Result<(), String> {
        // Others get a turn while this one's rows are locked.
        tokio::task::yield_now().await;
        self.facts.lock().unwrap().extend_from_slice(facts);
        if self.is_down { Err("down".to_owned()) } else { Ok(()) }
    }
}

impl Published {
    fn versions(&self) -> Vec<(EventKind, i32)> {
        let facts = self.facts.lock().unwrap();
        facts.iter().map(|fact| (fact.kind, fact.aggregate_version)).collect()
    }
}

#[tokio::test]
async fn publishes_what_was_committed_in_its_order() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let mut request = clinic.book(patient, doctor, &monday("09:00"));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let state = "vendor=opaque,other=1";
    request.metadata.trace = TraceContext::parse(parent, Some(state)).ok();
    let booked = visit(clinic.settle_one(&request).await);
    let cancelled = visit(clinic.settle_one(&clinic.cancel(patient, &booked)).await);
    clinic.settle_one(&clinic.book(patient, doctor, &monday("08:00"))).await;

    let published = Published::default();
    assert_eq!(publish_outbox(&clinic.pool, &published).await, Ok(2));
    assert_eq!(publish_outbox(&clinic.pool, &published).await, Ok(0));
    let expected = [(EventKind::AppointmentBooked, 1), (EventKind::AppointmentCancelled, 2)];
    assert_eq!(published.versions(), expected);
    assert_eq!(clinic.count("outbox").await, 0);

    let facts = published.facts.into_inner().unwrap();
    let bodies = facts.iter().map(|fact| serde_json::from_slice(&fact.body).unwrap());
    let bodies: Vec<AppointmentEvent> = bodies.collect();
    assert_eq!(bodies[0].appointment, booked);
    assert_eq!(bodies[1].appointment, cancelled);
    assert_eq!(facts[0].correlation_id, request.metadata.correlation_id);
    assert_eq!(facts[0].request_id, request.id());
    assert_eq!(facts[0].actor, request.metadata.actor.to_string());
    let trace = facts[0].trace.as_ref().unwrap();
    assert_eq!((trace.traceparent().as_str(), trace.tracestate()), (parent, Some(state)));
    assert_eq!(facts[1].trace, None);
}

#[tokio::test]
async fn what_could_not_be_published_stays_with_its_ids() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    clinic.booked(patient, doctor, &monday("09:00")).await;
    let down = Published { is_down: true, ..Published::default() };
    let failed = publish_outbox(&clinic.pool, &down).await;
    assert_eq!(failed, Err(Failure::Abandoned("down".to_owned())));
    assert_eq!(clinic.count("outbox").await, 1);

    let up = Published::default();
    assert_eq!(publish_outbox(&clinic.pool, &up).await, Ok(1));
    assert_eq!(*up.facts.lock().unwrap(), *down.facts.lock().unwrap());
}

#[tokio::test]
async fn two_publishers_share_the_work() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    clinic.booked(patient, doctor, &monday("09:00")).await;
    let copies = FACTS_AT_ONCE as i64 + 99;
    clinic
        .admin
        .execute(
            "INSERT INTO outbox (event_id, kind, version, body, correlation_id, request_id, actor,
                 created_at)
             SELECT gen_random_uuid(), kind, copy, body, correlation_id, request_id, actor,
                 created_at
             FROM outbox, generate_series(2, $1::bigint) AS copy",
            &[&copies],
        )
        .await
        .unwrap();
    let published = Published::default();
    let publish = || publish_outbox(&clinic.pool, &published);
    let (first, second) = join(publish(), publish()).await;
    assert_eq!(first.unwrap() + second.unwrap(), copies as usize);
    let mut versions: Vec<i32> =
        published.versions().into_iter().map(|(_, version)| version).collect();
    versions.sort_unstable();
    assert!(versions.into_iter().eq(1..=copies as i32));
}

#[tokio::test]
async fn a_fact_of_an_unknown_kind_holds_up_nobody() {
    let clinic = Clinic::open().await;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    clinic.booked(patient, doctor, &monday("09:00")).await;
    // The oldest of all, as a newer worker would have left it.
    let newer = "UPDATE outbox SET kind = 'appointment.teleported'";
    clinic.admin.execute(newer, &[]).await.unwrap();
    clinic.booked(patient, doctor, &monday("10:00")).await;

    let published = Published::default();
    assert_eq!(publish_outbox(&clinic.pool, &published).await, Ok(1));
    assert_eq!(published.versions(), [(EventKind::AppointmentBooked, 1)]);
    assert_eq!(clinic.count("outbox").await, 1);
    let pending = clinic.pool.transact(&CountPending).await;
    assert_eq!(pending, Ok(Pending { facts: 1, unknown: 1 }));
}

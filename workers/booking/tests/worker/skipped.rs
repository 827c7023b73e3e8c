//! What a damaged consumer has skipped is found in the stream, and settled after all.

use async_nats::jetstream::{self, consumer::PullConsumer};
use contracts::{Rejection, subjects};
use domain::RequestId;
use futures::StreamExt;
use futures::future::join_all;
use runtime::settings::BookingSettings;
use serde_json::Value;

use super::clinic::{is_applied, rejected};
use super::service::{Bench, PATIENCE, monday, outcome};

/// A look at the books every now and then, and everything old at once.
fn eager() -> BookingSettings {
    BookingSettings { ledger_period_ms: 50, requeue_after_ms: 10, ..BookingSettings::default() }
}

impl Bench {
    /// Acknowledges behind the worker's back what waits for it, as a consumer would whose state
    /// was damaged: these messages are not delivered any more.
    async fn skip(&self, count: usize) {
        let context = jetstream::new(self.nats.client().await.unwrap());
        let stream = context.get_stream(subjects::COMMANDS).await.unwrap();
        let mut consumer: PullConsumer = stream.get_consumer("booking").await.unwrap();
        let batch = consumer.fetch().max_messages(count).messages().await.unwrap();
        let skipped: Vec<_> = batch.collect().await;
        assert_eq!(skipped.len(), count);
        for message in skipped {
            message.unwrap().double_ack().await.unwrap();
        }
        assert_eq!(consumer.info().await.unwrap().num_pending, 0);
    }

    /// What the ledger says when everything without an end counts as missing.
    async fn ledger(&self) -> Value {
        let mut ledger = testkit::ledger_command(&self.clinic.database, &self.nats);
        let said = ledger.args(["--json", "--grace-minutes=0"]).output().await.unwrap();
        serde_json::from_slice(&said.stdout).unwrap()
    }
}

#[tokio::test]
async fn what_a_damaged_consumer_skipped_is_settled_once() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, [ada, bob]) =
        (clinic.doctor().await, [clinic.patient().await, clinic.patient().await]);
    // So that there is a consumer.
    let worker = bench.start_worker();
    let (_, first) = bench.ask(clinic.book(ada, doctor, &monday("09:00"))).await;
    assert!(is_applied(&outcome(first).await));
    worker.stop().await;

    let (early, early_reply) = bench.ask(clinic.book(ada, doctor, &monday("10:00"))).await;
    let (late, late_reply) = bench.ask(clinic.book(bob, doctor, &monday("10:00"))).await;
    let mut unreadable = clinic.book(bob, doctor, &monday("11:00"));
    unreadable.metadata.schema = "booking.book/99".to_owned();
    bench.ask(unreadable).await;
    let context = jetstream::new(bench.nats.client().await.unwrap());
    let nobodys = context.publish("mc.cmd.booking.teleport.x.y", "".into()).await.unwrap();
    let nobodys = nobodys.await.unwrap().sequence;
    bench.skip(4).await;

    // Without a look at the books nobody would ever come back to them; the ledger names them.
    let worker = bench.start_worker();
    let (_, reply) = bench.ask(clinic.book(bob, doctor, &monday("13:00"))).await;
    assert!(is_applied(&outcome(reply).await));
    worker.stop().await;
    let ledger = bench.ledger().await;
    assert_eq!(ledger["balanced"], false);
    let missing = ledger["unaccounted_for"].as_array().unwrap();
    let missing: Vec<_> = missing.iter().map(|missing| missing["request_id"].clone()).collect();
    assert_eq!(missing.len(), 3);
    assert_eq!(missing[..2], [early.id(), late.id()].map(|id: RequestId| id.to_string()));
    assert_eq!(ledger["unreadable"]["unaccounted_for"][0]["sequence"], nobodys);

    let worker = bench.start_worker_with(eager());
    let outcomes = join_all([early_reply, late_reply].map(outcome)).await;
    assert!(is_applied(&outcomes[0]), "{outcomes:?}");
    assert_eq!(outcomes[1], rejected(Rejection::SlotTaken), "in the stream's order");
    let settled = async { while bench.ledger().await["balanced"] != true {} };
    tokio::time::timeout(PATIENCE, settled).await.expect("the books balance in time");
    worker.stop().await;

    let ledger = bench.ledger().await;
    assert_eq!((&ledger["requests"], &ledger["repeats"]), (&5.into(), &0.into()), "{ledger:#}");
    assert_eq!((&ledger["dead"], &ledger["unreadable"]["dead"]), (&1.into(), &1.into()));
    assert_eq!(ledger["messages"], 6, "nothing was published again");
    assert_eq!(clinic.count("appointments").await, 3);
    assert_eq!(clinic.count("appointment_status_history").await, 3);
    let metrics = runtime::metrics::render().unwrap();
    assert!(metrics.contains(r#"mediconnect_requeued_messages_total{consumer="booking"} "#));
}

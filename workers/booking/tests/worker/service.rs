//! The whole worker: NATS on one side, PostgreSQL on the other.

use std::cell::Cell;
use std::time::Duration;

use async_nats::jetstream;
use bus::{Bus, OutgoingCommand, PendingReply, Publisher, Replies};
use contracts::{Applied, Outcome, Rejection, subjects};
use futures::StreamExt;
use futures::future::join_all;
use runtime::settings::BookingSettings;
use runtime::{Settings, Shutdown};
use testkit::TestNats;

use super::clinic::{Clinic, Incoming, is_applied, rejected};

/// A Monday that stays in the future, because a running worker has the machine's clock.
const MONDAY: &str = "2099-01-05";

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A clinic whose requests go through NATS.
pub struct Bench {
    pub clinic: Clinic,
    pub nats: TestNats,
    pub bus: Bus,
    publisher: Publisher,
    replies: Replies,
    _publishing: Shutdown,
}

impl Bench {
    pub async fn set_up() -> Self {
        let (clinic, nats) = (Clinic::open().await, TestNats::start().await.unwrap());
        let bus = nats.bus().await.unwrap();
        let publishing = Shutdown::new();
        let publisher = Publisher::start(&bus, &publishing);
        let replies = Replies::start(&bus, &publishing).await.unwrap();
        Self { clinic, nats, bus, publisher, replies, _publishing: publishing }
    }

    /// Publishes a request, and returns it as it stands in the stream, with its reply.
    pub async fn ask(&self, mut incoming: Incoming) -> (Incoming, PendingReply) {
        let reply = self.replies.expect(incoming.id());
        incoming.metadata.reply_to = Some(reply.subject().to_owned());
        let outgoing = OutgoingCommand {
            command: incoming.command.clone(),
            metadata: incoming.metadata.clone(),
        };
        let accepted = self.publisher.publish(outgoing, PATIENCE).await.unwrap();
        incoming.stream_sequence = accepted.stream_sequence;
        (incoming, reply)
    }

    pub fn start_worker(&self) -> Worker {
        self.start_worker_with(BookingSettings::default())
    }

    pub fn start_worker_with(&self, booking: BookingSettings) -> Worker {
        let settings = Settings {
            booking: BookingSettings { metrics_listen: ([127, 0, 0, 1], 0).into(), ..booking },
            database: self.clinic.database.settings(),
            nats: self.nats.settings(),
            ..Settings::default()
        };
        let shutdown = Shutdown::new();
        let running = tokio::spawn(booking::run(settings, shutdown.clone()));
        Worker { shutdown, running }
    }

    /// Returns once the worker's consumer holds this many messages that it has not settled.
    async fn until_in_hand(&self, consumer: &str, count: usize) {
        let context = jetstream::new(self.nats.client().await.unwrap());
        let stream = context.get_stream(subjects::COMMANDS).await.unwrap();
        let mut consumer: jetstream::consumer::PullConsumer =
            stream.get_consumer(consumer).await.unwrap();
        while consumer.info().await.unwrap().num_ack_pending != count {}
    }

    /// The next message of a stream, from its beginning.
    pub async fn first_message(&self, stream: &str) -> jetstream::Message {
        let context = jetstream::new(self.nats.client().await.unwrap());
        let stream = context.get_stream(stream).await.unwrap();
        let ordered = jetstream::consumer::pull::OrderedConfig::default();
        let mut messages = stream.create_consumer(ordered).await.unwrap().messages().await.unwrap();
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.unwrap();
        message.unwrap().unwrap()
    }
}

pub struct Worker {
    shutdown: Shutdown,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Worker {
    pub async fn stop(self) {
        self.shutdown.trigger();
        self.running.await.unwrap().unwrap();
    }
}

pub async fn outcome(reply: PendingReply) -> Outcome {
    tokio::time::timeout(PATIENCE, reply.outcome()).await.expect("there is a reply in time")
}

pub fn monday(time: &str) -> String {
    format!("{MONDAY}T{time}:00-03:00")
}

#[tokio::test]
async fn settles_what_waits_answers_and_publishes() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let doctor = clinic.doctor().await;
    let mut replies = Vec::new();
    for _ in 0..20 {
        let patient = clinic.patient().await;
        let request = clinic.book(patient, doctor, &monday("09:00"));
        replies.push(bench.ask(request).await.1);
    }
    let worker = bench.start_worker();
    let outcomes = join_all(replies.into_iter().map(outcome)).await;
    assert!(is_applied(&outcomes[0]), "{:?}", outcomes[0]);
    assert!(outcomes[1..].iter().all(|outcome| *outcome == rejected(Rejection::SlotTaken)));

    let fact = bench.first_message(subjects::EVENTS).await;
    assert_eq!(fact.subject.as_str(), "mc.evt.appointment.booked");
    worker.stop().await;
    assert_eq!(clinic.count("outbox").await, 0);
    assert_eq!(clinic.count("requests").await, 20);
}

#[tokio::test]
async fn a_withdrawal_overtakes_the_backlog() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let booking = clinic.book(patient, doctor, &monday("09:00"));
    let (booking, booked) = bench.ask(booking).await;
    let (_, withdrawn) = bench.ask(clinic.withdraw(&booking)).await;
    let stored = bench.bus.find_request(booking.id()).await.unwrap().unwrap();
    assert_eq!(stored.stream_sequence, booking.stream_sequence);

    let worker = bench.start_worker();
    let result = Applied::Withdrawal { request_id: booking.id() };
    assert_eq!(outcome(withdrawn).await, Outcome::Applied { result });
    assert_eq!(outcome(booked).await, Outcome::Withdrawn);
    worker.stop().await;
    assert_eq!(clinic.count("appointments").await, 0);
}

#[tokio::test]
async fn bookings_are_settled_although_withdrawals_keep_coming() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let nobodys = || clinic.withdraw(&clinic.book(patient, doctor, &monday("10:00")));
    let (_, booked) = bench.ask(clinic.book(patient, doctor, &monday("09:00"))).await;
    bench.ask(nobodys()).await;

    let worker = bench.start_worker();
    // Some at once, so that one is always on its way: no look at the stream finds nothing.
    let is_settled = Cell::new(false);
    let withdrawing = async {
        while !is_settled.get() {
            join_all((0..10).map(|_| bench.ask(nobodys()))).await;
        }
    };
    let settling = async {
        let outcome = outcome(booked).await;
        is_settled.set(true);
        outcome
    };
    let (outcome, ()) = tokio::join!(settling, withdrawing);
    assert!(is_applied(&outcome), "{outcome:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_withdrawal_comes_first_after_an_outage_too() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let worker = bench.start_worker();
    let first = clinic.book(patient, doctor, &monday("08:00"));
    assert_eq!(outcome(bench.ask(first).await.1).await, rejected(Rejection::OutsideHours));

    clinic.database.take_away().await.unwrap();
    let mut bookings = Vec::new();
    for time in ["09:00", "09:30", "10:00"] {
        bookings.push(bench.ask(clinic.book(patient, doctor, &monday(time))).await);
    }
    let (_, withdrawn) = bench.ask(clinic.withdraw(&bookings[0].0)).await;
    bench.until_in_hand("booking-withdraw", 1).await;
    bench.until_in_hand("booking", 4).await;
    clinic.database.bring_back().await.unwrap();

    assert!(is_applied(&outcome(withdrawn).await));
    let outcomes = join_all(bookings.into_iter().map(|(_, reply)| outcome(reply))).await;
    assert_eq!(outcomes[0], Outcome::Withdrawn);
    assert!(outcomes[1..].iter().all(is_applied));
    worker.stop().await;
}

#[tokio::test]
async fn waits_for_a_database_that_is_away_at_start() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    clinic.database.take_away().await.unwrap();
    let worker = bench.start_worker();
    let (_, reply) = bench.ask(clinic.book(patient, doctor, &monday("09:00"))).await;
    clinic.database.bring_back().await.unwrap();
    assert!(is_applied(&outcome(reply).await));
    worker.stop().await;
}

#[tokio::test]
async fn stops_while_the_database_is_away() {
    let bench = Bench::set_up().await;
    bench.clinic.database.take_away().await.unwrap();
    let worker = bench.start_worker();
    worker.stop().await;
}

#[tokio::test]
async fn stops_while_nats_is_away() {
    let mut bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let worker = bench.start_worker();
    let (_, reply) = bench.ask(clinic.book(patient, doctor, &monday("09:00"))).await;
    assert!(is_applied(&outcome(reply).await));
    bench.nats.kill().await.unwrap();
    tokio::time::timeout(PATIENCE, worker.stop()).await.expect("it stops in time");
}

#[tokio::test]
async fn refuses_to_start_on_a_schema_it_does_not_know() {
    let bench = Bench::set_up().await;
    bench.clinic.admin.batch_execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let refusal = bench.start_worker().running.await.unwrap().unwrap_err();
    assert!(refusal.to_string().contains("mediconnect migrate"), "{refusal}");
}

#[tokio::test]
async fn what_it_cannot_read_becomes_a_dead_letter() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let mut unreadable = clinic.book(patient, doctor, &monday("09:00"));
    unreadable.metadata.schema = "booking.book/99".to_owned();
    let id = unreadable.id();
    bench.ask(unreadable).await;
    let (_, reply) = bench.ask(clinic.book(patient, doctor, &monday("09:00"))).await;

    let worker = bench.start_worker();
    assert!(is_applied(&outcome(reply).await), "its neighbour is none the worse");
    let letter = bench.first_message(subjects::DEAD).await;
    assert_eq!(letter.subject.as_str(), format!("mc.dead.booking.book.{id}"));
    worker.stop().await;
}

#[tokio::test]
async fn an_unreadable_withdrawal_becomes_one_dead_letter() {
    let bench = Bench::set_up().await;
    let clinic = &bench.clinic;
    let (doctor, patient) = (clinic.doctor().await, clinic.patient().await);
    let (booking, booked) = bench.ask(clinic.book(patient, doctor, &monday("09:00"))).await;
    let mut unreadable = clinic.withdraw(&booking);
    unreadable.metadata.schema = "booking.withdraw/99".to_owned();
    let id = unreadable.id();
    bench.ask(unreadable).await;
    // Behind it on both lanes: once these are settled, both have seen it.
    let (late, withdrawn) = bench.ask(clinic.book(patient, doctor, &monday("10:00"))).await;
    let (_, withdrawal) = bench.ask(clinic.withdraw(&late)).await;

    let worker = bench.start_worker();
    assert!(is_applied(&outcome(withdrawal).await));
    assert!(is_applied(&outcome(booked).await));
    assert_eq!(outcome(withdrawn).await, Outcome::Withdrawn);
    worker.stop().await;
    let letter = bench.first_message(subjects::DEAD).await;
    assert_eq!(letter.subject.as_str(), format!("mc.dead.booking.withdraw.{id}"));
    let letters = bench.bus.state_of(subjects::DEAD).await.unwrap();
    assert_eq!(letters.messages, 1);
}

//! Following facts: what can't be taken over hurts none of its neighbours, and an outage is waited
//! for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use bus::{Bus, DeadReason, FactFollower, FactHandler, HandleError, OutgoingEvent, ReceivedFact};
use contracts::metadata::header;
use contracts::{EventKind, subjects};
use domain::{CorrelationId, EventId, RequestId, SystemClock};
use runtime::Shutdown;
use testkit::TestNats;
use tokio::time::{Instant, sleep};

/// A bound against hanging, not an expectation.
const PATIENCE: Duration = Duration::from_mins(1);

/// Takes texts over. Refuses one of them, and everything while the dependency is away.
#[derive(Clone, Default)]
struct Texts {
    taken: Arc<Mutex<Vec<String>>>,
    is_away: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
}

impl FactHandler for Texts {
    type Fact = String;

    fn decode(&self, fact: &ReceivedFact) -> Result<String, DeadReason> {
        let text = std::str::from_utf8(&fact.body);
        let detail = "no text".to_owned();
        text.map(str::to_owned).map_err(|_| DeadReason { class: "undecodable", detail })
    }

    async fn handle(&self, facts: &[String]) -> Result<(), HandleError> {
        if self.is_away.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(HandleError::Outage("away".to_owned()));
        }
        if facts.iter().any(|fact| fact == "poison") {
            let detail = "it is poison".to_owned();
            return Err(HandleError::Failed { class: "poison", detail });
        }
        self.taken
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(facts);
        Ok(())
    }
}

impl Texts {
    fn follow(&self, bus: &Bus, shutdown: &Shutdown) {
        let follower = FactFollower {
            bus: bus.clone(),
            worker: "texts",
            kinds: &[EventKind::AppointmentBooked],
            ack_wait: Duration::from_secs(2),
            handler: self.clone(),
            clock: Arc::new(SystemClock),
        };
        shutdown.spawn("texts", follower.run(shutdown.clone()));
    }

    fn taken(&self) -> Vec<String> {
        let mut taken =
            self.taken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        taken.sort();
        taken
    }
}

fn fact(kind: EventKind, body: &[u8]) -> OutgoingEvent {
    OutgoingEvent {
        id: EventId::generate(),
        kind,
        aggregate_version: 1,
        body: body.to_owned(),
        correlation_id: CorrelationId::generate(),
        request_id: RequestId::generate(),
        actor: "nobody".to_owned(),
        trace: None,
    }
}

async fn wait_until(what: &str, holds: impl Fn() -> bool) -> anyhow::Result<()> {
    let give_up = Instant::now() + PATIENCE;
    while !holds() {
        ensure!(Instant::now() < give_up, "waited in vain until {what}");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn poison_and_nonsense_are_kept_and_hurt_no_neighbour() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let booked = EventKind::AppointmentBooked;
    let bodies: [&[u8]; 5] = [b"one", b"poison", b"two", b"\xff\xfe", b"three"];
    let mut facts: Vec<_> = bodies.iter().map(|body| fact(booked, body)).collect();
    facts.push(fact(EventKind::AppointmentCancelled, b"not asked for"));
    bus.publish_events(&facts).await?;
    // And one that says nothing of itself.
    let client = nats.client().await?;
    async_nats::jetstream::new(client).publish(booked.subject(), "bare".into()).await?.await?;

    let (texts, shutdown) = (Texts::default(), Shutdown::new());
    texts.follow(&bus, &shutdown);
    wait_until("the good ones are taken over", || texts.taken() == ["one", "three", "two"]).await?;
    let give_up = Instant::now() + PATIENCE;
    while bus.state_of(subjects::DEAD).await?.messages < 3 {
        ensure!(Instant::now() < give_up, "three letters were expected");
        sleep(Duration::from_millis(20)).await;
    }
    let mut classes = Vec::new();
    for sequence in 1..=3 {
        let letter = bus.dead_letter(sequence).await?.context("a letter")?;
        ensure!(letter.header(header::DEAD_ORIGIN_STREAM) == Some(subjects::EVENTS));
        ensure!(letter.header(header::DEAD_CONSUMER) == Some("texts"));
        classes.push(letter.header(header::DEAD_ERROR_CLASS).unwrap_or_default().to_owned());
    }
    classes.sort();
    ensure!(classes == ["envelope", "poison", "undecodable"], "{classes:?}");
    shutdown.trigger();
    shutdown.wait().await?;
    Ok(())
}

#[tokio::test]
async fn an_outage_is_waited_for_and_makes_no_letters() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let (texts, shutdown) = (Texts::default(), Shutdown::new());
    texts.is_away.store(true, Ordering::SeqCst);
    bus.publish_events(&[fact(EventKind::AppointmentBooked, b"one")]).await?;
    texts.follow(&bus, &shutdown);
    let met = || texts.refused.load(Ordering::SeqCst) >= 3;
    wait_until("the outage was met a few times", met).await?;
    ensure!(texts.taken().is_empty());
    texts.is_away.store(false, Ordering::SeqCst);
    wait_until("it is taken over", || texts.taken() == ["one"]).await?;
    ensure!(bus.state_of(subjects::DEAD).await?.messages == 0);
    shutdown.trigger();
    shutdown.wait().await?;
    Ok(())
}

#[tokio::test]
async fn what_a_stop_leaves_in_hand_comes_again() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let (texts, first) = (Texts::default(), Shutdown::new());
    texts.is_away.store(true, Ordering::SeqCst);
    bus.publish_events(&[fact(EventKind::AppointmentBooked, b"one")]).await?;
    texts.follow(&bus, &first);
    let held = || texts.refused.load(Ordering::SeqCst) > 0;
    wait_until("it is in hand", held).await?;
    first.trigger();
    first.wait().await?;
    texts.is_away.store(false, Ordering::SeqCst);
    let second = Shutdown::new();
    texts.follow(&bus, &second);
    wait_until("it comes again", || texts.taken() == ["one"]).await?;
    second.trigger();
    second.wait().await?;
    Ok(())
}

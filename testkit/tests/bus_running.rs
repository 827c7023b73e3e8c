//! The runner: every message is settled once, whatever happens to handler, consumer or server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use bus::{
    BatchHandler, ConsumerSpec, DeadReason, FailureCount, HandleError, Publisher, Received,
    Replies, Runner, Verdict,
};
use contracts::metadata::header;
use contracts::{BookingCommand, Metadata, Outcome, subjects};
use domain::{RequestId, SystemClock};
use futures::StreamExt;
use futures::future::join_all;
use runtime::Shutdown;
use testkit::{TestNats, any_command};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(20);

/// What the handler is to do with one message. Steps are taken one by one; then it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Outage,
    /// An outage of every batch that it is in, for as long as the step stays in the script.
    Overwhelm,
    /// The same, unless it is alone.
    OverwhelmTogether,
    Fail,
    Panic,
    Retry,
}

#[derive(Default)]
struct Script {
    steps: HashMap<RequestId, Vec<Step>>,
    failures: HashMap<(u64, &'static str), i32>,
    /// Delivery numbers, for every message that was handled to its end.
    done: HashMap<RequestId, Vec<i64>>,
    /// Batches that were too much.
    overwhelmed: usize,
    /// Sizes of the batches with a message that was delivered before.
    with_suspects: Vec<usize>,
}

/// Handles messages as the script says, and tells how many are done.
#[derive(Clone)]
struct Scripted {
    script: Arc<Mutex<Script>>,
    done: Arc<watch::Sender<usize>>,
    healthy: Arc<watch::Sender<bool>>,
}

impl Scripted {
    fn new(steps: impl IntoIterator<Item = (RequestId, Vec<Step>)>) -> Self {
        let script = Script { steps: steps.into_iter().collect(), ..Script::default() };
        Self {
            script: Arc::new(Mutex::new(script)),
            done: Arc::new(watch::Sender::new(0)),
            healthy: Arc::new(watch::Sender::new(true)),
        }
    }

    /// A scripted panic poisons the lock; what it guards is still sound.
    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_until_done(&self, count: usize) -> anyhow::Result<()> {
        let mut done = self.done.subscribe();
        tokio::time::timeout(Duration::from_mins(1), done.wait_for(|done| *done >= count))
            .await??;
        Ok(())
    }

    fn deliveries_of(&self, id: RequestId) -> Vec<i64> {
        self.lock().done.get(&id).cloned().unwrap_or_default()
    }
}

impl BatchHandler for Scripted {
    type Message = BookingCommand;

    fn decode(&self, metadata: &Metadata, body: &[u8]) -> Result<BookingCommand, DeadReason> {
        BookingCommand::from_message(metadata, body)
            .map_err(|error| DeadReason { class: "undecodable", detail: error.to_string() })
    }

    async fn handle(
        &self,
        batch: &[Received<BookingCommand>],
    ) -> Result<Vec<Verdict>, HandleError> {
        let mut script = self.lock();
        let script = &mut *script;
        if batch.iter().any(|received| received.deliveries > 1) {
            script.with_suspects.push(batch.len());
        }
        let mut verdicts = Vec::new();
        for received in batch {
            let id = received.metadata.request_id;
            let failed = HandleError::Failed { class: "scripted", detail: "as scripted".into() };
            match script.steps.get_mut(&id).and_then(Vec::pop) {
                Some(step @ (Step::Overwhelm | Step::OverwhelmTogether)) => {
                    script.steps.entry(id).or_default().push(step);
                    if step == Step::Overwhelm || batch.len() > 1 {
                        script.overwhelmed += 1;
                        return Err(HandleError::Outage("too much".into()));
                    }
                    verdicts.push(Verdict::Done(Outcome::Withdrawn));
                }
                Some(Step::Outage) => return Err(HandleError::Outage("as scripted".into())),
                // The culprit shows itself only alone: put the step back until it is.
                Some(step @ (Step::Fail | Step::Panic)) if batch.len() > 1 => {
                    script.steps.entry(id).or_default().push(step);
                    return Err(failed);
                }
                Some(Step::Fail) => return Err(failed),
                Some(Step::Panic) => panic!("as scripted"),
                Some(Step::Retry) => {
                    let after = Duration::from_millis(50);
                    verdicts.push(Verdict::Retry { after, class: "scripted" });
                }
                None => verdicts.push(Verdict::Done(Outcome::Withdrawn)),
            }
        }
        for (received, verdict) in batch.iter().zip(&verdicts) {
            if matches!(verdict, Verdict::Done(_)) {
                let id = received.metadata.request_id;
                script.done.entry(id).or_default().push(received.deliveries);
            }
        }
        self.done.send_replace(script.done.len());
        Ok(verdicts)
    }

    async fn probe(&self) -> Result<(), String> {
        if *self.healthy.borrow() { Ok(()) } else { Err("as scripted".into()) }
    }

    async fn record_failure(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> Result<FailureCount, HandleError> {
        let mut script = self.lock();
        let failures = script.failures.entry((stream_sequence, class)).or_default();
        *failures += 1;
        let first_failure_at = jiff::Timestamp::UNIX_EPOCH;
        Ok(FailureCount { failures: *failures, first_failure_at })
    }

    async fn forget_failures(
        &self,
        stream_sequence: u64,
        class: &'static str,
    ) -> Result<(), HandleError> {
        self.lock().failures.remove(&(stream_sequence, class));
        Ok(())
    }
}

struct Bench {
    nats: TestNats,
    bus: bus::Bus,
    publisher: Publisher,
    _publishing: Shutdown,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let nats = TestNats::start().await?;
        let bus = nats.bus().await?;
        let publishing = Shutdown::new();
        let publisher = Publisher::start(&bus, &publishing);
        Ok(Self { nats, bus, publisher, _publishing: publishing })
    }

    async fn publish(&self, ids: &[RequestId]) -> anyhow::Result<()> {
        let all = ids.iter().map(|id| self.publisher.publish(any_command(*id, None), PATIENCE));
        join_all(all).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(())
    }

    /// Starts a runner; it stops softly by `trigger` and `wait` on what this returns.
    fn run(&self, handler: &Scripted, ack_wait: Duration) -> Shutdown {
        let shutdown = Shutdown::new();
        let spec = ConsumerSpec {
            durable: "booking",
            filter_subject: "mc.cmd.booking.>".to_owned(),
            batch_size: 50,
            batches_at_once: 1,
            ack_wait,
            buries: true,
        };
        let clock = Arc::new(SystemClock);
        let runner = Runner::new(self.bus.clone(), spec, handler.clone(), clock);
        shutdown.spawn("runner", runner.run(shutdown.clone()));
        shutdown
    }

    async fn stop(runner: Shutdown) -> anyhow::Result<()> {
        runner.trigger();
        Ok(runner.wait().await?)
    }

    /// The dead letters, once there are this many.
    async fn dead_letters(&self, count: usize) -> anyhow::Result<Vec<jetstream::Message>> {
        let context = jetstream::new(self.nats.client().await?);
        let stream = context.get_stream(subjects::DEAD).await?;
        let consumer = stream.create_consumer(pull::OrderedConfig::default()).await?;
        let letters = consumer.messages().await?.take(count).collect::<Vec<_>>();
        let letters = tokio::time::timeout(Duration::from_mins(1), letters).await?;
        Ok(letters.into_iter().collect::<Result<_, _>>()?)
    }

    async fn consumer_info(&self) -> anyhow::Result<jetstream::consumer::Info> {
        let context = jetstream::new(self.nats.client().await?);
        let stream = context.get_stream(subjects::COMMANDS).await?;
        let mut consumer: jetstream::consumer::PullConsumer =
            stream.get_consumer("booking").await.map_err(|error| anyhow::anyhow!(error))?;
        Ok(consumer.info().await?.clone())
    }
}

fn ids(count: usize) -> Vec<RequestId> {
    (0..count).map(|_| RequestId::generate()).collect()
}

#[tokio::test]
async fn settles_everything_once_and_leaves_nothing_pending() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let (ids, handler) = (ids(500), Scripted::new([]));
    bench.publish(&ids).await?;
    let runner = bench.run(&handler, Duration::from_secs(30));
    handler.wait_until_done(500).await?;
    Bench::stop(runner).await?;
    assert!(ids.iter().all(|id| handler.deliveries_of(*id) == [1]));
    let info = bench.consumer_info().await?;
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));
    Ok(())
}

#[tokio::test]
async fn the_consumer_has_no_backoff_array_and_no_limit_of_deliveries() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let (one, handler) = (ids(1), Scripted::new([]));
    bench.publish(&one).await?;
    let runner = bench.run(&handler, Duration::from_secs(30));
    handler.wait_until_done(1).await?;
    let config = bench.consumer_info().await?.config;
    // With an array, its delays add up with those of our naks; with a limit, a message that
    // exceeds it just stays in the stream, settled by nobody.
    assert!(config.backoff.is_empty());
    assert_eq!(config.max_deliver, -1);
    Bench::stop(runner).await
}

#[tokio::test]
async fn whoever_waits_hears_the_outcome() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let handler = Scripted::new([]);
    let listening = Shutdown::new();
    let replies = Replies::start(&bench.bus, &listening).await?;
    let runner = bench.run(&handler, Duration::from_secs(30));
    let id = RequestId::generate();
    let [first, second] = [replies.expect(id), replies.expect(id)];
    let command = any_command(id, Some(first.subject().to_owned()));
    bench.publisher.publish(command, PATIENCE).await?;
    let outcomes = async { (first.outcome().await, second.outcome().await) };
    let outcomes = tokio::time::timeout(PATIENCE, outcomes).await?;
    assert_eq!(outcomes, (Outcome::Withdrawn, Outcome::Withdrawn));
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_culprit_does_not_hurt_its_neighbours() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(40);
    let handler = Scripted::new([(ids[17], vec![Step::Fail; 5])]);
    bench.publish(&ids).await?;
    let runner = bench.run(&handler, Duration::from_secs(30));
    handler.wait_until_done(39).await?;
    let letter = bench.dead_letters(1).await?.remove(0);
    Bench::stop(runner).await?;

    assert!(letter.subject.ends_with(&ids[17].to_string()));
    let headers = letter.headers.as_ref().expect("a letter has headers");
    let value = |name| headers.get(name).map(async_nats::HeaderValue::as_str);
    assert_eq!(value(header::DEAD_ERROR_CLASS), Some("scripted"));
    assert_eq!(value(header::DEAD_ATTEMPTS), Some("5"));
    assert_eq!(value(header::DEAD_ORIGIN_STREAM), Some(subjects::COMMANDS));
    assert_eq!(value(header::REQUEST_ID), Some(ids[17].to_string().as_str()));
    // The original travelled in a batch; its letter must not try to.
    assert_eq!(value("Nats-Batch-Id"), None);
    let neighbours = ids.iter().filter(|id| **id != ids[17]);
    assert!(neighbours.into_iter().all(|id| handler.deliveries_of(*id) == [1]));
    let stored = bench.bus.find_request(ids[17]).await?.expect("stored");
    assert!(stored.held_for_review);
    let info = bench.consumer_info().await?;
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));

    // Once its message is purged, the letter says the same.
    assert_eq!(bench.bus.purge_below(subjects::COMMANDS, 41).await?, 40);
    assert_eq!(bench.bus.find_request(ids[17]).await?, Some(stored));
    Ok(())
}

#[tokio::test]
async fn what_was_delivered_before_runs_alone() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(30);
    let handler = Scripted::new(ids.iter().map(|id| (*id, vec![Step::Retry])));
    bench.publish(&ids).await?;
    let runner = bench.run(&handler, Duration::from_mins(10));
    handler.wait_until_done(30).await?;
    Bench::stop(runner).await?;
    let script = handler.lock();
    assert_eq!(script.with_suspects, [1; 30]);
    assert!(script.failures.is_empty(), "a start that ended was not forgotten");
    Ok(())
}

#[tokio::test]
async fn what_was_started_too_often_is_quarantined_without_another_start() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(10);
    let handler = Scripted::new([(ids[4], vec![Step::Retry])]);
    bench.publish(&ids).await?;
    // As three workers left it that ended with this message in hand.
    let sequence = bench.bus.find_request(ids[4]).await?.expect("stored").stream_sequence;
    handler.lock().failures.insert((sequence, "started"), 3);
    let runner = bench.run(&handler, Duration::from_mins(10));
    handler.wait_until_done(9).await?;
    let letter = bench.dead_letters(1).await?.remove(0);
    Bench::stop(runner).await?;
    assert!(letter.subject.ends_with(&ids[4].to_string()));
    let headers = letter.headers.as_ref().expect("a letter has headers");
    let value = |name| headers.get(name).map(async_nats::HeaderValue::as_str);
    assert_eq!(value(header::DEAD_ERROR_CLASS), Some("quarantined"));
    assert_eq!(value(header::DEAD_ATTEMPTS), Some("3"));
    assert_eq!(handler.deliveries_of(ids[4]), [0; 0], "it was run");
    Ok(())
}

#[tokio::test]
async fn a_panic_is_a_failure_of_one_message() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(5);
    let handler = Scripted::new([(ids[2], vec![Step::Panic])]);
    bench.publish(&ids).await?;
    let runner = bench.run(&handler, Duration::from_secs(30));
    handler.wait_until_done(5).await?;
    assert_eq!(handler.deliveries_of(ids[2]), [2]);
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_retry_comes_back_by_itself() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(3);
    let handler = Scripted::new([(ids[1], vec![Step::Retry; 3])]);
    bench.publish(&ids).await?;
    // Were the nak lost, `ack_wait` would be longer than this test is willing to wait.
    let runner = bench.run(&handler, Duration::from_mins(10));
    handler.wait_until_done(3).await?;
    assert_eq!(handler.deliveries_of(ids[1]), [4]);
    assert_eq!(handler.deliveries_of(ids[0]), [1]);
    Bench::stop(runner).await
}

#[tokio::test]
async fn an_outage_longer_than_ack_wait_charges_nothing() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(120);
    let handler = Scripted::new([(ids[0], vec![Step::Outage])]);
    handler.healthy.send_replace(false);
    bench.publish(&ids).await?;
    let ack_wait = Duration::from_secs(1);
    let runner = bench.run(&handler, ack_wait);
    // The outage has to outlast `ack_wait`: count the seconds on a clock that can't run fast.
    let outage = tokio::time::Instant::now();
    while outage.elapsed() < ack_wait * 3 {
        tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>()).await.ok();
    }
    assert_eq!(*handler.done.borrow(), 0);
    handler.healthy.send_replace(true);
    handler.wait_until_done(120).await?;
    assert!(ids.iter().all(|id| handler.deliveries_of(*id) == [1]), "an attempt was burned");
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_batch_that_is_too_much_at_once_is_halved() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(8);
    let handler = Scripted::new([(ids[2], vec![Step::OverwhelmTogether])]);
    bench.publish(&ids).await?;
    let runner = bench.run(&handler, Duration::from_mins(10));
    handler.wait_until_done(8).await?;
    assert!(ids.iter().all(|id| handler.deliveries_of(*id) == [1]), "an attempt was burned");
    assert!(handler.lock().overwhelmed > 0, "it was alone from the start");
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_message_that_is_too_much_by_itself_holds_up_nobody_and_is_never_dead()
-> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(8);
    let handler = Scripted::new([(ids[2], vec![Step::Overwhelm])]);
    bench.publish(&ids).await?;
    let runner = bench.run(&handler, Duration::from_mins(10));
    handler.wait_until_done(7).await?;
    let sequence = bench.bus.find_request(ids[2]).await?.expect("stored").stream_sequence;
    // More often than any other failure of one message may happen.
    let failures =
        || handler.lock().failures.get(&(sequence, "outage")).copied().unwrap_or_default();
    let tried = async {
        while failures() <= 5 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), tried).await?;
    handler.lock().steps.remove(&ids[2]);
    handler.wait_until_done(8).await?;
    Bench::stop(runner).await?;
    let dead = bench.bus.state_of(subjects::DEAD).await?;
    assert_eq!(dead.messages, 0, "an outage made a dead letter");
    Ok(())
}

#[tokio::test]
async fn a_soft_stop_gives_back_at_once_what_it_has_not_begun() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(200);
    let stuck = Scripted::new([(ids[0], vec![Step::Outage])]);
    stuck.healthy.send_replace(false);
    bench.publish(&ids).await?;
    // Whatever isn't given back would stay away longer than this test is willing to wait.
    let ack_wait = Duration::from_mins(10);
    let runner = bench.run(&stuck, ack_wait);
    let held = async {
        while bench.consumer_info().await?.num_ack_pending == 0 {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, held).await??;
    Bench::stop(runner).await?;

    let next = Scripted::new([]);
    let runner = bench.run(&next, ack_wait);
    next.wait_until_done(200).await?;
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_deleted_consumer_is_made_again_and_nothing_is_skipped() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let handler = Scripted::new([]);
    let runner = bench.run(&handler, Duration::from_secs(30));
    let before = ids(20);
    bench.publish(&before).await?;
    handler.wait_until_done(20).await?;

    let context = jetstream::new(bench.nats.client().await?);
    context.get_stream(subjects::COMMANDS).await?.delete_consumer("booking").await?;
    let after = ids(20);
    bench.publish(&after).await?;
    handler.wait_until_done(40).await?;
    // It begins again at the start of the stream; the inbox is what makes that harmless.
    assert!(after.iter().all(|id| !handler.deliveries_of(*id).is_empty()));
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_consumer_that_was_made_otherwise_is_made_anew() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let ids = ids(20);
    bench.publish(&ids).await?;
    // It would skip everything that is there, and its policy can't be changed.
    let context = jetstream::new(bench.nats.client().await?);
    let damaged = pull::Config {
        durable_name: Some("booking".to_owned()),
        deliver_policy: jetstream::consumer::DeliverPolicy::New,
        ..pull::Config::default()
    };
    context.get_stream(subjects::COMMANDS).await?.create_consumer(damaged).await?;
    let handler = Scripted::new([]);
    let runner = bench.run(&handler, Duration::from_secs(30));
    handler.wait_until_done(20).await?;
    Bench::stop(runner).await
}

#[tokio::test]
async fn work_goes_on_after_the_server_was_killed() -> anyhow::Result<()> {
    let mut bench = Bench::start().await?;
    let handler = Scripted::new([]);
    let runner = bench.run(&handler, Duration::from_secs(2));
    bench.publish(&ids(100)).await?;
    handler.wait_until_done(50).await?;
    bench.nats.kill().await?;
    bench.nats.restart().await?;
    bench.publish(&ids(100)).await?;
    handler.wait_until_done(200).await?;
    Bench::stop(runner).await
}

#[tokio::test]
async fn two_runners_share_the_work() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let [left, right] = [Scripted::new([]), Scripted::new([])];
    let runners = [&left, &right].map(|one| bench.run(one, Duration::from_secs(30)));
    let ids = ids(2_000);
    bench.publish(&ids).await?;
    let all = async {
        while *left.done.borrow() + *right.done.borrow() < 2_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await?;
    let both = |id| left.deliveries_of(id).len() + right.deliveries_of(id).len();
    assert!(ids.iter().all(|id| both(*id) == 1));
    for runner in runners {
        Bench::stop(runner).await?;
    }
    Ok(())
}

/// Publishes past our own publisher, as a broken or hostile sender would.
async fn publish_raw(
    bench: &Bench,
    subject: String,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
) -> anyhow::Result<()> {
    let mut map = async_nats::HeaderMap::new();
    for (name, value) in headers {
        map.insert(name, value.as_str());
    }
    let context = jetstream::new(bench.nats.client().await?);
    context.publish_with_headers(subject, map, body.into()).await?.await?;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_becomes_a_dead_letter_at_once() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let good = any_command(RequestId::generate(), None).metadata;
    let other = RequestId::generate();
    let subject = |id: RequestId| format!("mc.cmd.booking.cancel.{id}");
    let schema = |schema: &str| Metadata { schema: schema.into(), ..good.clone() }.to_headers();

    let id = good.request_id;
    publish_raw(&bench, subject(id), vec![], "{}").await?;
    publish_raw(&bench, subject(id), good.to_headers(), "no json").await?;
    publish_raw(&bench, subject(id), schema("booking.steal/1"), "{}").await?;
    publish_raw(&bench, subject(other), good.to_headers(), "{}").await?;
    publish_raw(&bench, "mc.cmd.booking.cancel.nobody".into(), good.to_headers(), "{}").await?;
    publish_raw(&bench, "mc.cmd.booking.teleport.x.y".into(), vec![], "").await?;
    bench.publish(&[RequestId::generate()]).await?;

    let handler = Scripted::new([]);
    let runner = bench.run(&handler, Duration::from_mins(10));
    handler.wait_until_done(1).await?;
    let letters = bench.dead_letters(6).await?;
    Bench::stop(runner).await?;
    let attempts = letters.iter().map(|letter| {
        let headers = letter.headers.as_ref().expect("a letter has headers");
        headers.get(header::DEAD_ATTEMPTS).expect("it says how often").as_str().to_owned()
    });
    assert_eq!(attempts.collect::<Vec<_>>(), ["1"; 6]);
    let last = letters.last().expect("six letters");
    assert_eq!(last.subject.as_str(), "mc.dead.booking.unknown.6");
    Ok(())
}

#[tokio::test]
async fn while_a_dead_letter_cannot_be_written_the_message_stays() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let context = jetstream::new(bench.nats.client().await?);
    context.delete_stream(subjects::DEAD).await?;
    publish_raw(&bench, "mc.cmd.booking.cancel.nobody".into(), vec![], "{}").await?;
    let handler = Scripted::new([]);
    let runner = bench.run(&handler, Duration::from_mins(10));
    let tried = async {
        while bench.consumer_info().await?.num_redelivered == 0 {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, tried).await??;
    bench.bus.ensure_topology().await?;
    let letters = bench.dead_letters(1).await?;
    assert_eq!(letters.len(), 1);
    Bench::stop(runner).await
}

#[tokio::test]
async fn a_message_cannot_make_the_worker_publish_anywhere() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    let client = bench.nats.client().await?;
    let mut spied = client.subscribe("spy.>").await?;
    client.flush().await?;
    let handler = Scripted::new([]);
    let runner = bench.run(&handler, Duration::from_secs(30));
    let command = any_command(RequestId::generate(), Some("spy.me".into()));
    bench.publisher.publish(command, PATIENCE).await?;
    handler.wait_until_done(1).await?;
    Bench::stop(runner).await?;
    bench.bus.flush().await;
    client.flush().await?;
    let heard = tokio::time::timeout(Duration::from_millis(1), spied.next()).await;
    assert!(heard.is_err(), "the worker answered to a subject that isn't a reply's");
    Ok(())
}

//! From the streams and the database into one list.

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bus::{Bus, StoredMessage};
use contracts::metadata::header;
use contracts::subjects;
use domain::{Clock as _, CorrelationId, RequestId, SystemClock};
use jiff::{SignedDuration, Timestamp};
use runtime::Settings;
use serde::Serialize;
use store::ledger::LedgerStore;
use store::trace::{AuditedStep, SettledRequest, TraceReader, TracedLetter};

use super::moment::Moment;
use crate::progress::{self, Step};

/// How long to wait for a server that may not be there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// A request was accepted this close to what the audit log has of it.
const AROUND: SignedDuration = SignedDuration::from_mins(15);

/// The life of a request.
#[derive(Clone, Debug, Serialize)]
pub struct Life {
    /// What all of it has in common.
    pub correlation_id: CorrelationId,
    /// The W3C trace ids of its messages: what to look for where spans are kept.
    pub trace_ids: BTreeSet<String>,
    /// What happened, in order.
    pub moments: Vec<Moment>,
}

/// Reads everything.
pub async fn read(settings: &Settings, id: CorrelationId) -> anyhow::Result<Life> {
    let url = settings.database.require_ops_url()?;
    let store = TraceReader::connect(url, &settings.database)?;
    store.check().await.context("the database can't be read")?;
    let bus = tokio::time::timeout(CONNECT_PATIENCE, Bus::connect(&settings.nats, "trace"))
        .await
        .map_err(|_| {
            let url = &settings.nats.url;
            anyhow::anyhow!("no NATS server answers at {url}; start it, or correct NATS_URL")
        })??;
    let ledger = LedgerStore::connect(url, &settings.database)?;

    let audited = store.audited(id).await?;
    // Messages before rows: what ends meanwhile is seen as ended.
    let recent = recent_commands(&bus, &ledger, id).await?;
    let (from, to) = around(&audited, &recent);
    let settled = store.settled(id, from, to).await?;
    let commands = with_settled(&bus, recent, &settled).await?;
    let letters = store.letters(id).await?;

    let mut moments: Vec<Moment> = commands.iter().flat_map(Moment::of_command).collect();
    let sequences: Vec<u64> = commands.iter().map(|message| message.sequence).collect();
    moments.extend(store.failed_tries(&sequences).await?.iter().map(Moment::of_failures));
    moments.extend(settled.iter().map(Moment::of_settled));
    moments.extend(waiting(&commands, &settled, &letters));
    moments.extend(audited.iter().map(Moment::of_audited));
    let events = bus.state_of(subjects::EVENTS).await?;
    let sealed_to = store.facts_sealed_to(events.created_at).await?;
    let facts = of_one(&bus, subjects::EVENTS, sealed_to + 1, id, "reading facts").await?;
    moments.extend(facts.iter().map(Moment::of_fact));
    moments.extend(store.waiting_facts(id).await?.iter().map(Moment::of_waiting));
    moments.extend(store.checks(id).await?.iter().flat_map(Moment::of_check));
    moments.extend(letters.iter().flat_map(Moment::of_letter));
    let letter_ids: Vec<_> = letters.iter().map(|letter| letter.id).collect();
    moments.extend(store.letter_actions(&letter_ids).await?.iter().map(Moment::of_action));
    moments.sort_by_key(|moment| (moment.at, moment.stage));
    Ok(Life { correlation_id: id, trace_ids: trace_ids(commands.iter().chain(&facts)), moments })
}

/// Messages that no checkpoint of the ledger covers; those below one have ended, or are letters.
async fn recent_commands(
    bus: &Bus,
    ledger: &LedgerStore,
    id: CorrelationId,
) -> anyhow::Result<Vec<StoredMessage>> {
    let created_at = bus.state_of(subjects::COMMANDS).await?.created_at;
    let first = ledger.checkpointed(created_at).await?.up_to + 1;
    of_one(bus, subjects::COMMANDS, first, id, "reading commands").await
}

/// Those messages of a stream, from `first` on, that belong to `id`.
async fn of_one(
    bus: &Bus,
    stream: &'static str,
    first: u64,
    id: CorrelationId,
    title: &'static str,
) -> anyhow::Result<Vec<StoredMessage>> {
    let state = bus.state_of(stream).await?;
    let first = first.max(state.first);
    let wanted = id.to_string();
    let (mut found, done) = (Vec::new(), AtomicU64::new(0));
    let reading = Box::pin(bus.read(stream, first..=state.last, |message| {
        done.fetch_add(1, Ordering::Relaxed);
        if message.header(header::CORRELATION_ID) == Some(&wanted) {
            found.push(message);
        }
    }));
    let total = (state.last + 1).saturating_sub(first);
    let look = || Step { done: done.load(Ordering::Relaxed), note: String::new() };
    progress::watch_in_passing(title, total, look, reading).await?;
    Ok(found)
}

/// When its requests may have been accepted; any time if nothing says.
fn around(audited: &[AuditedStep], recent: &[StoredMessage]) -> (Timestamp, Timestamp) {
    let times = audited.iter().map(|step| step.recorded_at);
    let times: Vec<_> = times.chain(recent.iter().map(|message| message.stored_at)).collect();
    match (times.iter().min(), times.iter().max()) {
        (Some(first), Some(last)) => (*first - AROUND, *last + AROUND),
        _ => (Timestamp::UNIX_EPOCH, SystemClock.now() + AROUND),
    }
}

/// And the messages of what has ended below a checkpoint, if they aren't purged.
async fn with_settled(
    bus: &Bus,
    mut commands: Vec<StoredMessage>,
    settled: &[SettledRequest],
) -> anyhow::Result<Vec<StoredMessage>> {
    let known: HashSet<u64> = commands.iter().map(|message| message.sequence).collect();
    for SettledRequest { stream_sequence: at, .. } in settled {
        if !known.contains(at) {
            let range = *at..=*at;
            Box::pin(bus.read(subjects::COMMANDS, range, |message| commands.push(message))).await?;
        }
    }
    Ok(commands)
}

/// What has neither an end nor a letter.
fn waiting(
    commands: &[StoredMessage],
    settled: &[SettledRequest],
    letters: &[TracedLetter],
) -> Vec<Moment> {
    if !letters.is_empty() {
        return Vec::new();
    }
    let ended: HashSet<RequestId> = settled.iter().map(|settled| settled.id).collect();
    let requests = commands.iter().filter_map(|it| subjects::parse_command(&it.subject));
    let open: BTreeSet<RequestId> =
        requests.map(|(_, request)| request).filter(|request| !ended.contains(request)).collect();
    open.into_iter().map(|request| Moment::waiting(SystemClock.now(), request)).collect()
}

/// `00-<trace id>-<span id>-<flags>` (W3C Trace Context).
fn trace_ids<'a>(messages: impl Iterator<Item = &'a StoredMessage>) -> BTreeSet<String> {
    messages
        .filter_map(|message| message.header(header::TRACEPARENT)?.split('-').nth(1))
        .map(str::to_owned)
        .collect()
}

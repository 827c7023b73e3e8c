//! Streams that fill: what is told, what goes, and what stays.

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use bus::{Bus, KvBucket};
use contracts::{AuditAnchor, subjects};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use testkit::TestNats;

/// The smallest that the settings allow.
const MAX_BYTES: u64 = 1 << 20;

/// The streams that facts and audit entries fill.
const FILLING: [(&str, &str); 2] =
    [(subjects::EVENTS, "mc.evt.appointment.booked"), (subjects::AUDIT, "mc.audit.read")];

/// A stream of facts, filled to this many percent.
async fn filled(percent: u64) -> anyhow::Result<(TestNats, Bus, jetstream::Context)> {
    filled_with(FILLING[0], percent).await
}

/// A stream, filled to this many percent with messages of a subject.
async fn filled_with(
    (stream, subject): (&'static str, &'static str),
    percent: u64,
) -> anyhow::Result<(TestNats, Bus, jetstream::Context)> {
    let nats = TestNats::start().await?;
    let mut settings = nats.settings();
    settings.events_max_bytes = MAX_BYTES;
    settings.audit_max_bytes = MAX_BYTES;
    let bus = Bus::connect(&settings, "test").await?;
    bus.ensure_topology().await?;
    let context = jetstream::new(nats.client().await?);
    while bus.state_of(stream).await?.bytes < MAX_BYTES * percent / 100 {
        context.publish(subject, vec![b'x'; 8_000].into()).await?.await?;
    }
    Ok((nats, bus, context))
}

/// Says, as the audit worker would, that both streams are sealed up to here.
async fn seal(bus: &Bus, sequence: u64) -> anyhow::Result<()> {
    seal_streams_of(bus, sequence, None).await
}

/// The same, of streams that were made then.
async fn seal_streams_of(
    bus: &Bus,
    sequence: u64,
    created_at: Option<Timestamp>,
) -> anyhow::Result<()> {
    let anchor = AuditAnchor {
        audit: sequence,
        events: sequence,
        audit_created_at: created_at,
        events_created_at: created_at,
        ..AuditAnchor::default()
    };
    let bucket = bus.key_value(KvBucket::AuditAnchor).await?;
    bucket.put(AuditAnchor::LAST, serde_json::to_vec(&anchor)?.into()).await?;
    Ok(())
}

#[tokio::test]
async fn the_oldest_go_before_a_stream_is_full() -> anyhow::Result<()> {
    let (_nats, bus, _context) = filled(75).await?;
    seal(&bus, u64::MAX).await?;
    assert_eq!(bus.make_room().await?, 0, "there is room");

    for filling in FILLING {
        let (stream, _) = filling;
        let (_nats, bus, _context) = filled_with(filling, 90).await?;
        let before = bus.state_of(stream).await?;
        seal(&bus, before.last).await?;
        let gone = bus.make_room().await?;
        let after = bus.state_of(stream).await?;
        assert_eq!((after.first, after.last), (gone + 1, before.last), "the oldest of {stream}");
        let percent = after.bytes * 100 / MAX_BYTES;
        assert!((50..=65).contains(&percent), "{stream}: {percent} %");
    }
    Ok(())
}

#[tokio::test]
async fn what_the_audit_log_has_not_sealed_stays() -> anyhow::Result<()> {
    for filling in FILLING {
        let (stream, _) = filling;
        let (_nats, bus, _context) = filled_with(filling, 90).await?;
        assert_eq!(bus.make_room().await?, 0, "nothing of {stream} is sealed");
        seal(&bus, 3).await?;
        assert_eq!(bus.make_room().await?, 3, "{stream}");
        assert_eq!(bus.state_of(stream).await?.first, 4, "{stream}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_sealed_of_another_stream_says_nothing_of_this_one() -> anyhow::Result<()> {
    for filling in FILLING {
        let (stream, _) = filling;
        let (_nats, bus, _context) = filled_with(filling, 90).await?;
        let state = bus.state_of(stream).await?;
        seal_streams_of(&bus, state.last, Some(Timestamp::UNIX_EPOCH)).await?;
        assert_eq!(bus.make_room().await?, 0, "nothing of this {stream} is sealed");
        seal_streams_of(&bus, 3, Some(state.created_at)).await?;
        assert_eq!(bus.make_room().await?, 3, "{stream}");
    }
    Ok(())
}

#[tokio::test]
async fn facts_that_a_consumer_has_not_read_stay() -> anyhow::Result<()> {
    let (_nats, bus, context) = filled(90).await?;
    seal(&bus, u64::MAX).await?;
    let stream = context.get_stream(subjects::EVENTS).await?;
    let reader =
        pull::Config { durable_name: Some("reader".to_owned()), ..pull::Config::default() };
    let reader = stream.create_consumer(reader).await?;
    assert_eq!(bus.make_room().await?, 0);

    let mut read = reader.fetch().max_messages(3).messages().await?;
    while let Some(message) = read.try_next().await.map_err(|error| anyhow::anyhow!(error))? {
        message.double_ack().await.map_err(|error| anyhow::anyhow!(error))?;
    }
    assert_eq!(bus.make_room().await?, 3);
    assert_eq!(bus.state_of(subjects::EVENTS).await?.first, 4);
    Ok(())
}

#[tokio::test]
async fn how_full_a_stream_is_shows_in_a_metric() -> anyhow::Result<()> {
    let (_nats, bus, _context) = filled(75).await?;
    bus.watch_fill().await?;
    let metrics = runtime::metrics::render()?;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("mediconnect_stream_fill_ratio{stream=\"MC_EVENTS\"} "));
    let ratio: f64 = line.unwrap_or_default().parse()?;
    assert!((0.75..0.8).contains(&ratio), "{ratio}");
    Ok(())
}

//! Streams that fill: what is told, what goes, and what stays.

use async_nats::jetstream;
use async_nats::jetstream::consumer::pull;
use bus::Bus;
use contracts::subjects;
use futures::TryStreamExt as _;
use testkit::TestNats;

/// The smallest that the settings allow.
const MAX_BYTES: u64 = 1 << 20;

/// A stream of facts, filled to this many percent.
async fn filled(percent: u64) -> anyhow::Result<(TestNats, Bus, jetstream::Context)> {
    let nats = TestNats::start().await?;
    let mut settings = nats.settings();
    settings.events_max_bytes = MAX_BYTES;
    let bus = Bus::connect(&settings, "test").await?;
    bus.ensure_topology().await?;
    let context = jetstream::new(nats.client().await?);
    while bus.state_of(subjects::EVENTS).await?.bytes < MAX_BYTES * percent / 100 {
        let fact = vec![b'x'; 8_000].into();
        context.publish("mc.evt.appointment.booked", fact).await?.await?;
    }
    Ok((nats, bus, context))
}

#[tokio::test]
async fn the_oldest_facts_go_before_the_stream_is_full() -> anyhow::Result<()> {
    let (_nats, bus, _context) = filled(75).await?;
    assert_eq!(bus.make_room_for_events().await?, 0, "there is room");

    let (_nats, bus, _context) = filled(90).await?;
    let before = bus.state_of(subjects::EVENTS).await?;
    let gone = bus.make_room_for_events().await?;
    let after = bus.state_of(subjects::EVENTS).await?;
    assert_eq!((after.first, after.last), (gone + 1, before.last), "the oldest");
    let percent = after.bytes * 100 / MAX_BYTES;
    assert!((50..=65).contains(&percent), "{percent} %");
    Ok(())
}

#[tokio::test]
async fn facts_that_a_consumer_has_not_read_stay() -> anyhow::Result<()> {
    let (_nats, bus, context) = filled(90).await?;
    let stream = context.get_stream(subjects::EVENTS).await?;
    let reader =
        pull::Config { durable_name: Some("reader".to_owned()), ..pull::Config::default() };
    let reader = stream.create_consumer(reader).await?;
    assert_eq!(bus.make_room_for_events().await?, 0);

    let mut read = reader.fetch().max_messages(3).messages().await?;
    while let Some(message) = read.try_next().await.map_err(|error| anyhow::anyhow!(error))? {
        message.double_ack().await.map_err(|error| anyhow::anyhow!(error))?;
    }
    assert_eq!(bus.make_room_for_events().await?, 3);
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

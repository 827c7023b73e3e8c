//! Publishing: what the traps of JetStream do to it.

use std::time::Duration;

use async_nats::jetstream;
use bus::{Bus, ConnectError, OutgoingEvent, PublishError, Publisher};
use contracts::{EventKind, subjects};
use domain::{CorrelationId, EventId, RequestId, UserId};
use futures::future::join_all;
use runtime::Shutdown;
use testkit::{TestNats, any_command};
use tokio::io::AsyncWriteExt;

const PATIENCE: Duration = Duration::from_secs(20);

fn event(id: EventId) -> OutgoingEvent {
    OutgoingEvent {
        id,
        kind: EventKind::AppointmentBooked,
        aggregate_version: 1,
        body: b"{}".to_vec(),
        correlation_id: CorrelationId::generate(),
        request_id: RequestId::generate(),
        actor: format!("{}/patient", UserId::generate()),
        trace: None,
    }
}

async fn stream_state(nats: &TestNats, stream: &str) -> anyhow::Result<jetstream::stream::State> {
    let context = jetstream::new(nats.client().await?);
    Ok(context.get_stream(stream).await?.cached_info().state.clone())
}

#[tokio::test]
async fn concurrent_commands_share_batches_and_each_learns_its_own_position() -> anyhow::Result<()>
{
    let nats = TestNats::start().await?;
    let publisher = Publisher::start(&nats.bus().await?, &Shutdown::new());
    let commands: Vec<_> = (0..600).map(|_| any_command(RequestId::generate(), None)).collect();
    let published = join_all(commands.iter().map(|one| publisher.publish(one.clone(), PATIENCE)));
    let accepted = published.await.into_iter().collect::<Result<Vec<_>, _>>()?;

    let stream = jetstream::new(nats.client().await?).get_stream(subjects::COMMANDS).await?;
    assert_eq!(stream.cached_info().state.messages, 600);
    for (command, accepted) in commands.iter().zip(accepted) {
        let stored = stream.direct_get(accepted.stream_sequence).await?;
        assert!(stored.subject.ends_with(&command.metadata.request_id.to_string()));
    }
    // At least one message bears the mark of a batch: they did travel together.
    let last = stream.direct_get(600).await?;
    assert!(last.headers.get("Nats-Batch-Id").is_some());
    Ok(())
}

#[tokio::test]
async fn equal_requests_in_one_batch_are_stored_once() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let publisher = Publisher::start(&nats.bus().await?, &Shutdown::new());
    let same = any_command(RequestId::generate(), None);
    let published = join_all((0..50).map(|_| publisher.publish(same.clone(), PATIENCE))).await;
    assert!(published.iter().all(Result::is_ok));
    let stored = stream_state(&nats, subjects::COMMANDS).await?.messages;
    assert!(stored < 50, "{stored} messages for one request: nothing was coalesced");
    Ok(())
}

#[tokio::test]
async fn a_full_stream_refuses_and_takes_again_once_there_is_room() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let mut settings = nats.settings();
    settings.commands_max_bytes = 1 << 20;
    let bus = Bus::connect(&settings, "test").await?;
    bus.ensure_topology().await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());

    let mut accepted = 0;
    let refusal = loop {
        let batch =
            (0..200).map(|_| publisher.publish(any_command(RequestId::generate(), None), PATIENCE));
        let results = join_all(batch).await;
        accepted += results.iter().filter(|result| result.is_ok()).count() as u64;
        if let Some(Err(error)) = results.into_iter().find(Result::is_err) {
            break error;
        }
    };
    assert_eq!(refusal, PublishError::Full);
    assert_eq!(stream_state(&nats, subjects::COMMANDS).await?.messages, accepted);

    jetstream::new(nats.client().await?).get_stream(subjects::COMMANDS).await?.purge().await?;
    publisher.publish(any_command(RequestId::generate(), None), PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn a_publish_outlives_the_server_and_is_never_claimed_without_its_ack() -> anyhow::Result<()>
{
    let mut nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());
    nats.kill().await?;

    let short = Duration::from_millis(300);
    let unlucky = publisher.publish(any_command(RequestId::generate(), None), short).await;
    assert!(
        matches!(unlucky, Err(PublishError::Unknown | PublishError::Unavailable)),
        "{unlucky:?}"
    );

    let patient =
        publisher.publish(any_command(RequestId::generate(), None), Duration::from_mins(1));
    let (published, restarted) = tokio::join!(patient, nats.restart());
    restarted?;
    let sequence = published?.stream_sequence;
    let stream = jetstream::new(nats.client().await?).get_stream(subjects::COMMANDS).await?;
    stream.direct_get(sequence).await?;
    Ok(())
}

#[tokio::test]
async fn however_many_come_while_the_server_is_away_each_gets_an_answer() -> anyhow::Result<()> {
    let mut nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());
    nats.kill().await?;

    // The client takes 2,048 messages for later; one more would wait until there is a server.
    let short = Duration::from_millis(200);
    let all = async {
        for _ in 0..12 {
            let some = (0..250).map(|_| {
                let command = any_command(RequestId::generate(), None);
                publisher.publish(command, short)
            });
            for answer in join_all(some).await {
                let is_right =
                    matches!(answer, Err(PublishError::Unknown | PublishError::Unavailable));
                assert!(is_right, "{answer:?}");
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await?;

    nats.restart().await?;
    publisher.publish(any_command(RequestId::generate(), None), PATIENCE).await?;
    Ok(())
}

#[tokio::test]
async fn a_later_refusal_does_not_say_what_became_of_an_earlier_try() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());
    let context = jetstream::new(nats.client().await?);
    let mut stream = context.get_stream(subjects::COMMANDS).await?;
    let room_for_one =
        jetstream::stream::Config { max_messages: 1, ..stream.info().await?.config.clone() };
    context.update_stream(room_for_one).await?;

    // The server gets the first try, and says nothing until there is a second one.
    nats.suspend()?;
    let publishing = publisher.publish(any_command(RequestId::generate(), None), PATIENCE);
    let resuming = async {
        let is_unknown = || {
            let metrics = runtime::metrics::render().expect("metrics are text");
            let name = "mediconnect_publish_unknown_outcomes_total ";
            metrics.lines().any(|line| line.strip_prefix(name).is_some_and(|count| count != "0"))
        };
        while !is_unknown() {
            tokio::task::yield_now().await;
        }
        nats.resume()
    };
    let (published, resumed) = tokio::join!(publishing, resuming);
    resumed?;
    assert_eq!(stream.info().await?.state.messages, 1, "the first try was stored");
    assert_eq!(published, Err(PublishError::Unknown));
    Ok(())
}

#[tokio::test]
async fn without_a_stream_nothing_is_accepted() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = Bus::connect(&nats.settings(), "test").await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());
    let refused =
        publisher.publish(any_command(RequestId::generate(), None), Duration::from_secs(1)).await;
    assert_eq!(refused, Err(PublishError::Unavailable));
    assert!(bus.check().await.is_err());
    Ok(())
}

#[tokio::test]
async fn one_known_event_does_not_hold_back_its_batch() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let events: Vec<_> = (0..20).map(|_| event(EventId::generate())).collect();
    bus.publish_events(&events[7..8]).await?;
    // The server refuses a whole atomic batch for one id that it knows.
    bus.publish_events(&events).await?;
    bus.publish_events(&events).await?;
    assert_eq!(stream_state(&nats, subjects::EVENTS).await?.messages, 20);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_cannot_be_made_right_is_refused_with_its_name() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let context = jetstream::new(nats.client().await?);
    context
        .create_stream(jetstream::stream::Config {
            name: subjects::COMMANDS.to_owned(),
            subjects: vec!["mc.cmd.>".to_owned()],
            retention: jetstream::stream::RetentionPolicy::WorkQueue,
            ..Default::default()
        })
        .await?;
    let error = nats.bus().await.expect_err("a work queue forgets what was acknowledged");
    assert!(error.to_string().contains(subjects::COMMANDS), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_old_server_is_refused_with_what_to_do() -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("nats://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        let info = r#"INFO {"server_id":"X","server_name":"x","version":"2.9.10","go":"go","host":"h","port":1,"headers":true,"max_payload":1048576,"proto":1,"jetstream":true}"#;
        socket.write_all(format!("{info}\r\nPONG\r\n").as_bytes()).await?;
        // Stay until the client hangs up.
        tokio::io::copy(&mut socket, &mut tokio::io::sink()).await
    });
    let settings = runtime::settings::NatsSettings { url, ..Default::default() };
    let error = Bus::connect(&settings, "test").await.expect_err("2.9 drops half of it");
    assert!(matches!(error, ConnectError::TooOld { .. }), "{error}");
    assert!(error.to_string().contains("2.9.10") && error.to_string().contains("upgrade"));
    server.abort();
    Ok(())
}

#[tokio::test]
async fn a_request_is_found_by_its_id_alone() -> anyhow::Result<()> {
    let nats = TestNats::start().await?;
    let bus = nats.bus().await?;
    let publisher = Publisher::start(&bus, &Shutdown::new());
    let stored = any_command(RequestId::generate(), None);
    let accepted = publisher.publish(stored.clone(), PATIENCE).await?;
    publisher.publish(any_command(RequestId::generate(), None), PATIENCE).await?;

    let found = bus.find_request(stored.metadata.request_id).await?.expect("it was accepted");
    assert_eq!(found.metadata, stored.metadata);
    assert_eq!(found.stream_sequence, accepted.stream_sequence);
    assert!(!found.held_for_review);
    assert_eq!(bus.find_request(RequestId::generate()).await?, None);
    Ok(())
}

//! What JetStream takes when nothing stands before it: atomic batches, made by hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
};
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, response::Response};
use async_nats::{Client, HeaderMap, Subject};
use bytes::Bytes;
use contracts::subjects;
use futures::StreamExt as _;
use futures::future::try_join_all;
use uuid::Uuid;

use super::{BATCH, PATIENCE};
use crate::lab::Lab;

/// A message as api published it.
#[derive(Clone)]
pub(super) struct Published {
    subject: Subject,
    headers: HeaderMap,
    body: Bytes,
}

/// Everything in the stream of commands, without the marks of api's batches.
pub(super) async fn read_back(lab: &Lab) -> anyhow::Result<Vec<Published>> {
    let jetstream = jetstream::new(lab.nats_client().await?);
    let stream = jetstream.get_stream(subjects::COMMANDS).await?;
    let count = stream.cached_info().state.messages as usize;
    let consumer = stream.create_consumer(OrderedConfig::default()).await?;
    let mut messages = consumer.messages().await?.take(count);
    let mut published = Vec::with_capacity(count);
    while let Some(message) = messages.next().await {
        let (message, _) = message?.split();
        let headers = message.headers.context("a command without an envelope")?;
        let own =
            headers.iter().filter(|(name, _)| !AsRef::<str>::as_ref(name).starts_with("Nats-"));
        let mut headers = HeaderMap::new();
        for (name, values) in own {
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        published.push(Published { subject: message.subject, headers, body: message.payload });
    }
    Ok(published)
}

/// Publishes all messages in batches, so many at a time; how many per second.
pub(super) async fn publish(
    lab: &Lab,
    messages: &[Published],
    in_flight: usize,
    done: &AtomicU64,
) -> anyhow::Result<f64> {
    let client = &lab.nats_client().await?;
    let batches: Vec<Vec<Published>> = messages.chunks(BATCH).map(batch).collect();
    let waiting = &std::sync::Mutex::new(batches.into_iter());
    let take = || waiting.lock().expect("nobody panics while holding it").next();
    let began = Instant::now();
    let publishing = (0..in_flight).map(|_| async {
        while began.elapsed() < PATIENCE
            && let Some(batch) = take()
        {
            let size = batch.len() as u64;
            publish_batch(client, batch).await?;
            done.fetch_add(size, Ordering::Relaxed);
        }
        anyhow::Ok(())
    });
    try_join_all(publishing).await?;
    Ok(done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// Adds the marks of a batch.
fn batch(messages: &[Published]) -> Vec<Published> {
    let id = Uuid::new_v4().simple().to_string();
    let mut batch = messages.to_vec();
    for (index, message) in batch.iter_mut().enumerate() {
        message.headers.insert(NATS_BATCH_ID, id.as_str());
        message.headers.insert(NATS_BATCH_SEQUENCE, (index + 1).to_string().as_str());
    }
    if let Some(last) = batch.last_mut() {
        last.headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
    }
    batch
}

/// Returns once the whole batch is durable.
async fn publish_batch(client: &Client, mut batch: Vec<Published>) -> anyhow::Result<()> {
    let size = batch.len() as u64;
    let last = batch.pop().context("an empty batch")?;
    for Published { subject, headers, body } in batch {
        client.publish_with_headers(subject, headers, body).await?;
    }
    let Published { subject, headers, body } = last;
    let answer = client.request_with_headers(subject, headers, body).await?;
    match serde_json::from_slice::<Response<PublishAck>>(&answer.payload)? {
        Response::Ok(ack) => ensure!(ack.batch_size == Some(size), "stored otherwise: {ack:?}"),
        Response::Err { error } => return Err(error.into()),
    }
    Ok(())
}

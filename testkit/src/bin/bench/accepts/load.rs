//! Makes the load with as little work as possible, because it shares the machine with what is
//! measured: one thread, plain sockets, prepared bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::CONNECTIONS;

/// What a load has led to.
pub(super) struct Outcome {
    /// Requests answered with 202.
    pub accepted: u64,
    elapsed: Duration,
    /// Shortest first.
    latencies: Vec<Duration>,
}

impl Outcome {
    pub(super) fn per_second(&self) -> f64 {
        self.accepted as f64 / self.elapsed.as_secs_f64()
    }

    pub(super) fn latency_ms(&self, quantile: f64) -> f64 {
        let index = (self.latencies.len() as f64 * quantile) as usize;
        self.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Sends all requests over a number of connections, each one after the other, for as long as
/// `patience` lasts.
pub(super) async fn run(
    url: &str,
    requests: Vec<Bytes>,
    patience: Duration,
    done: &AtomicU64,
) -> anyhow::Result<Outcome> {
    let address = url.strip_prefix("http://").context("api listens on plain HTTP")?.to_owned();
    let requests = Arc::new(Requests { next: AtomicUsize::new(0), all: requests });
    let (finished, outcome) = tokio::sync::oneshot::channel();
    let shared = Arc::clone(&requests);
    // A runtime of one thread spares it the waking of others.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = runtime
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(send_all(&address, &shared, patience)));
        // Nobody listens any more when the run was cut off.
        let _ = finished.send(outcome);
    });
    let following = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(250));
        loop {
            ticks.tick().await;
            let taken = requests.next.load(Ordering::Relaxed).min(requests.all.len());
            done.store(taken as u64, Ordering::Relaxed);
        }
    };
    tokio::select! {
        outcome = outcome => outcome.context("the load's thread ended early")?,
        () = following => unreachable!("it follows for ever"),
    }
}

struct Requests {
    next: AtomicUsize,
    all: Vec<Bytes>,
}

impl Requests {
    fn take(&self) -> Option<&Bytes> {
        self.all.get(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

async fn send_all(
    address: &str,
    requests: &Requests,
    patience: Duration,
) -> anyhow::Result<Outcome> {
    let connecting = (0..CONNECTIONS).map(|_| Connection::open(address));
    let mut connections = try_join_all(connecting).await?;
    let began = Instant::now();
    let end = began + patience;
    let sending = connections.iter_mut().map(|connection| connection.send(requests, end));
    let latencies = try_join_all(sending).await?;
    let elapsed = began.elapsed();
    let mut latencies = latencies.concat();
    latencies.sort_unstable();
    Ok(Outcome { accepted: latencies.len() as u64, elapsed, latencies })
}

struct Connection {
    stream: TcpStream,
    received: BytesMut,
}

impl Connection {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting to api")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: BytesMut::with_capacity(4_096) })
    }

    /// Sends requests until there are none or time is up; how long each took.
    async fn send(&mut self, requests: &Requests, end: Instant) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        let mut sent = Instant::now();
        while sent < end
            && let Some(request) = requests.take()
        {
            self.stream.write_all(request).await?;
            self.accepted().await?;
            latencies.push(sent.elapsed());
            sent = Instant::now();
        }
        Ok(latencies)
    }

    /// Reads an answer, which must be a 202.
    async fn accepted(&mut self) -> anyhow::Result<()> {
        loop {
            if let Some(length) = answer_length(&self.received)? {
                let _ = self.received.split_to(length);
                return Ok(());
            }
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure!(read > 0, "api closed a connection");
        }
    }
}

/// The length of the answer at the beginning of `received`, once it is there in full.
fn answer_length(received: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(received)? else { return Ok(None) };
    let length = answer.headers.iter().find(|header| header.name == "content-length");
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    let length: usize = length.context("an answer of unknown length")?;
    if received.len() < head + length {
        return Ok(None);
    }
    if answer.code != Some(202) {
        let text = String::from_utf8_lossy(&received[..head + length]).into_owned();
        bail!("api did not accept a request: {text}");
    }
    Ok(Some(head + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 202";
        assert_eq!(answer_length(&answer[..30]).unwrap(), None);
        assert_eq!(answer_length(&answer[..answer.len() - 13]).unwrap(), None);
        assert_eq!(answer_length(answer).unwrap(), Some(answer.len() - 12));
        let refusal = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        assert!(answer_length(refusal).unwrap_err().to_string().contains("503"));
    }
}

//! Reading by position when a part of the answer doesn't arrive. A nats-server loses nothing on
//! loopback, so somebody else answers here: what it would send, without what is lost.

use anyhow::{Context, ensure};
use bus::{Bus, PositionedMessage, ReadError};
use contracts::subjects;
use testkit::TestNats;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A message of an answer: its sequence, and that of the one that was sent before it.
type Sent = (u64, u64);

/// What is read when these messages arrive, and an end that names the last one that was sent.
async fn read(sent: &[Sent], last: u64) -> anyhow::Result<Result<Vec<u64>, ReadError>> {
    let nats = TestNats::start().await?;
    // No streams: nobody else answers.
    let bus = Bus::connect(&nats.settings(), "test").await?;
    let mut server = BufReader::new(TcpStream::connect(nats.url().replace("nats://", "")).await?);
    let subscribe = format!(
        "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB $JS.API.DIRECT.GET.{} 1\r\nPING\r\n",
        subjects::AUDIT
    );
    server.write_all(subscribe.as_bytes()).await?;
    line(&mut server, "PONG").await?;
    let answering = async {
        let request = line(&mut server, "MSG ").await?;
        let inbox = request.split(' ').nth(3).context("where to answer")?.to_owned();
        for (sequence, before) in sent {
            let headers = format!(
                "NATS/1.0\r\nNats-Stream: MC_AUDIT\r\nNats-Subject: mc.audit.read\r\n\
                 Nats-Sequence: {sequence}\r\nNats-Time-Stamp: 2000-01-01T00:00:00Z\r\n\
                 Nats-Last-Sequence: {before}\r\n\r\n"
            );
            answer(&mut server, &inbox, &headers).await?;
        }
        let end = format!("NATS/1.0 204 EOB\r\nNats-Last-Sequence: {last}\r\n\r\n");
        answer(&mut server, &inbox, &end).await
    };
    let (read, answered) = tokio::join!(bus.messages_from(subjects::AUDIT, 1, 10), answering);
    answered?;
    let sequences = |all: Vec<PositionedMessage>| all.iter().map(|it| it.sequence).collect();
    Ok(read.map(sequences))
}

async fn line(server: &mut BufReader<TcpStream>, begins: &str) -> anyhow::Result<String> {
    let mut line = String::new();
    while !line.starts_with(begins) {
        line.clear();
        ensure!(server.read_line(&mut line).await? > 0, "the server has hung up");
    }
    Ok(line)
}

async fn answer(
    server: &mut BufReader<TcpStream>,
    inbox: &str,
    headers: &str,
) -> anyhow::Result<()> {
    let length = headers.len();
    let message = format!("HPUB {inbox} {length} {length}\r\n{headers}\r\n");
    Ok(server.write_all(message.as_bytes()).await?)
}

#[tokio::test]
async fn what_was_removed_from_the_stream_is_passed_over() -> anyhow::Result<()> {
    assert_eq!(read(&[(1, 0), (2, 1), (5, 2)], 5).await??, [1, 2, 5]);
    Ok(())
}

#[tokio::test]
async fn what_was_lost_on_the_way_ends_the_answer() -> anyhow::Result<()> {
    assert_eq!(read(&[(1, 0), (2, 1), (5, 4), (6, 5)], 6).await??, [1, 2], "3 and 4 were sent");
    assert_eq!(read(&[(1, 0), (2, 1)], 3).await??, [1, 2], "3 was sent");
    Ok(())
}

#[tokio::test]
async fn an_answer_whose_beginning_was_lost_is_no_end_of_the_stream() -> anyhow::Result<()> {
    for (sent, last) in [(&[(2, 1)][..], 2), (&[], 1)] {
        let error = read(sent, last).await?.unwrap_err();
        ensure!(error.to_string().contains("lost"), "{error}");
    }
    Ok(())
}

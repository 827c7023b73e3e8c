use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};

use serde_json::Value;
use tracing::{Dispatch, info, info_span, warn};

use super::propagation::{current_trace_context, set_parent};
use super::*;
use crate::settings::LogFormat;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A sink whose content a test can read.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn logged(settings: &TelemetrySettings, work: impl FnOnce()) -> String {
    let memory = Memory::default();
    let (writer, mut flusher) = BufferedWriter::start(Box::new(memory.clone())).unwrap();
    let subscriber =
        tracing_subscriber::registry().with(format::layer(settings, false, writer).unwrap());
    tracing::subscriber::with_default(subscriber, work);
    flusher.finish();
    memory.text()
}

fn settings(log_format: LogFormat, log_filter: &str) -> TelemetrySettings {
    TelemetrySettings { log_format, log_filter: log_filter.into(), ..Default::default() }
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn json_lines_hold_fields_and_those_of_all_spans() {
    let text = logged(&settings(LogFormat::Auto, "info"), || {
        let request = info_span!("request", correlation_id = "c-1");
        let _request = request.enter();
        let _inner = info_span!("publish", nats.subject = "mc.cmd").entered();
        info!(attempt.count = 2, "published");
    });
    let line = json(&text);
    assert_eq!(line["message"], "published");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["attempt.count"], 2);
    assert_eq!(line["spans"][1]["nats.subject"], "mc.cmd");
    assert_eq!(line["spans"][0]["correlation_id"], "c-1");
}

#[test]
fn text_lines_are_for_people() {
    let text = logged(&settings(LogFormat::Text, "info"), || info!(port = 8080, "listening"));
    assert!(text.ends_with("listening port=8080\n"), "{text}");
}

#[test]
fn a_filter_drops_lines_but_no_spans() {
    let text = logged(&settings(LogFormat::Json, "warn"), || {
        let _request = info_span!("request", correlation_id = "c-1").entered();
        info!("unimportant");
        warn!("slow");
    });
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(json(&text)["spans"][0]["correlation_id"], "c-1");
}

#[test]
fn panics_are_logged_with_their_place() {
    let text = logged(&settings(LogFormat::Json, "info"), || {
        let before = std::panic::take_hook();
        panics::log_panics();
        let outcome = std::panic::catch_unwind(|| assert_eq!(1 + 1, 3, "arithmetic"));
        std::panic::set_hook(before);
        assert!(outcome.is_err());
    });
    let line = json(&text);
    assert_eq!(line["message"], "a thread panicked");
    assert!(line["panic.message"].as_str().unwrap().contains("arithmetic"), "{text}");
    assert!(line["panic.location"].as_str().unwrap().contains("tests.rs:"), "{text}");
}

#[test]
fn no_line_is_lost_by_many_threads_and_a_slow_sink() {
    const THREADS: usize = 8;
    const LINES: usize = 2_000;
    let memory = Memory::default();
    let (writer, mut flusher) = BufferedWriter::start(Box::new(memory.clone())).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut writer = writer.clone();
            scope.spawn(move || {
                for line in 0..LINES {
                    // Together more than the buffer holds, so that loggers have to wait.
                    writeln!(writer, "{thread} {line} {}", ".".repeat(200)).unwrap();
                }
            });
        }
    });
    flusher.finish();
    writeln!(writer.clone(), "after the end").unwrap();
    let text = memory.text();
    assert_eq!(text.lines().count(), THREADS * LINES + 1);
    assert!(text.ends_with("\nafter the end\n"));
}

#[test]
fn without_an_exporter_a_received_trace_is_carried_along() {
    logged(&settings(LogFormat::Json, "warn"), || {
        assert_eq!(current_trace_context(), None);
        let received = TraceContext::parse(PARENT, Some("vendor=1")).unwrap();
        let request = info_span!("request");
        set_parent(&request, &received);
        let _request = request.entered();
        let _inner = info_span!("inner").entered();
        let sent = current_trace_context().unwrap();
        assert_eq!(sent.trace_id(), received.trace_id());
        assert_ne!(sent.span_id(), received.span_id());
        assert_eq!(sent.tracestate(), Some("vendor=1"));
    });
}

/// Accepts one request, answers 200 and hands over its first line and its body.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first).unwrap();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).unwrap();
        sender.send((first, body)).unwrap();
    });
    (endpoint, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_exporter_spans_are_sent_and_their_context_wins() {
    let (endpoint, received) = collector();
    let settings = TelemetrySettings { otlp_endpoint: Some(endpoint), ..Default::default() };
    let (writer, flusher) = BufferedWriter::start(Box::new(Memory::default())).unwrap();
    let provider = export::provider("runtime-test", &settings).unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(format::layer(&settings, false, writer).unwrap())
        .with(provider.as_ref().map(|provider| export::layer("runtime-test", provider)));
    let parent = TraceContext::parse(PARENT, Some("vendor=1")).unwrap();
    let sent = tracing::dispatcher::with_default(&Dispatch::new(subscriber), || {
        let request = info_span!("request");
        set_parent(&request, &parent);
        let outer = request.in_scope(current_trace_context).unwrap();
        let inner = request.in_scope(|| info_span!("inner").in_scope(current_trace_context));
        assert_ne!(inner.unwrap().span_id(), outer.span_id(), "each span is its own");
        outer
    });
    assert_eq!(sent.trace_id(), parent.trace_id());
    assert_eq!(sent.tracestate(), Some("vendor=1"));

    drop(TelemetryGuard::new(flusher, provider));
    let (first, body) = received.recv().unwrap();
    assert_eq!(first, "POST /v1/traces HTTP/1.1\r\n");
    let holds = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    assert!(holds(b"runtime-test") && holds(b"request") && holds(b"inner"));
    assert!(holds(&parent.trace_id_bytes()) && holds(&parent.span_id_bytes()));
}

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::Shutdown;

async fn ask(address: SocketAddr, request_line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn start(shutdown: &Shutdown) -> SocketAddr {
    serve("127.0.0.1:0".parse().unwrap(), shutdown).await.unwrap()
}

#[tokio::test]
async fn exposes_registered_metrics_and_those_of_the_process() {
    counter_vec("listener_test_total", "Things \"seen\"\nby a test.", &["kind"])
        .with_label_values(&["a\"b"])
        .inc();
    histogram("listener_test_seconds", "Time taken.", LATENCIES_SECONDS).observe(0.003);
    let address = start(&Shutdown::new()).await;
    let response = ask(address, "GET /metrics").await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    for expected in [
        "content-type: text/plain; version=0.0.4",
        "# HELP mediconnect_listener_test_total Things \"seen\"\\nby a test.\n",
        "# TYPE mediconnect_listener_test_total counter\n",
        "mediconnect_listener_test_total{kind=\"a\\\"b\"} 1\n",
        "mediconnect_listener_test_seconds_bucket{le=\"0.005\"} 1\n",
        "\nprocess_resident_memory_bytes ",
    ] {
        assert!(response.contains(expected), "{expected} in {response}");
    }
}

#[tokio::test]
async fn is_ready_once_the_service_says_so() {
    let address = start(&Shutdown::new()).await;
    assert!(ask(address, "GET /readyz").await.starts_with("HTTP/1.1 503 "));
    say_ready();
    assert!(ask(address, "GET /readyz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn answers_nothing_else() {
    let address = start(&Shutdown::new()).await;
    assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(address, "GET /metrics/x").await.starts_with("HTTP/1.1 404 "));
    let refused = ask(address, "POST /metrics").await;
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("allow: GET, HEAD"));
    assert!(ask(address, "rubbish").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn answers_while_the_service_stops_and_delays_nothing() {
    let shutdown = Shutdown::new();
    let address = start(&shutdown).await;
    shutdown.trigger();
    assert!(ask(address, "GET /metrics").await.starts_with("HTTP/1.1 200 "));
    shutdown.wait().await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_explained() {
    let shutdown = Shutdown::new();
    let address = start(&shutdown).await;
    let error = serve(address, &shutdown).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen for metrics on {address}: ")), "{error}");
    assert!(error.ends_with("; choose another metrics_listen address"), "{error}");
}

#[test]
#[should_panic(expected = "must end in _total")]
fn a_counter_has_its_suffix() {
    counter("things", "Things.");
}

#[test]
#[should_panic(expected = "must end in one of")]
fn a_histogram_has_its_unit() {
    histogram("duration_ms", "Milliseconds are not a base unit.", BATCH_SIZES);
}

//! `GET /metrics`, and for services without another door `GET /readyz`, on a listener of its own,
//! so that it is never reachable from outside by accident.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::TEXT_FORMAT;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::register::render;
use crate::Shutdown;

/// A scraper or two is normal; the rest wait.
const MAX_CONNECTIONS: usize = 32;

/// Time to send a request's headers, also on an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// Pause after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The listener can't start.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for metrics on {listen}: {reason}; choose another metrics_listen address")]
pub struct MetricsError {
    listen: SocketAddr,
    reason: std::io::Error,
}

/// Whether the service of this process has all that it needs to begin.
static IS_READY: AtomicBool = AtomicBool::new(false);

/// From now on `GET /readyz` answers 200: the service has what it needs and does its work.
pub fn say_ready() {
    IS_READY.store(true, Ordering::Relaxed);
}

/// Serves `GET /metrics` and `GET /readyz` and returns the address, which tells the port when `listen` has
/// port 0. It answers until all other tasks of `shutdown` have ended.
pub async fn serve(listen: SocketAddr, shutdown: &Shutdown) -> Result<SocketAddr, MetricsError> {
    let explain = |reason| MetricsError { listen, reason };
    let listener = TcpListener::bind(listen).await.map_err(explain)?;
    let address = listener.local_addr().map_err(explain)?;
    shutdown.spawn_in_background("metrics listener", accept(listener));
    Ok(address)
}

async fn accept(listener: TcpListener) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await;
        let permit = permit.expect("this semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(connection(stream, permit))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for metrics ended early");
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => exposition(),
        (&Method::GET | &Method::HEAD, "/readyz") => readiness(),
        (_, "/metrics" | "/readyz") => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n"),
    })
}

fn readiness() -> Response<Full<Bytes>> {
    if IS_READY.load(Ordering::Relaxed) {
        plain(StatusCode::OK, "ready\n")
    } else {
        let text = "not ready: waiting for what it needs; its log says for what\n";
        plain(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

fn exposition() -> Response<Full<Bytes>> {
    match render() {
        Ok(text) => {
            let mut response = plain(StatusCode::OK, text);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
            response
        }
        Err(error) => {
            tracing::error!(%error, "cannot render metrics");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot render metrics\n")
        }
    }
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

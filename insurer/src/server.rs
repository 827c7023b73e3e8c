//! Connections. Each can be ended by a handler, and all end soon after the soft stop, even those
//! whose calls hang.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use runtime::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::connection::Connection;

/// Connections at the same time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4_096;

/// Time to send a request's headers, also on an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_mins(2);

/// The start line and all headers together.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Pause after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What calls under way get after the soft stop. Those that hang would take all there is.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {reason}; choose another address with --listen")]
pub struct ListenError {
    listen: SocketAddr,
    reason: io::Error,
}

/// Listens, and serves `router` until the soft stop. Returns the address, which tells the port
/// when `listen` has port 0.
pub async fn serve(
    router: Router,
    listen: SocketAddr,
    shutdown: &Shutdown,
) -> Result<SocketAddr, ListenError> {
    let explain = |reason| ListenError { listen, reason };
    let listener = TcpListener::bind(listen).await.map_err(explain)?;
    let address = listener.local_addr().map_err(explain)?;
    shutdown.spawn("http server", accept(listener, router, shutdown.clone()));
    Ok(address)
}

async fn accept(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit.expect("this semaphore is never closed"), listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = shutdown.soft_stopped() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let served = serve_one(stream, router.clone(), shutdown.clone());
                connections.spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    connections.join_all().await;
}

async fn serve_one(stream: TcpStream, router: Router, shutdown: Shutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch Nagle's algorithm off");
    }
    let connection = Connection::default();
    let socket = connection.over(stream);
    let handle = connection.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(handle.clone());
        answer(router.clone(), request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(socket), service);
    let mut serving = pin!(serving);
    // Whichever way this ends, what is left of the connection is dropped, and closed with it.
    tokio::select! {
        served = &mut serving => report(served),
        () = connection.ended() => {}
        () = shutdown.soft_stopped() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                served = &mut serving => report(served),
                () = connection.ended() => {}
                () = tokio::time::sleep(STOP_PATIENCE) => {}
            }
        }
    }
}

async fn answer(
    router: Router,
    request: Request<Body>,
) -> Result<axum::response::Response, Infallible> {
    router.oneshot(request).await
}

fn report(served: hyper::Result<()>) {
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

//! Connections: axum's own server sets no timer, so a client that sends its headers a byte an
//! hour, or never reads its answer, would hold a connection for ever. This loop bounds what a
//! client can hold.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use runtime::Shutdown;
use runtime::settings::ApiSettings;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

/// The start line and all headers together; larger ones get 431.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Pause after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {reason}; choose another api.listen address")]
pub struct ListenError {
    listen: SocketAddr,
    reason: io::Error,
}

/// Listens, serves `router` until the soft stop, and then finishes what is in hand. Returns the
/// address, which tells the port when the settings have port 0.
pub async fn serve(
    router: Router,
    settings: &ApiSettings,
    shutdown: &Shutdown,
) -> Result<SocketAddr, ListenError> {
    let listen = settings.listen;
    let explain = |reason| ListenError { listen, reason };
    let listener = TcpListener::bind(listen).await.map_err(explain)?;
    let address = listener.local_addr().map_err(explain)?;
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(settings.header_timeout_ms))
        .max_header_size(MAX_HEADER_BYTES);
    let server = Server {
        http,
        write_timeout: Duration::from_millis(settings.write_timeout_ms),
        router,
        permits: Arc::new(Semaphore::new(settings.max_connections as usize)),
    };
    shutdown.spawn("http server", server.accept(listener, shutdown.clone()));
    Ok(address)
}

struct Server {
    http: http1::Builder,
    write_timeout: Duration,
    router: Router,
    permits: Arc<Semaphore>,
}

impl Server {
    async fn accept(self, listener: TcpListener, shutdown: Shutdown) {
        let connections = GracefulShutdown::new();
        loop {
            // First the permit, then the connection: those beyond the limit wait in the
            // kernel's queue, where they cost nothing here.
            let next = async {
                let permit = Arc::clone(&self.permits).acquire_owned().await;
                (permit.expect("this semaphore is never closed"), listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                () = shutdown.soft_stopped() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.spawn(stream, peer, permit, connections.watcher()),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
        drop(listener);
        connections.shutdown().await;
    }

    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        watcher: Watcher,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch Nagle's algorithm off");
        }
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let mut stream = TimeoutStream::new(stream);
        // Since the last byte that went out, so that slow clients get large answers, too.
        stream.set_write_timeout(Some(self.write_timeout));
        let connection = self.http.serve_connection(TokioIo::new(Box::pin(stream)), service);
        tokio::spawn(async move {
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const MORE_THAN_SOCKETS_HOLD: usize = 64 << 20;

    async fn start(shutdown: &Shutdown) -> SocketAddr {
        let settings = ApiSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            header_timeout_ms: 100,
            write_timeout_ms: 100,
            max_connections: 2,
            ..ApiSettings::default()
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/much", get(|| async { vec![b'x'; MORE_THAN_SOCKETS_HOLD] }));
        serve(router, &settings, shutdown).await.unwrap()
    }

    async fn talk(address: SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset instead of an orderly end is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn closes_connections_that_never_finish_their_headers() {
        let address = start(&Shutdown::new()).await;
        // Without the timer this would wait for ever; each also holds one of two permits.
        for _ in 0..3 {
            let answer = talk(address, "GET / HTTP/1.1\r\nX-Slow: ").await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
        let answer = talk(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn closes_connections_that_never_read_their_answer() {
        let address = start(&Shutdown::new()).await;
        // Without the timer each of them would hold one of two permits for ever.
        let mut unread = Vec::new();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            unread.push(stream);
        }
        let asking = talk(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = tokio::time::timeout(Duration::from_mins(1), asking).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn refuses_malformed_and_oversized_heads() {
        let address = start(&Shutdown::new()).await;
        for head in ["GET / HTTP/1.1\r\nHost: x\r\nX-Bad: a\x01b\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
            let answer = talk(address, head).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
        let large = "x".repeat(MAX_HEADER_BYTES);
        let answer = talk(address, &format!("GET / HTTP/1.1\r\nX-Large: {large}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn stops_softly() {
        let shutdown = Shutdown::new();
        let address = start(&shutdown).await;
        shutdown.trigger();
        shutdown.wait().await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}

//! What a process exports by OTLP, as bytes: enough to see what is in it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A listener that takes everything, and keeps it.
pub struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Collector {
    /// Listens on a port of its own.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let received = Arc::<Mutex<Vec<u8>>>::default();
        // An empty answer is OTLP's "all of it".
        let router = Router::new().fallback(keep).with_state(Arc::clone(&received));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, received, serving })
    }

    /// The endpoint to export to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What came so far, where it is text. Texts are as they are in OTLP's encoding.
    pub fn received(&self) -> String {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&received).into_owned()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn keep(State(received): State<Arc<Mutex<Vec<u8>>>>, body: Bytes) {
    received.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&body);
}

//! A connection that a handler can end rudely.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// A handler's hold on the connection that its request came on. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    cut: CancellationToken,
    resets: Arc<AtomicBool>,
}

impl Connection {
    /// Ends it as a crashed peer's kernel would: with RST.
    pub fn reset(&self) {
        self.resets.store(true, Ordering::Release);
        self.cut.cancel();
    }

    /// Ends it in order (FIN), whatever is still to be sent.
    pub fn close(&self) {
        self.cut.cancel();
    }

    /// Waits until a handler ended it.
    pub async fn ended(&self) {
        self.cut.cancelled().await;
    }

    /// The stream, such that it ends as the handlers ask for.
    pub fn over(&self, stream: TcpStream) -> Socket {
        Socket { stream, resets: Arc::clone(&self.resets) }
    }
}

/// A TCP stream whose drop sends RST when that was asked for.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    resets: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Closing a socket that lingers for no time at all sends RST instead of FIN.
        if self.resets.load(Ordering::Acquire)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "cannot reset a connection");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

//! Choosing a port for a private server.

use std::net::{Ipv4Addr, TcpListener};

use crate::error::ServerError;

/// Below the kernel's range for outgoing connections (32768 upwards unless changed): a port in
/// that range can be taken by any client while its server restarts, even by a client that is
/// reconnecting to that very port and ends up connected to itself.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Enough that even a machine with most of the range in use yields a free port.
const ATTEMPTS: u32 = 200;

/// A port that nobody listens on at 127.0.0.1 at this moment.
///
/// Another process may take it before it is used, so a server that fails to bind tries another.
///
/// # Errors
/// When no free port was found.
pub fn free_loopback_port() -> Result<u16, ServerError> {
    let mut last_refusal = None;
    for _ in 0..ATTEMPTS {
        let port = RANGE.start + rand::random::<u16>() % (RANGE.end - RANGE.start);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(refusal) => last_refusal = Some(refusal),
        }
    }
    let refusal = last_refusal.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into());
    Err(ServerError::doing("looking for a free port on 127.0.0.1")(refusal))
}

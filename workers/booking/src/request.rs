//! What the worker is given.

use contracts::{BookingCommand, Metadata};

/// A command, the envelope it came in, and its place in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The envelope.
    pub metadata: &'a Metadata,
    /// The command.
    pub command: &'a BookingCommand,
    /// Position of the message in `MC_COMMANDS`.
    pub stream_sequence: u64,
}

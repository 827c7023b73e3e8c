//! Proves that nothing accepted was lost.
//!
//! It trusts no consumer's state: it reads the stream of commands message by message, the inbox
//! and the dead letters beside it, and says of every accepted request where it is ([`Books`],
//! [`Balance`]). What it has proven it may write down as a checkpoint, and only below a checkpoint
//! may the stream be purged ([`Keeper`]).
//!
//! The stream is read in pages, so that memory grows with what is open, never with the stream.

mod balance;
mod books;
mod keeper;
mod page;
mod reading;

pub use balance::{Balance, DeadByState, Missing, SettledWithoutMessage, Unreadable};
pub use books::{Books, Gap, Place, Settled};
pub use keeper::{Findings, Keeper, Rules};
pub use page::Page;
pub use reading::{LedgerError, read_commands, read_late_ends, read_letters};

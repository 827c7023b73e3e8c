//! A seal: the hash over a batch of rows, where they came from, and the seal before.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::row::to_microseconds;

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands for the seal before the first.
pub const GENESIS: Hash = [0; 32];

/// What the hash of a seal begins with. The number is the version of [`Seal::hash`]; version 1
/// doesn't say which streams were read.
const SEAL_1: &[u8] = b"\x01mediconnect audit seal 1\0";
const SEAL_2: &[u8] = b"\x01mediconnect audit seal 2\0";

/// What was read of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When the stream was made, exact to the microsecond; none in old seals.
    pub created_at: Option<Timestamp>,
    /// The first sequence.
    pub from: i64,
    /// The last; one less than the first when nothing was read.
    pub to: i64,
}

/// What is sealed, without the seal's own hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// 1, 2, 3, …
    pub number: i64,
    /// Of the seal before; [`GENESIS`] for the first.
    pub previous_hash: Hash,
    /// When, exact to the microsecond.
    pub sealed_at: Timestamp,
    /// The first row that it covers.
    pub first_row: i64,
    /// What was read of `MC_AUDIT` for it.
    pub audit: Span,
    /// What was read of `MC_EVENTS` for it.
    pub events: Span,
    /// The hash of each row.
    pub leaves: Vec<Hash>,
}

impl Seal {
    /// The last row that it covers. Of a seal that was tampered with, what is nearest to it.
    pub fn last_row(&self) -> i64 {
        self.first_row.saturating_add(self.leaves.len() as i64).saturating_sub(1)
    }

    /// SHA-256 over everything here.
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        let made = [self.audit.created_at, self.events.created_at];
        let is_first_version = made == [None, None];
        hasher.update(if is_first_version { SEAL_1 } else { SEAL_2 });
        hasher.update(self.previous_hash);
        let numbers = [
            self.number,
            to_microseconds(self.sealed_at).as_microsecond(),
            self.first_row,
            self.last_row(),
            self.audit.from,
            self.audit.to,
            self.events.from,
            self.events.to,
        ];
        let made = made.map(|at| at.map_or(i64::MIN, |at| to_microseconds(at).as_microsecond()));
        let made: &[i64] = if is_first_version { &[] } else { &made };
        for number in numbers.iter().chain(made) {
            hasher.update(number.to_be_bytes());
        }
        hasher.update(Sha256::digest(self.leaves.as_flattened()));
        hasher.finalize().into()
    }
}

/// Hexadecimal, for people and documents.
pub fn to_hex(hash: &[u8]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal {
            number: 1,
            previous_hash: GENESIS,
            sealed_at: Timestamp::UNIX_EPOCH,
            first_row: 1,
            audit: Span { created_at: None, from: 1, to: 2 },
            events: Span { created_at: None, from: 1, to: 0 },
            leaves: vec![[1; 32], [2; 32]],
        }
    }

    fn seal_of_known_streams() -> Seal {
        let made = |span| Span { created_at: Some(Timestamp::UNIX_EPOCH), ..span };
        Seal { audit: made(seal().audit), events: made(seal().events), ..seal() }
    }

    #[test]
    fn a_seal_is_the_same_in_every_version() {
        assert_eq!(
            to_hex(&seal().hash()),
            "bd6f42b37055067e34e58ca478617e336f562db77afb6b86120272f849ebb97d"
        );
        assert_eq!(
            to_hex(&seal_of_known_streams().hash()),
            "fc96b630c7e589906e3e076630258636a5319138f601e848acfee79e5367d90a"
        );
    }

    #[test]
    fn everything_counts() {
        let seal = seal_of_known_streams;
        let hash = seal().hash();
        assert_ne!(hash, Seal { number: 2, ..seal() }.hash());
        assert_ne!(hash, Seal { previous_hash: [1; 32], ..seal() }.hash());
        assert_ne!(hash, Seal { first_row: 2, ..seal() }.hash());
        assert_ne!(hash, Seal { audit: Span { to: 3, ..seal().audit }, ..seal() }.hash());
        assert_ne!(hash, Seal { events: Span { from: 0, ..seal().events }, ..seal() }.hash());
        assert_ne!(hash, Seal { leaves: vec![[2; 32], [1; 32]], ..seal() }.hash());
        let later = Timestamp::from_microsecond(1).unwrap();
        assert_ne!(hash, Seal { sealed_at: later, ..seal() }.hash());
        for created_at in [None, Some(later)] {
            let audit = Span { created_at, ..seal().audit };
            assert_ne!(hash, Seal { audit, ..seal() }.hash());
            let events = Span { created_at, ..seal().events };
            assert_ne!(hash, Seal { events, ..seal() }.hash());
        }
    }
}

//! A seal: the hash over a batch of rows, where they came from, and the seal before.

use std::fmt::Write as _;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::row::to_microseconds;

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands for the seal before the first.
pub const GENESIS: Hash = [0; 32];

/// What the hash of a seal begins with. The number is the version of [`Seal::hash`].
const SEAL: &[u8] = b"\x01mediconnect audit seal 1\0";

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
    /// The first sequence of `MC_AUDIT` that was read for it, and the last.
    pub audit: (i64, i64),
    /// The first sequence of `MC_EVENTS` that was read for it, and the last.
    pub events: (i64, i64),
    /// The hash of each row.
    pub leaves: Vec<Hash>,
}

impl Seal {
    /// The last row that it covers.
    pub fn last_row(&self) -> i64 {
        self.first_row + self.leaves.len() as i64 - 1
    }

    /// SHA-256 over everything here.
    pub fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(SEAL);
        hasher.update(self.previous_hash);
        let numbers = [
            self.number,
            to_microseconds(self.sealed_at).as_microsecond(),
            self.first_row,
            self.last_row(),
            self.audit.0,
            self.audit.1,
            self.events.0,
            self.events.1,
        ];
        for number in numbers {
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
            audit: (1, 2),
            events: (1, 0),
            leaves: vec![[1; 32], [2; 32]],
        }
    }

    #[test]
    fn a_seal_is_the_same_in_every_version() {
        assert_eq!(
            to_hex(&seal().hash()),
            "bd6f42b37055067e34e58ca478617e336f562db77afb6b86120272f849ebb97d"
        );
    }

    #[test]
    fn everything_counts() {
        let hash = seal().hash();
        assert_ne!(hash, Seal { number: 2, ..seal() }.hash());
        assert_ne!(hash, Seal { previous_hash: [1; 32], ..seal() }.hash());
        assert_ne!(hash, Seal { first_row: 2, ..seal() }.hash());
        assert_ne!(hash, Seal { audit: (1, 3), ..seal() }.hash());
        assert_ne!(hash, Seal { events: (0, 0), ..seal() }.hash());
        assert_ne!(hash, Seal { leaves: vec![[2; 32], [1; 32]], ..seal() }.hash());
        let later = Timestamp::from_microsecond(1).unwrap();
        assert_ne!(hash, Seal { sealed_at: later, ..seal() }.hash());
    }
}

//! Chance that repeats: a hash of the seed and of what is decided.

use sha2::{Digest as _, Sha256};

/// Four independent random numbers that belong to one decision.
#[derive(Clone, Copy, Debug)]
pub struct Draw([u64; 4]);

impl Draw {
    /// The numbers of the decision that `parts` name.
    pub fn new(seed: u64, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        for part in parts {
            // With its length, so that "ab", "c" is not "a", "bc".
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let bytes = hash.finalize();
        let number = |index: usize| {
            let bytes = bytes[index * 8..].first_chunk().copied();
            u64::from_be_bytes(bytes.expect("SHA-256 has four times eight bytes"))
        };
        Self(std::array::from_fn(number))
    }

    /// Number `index` (0 to 3) as a fraction: 0 included, 1 not.
    pub fn fraction(&self, index: usize) -> f64 {
        // The 53 bits that an f64 holds exactly.
        (self.0[index] >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Number `index` (0 to 3) as a whole number below `end`.
    pub fn below(&self, index: usize, end: u64) -> u64 {
        // Below 2^16 the bias is less than one in 2^48.
        self.0[index] % end
    }

    /// Two of the numbers as 16 bytes, for ids.
    pub fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0[2].to_be_bytes());
        bytes[8..].copy_from_slice(&self.0[3].to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_differs() {
        let numbers = |seed, parts: &[&[u8]]| Draw::new(seed, parts).0;
        assert_eq!(numbers(1, &[b"a", b"b"]), numbers(1, &[b"a", b"b"]));
        assert_ne!(numbers(1, &[b"a", b"b"]), numbers(2, &[b"a", b"b"]));
        assert_ne!(numbers(1, &[b"ab", b"c"]), numbers(1, &[b"a", b"bc"]));
        // Held still: recorded runs of other versions must repeat.
        assert_eq!(numbers(1, &[b"call"])[0], 10_117_653_946_341_259_974);
    }

    #[test]
    fn fractions_fill_their_range() {
        let fractions: Vec<_> =
            (0..1000_u64).map(|n| Draw::new(7, &[&n.to_be_bytes()]).fraction(0)).collect();
        assert!(fractions.iter().all(|f| (0.0..1.0).contains(f)));
        let low = fractions.iter().filter(|f| **f < 0.5).count();
        assert!((400..600).contains(&low), "{low} of 1000 below a half");
    }
}

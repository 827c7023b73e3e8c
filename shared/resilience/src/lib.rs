//! Pure rules for coping with failures. No I/O, no clock of its own, seedable randomness.

mod retry;

pub use retry::RetryDelays;

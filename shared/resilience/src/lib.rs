//! Pure rules for coping with failures. No I/O, no clock of its own, seedable randomness.

pub mod breaker;
mod retry;

pub use retry::RetryDelays;

//! The audit worker on real servers: what it seals, and who may touch that.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod log;
mod privileges;
mod sealing;
mod trouble;

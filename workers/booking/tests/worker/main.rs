//! The booking worker on real servers: what it settles, and (`service`) the whole of it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod availability;
mod booking;
mod cancelling;
mod clinic;
mod constraints;
mod exceptions;
mod faults;
mod holding;
mod idempotency;
mod life;
mod notes;
mod order;
mod outbox;
mod race;
mod rescheduling;
mod series;
mod service;
mod skipped;
mod statuses;
mod storm;
mod visit_types;
mod withdrawing;

//! Recorded traces of a breaker, and whether this one does the same.
//!
//! A trace is a JSON document: the breaker's `options`; `steps`, the calls that are made and what
//! would become of their actions; `calls`, what each call must give, and when; and `expect`, the
//! states that must be read at given times without making a call. All times are milliseconds since
//! the breaker was made. [`Trace::parse`] reads one, [`Trace::replay`] runs it under a clock of its
//! own and says where this breaker differs.
//!
//! The traces know nothing of probe deadlines, growth and jitter: a replay has none.

mod difference;
mod replay;
mod trace;

pub use difference::{Difference, Subject};
pub use trace::{CallResult, InvalidTrace, MAX_TIME_MS, Trace};

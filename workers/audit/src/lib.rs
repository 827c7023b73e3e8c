//! The audit worker: seals who saw or did what, each message once, in one order.
//!
//! It reads two streams by position: entries (`MC_AUDIT`, `entry`) and facts (`MC_EVENTS`,
//! `fact`). What it read becomes a batch of rows (`batch`), and rows, seal and positions are one
//! transaction (`sealing`): a crash anywhere loses nothing and doubles nothing. Of several
//! processes one works and the others wait. The last seal is kept outside of the database too
//! (`anchor`), so that a log whose end was cut off doesn't look whole.

pub mod anchor;
mod batch;
mod entry;
mod fact;
mod metrics;
mod reading;
mod sealing;
mod service;

pub use service::run;

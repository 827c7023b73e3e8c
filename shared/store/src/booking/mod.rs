//! The booking worker's write path, signed in as `mediconnect_booking`.
//!
//! Everything is set-based: a statement takes arrays and works on a whole batch, and statements
//! that don't need each other's results are sent without waiting in between. What belongs
//! together is a [`Work`], which [`Pool::transact`] commits as a whole or not at all.
//!
//! One file per table: [`inbox`] (`requests`), [`appointments`] (and [`holds`] among them),
//! [`history`] (`appointment_status_history`), [`notes`] (`clinical_notes`), [`care_relations`],
//! [`availability`] (`availability_rules`), [`outbox`], [`attempts`] (`message_attempts`),
//! [`letters`] (`dead_letters`), and what is only read: [`practitioners`], [`patients`].
//! One file per table: [`inbox`] (`requests`), [`appointments`], [`history`]
//! (`appointment_status_history`), [`availability`] (`availability_rules`,
//! `availability_exceptions`), [`locations`], [`services`] (`healthcare_services`), [`outbox`],
//! [`attempts`] (`message_attempts`), [`letters`] (`dead_letters`), and what is only read:
//! [`practitioners`], [`patients`].

pub mod appointments;
pub mod attempts;
pub mod availability;
pub mod care_relations;
pub mod correlation;
mod failure;
pub mod history;
pub mod holds;
pub mod inbox;
pub mod letters;
pub mod locations;
mod metrics;
pub mod notes;
pub mod outbox;
pub mod patients;
mod pool;
pub mod practitioners;
pub mod rehearsal;
pub mod services;
mod transaction;

pub use failure::{Contention, Failure};
pub use pool::{Pool, SchemaProblem};
pub use transaction::{Transaction, Work};

//! The door: authenticates, decides what the token alone can tell, validates forms, publishes
//! commands, and answers. It accepts while the database and every worker are down.
//!
//! `routes/` has one file per endpoint; `problem` is the one table of what can go wrong;
//! `commands` is the way from a form to an accepted request; `outcome` the way back.

mod account;
mod app;
mod audit;
pub mod auth;
mod breakers;
mod chart;
mod client_address;
mod client_errors;
mod commands;
mod correlation;
mod coverage;
mod documents;
mod door;
mod emergency;
mod extract;
mod failure;
pub mod first_administrator;
mod identify;
mod letters;
mod openapi;
mod outcome;
mod problem;
mod rate_limit;
mod reauthentication;
mod routes;
mod scheduling;
mod server;
mod session;
mod slots;
mod staff;
mod start;
mod visits;

pub use auth::generate_signing_key;
pub use start::{Started, run, start, start_at};

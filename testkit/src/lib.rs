//! What tests stand on: real servers, one set per test.

mod database;
mod messages;
mod nats;

pub use database::{POSTGRES_URL, TestDatabase};
pub use messages::any_command;
pub use nats::TestNats;

//! What tests stand on: real servers, one set per test, and the product as real processes.

mod api;
mod authenticator;
mod collector;
mod database;
mod deployment;
mod insurer;
mod ledger;
mod messages;
mod nats;
mod recording;
mod replaying;
mod system;

pub use api::{Answer, Api};
pub use authenticator::Authenticator;
pub use collector::Collector;
pub use database::{POSTGRES_URL, TestDatabase};
pub use deployment::{Deployment, Node};
pub use insurer::Insurer;
pub use ledger::ledger_command;
pub use messages::{any_command, any_entry};
pub use nats::{TestNats, small_streams};
pub use replaying::{InventedDay, Replaying};
pub use system::{ADMIN_EMAIL, ADMIN_PASSWORD, System, program};

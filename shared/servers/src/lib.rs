//! Private PostgreSQL and nats-server as child processes.
//!
//! `mediconnect up`, the tests and the benches all start their servers here. One *home* folder
//! holds everything a set of servers leaves on disk:
//!
//! ```text
//! home/postgres/   data directory and the superuser's password (or a link to where they are)
//! home/nats/       configuration and JetStream's store
//! home/logs/       one log per process
//! home/run/        one record per running child, so that a later run can clear orphans
//! ```
//!
//! Linux only: processes are identified through `/proc` and waited for through pidfds.

mod account;
mod error;
mod lock;
mod log_file;
mod nats;
mod nats_binary;
mod orphans;
mod pidfd;
mod placement;
mod port;
mod postgres;
mod postgres_binaries;
mod process;
mod registry;
mod secret_file;
mod version;

pub use error::ServerError;
pub use lock::{LockHolder, UpLock};
pub use log_file::LogFile;
pub use nats::{NatsLogin, NatsOptions, PrivateNats};
pub use nats_binary::NatsBinary;
pub use orphans::{Orphan, clear_orphans, clear_orphans_below};
pub use port::free_loopback_port;
pub use postgres::{PostgresOptions, PrivatePostgres};
pub use postgres_binaries::PostgresBinaries;
pub use process::{ManagedProcess, StopPlan, StopSignal};
pub use registry::Registry;
pub use secret_file::{generate_password, read_or_create_secret};

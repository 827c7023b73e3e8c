//! An insurer to test against: a real HTTP server that answers questions of eligibility, and that
//! can be told, while it runs, to be slow, wrong, rude or away.
//!
//! - What it says of a member follows from the seed, the payer and the member id alone
//!   ([`standing`](crate::Standing)); nothing is stored and nobody is invented.
//! - How it behaves is a set of [`Knobs`], for all payers or for one, changed over HTTP.
//! - Chance comes from the seed and a counter of calls, so that runs repeat.
//! - It counts every call, so that a test can prove what was *not* sent.
//!
//! `docs/INSURER.md` shows its HTTP interface. It has no authentication: it is for loopback and
//! for test networks.

mod answers;
mod call;
mod connection;
mod counts;
mod draw;
mod knobs;
mod misbehaviour;
mod problem;
mod routes;
mod server;
mod simulator;
mod standing;

use std::net::SocketAddr;
use std::sync::Arc;

use domain::{SharedClock, SystemClock};
use runtime::Shutdown;

pub use counts::{AllCalls, Arrival, PayerCalls, PayerTotals};
pub use knobs::{
    AllKnobs, Concurrency, Flapping, InvalidKnobs, Knobs, Latency, Outage, Outcome,
    PercentilePoint, PresentKnobs, Share,
};
pub use server::ListenError;
pub use simulator::Simulator;
pub use standing::Standing;

/// How the simulator is started.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Decides what members are insured for, and all chance.
    pub seed: u64,
}

/// Starts it and returns where it listens. It stops with `shutdown`; calls that hang then don't
/// hold it up.
pub async fn start(options: Options, shutdown: &Shutdown) -> Result<SocketAddr, ListenError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let simulator = Arc::new(Simulator::new(options.seed, clock));
    server::serve(routes::router(simulator), options.listen, shutdown).await
}

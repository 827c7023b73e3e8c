//! The eligibility worker: asks insurers whether visits are covered, and contains their failures.
//!
//! A fact or a new coverage becomes a row (`intake`), and is done with. A loop per payer
//! (`payer_loop`) takes what is due, as far as that payer's breaker, places and pace allow, asks
//! (`insurer`), and writes down what came of it (`judgement`). The same loop asks again and works
//! off what an outage has left, so that one payer that hangs holds up nobody else. Nobody is ever
//! asked inside a transaction, and whatever isn't known is never "not covered".

mod address;
mod breakers;
mod insurer;
mod intake;
mod judgement;
mod metrics;
mod payer_loop;
mod payers;
mod service;

pub use service::run;

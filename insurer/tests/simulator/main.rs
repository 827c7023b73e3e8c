//! The simulator over real sockets: it does what its knobs say, and counts what comes.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod counts;
mod coverage;
mod documentation;
mod knobs;
mod lab;
mod outcomes;
mod stopping;

//! The public API, as a client sees it: what `replay`, `dlq` and the seeding of a new
//! clinic share.

pub mod http;
pub mod maintainer;
#[cfg(test)]
pub mod scripted;
pub mod settle;
pub mod sign_in;

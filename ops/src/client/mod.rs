//! The public API, as a client sees it: what `replay` and the seeding of a new clinic share.

pub mod http;
#[cfg(test)]
pub mod scripted;
pub mod settle;
pub mod sign_in;

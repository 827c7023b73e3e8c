//! `mediconnect ledger` on real servers: what balances, each way in which it doesn't, and what
//! checkpoints and purging change about it.

mod balance;
mod books;
mod checkpoints;

const BALANCED: i32 = 0;
const NOT_BALANCED: i32 = 1;
const CANNOT_TELL: i32 = 2;

/// What is still open counts as missing at once.
const NO_GRACE: &str = "--grace-minutes=0";

//! The eligibility worker's part of the database, signed in as `mediconnect_eligibility`: table
//! `eligibility_checks`, one file per step of a check's life. Coverages, patients and visits are
//! only read.

mod claim;
mod due;
mod settle;
mod visits;

pub use claim::{Claim, Claimed, ReleaseLeases, Subscriber};
pub use due::{CountOpen, DuePayers, Postpone};
pub use settle::{KnownResult, Settle, Settlement, Stop};
pub use visits::{FindOverlooked, FollowVisits, VisitToCheck};

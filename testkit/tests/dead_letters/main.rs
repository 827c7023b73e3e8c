//! Dead letters on real processes: how a message becomes one without hurting its neighbours, and
//! what operators do about it.

mod audited;
mod birth;
mod clinic;
mod command_line;
mod quarantine;
mod refusals;
mod replaying;
mod seeing;
mod visits;

//! The booking worker: settles commands in batches, one transaction each.
//!
//! One file per message: [`mod@book`] (holds too), [`mod@book_series`], [`mod@reschedule`],
//! [`mod@undo_status`], [`mod@confirm`] (and giving holds back), [`mod@cancel`],
//! [`mod@cancel_series`], [`mod@set_status`], [`mod@notes`], [`mod@care`],
//! [`mod@set_availability`], [`mod@set_exception`], [`mod@set_location`], [`mod@set_service`],
//! [`mod@withdraw`]. What a batch needs from the database is read at once (`facts`), each
//! message's file decides, and what they decided is written at once (`record`). It knows nothing
//! of JetStream: a [`Handler`] gives outcomes, the bus's runner settles messages by them.

mod book;
mod book_series;
mod bookkeeping;
mod cancel;
mod cancel_series;
mod care;
mod confirm;
mod facts;
mod handler;
mod letters;
mod metrics;
mod notes;
mod order;
mod outbox;
mod precedence;
mod record;
mod rehearsal;
mod report;
mod request;
mod reschedule;
mod rules;
mod segments;
mod service;
mod set_availability;
mod set_exception;
mod set_location;
mod set_service;
mod set_status;
mod settle;
mod settler;
mod transitions;
mod triage;
mod undo_status;
mod withdraw;

pub use handler::Handler;
pub use outbox::{FACTS_AT_ONCE, PublishFacts, publish_outbox};
pub use precedence::Precedence;
pub use request::Request;
pub use rules::Rules;
pub use service::run;
pub use settler::Settler;

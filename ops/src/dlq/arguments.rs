//! The command line of `mediconnect dlq`.

use std::num::{NonZeroU16, NonZeroU32};

use clap::{Args, Subcommand, ValueEnum};
use domain::{Clock as _, CorrelationId, DeadLetterId, SystemClock};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Serialize;

use crate::exit::UsageError;
use crate::values::{expected, from_1_to, letter, reason};

const HELP: &str = "\
Who you are comes from MEDICONNECT_TOKEN, or MEDICONNECT_EMAIL and MEDICONNECT_PASSWORD, or
ADMIN_EMAIL and ADMIN_PASSWORD, or from the `mediconnect up` that runs in this folder. When the
account has a second factor, MEDICONNECT_CODE is what the app shows. Only operators and
administrators may do this, and what they do is written down with their reason.

Exit codes:
  0  done
  1  it failed, something was refused, or no letter matches
  2  wrong usage

Examples:
  mediconnect dlq list --groups                        what fails, and how often
  mediconnect dlq list --error-class panic --older-than 1h
  mediconnect dlq show ID                              one letter, nobody's data
  mediconnect dlq rehearse ID                          what a replay would do
  mediconnect dlq replay ID --reason 'fixed in 1.4'
  mediconnect dlq replay --group FINGERPRINT --rate 20 --reason 'constraint dropped' --dry-run
  mediconnect dlq discard ID --reason 'the visit was booked by telephone'

ID and FINGERPRINT are written out whole, as `list` shows them, for example
01931f6e-2a77-7c41-9d05-8b6e3f10c2aa.";

const A_TIME: &str = "a time span like 30m or 12h";

/// Work on what no worker could settle: list, show, rehearse, replay, discard.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct DlqArguments {
    /// The server [default: the one that a `mediconnect up` here runs, else http://127.0.0.1:8080]
    #[arg(long, global = true)]
    pub url: Option<Url>,

    #[command(subcommand)]
    pub command: DlqCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    List(ListArguments),
    Show(ShowArguments),
    Rehearse(RehearseArguments),
    Replay(ReplayArguments),
    Discard(DiscardArguments),
}

/// List letters, the newest first. Says nothing of what was asked, or for whom.
#[derive(Args, Debug)]
pub struct ListArguments {
    #[command(flatten)]
    pub filter: FilterArguments,

    /// Those in this state
    #[arg(long, default_value = "open")]
    pub state: State,

    /// Count letters that failed alike, the largest group first
    #[arg(long)]
    pub groups: bool,

    /// Letters at most
    #[arg(
        long,
        value_name = "N",
        default_value = "50",
        value_parser = from_1_to::<NonZeroU16>(10_000)
    )]
    pub limit: NonZeroU16,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Show one letter: why it died, what was done with it, and its message without anybody's data.
#[derive(Args, Debug)]
pub struct ShowArguments {
    /// The letter
    #[arg(value_parser = letter)]
    pub id: DeadLetterId,

    /// Show the message as it is. Break glass: it is written down that you looked, and why
    #[arg(long, requires = "reason")]
    pub unmask: bool,

    /// Why you have to see it, in 3 to 200 characters
    #[arg(long, requires = "unmask", value_parser = reason)]
    pub reason: Option<String>,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Find out what a replay would do: a worker runs the handler, and rolls back.
#[derive(Args, Debug)]
#[command(after_help = "Exit codes: 0 it would be settled, 1 it would not.")]
pub struct RehearseArguments {
    /// The letter
    #[arg(value_parser = letter)]
    pub id: DeadLetterId,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Put letters back into the stream they came from: one, several, or all that match a filter.
///
/// Each is rehearsed first, and refused when a replay makes no sense any more. Interrupted, the
/// same command can be run again, and several operators can work at once: a letter that was
/// replayed is no longer open.
#[derive(Args, Debug)]
pub struct ReplayArguments {
    /// The letters; or else choose them by a filter
    #[arg(value_parser = letter)]
    pub ids: Vec<DeadLetterId>,

    #[command(flatten)]
    pub filter: FilterArguments,

    /// All open letters, whatever they are
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,

    /// Why, in 3 to 200 characters; it is written down. Name no patient
    #[arg(long, value_parser = reason)]
    pub reason: String,

    /// Letters a second, at most 1000
    #[arg(
        long,
        value_name = "N",
        default_value = "10",
        value_parser = from_1_to::<NonZeroU32>(1_000)
    )]
    pub rate: NonZeroU32,

    /// Change nothing, and say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Decide that letters aren't tried again. Their bytes stay.
#[derive(Args, Debug)]
pub struct DiscardArguments {
    /// The letters
    #[arg(required = true, value_parser = letter)]
    pub ids: Vec<DeadLetterId>,

    /// Why, in 3 to 200 characters; is written down. Name no patient
    #[arg(long, value_parser = reason)]
    pub reason: String,

    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Which letters. Several conditions have to hold together.
#[derive(Args, Clone, Debug)]
pub struct FilterArguments {
    /// Those of this worker
    #[arg(long)]
    pub worker: Option<String>,

    /// Those with this class of error
    #[arg(long, value_name = "CLASS")]
    pub error_class: Option<String>,

    /// Those of this group: a fingerprint from `list --groups`
    #[arg(long, value_name = "FINGERPRINT")]
    pub group: Option<String>,

    /// Those of this request
    #[arg(long, value_parser = expected::<CorrelationId>("a UUID"))]
    pub correlation_id: Option<CorrelationId>,

    /// Those that failed last longer ago than this, like 30m or 12h
    #[arg(long, value_name = "TIME", value_parser = expected::<SignedDuration>(A_TIME))]
    pub older_than: Option<SignedDuration>,

    /// Those that failed last within this time
    #[arg(long, value_name = "TIME", value_parser = expected::<SignedDuration>(A_TIME))]
    pub newer_than: Option<SignedDuration>,
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Nobody has dealt with it
    Open,
    /// Its message is in the stream again
    Replaying,
    /// Its request has ended
    Resolved,
    /// Somebody decided that it isn't tried again
    Discarded,
    /// Any of these
    All,
}

/// The filter as the API takes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_since: Option<Timestamp>,
}

impl State {
    /// The word of the API; none for any state.
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Open => Some("open"),
            Self::Replaying => Some("replaying"),
            Self::Resolved => Some("resolved"),
            Self::Discarded => Some("discarded"),
            Self::All => None,
        }
    }
}

impl FilterArguments {
    /// The filter, as of now.
    pub fn filter(&self) -> anyhow::Result<Filter> {
        let now = SystemClock.now();
        let ago = |age: Option<SignedDuration>| {
            let moment = age.map(|age| now.checked_sub(age)).transpose();
            moment.map_err(|_| UsageError("that is longer ago than time goes".to_owned()))
        };
        Ok(Filter {
            worker: self.worker.clone(),
            error_class: self.error_class.clone(),
            fingerprint: self.group.clone(),
            correlation_id: self.correlation_id,
            failed_before: ago(self.older_than)?,
            failed_since: ago(self.newer_than)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.worker.is_none()
            && self.error_class.is_none()
            && self.group.is_none()
            && self.correlation_id.is_none()
            && self.older_than.is_none()
            && self.newer_than.is_none()
    }
}

impl ReplayArguments {
    /// Fails unless it is clear which letters are meant.
    pub fn check(&self) -> Result<(), UsageError> {
        let complaint = match (self.ids.is_empty(), self.filter.is_empty(), self.all) {
            (true, true, false) => "which letters? Name them, or a filter, or --all",
            (false, false, _) => "name letters or a filter, not both",
            _ => return Ok(()),
        };
        Err(UsageError(complaint.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        dlq: DlqArguments,
    }

    fn replay(more: &[&str]) -> ReplayArguments {
        let line = ["x", "replay", "--reason", "because"].iter().chain(more);
        match CommandLine::parse_from(line).dlq.command {
            DlqCommand::Replay(replay) => replay,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_replay_says_which_letters() {
        let id = DeadLetterId::generate().to_string();
        assert!(replay(&[&id]).check().is_ok());
        assert!(replay(&["--all"]).check().is_ok());
        assert!(replay(&["--group", "x", "--older-than", "90m"]).check().is_ok());
        assert!(replay(&[]).check().is_err());
        assert!(replay(&[&id, "--group", "x"]).check().is_err());
    }

    #[test]
    fn unmasking_needs_a_reason() {
        let id = DeadLetterId::generate().to_string();
        assert!(CommandLine::try_parse_from(["x", "show", &id, "--unmask"]).is_err());
        let with = ["x", "show", &id, "--unmask", "--reason", "the patient calls"];
        assert!(CommandLine::try_parse_from(with).is_ok());
    }
}

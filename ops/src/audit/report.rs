//! The verdict, for people.

use std::fmt;
use std::mem::discriminant;

use super::check::{Finding, Notice};
use super::verify::Verdict;

/// So many findings of a kind are shown, and so many notices; scripts get all.
const SHOWN: usize = 20;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>9}", "rows", self.rows)?;
        writeln!(f, "{:<24} {:>9}", "seals", self.seals)?;
        writeln!(f, "{:<24} {:>9}", "messages not sealed yet", self.waiting)?;
        if self.last_seal > 0 {
            writeln!(f, "last seal {}: {}", self.last_seal, self.last_hash)?;
        }
        let shown = |index: usize| {
            let kind = discriminant(&self.findings[index]);
            let before = self.findings[..index].iter();
            before.filter(|it| discriminant(*it) == kind).count() < SHOWN
        };
        let (shown, others): (Vec<_>, Vec<_>) =
            (0..self.findings.len()).partition(|index| shown(*index));
        for index in shown {
            writeln!(f, "  {}", self.findings[index])?;
        }
        and_more(f, others.len())?;
        let verdict = if self.intact { "intact" } else { "NOT INTACT" };
        if !self.notices.is_empty() {
            writeln!(f, "what the log says of itself:")?;
            for notice in self.notices.iter().take(SHOWN) {
                writeln!(f, "  {notice}")?;
            }
            and_more(f, self.notices.len().saturating_sub(SHOWN))?;
        }
        writeln!(f, "the audit log is {verdict}")
    }
}

fn and_more(f: &mut fmt::Formatter<'_>, more: usize) -> fmt::Result {
    if more == 0 { Ok(()) } else { writeln!(f, "  … and {more} more (with --json)") }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { row, stream, from, to } => write!(
                f,
                "row {row}: messages {from} to {to} of {stream} were gone before they were sealed"
            ),
            Self::Remade { row, stream, sealed } => write!(
                f,
                "row {row}: {stream} was made anew; what the old one held beyond its message \
                 {sealed} is lost"
            ),
            Self::Unreadable { row, stream, sequence } => {
                write!(f, "row {row}: message {sequence} of {stream} can't be read")
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowChanged { row, seal } => {
                write!(f, "row {row} was changed after seal {seal} was put on it")
            }
            Self::RowMoved { row, sealed_as } => {
                write!(f, "row {row} was moved there: it was sealed as row {sealed_as}")
            }
            Self::RowsMissing { from, to, seal } if from == to => {
                write!(f, "row {from} is gone, which seal {seal} covers")
            }
            Self::RowsMissing { from, to, seal } => {
                write!(f, "rows {from} to {to} are gone, the first of which seal {seal} covers")
            }
            Self::RowsUnsealed { from, count } => {
                write!(f, "no seal covers row {from} and what follows it, {count} rows in all")
            }
            Self::SealChanged { seal } => {
                write!(f, "seal {seal} was changed: its hash doesn't follow from what it holds")
            }
            Self::SealOutOfLine { seal } => {
                write!(f, "seal {seal} doesn't follow the one before it: one of them was replaced")
            }
            Self::SealsMissing { from, to } if from == to => write!(f, "seal {from} is gone"),
            Self::SealsMissing { from, to } => write!(f, "seals {from} to {to} are gone"),
            Self::TailCut { last_seal, anchored_seal, anchored_row } => write!(
                f,
                "the end was cut off: the log ends with seal {last_seal}, but the anchor outside \
                 of the database knows seal {anchored_seal} and rows up to {anchored_row}. (A \
                 database that was restored from a backup looks like this, too.)"
            ),
            Self::Rewritten { seal } => write!(
                f,
                "the log was written anew: the anchor outside of the database knows another hash \
                 of seal {seal}"
            ),
            Self::NoAnchor => write!(
                f,
                "the anchor outside of the database is gone, so that it can't be said whether \
                 the end was cut off"
            ),
            Self::Nameless { count } => {
                write!(f, "{count} rows or seals have no position or number")
            }
            Self::StreamRemade { stream, sealed } => write!(
                f,
                "the stream {stream} was made anew: messages up to {sealed} of the old one are \
                 sealed, and nothing of the new one. The audit worker goes on by itself and says \
                 so in the log"
            ),
            Self::StreamTooShort { stream, last, sealed } => write!(
                f,
                "the stream {stream} ends at {last}, but messages up to {sealed} are sealed: it \
                 was cut, or it is an older copy"
            ),
        }
    }
}

//! The books, for people.

use std::fmt;

use ledger::{Balance, Gap, Missing, Place, SettledWithoutMessage};

use super::read::Ledger;

/// Of each kind of trouble so many are named; scripts get all.
const SHOWN: usize = 20;

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let balance = &self.balance;
        writeln!(f, "ledger of {}", self.read_at.strftime("%Y-%m-%d %H:%M:%S UTC"))?;
        count(f, 0, "messages", balance.messages)?;
        count(f, 1, "counted by checkpoints", balance.checkpointed)?;
        count(f, 2, "purged since", balance.purged)?;
        count(f, 1, "repeats of a request", balance.repeats)?;
        count(f, 1, "unreadable", balance.unreadable.total)?;
        count(f, 0, "requests accepted", balance.requests)?;
        count(f, 1, "settled", balance.settled.total)?;
        count(f, 2, "applied", balance.settled.applied)?;
        for (reason, number) in &balance.settled.rejected {
            count(f, 2, &format!("rejected: {}", reason.replace('_', " ")), *number)?;
        }
        count(f, 2, "withdrawn", balance.settled.withdrawn)?;
        count(f, 1, "dead letters", balance.dead)?;
        count(f, 2, "open", balance.dead_by_state.open)?;
        count(f, 2, "replaying", balance.dead_by_state.replaying)?;
        count(f, 2, "discarded", balance.dead_by_state.discarded)?;
        count(f, 1, &format!("in flight (at most {} min)", self.grace_minutes), balance.in_flight)?;
        count(f, 1, "UNACCOUNTED FOR", balance.unaccounted_for.len() as u64)?;
        troubles(f, balance, self.grace_minutes)?;
        warnings(f, self)?;
        let verdict = if balance.balanced { "balanced" } else { "NOT BALANCED" };
        writeln!(f, "the books are {verdict}")
    }
}

fn count(f: &mut fmt::Formatter<'_>, depth: usize, name: &str, number: u64) -> fmt::Result {
    let indent = "  ".repeat(depth + 1);
    writeln!(f, "{:<44} {number:>9}", format!("{indent}{name}"))
}

fn troubles(f: &mut fmt::Formatter<'_>, balance: &Balance, grace_minutes: i64) -> fmt::Result {
    named(
        f,
        &format!("accepted over {grace_minutes} min ago, and neither settled nor a dead letter"),
        &balance.unaccounted_for,
        |Missing { request_id, place }| {
            format!("{request_id}  sequence {}, {}", place.sequence, place.stored_at)
        },
    )?;
    named(
        f,
        &format!("unreadable for over {grace_minutes} min, and no dead letter names them"),
        &balance.unreadable.unaccounted_for,
        |Place { sequence, stored_at }| format!("sequence {sequence}, {stored_at}"),
    )?;
    named(
        f,
        "gone from the stream, and not below a checkpoint",
        &balance.lost,
        |Gap { from, to }| {
            if from == to {
                format!("sequence {from}")
            } else {
                format!("sequences {from} to {to}")
            }
        },
    )?;
    named(
        f,
        "settled from a message that isn't in the stream (is this the stream they came from?)",
        &balance.settled_without_message,
        |SettledWithoutMessage { sequence, request_id }| {
            format!("{request_id}  sequence {sequence}")
        },
    )
}

fn warnings(f: &mut fmt::Formatter<'_>, ledger: &Ledger) -> fmt::Result {
    let facts = &ledger.unpublished_facts;
    let Some(oldest) = facts.oldest else { return Ok(()) };
    writeln!(
        f,
        "\nwarning: {} facts wait to be published, the oldest since {oldest}; is a booking worker \
         running?",
        facts.count
    )
}

fn named<T>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    items: &[T],
    line: impl Fn(&T) -> String,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{what}: {}", items.len())?;
    for item in items.iter().take(SHOWN) {
        writeln!(f, "  {}", line(item))?;
    }
    if items.len() > SHOWN {
        writeln!(f, "  … and {} more (all of them with --json)", items.len() - SHOWN)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::RequestId;
    use jiff::{SignedDuration, Timestamp};
    use ledger::{Books, Page};
    use store::ledger::{Checkpointed, InboxRow};
    use uuid::Uuid;

    use super::super::read::Unpublished;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn id(number: u128) -> RequestId {
        Uuid::from_u128(number).into()
    }

    /// Two messages in a checkpoint, one of them purged, and more behind it.
    fn ledger(requests: u64, settled: u64) -> Ledger {
        let stored_at = now() - SignedDuration::from_mins(6);
        let messages = (3..requests + 3)
            .map(|sequence| (Place { sequence, stored_at }, Some(id(sequence.into()))));
        let rows = (3..settled + 3).map(|sequence| InboxRow {
            id: id(sequence.into()),
            outcome: if sequence == 4 { "rejected" } else { "applied" }.to_owned(),
            reason: (sequence == 4).then(|| "slot_taken".to_owned()),
            stream_sequence: sequence,
        });
        let checkpointed =
            Checkpointed { up_to: 2, checkpoints: 1, applied: 2, ..Checkpointed::default() };
        let mut books = Books::behind(checkpointed);
        books.add(Page::new(requests + 2, messages.collect(), rows), Vec::new());
        Ledger {
            read_at: now(),
            grace_minutes: 5,
            balance: books.balance(2, now(), SignedDuration::from_mins(5)),
            unpublished_facts: Unpublished::default(),
        }
    }

    #[test]
    fn the_table_reads_well() {
        assert_eq!(ledger(5, 5).to_string(), include_str!("report.snapshot.txt"));
    }

    #[test]
    fn names_what_is_missing_up_to_a_point() {
        let text = ledger(30, 5).to_string();
        let line = text.lines().find(|line| line.contains("UNACCOUNTED FOR")).unwrap();
        assert!(line.ends_with(" 25"), "{line}");
        assert!(text.contains(&id(8).to_string()) && !text.contains(&id(32).to_string()), "{text}");
        assert!(text.contains("… and 5 more (all of them with --json)"), "{text}");
        assert!(text.ends_with("the books are NOT BALANCED\n"), "{text}");
    }

    #[test]
    fn json_names_all_of_it() {
        let json = serde_json::to_value(ledger(30, 5)).unwrap();
        assert_eq!(json["balanced"], false);
        assert_eq!(json["unaccounted_for"].as_array().unwrap().len(), 25);
        assert_eq!(json["unaccounted_for"][0]["request_id"], id(8).to_string());
        assert_eq!(json["unaccounted_for"][0]["sequence"], 8);
    }
}

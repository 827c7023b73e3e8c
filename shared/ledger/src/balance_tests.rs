//! The books against a naive model, and one test for every way in which they can fail to balance.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use store::ledger::{Checkpointed, InboxRow, KeptLetter};
use uuid::Uuid;

use super::*;
use crate::Page;

const GRACE: SignedDuration = SignedDuration::from_mins(5);

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn id(number: u8) -> RequestId {
    Uuid::from_u128(number.into()).into()
}

fn place(sequence: u64, is_old: bool) -> Place {
    let age = if is_old { GRACE + SignedDuration::from_secs(1) } else { GRACE };
    Place { sequence, stored_at: now() - age }
}

fn row(number: u8, sequence: u64, outcome: &str, reason: Option<&str>) -> InboxRow {
    InboxRow {
        id: id(number),
        outcome: outcome.to_owned(),
        reason: reason.map(str::to_owned),
        stream_sequence: sequence,
    }
}

fn applied(number: u8, sequence: u64) -> InboxRow {
    row(number, sequence, "applied", None)
}

fn message(sequence: u64, number: u8) -> (Place, Option<RequestId>) {
    (place(sequence, true), Some(id(number)))
}

/// Adds a page as the reader does: rows by sequence first, then those of the other requests.
fn add(books: &mut Books, last: u64, messages: &[(Place, Option<RequestId>)], rows: &[InboxRow]) {
    let first = books.next;
    let named = rows.iter().filter(|row| (first..=last).contains(&row.stream_sequence));
    let page = Page::new(last, messages.to_vec(), named.cloned());
    let unnamed = page.without_row();
    let found = rows.iter().filter(|row| unnamed.contains(&row.id)).cloned().collect();
    books.add(page, found);
}

/// Books of old messages 1, 2, … with these requests and rows.
fn books(requests: &[Option<u8>], rows: &[InboxRow]) -> Books {
    let mut books = Books::behind(Checkpointed::default());
    let messages: Vec<_> = (1..)
        .zip(requests)
        .map(|(sequence, number)| (place(sequence, true), number.map(id)))
        .collect();
    let last = requests.len() as u64;
    add(&mut books, last, &messages, rows);
    books.end(last);
    books
}

fn balance(books: Books) -> Balance {
    books.balance(1, now(), GRACE)
}

#[test]
fn everything_settled_balances() {
    let rows =
        [applied(1, 1), row(2, 2, "rejected", Some("slot_taken")), row(3, 3, "withdrawn", None)];
    let balance = balance(books(&[Some(1), Some(2), Some(3), Some(1)], &rows));
    assert!(balance.balanced);
    assert_eq!((balance.messages, balance.requests, balance.repeats), (4, 3, 1));
    assert_eq!(balance.settled.total, 3);
    assert_eq!(balance.settled.rejected, BTreeMap::from([("slot_taken".to_owned(), 1)]));
}

#[test]
fn an_old_request_without_row_and_letter_is_unaccounted_for_and_named() {
    let books = books(&[Some(1), Some(2)], &[applied(1, 1)]);
    assert_eq!(books.open(), [id(2)]);
    assert_eq!(books.missing(now()), [2]);
    assert_eq!(books.checkpoint(), None);
    let balance = balance(books);
    assert!(!balance.balanced);
    assert_eq!(balance.unaccounted_for, [Missing { request_id: id(2), place: place(2, true) }]);
}

#[test]
fn a_young_one_is_in_flight() {
    let mut books = Books::behind(Checkpointed::default());
    add(&mut books, 1, &[(place(1, false), Some(id(1)))], &[]);
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!(balance.in_flight, 1);
}

#[test]
fn the_dead_are_counted_by_where_their_letters_stand() {
    let mut books = books(&[Some(1), Some(2), Some(3), Some(4)], &[]);
    for number in 1..=4 {
        books.letter(Some(id(number)), Some(number.into()));
    }
    books.letter_stands(id(1), "discarded");
    books.letter_stands(id(2), "replaying");
    books.letter_stands(id(4), "resolved");
    books.ended(&applied(4, 4));
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!((balance.dead, balance.settled.total), (3, 1));
    assert_eq!(balance.dead_by_state, DeadByState { open: 1, replaying: 1, discarded: 1 });
}

#[test]
fn a_repeat_doesnt_make_an_old_request_young_again() {
    let mut books = Books::behind(Checkpointed::default());
    add(&mut books, 1, &[message(1, 1)], &[]);
    add(&mut books, 2, &[(place(2, false), Some(id(1)))], &[]);
    assert!(!balance(books).balanced);
}

#[test]
fn one_that_was_settled_from_its_repeat_counts_once() {
    let mut books = Books::behind(Checkpointed::default());
    add(&mut books, 1, &[message(1, 1)], &[]);
    // Settled from the second message, after the first page was read.
    add(&mut books, 2, &[message(2, 1)], &[applied(1, 2)]);
    let balance = balance(books);
    assert_eq!((balance.requests, balance.repeats, balance.settled.total), (1, 1, 1));
    assert!(balance.balanced);
}

#[test]
fn one_that_ends_while_the_books_are_read_counts_once() {
    for settled_from in [1, 2] {
        let mut books = books(&[Some(1), Some(1)], &[]);
        books.ended(&applied(1, settled_from));
        books.ended(&applied(1, settled_from));
        let balance = balance(books);
        assert_eq!((balance.requests, balance.repeats, balance.settled.total), (1, 1, 1));
    }
}

#[test]
fn a_row_that_came_between_two_statements_is_no_repeat() {
    let mut books = Books::behind(Checkpointed::default());
    let page = Page::new(1, vec![message(1, 1)], []);
    books.add(page, vec![applied(1, 1)]);
    assert_eq!((books.settled.total, books.repeats), (1, 0));
}

#[test]
fn one_with_a_letter_is_accounted_for() {
    let mut books = books(&[Some(1)], &[]);
    books.letter(Some(id(1)), Some(1));
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!((balance.dead, balance.letters), (1, 1));
}

#[test]
fn an_old_unreadable_message_needs_a_letter_that_names_its_sequence() {
    let unreadable = || books(&[Some(1), None], &[applied(1, 1)]);
    let without = balance(unreadable());
    assert!(!without.balanced);
    assert_eq!(without.unreadable.unaccounted_for, [place(2, true)]);

    let mut other = unreadable();
    other.letter(None, Some(1));
    assert!(!balance(other).balanced, "a letter of another message says nothing of this one");

    let mut with = unreadable();
    with.letter(None, Some(2));
    assert!(balance(with).balanced);
}

#[test]
fn a_gap_is_a_loss() {
    let checkpointed = Checkpointed { up_to: 2, ..Checkpointed::default() };
    let mut books = Books::behind(checkpointed);
    add(&mut books, 6, &[message(5, 1), message(6, 2)], &[applied(1, 5), applied(2, 6)]);
    books.end(9);
    assert!(books.trouble().unwrap().contains("3 to 4"));
    assert_eq!(books.checkpoint(), None);
    let balance = balance(books);
    assert!(!balance.balanced);
    assert_eq!(balance.lost, [Gap { from: 3, to: 4 }, Gap { from: 7, to: 9 }]);
}

#[test]
fn what_was_purged_without_a_checkpoint_is_a_loss() {
    let mut books = Books::behind(Checkpointed::default());
    add(&mut books, 3, &[message(3, 3)], &[applied(3, 3)]);
    books.end(3);
    assert!(books.is_undercut_by(3) && !books.is_undercut_by(1));
    assert_eq!(balance(books).lost, [Gap { from: 1, to: 2 }]);
}

#[test]
fn a_stream_that_ends_before_its_checkpoints_is_not_the_one_that_was_proven() {
    let mut books = Books::behind(Checkpointed { up_to: 9, ..Checkpointed::default() });
    books.end(4);
    assert_eq!(balance(books).lost, [Gap { from: 5, to: 9 }]);
}

#[test]
fn a_row_that_names_another_message_is_an_imbalance() {
    let balance = balance(books(&[Some(1)], &[applied(1, 1), applied(2, 1)]));
    assert!(!balance.balanced);
    let orphan = SettledWithoutMessage { sequence: 1, request_id: id(2) };
    assert_eq!(balance.settled_without_message, [orphan]);
}

#[test]
fn an_empty_stream_balances() {
    let mut books = Books::behind(Checkpointed::default());
    books.end(0);
    assert!(balance(books).balanced);
    let mut books = Books::behind(Checkpointed { up_to: 7, ..Checkpointed::default() });
    books.end(7);
    let balance = books.balance(8, now(), GRACE);
    assert!(balance.balanced);
    assert_eq!((balance.messages, balance.checkpointed, balance.purged), (7, 7, 7));
}

/// A checkpoint up to 10 in which request 1 is dead and message 4 is unreadable.
fn with_letters() -> Checkpointed {
    let stored_at = place(1, true).stored_at;
    Checkpointed {
        up_to: 10,
        checkpoints: 1,
        applied: 8,
        letters: vec![
            KeptLetter { sequence: 3, request_id: Some(id(1)), stored_at },
            KeptLetter { sequence: 4, request_id: None, stored_at },
        ],
        ..Checkpointed::default()
    }
}

#[test]
fn letters_of_checkpointed_messages_must_still_be_there() {
    let without = balance(Books::behind(with_letters()));
    assert_eq!(without.unaccounted_for, [Missing { request_id: id(1), place: place(3, true) }]);
    assert_eq!(without.unreadable.unaccounted_for, [place(4, true)]);

    let mut with = Books::behind(with_letters());
    with.letter(Some(id(1)), Some(3));
    with.letter(None, Some(4));
    let with = balance(with);
    assert!(with.balanced);
    assert_eq!((with.requests, with.dead, with.messages), (9, 1, 10));
}

#[test]
fn a_dead_request_that_has_ended_since_counts_once() {
    // Settled from the message that the checkpoint counts, or from a replay of it.
    let mut books = Books::behind(with_letters());
    books.ended(&row(1, 3, "withdrawn", None));
    assert_eq!((books.revived.withdrawn, books.settled.total), (1, 0));
    assert_eq!(balance(books).requests, 9);

    let mut books = Books::behind(with_letters());
    add(&mut books, 11, &[message(11, 1)], &[applied(1, 11)]);
    books.letter(None, Some(4));
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!((balance.requests, balance.repeats, balance.settled.applied), (9, 1, 9));
}

/// One position of a stream.
#[derive(Clone, Debug)]
enum Position {
    Lost,
    Message { request: Option<u8>, is_old: bool },
}

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![
        1 => Just(Position::Lost),
        9 => (proptest::option::weighted(0.9, 0..12_u8), any::<bool>())
            .prop_map(|(request, is_old)| Position::Message { request, is_old }),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_naive_model(
        positions in proptest::collection::vec(position(), 0..30),
        page in 1..12_usize,
        rows in proptest::collection::btree_map(0..14_u8, 1..40_u64, 0..12),
        letters in proptest::collection::vec((proptest::option::of(0..12_u8), 1..40_u64), 0..6),
    ) {
        let last = positions.len() as u64;
        let inbox: Vec<InboxRow> = rows.iter().map(|(number, at)| applied(*number, *at)).collect();
        let mut books = Books::behind(Checkpointed::default());
        let numbered: Vec<_> = (1..=last).zip(&positions).collect();
        for part in numbered.chunks(page) {
            let messages: Vec<_> = part.iter().filter_map(|(sequence, position)| match position {
                Position::Lost => None,
                Position::Message { request, is_old } => {
                    Some((place(*sequence, *is_old), request.map(id)))
                }
            }).collect();
            add(&mut books, part.last().unwrap().0, &messages, &inbox);
        }
        books.end(last);
        for (number, sequence) in &letters {
            books.letter(number.map(id), Some(*sequence));
        }
        let checkpoint = books.checkpoint();
        let balance = balance(books);

        // The model: what each request and each position is, looked up in plain sets.
        let mut first_seen = BTreeMap::new();
        let (mut lost, mut old_unreadable, mut silent_unreadable) = (0, 0, 0);
        for (sequence, position) in &numbered {
            match position {
                Position::Lost => lost += 1,
                Position::Message { request: Some(number), is_old } => {
                    first_seen.entry(*number).or_insert(*is_old);
                }
                Position::Message { request: None, is_old } => {
                    let has_letter = letters.iter().any(|(_, at)| at == sequence);
                    old_unreadable += usize::from(*is_old && !has_letter);
                    silent_unreadable += usize::from(!has_letter);
                }
            }
        }
        let is_own = |number: u8, at: u64| matches!(
            positions.get(at as usize - 1),
            Some(Position::Message { request: Some(own), .. }) if *own == number
        );
        let dead: BTreeSet<u8> = letters.iter().filter_map(|(number, _)| *number).collect();
        let unsettled = || first_seen.iter().filter(|(number, _)| !rows.contains_key(number));
        let silent = || unsettled().filter(|(number, _)| !dead.contains(number));
        let counted = rows.iter().filter(|(number, at)| is_own(**number, **at)).count();
        let orphans = rows.iter().filter(|(number, at)| **at <= last && !is_own(**number, **at));
        let orphans = orphans.count();

        let missing: BTreeSet<RequestId> =
            silent().filter(|(_, is_old)| **is_old).map(|(number, _)| id(*number)).collect();
        let named: BTreeSet<RequestId> =
            balance.unaccounted_for.iter().map(|missing| missing.request_id).collect();
        prop_assert_eq!(&named, &missing);
        prop_assert_eq!(balance.in_flight as usize, silent().count() - missing.len());
        prop_assert_eq!(balance.dead as usize, unsettled().count() - silent().count());
        prop_assert_eq!(balance.settled.total as usize, counted);
        let lost_found: u64 = balance.lost.iter().map(|gap| gap.to - gap.from + 1).sum();
        prop_assert_eq!(lost_found, lost);
        prop_assert_eq!(balance.unreadable.unaccounted_for.len(), old_unreadable);
        prop_assert_eq!(balance.settled_without_message.len(), orphans);
        prop_assert_eq!(
            balance.balanced,
            missing.is_empty() && lost == 0 && old_unreadable == 0 && orphans == 0
        );
        // Every message is in exactly one place, and so is every request.
        prop_assert_eq!(balance.messages, last - lost);
        prop_assert_eq!(
            balance.messages,
            balance.requests + balance.repeats + balance.unreadable.total
        );
        // What the database checks as well.
        prop_assert_eq!(
            checkpoint.is_some(),
            last > 0 && lost == 0 && orphans == 0 && silent().count() == 0 && silent_unreadable == 0
        );
        if let Some(checkpoint) = checkpoint {
            let sum = checkpoint.applied + checkpoint.repeats + checkpoint.letters.len() as u64;
            prop_assert_eq!(sum, checkpoint.to_sequence - checkpoint.from_sequence + 1);
        }
    }
}

//! The books against a naive model, and one test for every way in which they can fail to balance.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

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

fn applied(number: u8, sequence: u64) -> Ended<'static> {
    Ended { id: id(number), outcome: "applied", reason: None, sequence }
}

/// Books of old messages 1, 2, … with these requests.
fn books(requests: &[Option<u8>]) -> Books {
    let mut read = CommandsRead::new(1, requests.len() as u64);
    for (index, request) in requests.iter().enumerate() {
        read.message(place(index as u64 + 1, true), request.map(id));
    }
    read.end(1)
}

fn balance(books: Books) -> Balance {
    books.balance(now(), GRACE)
}

#[test]
fn everything_settled_balances() {
    let mut books = books(&[Some(1), Some(2), Some(3), Some(1)]);
    books.ended(applied(1, 1));
    books.ended(Ended { id: id(2), outcome: "rejected", reason: Some("slot_taken"), sequence: 2 });
    books.ended(Ended { id: id(3), outcome: "withdrawn", reason: None, sequence: 3 });
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!((balance.messages, balance.requests, balance.repeats), (4, 3, 1));
    assert_eq!(balance.settled.total, 3);
    assert_eq!(balance.settled.rejected, BTreeMap::from([("slot_taken".to_owned(), 1)]));
}

#[test]
fn an_old_request_without_row_and_letter_is_unaccounted_for_and_named() {
    let mut books = books(&[Some(1), Some(2)]);
    books.ended(applied(1, 1));
    assert_eq!(books.open(), [id(2)]);
    let balance = balance(books);
    assert!(!balance.balanced);
    assert_eq!(balance.unaccounted_for, [Missing { request_id: id(2), place: place(2, true) }]);
}

#[test]
fn a_young_one_is_in_flight() {
    let mut read = CommandsRead::new(1, 1);
    read.message(place(1, false), Some(id(1)));
    let balance = balance(read.end(1));
    assert!(balance.balanced);
    assert_eq!(balance.in_flight, 1);
}

#[test]
fn a_repeat_doesnt_make_an_old_request_young_again() {
    let mut read = CommandsRead::new(1, 2);
    read.message(place(1, true), Some(id(1)));
    read.message(place(2, false), Some(id(1)));
    assert!(!balance(read.end(1)).balanced);
}

#[test]
fn one_with_a_letter_is_accounted_for() {
    let mut books = books(&[Some(1)]);
    books.letter(Some(id(1)), Some(1));
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!((balance.dead, balance.letters), (1, 1));
}

#[test]
fn the_dead_are_counted_by_where_their_letters_stand() {
    let mut books = books(&[Some(1), Some(2), Some(3), Some(4)]);
    for number in 1..=4 {
        books.letter(Some(id(number)), Some(number.into()));
    }
    books.letter_stands(id(1), "discarded");
    books.letter_stands(id(2), "replaying");
    books.letter_stands(id(4), "resolved");
    books.ended(applied(4, 4));
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!((balance.dead, balance.settled.total), (3, 1));
    assert_eq!(balance.dead_by_state, DeadByState { open: 1, replaying: 1, discarded: 1 });
}

#[test]
fn an_old_unreadable_message_needs_a_letter_that_names_its_sequence() {
    let unreadable = || books(&[Some(1), None]);
    let settle = |mut books: Books| {
        books.ended(applied(1, 1));
        books
    };
    let without = balance(settle(unreadable()));
    assert!(!without.balanced);
    assert_eq!(without.unreadable.unaccounted_for, [place(2, true)]);

    let mut other = settle(unreadable());
    other.letter(None, Some(1));
    assert!(!balance(other).balanced, "a letter of another message says nothing of this one");

    let mut with = settle(unreadable());
    with.letter(None, Some(2));
    assert!(balance(with).balanced);
}

#[test]
fn a_gap_is_a_loss() {
    let mut read = CommandsRead::new(3, 9);
    read.message(place(5, false), Some(id(1)));
    read.message(place(6, false), Some(id(2)));
    let balance = balance(read.end(3));
    assert!(!balance.balanced);
    assert_eq!(balance.lost, [Gap { from: 3, to: 4 }, Gap { from: 7, to: 9 }]);
    assert_eq!(balance.purged, 2);
}

#[test]
fn what_was_purged_while_the_stream_was_read_is_no_loss() {
    let mut read = CommandsRead::new(1, 9);
    read.message(place(1, false), Some(id(1)));
    read.message(place(8, false), Some(id(2)));
    let balance = balance(read.end(7));
    assert_eq!(balance.lost, [Gap { from: 7, to: 7 }, Gap { from: 9, to: 9 }]);
    assert_eq!(balance.purged, 6);
}

#[test]
fn a_row_without_a_message_in_range_is_an_imbalance() {
    let mut books = books(&[Some(1)]);
    books.ended(applied(1, 1));
    books.ended(applied(2, 1));
    let balance = balance(books);
    assert!(!balance.balanced);
    assert_eq!(
        balance.settled_without_message,
        [SettledWithoutMessage { sequence: 1, request_id: id(2) }]
    );
}

#[test]
fn rows_of_purged_and_of_later_messages_are_none() {
    let mut read = CommandsRead::new(10, 10);
    read.message(place(10, true), Some(id(1)));
    let mut books = read.end(10);
    books.ended(applied(1, 10));
    books.ended(applied(2, 9));
    books.ended(applied(3, 11));
    let balance = balance(books);
    assert!(balance.balanced);
    assert_eq!(balance.settled_and_purged, 1);
    assert_eq!(balance.settled.total, 1);
}

#[test]
fn a_row_that_is_seen_twice_counts_once() {
    let mut books = books(&[Some(1)]);
    books.ended(applied(1, 1));
    books.ended(applied(1, 1));
    assert_eq!(balance(books).settled.total, 1);
}

#[test]
fn an_empty_stream_balances() {
    assert!(balance(CommandsRead::new(0, 0).end(0)).balanced);
    assert!(balance(CommandsRead::new(1, 0).end(1)).balanced);
    let balance = balance(CommandsRead::new(8, 7).end(8));
    assert!(balance.balanced);
    assert_eq!(balance.purged, 7);
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
        first in 1..5_u64,
        positions in proptest::collection::vec(position(), 0..30),
        rows in proptest::collection::vec((0..14_u8, 1..40_u64), 0..20),
        letters in proptest::collection::vec((proptest::option::of(0..12_u8), 1..40_u64), 0..6),
    ) {
        let last = first + positions.len() as u64 - 1;
        let mut read = CommandsRead::new(first, last);
        for (sequence, position) in (first..).zip(&positions) {
            if let Position::Message { request, is_old } = position {
                read.message(place(sequence, *is_old), request.map(id));
            }
        }
        let mut books = read.end(first);
        for (number, sequence) in &rows {
            books.ended(applied(*number, *sequence));
        }
        for (number, sequence) in &letters {
            books.letter(number.map(id), Some(*sequence));
        }
        let balance = balance(books);

        // The model: what each request and each position is, looked up in plain sets.
        let mut first_seen = BTreeMap::new();
        let (mut lost, mut old_unreadable) = (0, 0);
        for (sequence, position) in (first..).zip(&positions) {
            match position {
                Position::Lost => lost += 1,
                Position::Message { request: Some(number), is_old } => {
                    first_seen.entry(*number).or_insert(*is_old);
                }
                Position::Message { request: None, is_old } => {
                    let has_letter = letters.iter().any(|(_, at)| *at == sequence);
                    old_unreadable += usize::from(*is_old && !has_letter);
                }
            }
        }
        let settled: BTreeSet<u8> = rows.iter().map(|(number, _)| *number).collect();
        let dead: BTreeSet<u8> = letters.iter().filter_map(|(number, _)| *number).collect();
        let unsettled = || first_seen.iter().filter(|(number, _)| !settled.contains(number));
        let silent = || unsettled().filter(|(number, _)| !dead.contains(number));
        let without_message: BTreeSet<_> = rows
            .iter()
            .filter(|(number, at)| !first_seen.contains_key(number) && (first..=last).contains(at))
            .collect();

        let missing: BTreeSet<RequestId> =
            silent().filter(|(_, is_old)| **is_old).map(|(number, _)| id(*number)).collect();
        let named: BTreeSet<RequestId> =
            balance.unaccounted_for.iter().map(|missing| missing.request_id).collect();
        prop_assert_eq!(&named, &missing);
        prop_assert_eq!(balance.in_flight as usize, silent().count() - missing.len());
        prop_assert_eq!(balance.dead as usize, unsettled().count() - silent().count());
        prop_assert_eq!(balance.requests as usize, first_seen.len());
        prop_assert_eq!(balance.settled.total as usize, first_seen.len() - unsettled().count());
        let lost_found: u64 = balance.lost.iter().map(|gap| gap.to - gap.from + 1).sum();
        prop_assert_eq!(lost_found, lost);
        prop_assert_eq!(balance.unreadable.unaccounted_for.len(), old_unreadable);
        prop_assert_eq!(balance.settled_without_message.len(), without_message.len());
        prop_assert_eq!(
            balance.balanced,
            missing.is_empty() && lost == 0 && old_unreadable == 0 && without_message.is_empty()
        );
        // Every request is in exactly one place.
        prop_assert_eq!(
            balance.requests,
            balance.settled.total
                + balance.dead
                + balance.in_flight
                + balance.unaccounted_for.len() as u64
        );
    }
}

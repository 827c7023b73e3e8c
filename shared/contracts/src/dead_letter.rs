//! What the headers of a dead letter say of it. Nothing of what was asked: no body, no person.

use std::str::FromStr;

use domain::{CorrelationId, DeadLetterId, RequestId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::metadata::header;
use crate::subjects;

/// Namespace of the ids of dead letters (UUID version 5); fixed for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x0c5e_4a3b_91d7_4f66_8a0e_2b7d_5c19_e4f3);

/// Longest word and longest detail that are taken over, characters.
const WORD: usize = 64;
const DETAIL: usize = 300;

/// Class of a message that ended the worker that ran it, again and again.
pub const QUARANTINED: &str = "quarantined";

/// What operators filter by. Everything in `MC_DEAD` has them: a letter that doesn't say a thing
/// gets a neutral word for it, for a letter that isn't listed would be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterFacts {
    /// Stays the same when a replay of the letter dies again.
    pub id: DeadLetterId,
    /// Position of this copy in `MC_DEAD`.
    pub dead_sequence: u64,
    /// Which worker gave up.
    pub worker: String,
    /// What was asked, or `unknown`.
    pub kind: String,
    /// The request, when the message names one.
    pub request_id: Option<RequestId>,
    /// Its correlation id, when the message names one.
    pub correlation_id: Option<CorrelationId>,
    /// The stream that the message was in.
    pub origin_stream: String,
    /// Its position there.
    pub origin_sequence: Option<u64>,
    /// The class of the error, a word.
    pub error_class: String,
    /// What happened, without values from the message.
    pub error_detail: String,
    /// Groups letters that failed alike.
    pub fingerprint: String,
    /// How often the message was put into its stream: 1 without a replay.
    pub generation: i32,
    /// Tries of this generation.
    pub attempts: i64,
    /// Of this generation.
    pub first_failure_at: Timestamp,
    /// Of this generation.
    pub last_failure_at: Timestamp,
}

impl LetterFacts {
    /// Reads a message of `MC_DEAD`; `get` looks a header up by name.
    pub fn read<'a>(
        dead_sequence: u64,
        subject: &str,
        stored_at: Timestamp,
        get: impl Fn(&'static str) -> Option<&'a str>,
    ) -> Self {
        // mc.dead.<worker>.<kind>.<request id, or the sequence of a message without one>
        let mut tokens = subject.split('.').skip(2);
        let worker = word(tokens.next());
        let kind = word(tokens.next());
        let request_id = tokens.next().and_then(|last| last.parse().ok());
        let origin_stream = match get(header::DEAD_ORIGIN_STREAM) {
            Some(subjects::COMMANDS) => subjects::COMMANDS,
            Some(subjects::EVENTS) => subjects::EVENTS,
            _ => "unknown",
        };
        let origin_sequence = number(get(header::DEAD_ORIGIN_SEQUENCE));
        let first_id = || match origin_sequence {
            Some(sequence) => id_of(origin_stream, sequence, &worker),
            None => id_of(subjects::DEAD, dead_sequence, &worker),
        };
        let first_failure_at = number(get(header::DEAD_FIRST_FAILURE)).unwrap_or(stored_at);
        Self {
            id: number(get(header::REPLAY_OF)).unwrap_or_else(first_id),
            dead_sequence,
            request_id,
            correlation_id: number(get(header::CORRELATION_ID)),
            origin_stream: origin_stream.to_owned(),
            origin_sequence,
            error_class: word(get(header::DEAD_ERROR_CLASS)),
            error_detail: text(get(header::DEAD_ERROR_DETAIL).unwrap_or_default()),
            fingerprint: word(get(header::DEAD_FINGERPRINT)),
            generation: number(get(header::REPLAY_GENERATION)).unwrap_or(1),
            attempts: number(get(header::DEAD_ATTEMPTS)).unwrap_or(1),
            first_failure_at,
            last_failure_at: number(get(header::DEAD_LAST_FAILURE)).unwrap_or(first_failure_at),
            worker,
            kind,
        }
    }
}

/// The same message given up by the same worker is the same letter, however often it is written.
fn id_of(stream: &str, sequence: u64, worker: &str) -> DeadLetterId {
    Uuid::new_v5(&NAMESPACE, format!("{stream}/{sequence}/{worker}").as_bytes()).into()
}

fn number<T: FromStr>(value: Option<&str>) -> Option<T> {
    value.and_then(|value| value.parse().ok())
}

fn word(value: Option<&str>) -> String {
    let is_word = |text: &&str| {
        (1..=WORD).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    value.filter(is_word).unwrap_or("unknown").to_owned()
}

fn text(value: &str) -> String {
    value.chars().filter(|character| !character.is_control()).take(DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subject: &str, headers: &[(&'static str, &'static str)]) -> LetterFacts {
        let get = |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        LetterFacts::read(7, subject, Timestamp::UNIX_EPOCH, get)
    }

    #[test]
    fn a_letter_without_any_header_is_listed_all_the_same() {
        let letter = read("mc.dead", &[]);
        assert_eq!((letter.worker.as_str(), letter.request_id), ("unknown", None));
        assert_eq!((letter.generation, letter.attempts), (1, 1));
        assert_eq!(letter.last_failure_at, Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn what_is_no_word_is_not_taken_over() {
        let headers = [
            (header::DEAD_ERROR_CLASS, "Ada Lovelace"),
            (header::DEAD_ERROR_DETAIL, "SQLSTATE 23514,\u{0} table x"),
        ];
        let letter = read("mc.dead.booking.book.9", &headers);
        assert_eq!(letter.error_class, "unknown");
        assert_eq!(letter.error_detail, "SQLSTATE 23514, table x");
    }

    #[test]
    fn one_message_is_one_letter_and_a_replay_keeps_it() {
        let first = [
            (header::DEAD_ORIGIN_STREAM, "MC_COMMANDS"),
            (header::DEAD_ORIGIN_SEQUENCE, "41"),
            (header::DEAD_ATTEMPTS, "5"),
        ];
        let id = RequestId::generate();
        let subject = format!("mc.dead.booking.book.{id}");
        let letter = read(&subject, &first);
        assert_eq!(letter.id, read(&subject, &first[..2]).id);
        assert_eq!((letter.request_id, letter.attempts), (Some(id), 5));
        assert_ne!(letter.id, read("mc.dead.audit.book.9", &first).id, "another worker's");

        let again: &'static str = letter.id.to_string().leak();
        let headers = [(header::REPLAY_OF, again), (header::REPLAY_GENERATION, "2")];
        let replayed = read(&subject, &headers);
        assert_eq!((replayed.id, replayed.generation), (letter.id, 2));
    }
}

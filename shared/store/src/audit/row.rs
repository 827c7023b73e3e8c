//! A row of `audit_log`, and the hash by which it is known.

use std::borrow::Cow;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::Hash;

/// What the hash of a row begins with, so that no other text has the same one. The number is the
/// version of [`Row::leaf`].
const LEAF: &[u8] = b"\0mediconnect audit row 1\0";

/// A word of the program, or one that was read.
pub type Text = Cow<'static, str>;

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident: $rust:ty = $sql:ident,)*) => {
        /// A row without its position. Times are exact to the microsecond, as the database
        /// stores them.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Row {$($(#[$doc])* pub $name: $rust,)*}

        /// The columns, and `position` before them.
        pub(super) const COLUMNS: &str = concat!("position", $(", ", stringify!($name),)*);

        /// Their types.
        pub(super) const TYPES: &[Type] = &[Type::INT8, $(Type::$sql,)*];

        impl Row {
            /// The values, in the order of the columns.
            pub(super) fn values<'a>(
                &'a self,
                position: &'a i64,
            ) -> [&'a (dyn ToSql + Sync); TYPES.len()] {
                [position, $(&self.$name,)*]
            }

            /// Reads what [`COLUMNS`] selects.
            pub(super) fn read(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error> {
                Ok(Self {$($name: <$rust>::get(row, stringify!($name))?,)*})
            }

            fn feed(&self, hasher: &mut Sha256) {
                $(self.$name.feed(hasher);)*
            }
        }
    };
}

columns! {
    /// `MC_AUDIT` or `MC_EVENTS`.
    stream: Text = TEXT,
    /// Its position there.
    sequence: i64 = INT8,
    /// What is recorded.
    kind: Text = TEXT,
    /// The entry's id, or the fact's.
    entry_id: Option<Uuid> = UUID,
    /// When it happened.
    recorded_at: Timestamp = TIMESTAMPTZ,
    /// FHIR `AuditEvent.action`.
    action: Option<Text> = TEXT,
    /// By which operation, or which fact.
    operation: Option<Text> = TEXT,
    /// FHIR `AuditEvent.outcome`.
    outcome: i16 = INT2,
    /// Why it was refused, or couldn't be read.
    reason: Option<Text> = TEXT,
    /// Why it was done, in the words of whoever did it.
    stated_reason: Option<Text> = TEXT,
    /// Who.
    user_id: Option<Uuid> = UUID,
    /// In which role.
    role: Option<Text> = TEXT,
    /// In which sign-in.
    session_id: Option<Uuid> = UUID,
    /// From where.
    source_address: Option<Text> = TEXT,
    /// Why.
    purpose: Option<Text> = TEXT,
    /// About what.
    resource_kind: Option<Text> = TEXT,
    /// Which.
    resource_id: Option<Uuid> = UUID,
    /// In which version.
    resource_version: Option<i32> = INT4,
    /// Whose data was shown or changed.
    patient_id: Option<Uuid> = UUID,
    /// How often.
    occurrences: i32 = INT4,
    /// Of the request.
    correlation_id: Option<Uuid> = UUID,
    /// Who recorded it.
    source: Option<Text> = TEXT,
    /// Of a gap: the first sequence that is missing.
    gap_from: Option<i64> = INT8,
    /// Of an unreadable message.
    message_sha256: Option<Vec<u8>> = BYTEA,
}

impl Row {
    /// A row about nothing yet.
    pub fn new(
        stream: &'static str,
        sequence: u64,
        kind: impl Into<Text>,
        recorded_at: Timestamp,
    ) -> Self {
        Self {
            stream: stream.into(),
            sequence: sequence.cast_signed(),
            kind: kind.into(),
            entry_id: None,
            recorded_at: to_microseconds(recorded_at),
            action: None,
            operation: None,
            outcome: 0,
            reason: None,
            stated_reason: None,
            user_id: None,
            role: None,
            session_id: None,
            source_address: None,
            purpose: None,
            resource_kind: None,
            resource_id: None,
            resource_version: None,
            patient_id: None,
            occurrences: 1,
            correlation_id: None,
            source: None,
            gap_from: None,
            message_sha256: None,
        }
    }

    /// SHA-256 over all columns, each with its length, so that no two rows read alike.
    pub fn leaf(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(LEAF);
        self.feed(&mut hasher);
        hasher.finalize().into()
    }
}

/// As exact as the database stores it.
pub(super) fn to_microseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// A value as it comes from the database, and as it goes into the hash: its length and its bytes.
trait Value: Sized {
    fn get(row: &tokio_postgres::Row, column: &str) -> Result<Self, tokio_postgres::Error>;

    fn feed(&self, hasher: &mut Sha256);
}

macro_rules! values {
    ($($value:ty, as $read:ty: $this:ident => $bytes:expr;)*) => {$(
        impl Value for $value {
            fn get(
                row: &tokio_postgres::Row,
                column: &str,
            ) -> Result<Self, tokio_postgres::Error> {
                Ok(row.try_get::<_, $read>(column)?.into())
            }

            fn feed(&self, hasher: &mut Sha256) {
                let $this = self;
                feed_bytes(hasher, Some($bytes.as_ref()));
            }
        }

        impl Value for Option<$value> {
            fn get(
                row: &tokio_postgres::Row,
                column: &str,
            ) -> Result<Self, tokio_postgres::Error> {
                Ok(row.try_get::<_, Option<$read>>(column)?.map(Into::into))
            }

            fn feed(&self, hasher: &mut Sha256) {
                match self {
                    Some(value) => value.feed(hasher),
                    None => feed_bytes(hasher, None),
                }
            }
        }
    )*};
}

values! {
    Text, as String: text => text.as_bytes();
    Vec<u8>, as Vec<u8>: bytes => bytes;
    Uuid, as Uuid: id => id.as_bytes();
    Timestamp, as Timestamp: time => time.as_microsecond().to_be_bytes();
    i16, as i16: number => number.to_be_bytes();
    i32, as i32: number => number.to_be_bytes();
    i64, as i64: number => number.to_be_bytes();
}

/// Nothing has the length zero; everything else one more than it is.
fn feed_bytes(hasher: &mut Sha256, bytes: Option<&[u8]>) {
    let length = bytes.map_or(0, |bytes| bytes.len() as u32 + 1);
    hasher.update(length.to_be_bytes());
    hasher.update(bytes.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::seal::to_hex;

    fn row() -> Row {
        Row {
            patient_id: Some(Uuid::from_u128(2)),
            action: Some("R".into()),
            ..Row::new("MC_AUDIT", 7, "read", Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_leaf_is_the_same_in_every_version() {
        assert_eq!(
            to_hex(&row().leaf()),
            "1eb4e417a4920b9398927a8b8bb4b9cb0465884ad225c5eb8c3f1211fbc4a367"
        );
    }

    #[test]
    fn every_column_counts() {
        let one = row().leaf();
        assert_ne!(one, Row { sequence: 8, ..row() }.leaf());
        assert_ne!(one, Row { patient_id: None, ..row() }.leaf());
        assert_ne!(one, Row { operation: Some("R".into()), action: None, ..row() }.leaf());
        assert_ne!(one, Row { reason: Some("".into()), ..row() }.leaf());
        assert_ne!(one, Row { message_sha256: Some(vec![0]), ..row() }.leaf());
    }

    #[test]
    fn columns_and_types_are_as_many() {
        assert_eq!(COLUMNS.split(", ").count(), TYPES.len());
    }
}

//! What is recorded of who saw or did what: FHIR R4 `AuditEvent` with the fields of IHE's BALP.
//!
//! One entry per answer. It holds ids, enum words and times: no name, and no address of a person. The
//! only text that somebody typed is the reason where one must be given. Changes that the workers make are not recorded here: their facts
//! (`mc.evt.*`) are read by the audit worker as they are.

mod stated_reason;
mod words;

use std::net::IpAddr;
use std::str::FromStr;

use domain::{AuditEntryId, CorrelationId, PatientId, Role, SessionId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use stated_reason::{InvalidStatedReason, StatedReason};
pub use words::{
    AuditAction, AuditKind, AuditOutcome, AuditWord, InvalidAuditWord, PurposeOfUse, ResourceKind,
};

use crate::Schema;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditResource {
    /// What.
    pub kind: ResourceKind,
    /// Which; none for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// In which version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
}

/// One entry (`mc.audit.<kind>`). Schema `audit.<kind>/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Which; also `Nats-Msg-Id`.
    pub id: AuditEntryId,
    /// What is recorded.
    pub kind: AuditKind,
    /// When.
    pub recorded_at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// By which operation: `GET /v1/appointments/{id}`.
    pub operation: AuditWord,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// Why it was refused: an enum word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<AuditWord>,
    /// Why it was done, in the words of whoever did it, where these are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_reason: Option<StatedReason>,
    /// Who; none when that isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// In which role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// In which sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// From where: the other end of the connection, or whom a trusted proxy there asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<IpAddr>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<PurposeOfUse>,
    /// About what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<AuditResource>,
    /// Whose data was shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patients: Vec<PatientId>,
    /// How often it happened, at least once. Refusals of nobody in particular are counted beyond a
    /// rate: an entry of their kind, without address and user, says how many.
    pub occurrences: u32,
    /// Of the request.
    pub correlation_id: CorrelationId,
    /// Who recorded it: `<service>/<instance>`.
    pub source: AuditWord,
}

/// A message is no entry that this version can read. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEntry {
    /// The header `Mc-Schema` is missing or malformed.
    #[error("the schema is missing or malformed")]
    Schema,
    /// The kind or its version isn't known.
    #[error("the kind or its version is unknown")]
    Kind,
    /// The body isn't what its schema says.
    #[error("the body does not have its schema's form")]
    Body,
}

impl UnreadableEntry {
    /// The word for the record and for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Kind => "unknown_kind",
            Self::Body => "undecodable",
        }
    }
}

impl AuditEntry {
    /// The body.
    pub fn to_body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("ids, words and times are always JSON")
    }

    /// Reads a message by its `Mc-Schema` header and its body.
    pub fn from_message(schema: Option<&str>, body: &[u8]) -> Result<Self, UnreadableEntry> {
        let schema = schema.and_then(Schema::parse).ok_or(UnreadableEntry::Schema)?;
        let kind = schema.kind.strip_prefix("audit.").ok_or(UnreadableEntry::Kind)?;
        let is_known = AuditKind::ALL.iter().any(|known| known.as_str() == kind);
        if !is_known || schema.version != AuditKind::VERSION {
            return Err(UnreadableEntry::Kind);
        }
        let entry: Self = serde_json::from_slice(body).map_err(|_| UnreadableEntry::Body)?;
        if entry.kind.as_str() == kind { Ok(entry) } else { Err(UnreadableEntry::Body) }
    }
}

/// What is kept outside of the database of the last seal: so that a cut tail shows, and so that no
/// stream is purged beyond what is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditAnchor {
    /// The seal's number.
    pub seal: i64,
    /// Its hash, hexadecimal.
    pub hash: String,
    /// The last row that it covers.
    pub last_row: i64,
    /// The last sequence of `MC_AUDIT` that was read for it.
    pub audit: u64,
    /// The last sequence of `MC_EVENTS` that was read for it.
    pub events: u64,
    /// When that `MC_AUDIT` was made: one that is made anew begins at 1 again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_created_at: Option<Timestamp>,
    /// When that `MC_EVENTS` was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_created_at: Option<Timestamp>,
}

impl AuditAnchor {
    /// The key under which the last one is kept.
    pub const LAST: &'static str = "last";
}

impl FromStr for AuditAnchor {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

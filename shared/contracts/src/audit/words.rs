//! The closed sets that an entry chooses from, and the bounded texts beside them.

use std::fmt;

use domain::Role;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $case:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {$($(#[$doc])* #[serde(rename = $word)] $case,)*}

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$case => $word,)*}
            }
        }
    };
}

words! {
    /// What is recorded; the last word of the subject.
    AuditKind {
        /// Somebody changed who may do what: accounts, approvals.
        Administration = "administration",
        /// A patient's data was changed by api itself, which no fact says.
        Change = "change",
        /// Somebody was refused.
        Denial = "denial",
        /// Somebody decided what becomes of a message that no worker could settle, or whether an
        /// insurer is asked.
        Maintenance = "maintenance",
        /// A patient's data was shown.
        Read = "read",
        /// Somebody made an account for themselves.
        Registration = "registration",
        /// A list was shown.
        Search = "search",
        /// Somebody signed in.
        SignIn = "sign-in",
        /// Somebody tried to sign in, or to stay signed in.
        SignInFailure = "sign-in-failure",
        /// Somebody ended their session.
        SignOut = "sign-out",
        /// A refresh token was used twice: somebody may have stolen it.
        TokenReuse = "token-reuse",
        /// What is masked was shown to somebody who said why.
        Unmasking = "unmasking",
        /// Somebody took a request back that still waited.
        Withdrawal = "withdrawal",
        /// A doctor opened or closed the chart of a patient who isn't theirs, or somebody reviewed
        /// that.
        EmergencyAccess = "emergency-access",
    }
}

words! {
    /// FHIR `AuditEvent.action`.
    AuditAction {
        /// Something new.
        Create = "C",
        /// Shown.
        Read = "R",
        /// Changed.
        Update = "U",
        /// Removed.
        Delete = "D",
        /// Anything else: a search, a sign-in.
        Execute = "E",
    }
}

words! {
    /// FHIR `AuditEvent.outcome`.
    AuditOutcome {
        /// It was done.
        Success = "0",
        /// It was refused.
        MinorFailure = "4",
        /// It failed.
        SeriousFailure = "8",
    }
}

words! {
    /// Why: HL7 v3 `PurposeOfUse`.
    PurposeOfUse {
        /// To administer a patient's care.
        PatientAdministration = "PATADMIN",
        /// Because the patient asked.
        PatientRequest = "PATRQT",
        /// To keep the system running.
        SystemAdministration = "HSYSADMIN",
        /// To treat the patient.
        Treatment = "TREAT",
        /// In an emergency, by whoever said that it is one.
        BreakTheGlass = "BTG",
    }
}

words! {
    /// What it was about: FHIR's name of the resource.
    ResourceKind {
        /// A visit.
        Appointment = "Appointment",
        /// This record itself.
        AuditEvent = "AuditEvent",
        /// Who insures a patient.
        Coverage = "Coverage",
        /// What an insurer says of a coverage.
        CoverageEligibilityResponse = "CoverageEligibilityResponse",
        /// Where an insurer is asked.
        Endpoint = "Endpoint",
        /// A visit type.
        HealthcareService = "HealthcareService",
        /// Where patients come.
        Location = "Location",
        /// A message that no worker could settle.
        MessageHeader = "MessageHeader",
        /// A patient.
        Patient = "Patient",
        /// An account.
        Person = "Person",
        /// A doctor.
        Practitioner = "Practitioner",
        /// A doctor's hours.
        Schedule = "Schedule",
        /// A request that was accepted.
        Task = "Task",
        /// Who cares for a patient.
        CareTeam = "CareTeam",
        /// A clinical note.
        DocumentReference = "DocumentReference",
        /// A permission to look at a chart in an emergency.
        Consent = "Consent",
    }
}

impl AuditKind {
    /// The version of [`super::AuditEntry`] that this program writes and reads.
    pub(super) const VERSION: u16 = 1;

    /// The subject of entries of this kind.
    pub fn subject(self) -> String {
        format!("mc.audit.{}", self.as_str())
    }

    /// `<kind>/<version>`, for the `Mc-Schema` header.
    pub fn schema(self) -> String {
        format!("audit.{}/{}", self.as_str(), Self::VERSION)
    }
}

impl AuditOutcome {
    /// The code as a number.
    pub const fn code(self) -> i16 {
        match self {
            Self::Success => 0,
            Self::MinorFailure => 4,
            Self::SeriousFailure => 8,
        }
    }
}

impl PurposeOfUse {
    /// Why people in this role look at patients' data, unless they say otherwise.
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Patient => Self::PatientRequest,
            Role::Doctor => Self::Treatment,
            Role::Admin => Self::PatientAdministration,
            Role::Operator => Self::SystemAdministration,
        }
    }
}

/// A short text that we wrote ourselves: 1 to 100 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuditWord(String);

/// The text is no [`AuditWord`]. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 100 printable ASCII characters")]
pub struct InvalidAuditWord;

impl AuditWord {
    const MAX: usize = 100;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, cut and cleaned until it is one; for texts that are parts of this program.
    pub fn of(text: &str) -> Self {
        let is_printable = |c: &char| c.is_ascii_graphic() || *c == ' ';
        let cleaned: String = text.chars().filter(is_printable).take(Self::MAX).collect();
        Self(if cleaned.is_empty() { "unknown".to_owned() } else { cleaned })
    }
}

impl TryFrom<String> for AuditWord {
    type Error = InvalidAuditWord;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        let is_word = is_printable && (1..=Self::MAX).contains(&text.len());
        if is_word { Ok(Self(text)) } else { Err(InvalidAuditWord) }
    }
}

impl From<AuditWord> for String {
    fn from(word: AuditWord) -> Self {
        word.0
    }
}

impl fmt::Display for AuditWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_and_printable() {
        for text in ["GET /v1/appointments/{id}", "x", &"x".repeat(100)] {
            assert_eq!(AuditWord::try_from(text.to_owned()).unwrap().as_str(), text);
            assert_eq!(AuditWord::of(text).as_str(), text);
        }
        for text in ["", "a\nb", "é", &"x".repeat(101)] {
            assert_eq!(AuditWord::try_from(text.to_owned()), Err(InvalidAuditWord), "{text:?}");
            assert!(AuditWord::try_from(AuditWord::of(text).0).is_ok(), "{text:?}");
        }
    }
}

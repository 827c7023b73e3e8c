//! Why an insurer doesn't answer a question, and who can do something about it.
//!
//! The reasons are X12's (segment AAA, element AAA03). The grouping is ours, after what Stedi, a
//! clearinghouse, advises for each code in its guide to AAA errors:
//!
//! | class | reasons | ask again? | fault of the insurer? | who must act |
//! |---|---|---|---|---|
//! | payer down | 42, 80 | later, with growing pauses | yes | nobody |
//! | ambiguous | 79 in an answer | once | yes | nobody |
//! | own limit | – (HTTP 429) | when a slot is free | no | nobody |
//! | patient data | 58, 64, 65, 67, 68, 71–73, 75–78 | no | no | front desk |
//! | provider or configuration | 41, 43–51, 97, T4; 79 with HTTP 400 | no | no | administrator |
//! | dates | 56, 57, 60–63 | with other dates, or nearer to them | no | front desk |
//! | unlisted | any other code | no | no | administrator |
//!
//! An insurer that says "patient not found" has answered: only the first two classes count for
//! its circuit breaker.

use crate::coded::coded;

coded! {
    /// What kind of trouble a rejection is.
    RejectClass {
        /// The insurer, or the line to it, doesn't work now.
        PayerDown = "payer_down",
        /// The insurer's fault or ours: the code is used for both.
        Ambiguous = "ambiguous",
        /// We ask too much at once.
        OwnLimit = "own_limit",
        /// What we said of the patient is wrong or unknown there.
        PatientData = "patient_data",
        /// What we said of ourselves is wrong, or we are not allowed to ask.
        ProviderOrConfiguration = "provider_or_configuration",
        /// The dates that were asked for make no sense there.
        Dates = "dates",
        /// A code that nobody documents here.
        Unlisted = "unlisted",
    }
}

/// When the same question may be asked again without anybody's help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Later, after pauses that grow and have jitter.
    WithBackoff,
    /// One more time.
    Once,
    /// As soon as fewer of our own questions are under way.
    WhenSlotFrees,
    /// With other dates, or when the visit is nearer.
    WhenRetimed,
    /// Not before somebody corrected something.
    Never,
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Person {
    /// Who talks to the patient.
    FrontDesk,
    /// Who looks after the clinic's registrations and our settings.
    Administrator,
}

impl Person {
    /// The word that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FrontDesk => "front_desk",
            Self::Administrator => "administrator",
        }
    }
}

impl RejectClass {
    /// When to ask again.
    pub const fn retry(self) -> Retry {
        match self {
            Self::PayerDown => Retry::WithBackoff,
            Self::Ambiguous => Retry::Once,
            Self::OwnLimit => Retry::WhenSlotFrees,
            Self::Dates => Retry::WhenRetimed,
            Self::PatientData | Self::ProviderOrConfiguration | Self::Unlisted => Retry::Never,
        }
    }

    /// Whether the insurer's circuit breaker counts it as a failure.
    pub const fn counts_for_breaker(self) -> bool {
        matches!(self, Self::PayerDown | Self::Ambiguous)
    }

    /// Who has to act before asking again can help; nobody when asking again is all there is.
    pub const fn needs(self) -> Option<Person> {
        match self {
            Self::PayerDown | Self::Ambiguous | Self::OwnLimit => None,
            Self::PatientData | Self::Dates => Some(Person::FrontDesk),
            Self::ProviderOrConfiguration | Self::Unlisted => Some(Person::Administrator),
        }
    }
}

coded! {
    /// X12 AAA03, the codes whose class is known.
    RejectReason {
        /// We may not ask this insurer, or not this question.
        AccessRestricted = "41",
        /// The insurer can't answer now.
        UnableToRespond = "42",
        /// Our provider number is missing or wrong.
        ProviderIdentification = "43",
        /// Our provider name is missing or wrong.
        ProviderName = "44",
        /// Our specialty is missing or wrong.
        ProviderSpecialty = "45",
        /// Our telephone number is missing or wrong.
        ProviderPhone = "46",
        /// Our state is missing or wrong.
        ProviderState = "47",
        /// The number of who referred is missing or wrong.
        ReferringProvider = "48",
        /// We are not this patient's primary care.
        NotPrimaryCare = "49",
        /// We are not allowed to inquire.
        ProviderIneligible = "50",
        /// The insurer doesn't know us.
        ProviderNotOnFile = "51",
        /// A date is not possible.
        InappropriateDate = "56",
        /// The date of service is missing or wrong.
        DateOfService = "57",
        /// The birth date is missing or wrong.
        BirthDate = "58",
        /// The birth date comes after the date of service.
        BirthAfterService = "60",
        /// The patient died before the date of service.
        DeathBeforeService = "61",
        /// The date of service lies outside what may be asked.
        ServiceOutsidePeriod = "62",
        /// The date of service lies in the future.
        ServiceInFuture = "63",
        /// The patient's number is missing or wrong.
        PatientId = "64",
        /// The patient's name is missing or wrong.
        PatientName = "65",
        /// The patient is not known.
        PatientNotFound = "67",
        /// The patient's number stands for more than one.
        DuplicatePatientId = "68",
        /// The birth date is another one there.
        BirthDateMismatch = "71",
        /// The member id is missing or wrong.
        MemberId = "72",
        /// The member's name is missing or wrong.
        MemberName = "73",
        /// The member is not known.
        MemberNotFound = "75",
        /// The member id stands for more than one.
        DuplicateMemberId = "76",
        /// The member is known, this patient of theirs is not.
        DependentNotFound = "77",
        /// The member is not in that plan.
        NotInPlan = "78",
        /// A participant's number is wrong, or the line can't find the insurer.
        ParticipantIdentification = "79",
        /// The insurer stopped answering.
        NoResponse = "80",
        /// Our address is missing or wrong.
        ProviderAddress = "97",
        /// The insurer's name or number is missing.
        PayerIdentification = "T4",
    }
}

impl RejectReason {
    /// Its class when it comes in an answer (HTTP 200).
    pub const fn class(self) -> RejectClass {
        match self {
            Self::UnableToRespond | Self::NoResponse => RejectClass::PayerDown,
            Self::ParticipantIdentification => RejectClass::Ambiguous,
            Self::BirthDate
            | Self::PatientId
            | Self::PatientName
            | Self::PatientNotFound
            | Self::DuplicatePatientId
            | Self::BirthDateMismatch
            | Self::MemberId
            | Self::MemberName
            | Self::MemberNotFound
            | Self::DuplicateMemberId
            | Self::DependentNotFound
            | Self::NotInPlan => RejectClass::PatientData,
            Self::AccessRestricted
            | Self::ProviderIdentification
            | Self::ProviderName
            | Self::ProviderSpecialty
            | Self::ProviderPhone
            | Self::ProviderState
            | Self::ReferringProvider
            | Self::NotPrimaryCare
            | Self::ProviderIneligible
            | Self::ProviderNotOnFile
            | Self::ProviderAddress
            | Self::PayerIdentification => RejectClass::ProviderOrConfiguration,
            Self::InappropriateDate
            | Self::DateOfService
            | Self::BirthAfterService
            | Self::DeathBeforeService
            | Self::ServiceOutsidePeriod
            | Self::ServiceInFuture => RejectClass::Dates,
        }
    }

    /// Its class when it comes with HTTP 400. Then 79 means a payer that is not set up, which
    /// asking again doesn't change.
    pub const fn class_in_bad_request(self) -> RejectClass {
        match self {
            Self::ParticipantIdentification => RejectClass::ProviderOrConfiguration,
            other => other.class(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes_of(class: RejectClass) -> Vec<&'static str> {
        let all = RejectReason::ALL.iter().filter(|reason| reason.class() == class);
        all.map(|reason| reason.as_str()).collect()
    }

    #[test]
    fn classes_hold_the_documented_codes() {
        assert_eq!(codes_of(RejectClass::PayerDown), ["42", "80"]);
        assert_eq!(codes_of(RejectClass::Ambiguous), ["79"]);
        assert!(codes_of(RejectClass::OwnLimit).is_empty());
        let patient = ["58", "64", "65", "67", "68", "71", "72", "73", "75", "76", "77", "78"];
        assert_eq!(codes_of(RejectClass::PatientData), patient);
        let provider = ["41", "43", "44", "45", "46", "47", "48", "49", "50", "51", "97", "T4"];
        assert_eq!(codes_of(RejectClass::ProviderOrConfiguration), provider);
        assert_eq!(codes_of(RejectClass::Dates), ["56", "57", "60", "61", "62", "63"]);
    }

    #[test]
    fn only_the_insurers_own_trouble_counts_for_its_breaker() {
        let counting: Vec<_> =
            RejectClass::ALL.iter().filter(|class| class.counts_for_breaker()).collect();
        assert_eq!(counting, [&RejectClass::PayerDown, &RejectClass::Ambiguous]);
    }

    #[test]
    fn what_is_never_retried_has_somebody_to_act() {
        for class in RejectClass::ALL {
            let is_stuck = matches!(class.retry(), Retry::Never | Retry::WhenRetimed);
            assert_eq!(is_stuck, class.needs().is_some(), "{class}");
        }
    }

    #[test]
    fn a_wrong_payer_in_a_bad_request_is_ours_to_mend() {
        let reason = RejectReason::ParticipantIdentification;
        assert_eq!(reason.class_in_bad_request(), RejectClass::ProviderOrConfiguration);
        assert_eq!(RejectReason::NoResponse.class_in_bad_request(), RejectClass::PayerDown);
    }
}

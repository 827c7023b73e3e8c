//! The table: every kind of problem, its status, and its words.

use axum::http::StatusCode;
use contracts::Rejection;

macro_rules! problem_types {
    ($($case:ident = $slug:literal, $status:ident, $title:literal, $explanation:literal;)*) => {
        /// What kinds of problems there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemType {$($case,)*}

        impl ProblemType {
            /// Every kind, by name.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// The last part of `type`.
            pub const fn slug(self) -> &'static str {
                match self {$(Self::$case => $slug,)*}
            }

            /// The status that goes with it.
            pub const fn status(self) -> StatusCode {
                match self {$(Self::$case => StatusCode::$status,)*}
            }

            /// What happened, in a few words.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$case => $title,)*}
            }

            /// What happened and what to do about it.
            pub const fn explanation(self) -> &'static str {
                match self {$(Self::$case => $explanation,)*}
            }
        }
    };
}

problem_types! {
    AlreadyAssigned = "already_assigned", CONFLICT,
        "The doctor cares for that patient already",
        "There is a care relation between the two that hasn't ended. Nothing was changed.";
    AlreadyRefreshed = "already_refreshed", CONFLICT,
        "Another request is using this refresh token",
        "It raced with this one and received new tokens: use those. Presenting the old token \
         again ends the session, because then somebody may have stolen it.";
    AlreadySettled = "already_settled", CONFLICT,
        "The request has ended already",
        "Only a request that still waits can be withdrawn. This one has ended: its own document \
         says how. A booking that was made can be cancelled instead.";
    BeyondHorizon = "beyond_horizon", UNPROCESSABLE_ENTITY,
        "The visit lies too far ahead",
        "Its type can be booked so many days ahead and no more: `horizon_days` of GET \
         /v1/services/{id}. Ask again when the time has come nearer.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE,
        "The body is too large",
        "No request to this API needs a body of that size. The limit is part of the detail.";
    CheckStopped = "check_stopped", CONFLICT,
        "Nobody asks the insurer about this any more",
        "The visit was called off, the coverage is over, or the patient pays. POST \
         /v1/eligibility-checks/{id}/reopen makes it the insurer's to say again.";
    CoverageEnded = "coverage_ended", CONFLICT,
        "The coverage has ended",
        "What is over can't be changed any more. Add a new coverage instead.";
    CoverageExists = "coverage_exists", CONFLICT,
        "The patient has that coverage already",
        "There is an active one with the same insurer and member number. Nothing was changed.";
    EmailTaken = "email_taken", CONFLICT,
        "There is an account with that e-mail address",
        "Sign in instead, or use another address.";
    EmergencyReviewed = "emergency_reviewed", CONFLICT,
        "Somebody has reviewed that already",
        "The first review stands. Nothing was changed.";
    Forbidden = "forbidden", FORBIDDEN,
        "Your role doesn't allow this",
        "Who may do what is part of the API's description at /docs. Nothing was changed.";
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The headers are too large",
        "No request to this API needs headers of that size.";
    HoldExpired = "hold_expired", CONFLICT,
        "The hold has expired",
        "Its time is free again, for everybody. Hold or book it anew, if nobody else has.";
    Internal = "internal", INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "The request may or may not have had an effect; one with an Idempotency-Key can be \
         repeated safely. When you report this, name the correlation id.";
    InvalidAvailability = "invalid_availability", UNPROCESSABLE_ENTITY,
        "These opening hours make no sense",
        "A week has an IANA time zone, slots of 5 to 240 minutes in steps of 5, and opening \
         hours that end at least one slot after they begin and don't overlap; 24:00 is the end of \
         the day. A date can differ from its day of the week only for a doctor who has a week.";
    InvalidBody = "invalid_body", UNPROCESSABLE_ENTITY,
        "The body doesn't have the form that is expected",
        "The body is JSON, but a field is missing, unknown, or not what it should be. `errors` \
         says which, by JSON pointer. Nothing was changed.";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED,
        "E-mail address or password is wrong",
        "Which of the two is not said, so that nobody learns who has an account. After several \
         failures in a row the next attempt has to wait.";
    InvalidHeader = "invalid_header", BAD_REQUEST,
        "A header can't be read",
        "The detail says which header and what is expected. Nothing was changed.";
    InvalidLocation = "invalid_location", UNPROCESSABLE_ENTITY,
        "This location makes no sense",
        "A location has a name of 1 to 120 characters and an IANA time zone.";
    InvalidQuery = "invalid_query", BAD_REQUEST,
        "A query parameter can't be read",
        "`errors` says which parameter and what is expected.";
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED,
        "The refresh token isn't valid",
        "It is unknown, was used before, has expired, or its session was ended. Sign in again.";
    InvalidResetToken = "invalid_reset_token", UNAUTHORIZED,
        "This token permits no new password",
        "It is unknown, was used before, has expired, or was replaced by a later one. Ask for \
         another.";
    InvalidSecondFactor = "invalid_second_factor", UNAUTHORIZED,
        "The second factor isn't right",
        "The code is wrong or was used before, or the sign-in that it belongs to has expired or was \
         finished: then begin again with the password. A code counts once, for about a minute.";
    InvalidSeries = "invalid_series", UNPROCESSABLE_ENTITY,
        "A series like that makes no sense",
        "It comes again every 1 to 26 weeks, 2 to 52 times in all.";
    InvalidService = "invalid_service", UNPROCESSABLE_ENTITY,
        "This visit type makes no sense",
        "It has a name of 1 to 120 characters; it lasts 5 to 480 minutes, with buffers of up to 240, \
         begins in steps of 5 to 240 minutes, needs up to 525,600 minutes' notice, and can be \
         booked 1 to 1,095 days ahead.";
    KeyReused = "key_reused", UNPROCESSABLE_ENTITY,
        "This Idempotency-Key was used with another request",
        "A key stands for one request, body included. Use a new key for a new request.";
    LetterNotOpen = "letter_not_open", CONFLICT,
        "The dead letter isn't open",
        "Somebody is replaying it, has discarded it, or its request has ended meanwhile. Look at \
         it again before you decide anything. Nothing was changed.";
    LetterNotReplayable = "letter_not_replayable", CONFLICT,
        "The dead letter can't be replayed",
        "Its message doesn't say which request it belongs to or where it came from, or its bytes \
         are gone: nobody could tell what became of it. It can be discarded.";
    LicenceTaken = "licence_taken", CONFLICT,
        "Another practitioner has that licence",
        "Each licence belongs to one practitioner.";
    MalformedJson = "malformed_json", BAD_REQUEST,
        "The body isn't JSON",
        "The detail says at which line and column reading stopped. Nothing was changed.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED,
        "This path has no such method",
        "The header Allow lists the methods it has.";
    NotAllowed = "not_allowed", FORBIDDEN,
        "You may not do this",
        "The request was accepted and then rejected, because it isn't yours to make.";
    NotBegun = "not_begun", CONFLICT,
        "The appointment hasn't begun",
        "Whether it took place, or the patient didn't come, is known once its time has come.";
    NotCancellable = "not_cancellable", CONFLICT,
        "The appointment can't be cancelled any more",
        "Only a visit that hasn't begun and isn't cancelled already can be called off.";
    NotFound = "not_found", NOT_FOUND,
        "There is nothing here",
        "It doesn't exist, or it isn't yours to see: the two look the same.";
    NotOffered = "not_offered", UNPROCESSABLE_ENTITY,
        "The practitioner doesn't offer that",
        "Not this visit type, or not at that time or place. GET /v1/slots lists what is offered; a \
         visit by video has no place.";
    NothingToUndo = "nothing_to_undo", CONFLICT,
        "There is nothing to take back",
        "The appointment has had no other status before this one, or none that it could have again: \
         a hold that ended stays ended.";
    OffGrid = "off_grid", UNPROCESSABLE_ENTITY,
        "No slot begins at that time",
        "The practitioner works then, but slots begin at other minutes. GET /v1/slots lists them.";
    OutsideHours = "outside_hours", UNPROCESSABLE_ENTITY,
        "The practitioner doesn't work at that time",
        "GET /v1/slots lists the times that can be booked.";
    OwnAccount = "own_account", CONFLICT,
        "Nobody does that to their own account",
        "So that somebody is left who can administrate, another administrator has to do it.";
    PastCutOff = "past_cut_off", CONFLICT,
        "It is too late for that",
        "Shortly before it begins, patients can't call an appointment off or move it any more: call \
         the clinic. Administrators can, with `override` and a reason.";
    PatientBusy = "patient_busy", CONFLICT,
        "The patient has another appointment at that time",
        "Nobody can be in two places at once. Cancel the other appointment, or choose another \
         time.";
    PatientInCare = "patient_in_care", CONFLICT,
        "The patient is yours already",
        "You see their chart without an emergency: GET /v1/patients/{id}. Nothing was changed.";
    PreconditionRequired = "precondition_required", PRECONDITION_REQUIRED,
        "The header If-Match is required",
        "Read what you want to change first, and send the ETag that came with it as If-Match, so \
         that nobody changes what they haven't seen.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS,
        "Too many requests",
        "Wait as many seconds as Retry-After says. RateLimit-Policy and RateLimit tell the limit \
         and what is left of it.";
    ReplayRejected = "replay_rejected", CONFLICT,
        "A replay would be rejected",
        "A rehearsal showed that the request can't be done any more; the detail says why. Nothing \
         was changed. Discard the letter, and tell whoever asked.";
    ReplaySettled = "replay_settled", CONFLICT,
        "The request has ended already",
        "A replay would do nothing: the request was settled another way. The letter closes by \
         itself.";
    ReplaySuperseded = "replay_superseded", CONFLICT,
        "A later request has taken its place",
        "A replay would undo what was asked for later. Nothing was changed. Discard the letter.";
    ReplayWouldFail = "replay_would_fail", CONFLICT,
        "A replay would fail again",
        "A rehearsal met an error; the detail says which. Nothing was changed. Remove the cause, \
         rehearse, and then replay.";
    SecondFactorEnrolled = "second_factor_enrolled", CONFLICT,
        "There is a second factor already",
        "Remove it first, with one of its codes or a recovery code.";
    SecondFactorEnrolmentRequired = "second_factor_enrolment_required", FORBIDDEN,
        "This account needs a second factor first",
        "Enrol an authenticator at /v1/second-factor/totp, confirm it with a code, and exchange the \
         refresh token: the new access token can do everything else.";
    SecondFactorMissing = "second_factor_missing", CONFLICT,
        "There is no second factor",
        "Nothing was begun at /v1/second-factor/totp, or nothing was confirmed.";
    SecondFactorRequired = "second_factor_required", UNAUTHORIZED,
        "The password is right, and the second factor is missing",
        "Send `second_factor_token` to /v1/auth/second-factor, with a code of the authenticator or a \
         recovery code.";
    SignInDelayed = "sign_in_delayed", TOO_MANY_REQUESTS,
        "Too many failed sign-ins in a row",
        "Wait as many seconds as Retry-After says, then try again. The wait grows with every \
         failure and ends by itself.";
    SlotTaken = "slot_taken", CONFLICT,
        "Somebody else has that slot",
        "GET /v1/slots lists the ones that are free.";
    StartAmbiguous = "start_ambiguous", UNPROCESSABLE_ENTITY,
        "The clocks show that time twice",
        "They go back in that hour. Say which of the two is meant by an offset instead of a zone.";
    StartInGap = "start_in_gap", UNPROCESSABLE_ENTITY,
        "The clocks skip that time",
        "They go forward in that hour. Choose a time before or after it.";
    StartInPast = "start_in_past", UNPROCESSABLE_ENTITY,
        "That time has passed",
        "Only times in the future can be booked.";
    StatusConflict = "status_conflict", CONFLICT,
        "The appointment's status doesn't allow this",
        "Read it again: it may have been cancelled, or come further. Statuses follow each other as \
         in FHIR: booked, arrived, checked-in, fulfilled.";
    Timeout = "timeout", GATEWAY_TIMEOUT,
        "It took too long",
        "The request may or may not have had an effect; one with an Idempotency-Key can be \
         repeated safely.";
    TooManyCoverages = "too_many_coverages", CONFLICT,
        "The patient has as many coverages as anybody may have",
        "Nobody is insured by more than a few. Nothing was changed.";
    TooManyHolds = "too_many_holds", CONFLICT,
        "The patient holds as many times as anybody may at once",
        "Confirm one, give one back, or wait until one expires.";
    TooSoon = "too_soon", UNPROCESSABLE_ENTITY,
        "The visit begins too soon",
        "Its type has to be booked some time before: `minimum_notice_minutes` of GET \
         /v1/services/{id}.";
    Unauthorized = "unauthorized", UNAUTHORIZED,
        "A valid access token is required",
        "Send `Authorization: Bearer <access token>`. POST /v1/auth/login gives one, POST \
         /v1/auth/refresh a new one.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE,
        "Not possible at the moment",
        "Something this request needs is away or overloaded. Repeat it after as many seconds as \
         Retry-After says, with the same Idempotency-Key. GET /readyz says what is missing.";
    UnknownAppointment = "unknown_appointment", NOT_FOUND,
        "There is no such appointment",
        "It doesn't exist, or it isn't yours: the two look the same.";
    UnknownCareRelation = "unknown_care_relation", NOT_FOUND,
        "There is no such care relation",
        "It doesn't exist, or it has ended.";
    UnknownLocation = "unknown_location", NOT_FOUND,
        "There is no such location",
        "The id belongs to none, or nobody is seen there any more. GET /v1/locations lists them.";
    UnknownNote = "unknown_note", NOT_FOUND,
        "There is no such note",
        "It doesn't exist, or it isn't yours: the two look the same.";
    UnknownPatient = "unknown_patient", NOT_FOUND,
        "There is no such patient",
        "The id belongs to no patient.";
    UnknownPractitioner = "unknown_practitioner", NOT_FOUND,
        "There is no such practitioner",
        "The id belongs to nobody who can be booked. GET /v1/doctors lists those who can.";
    UnknownSeries = "unknown_series", NOT_FOUND,
        "There is no such series",
        "It doesn't exist, or it isn't yours: the two look the same.";
    UnknownService = "unknown_service", NOT_FOUND,
        "There is no such visit type",
        "The id belongs to none, or to one that isn't offered any more. GET /v1/services lists them.";
    UnsuitableRole = "unsuitable_role", CONFLICT,
        "That role can't be changed",
        "Administrators can become operators and the reverse. Patients and doctors have data that \
         goes with their role.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The body has to be JSON",
        "Send it with `Content-Type: application/json`.";
    UriTooLong = "uri_too_long", URI_TOO_LONG,
        "The URL is too long",
        "No request to this API needs a URL of that length.";
    VersionMismatch = "version_mismatch", PRECONDITION_FAILED,
        "It has changed since you read it",
        "Read it again, and decide again.";
    Withdrawn = "withdrawn", CONFLICT,
        "The request was withdrawn",
        "It was taken back before it was done, and had no effect. Use a new Idempotency-Key to \
         ask again.";
    WrongPassword = "wrong_password", FORBIDDEN,
        "That isn't your present password",
        "Whoever changes how they sign in shows their password again. Nothing was changed. After \
         several failures in a row the next attempt has to wait.";
}

impl ProblemType {
    /// `type`: a reference, relative to wherever the API is.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }

    /// The kind with that name.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.slug() == slug)
    }

    /// What a bare status from elsewhere means.
    pub(super) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Self::Timeout,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::URI_TOO_LONG => Self::UriTooLong,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::InvalidBody,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::InvalidHeader,
            _ => Self::Internal,
        }
    }
}

impl From<Rejection> for ProblemType {
    fn from(reason: Rejection) -> Self {
        match reason {
            Rejection::SlotTaken => Self::SlotTaken,
            Rejection::PatientBusy => Self::PatientBusy,
            Rejection::KeyReused => Self::KeyReused,
            Rejection::UnknownPractitioner => Self::UnknownPractitioner,
            Rejection::UnknownPatient => Self::UnknownPatient,
            Rejection::UnknownAppointment => Self::UnknownAppointment,
            Rejection::StartInPast => Self::StartInPast,
            Rejection::OutsideHours => Self::OutsideHours,
            Rejection::OffGrid => Self::OffGrid,
            Rejection::StartInGap => Self::StartInGap,
            Rejection::StartAmbiguous => Self::StartAmbiguous,
            Rejection::VersionMismatch => Self::VersionMismatch,
            Rejection::NotCancellable => Self::NotCancellable,
            Rejection::AlreadySettled => Self::AlreadySettled,
            Rejection::InvalidAvailability => Self::InvalidAvailability,
            Rejection::NotAllowed => Self::NotAllowed,
            Rejection::HoldExpired => Self::HoldExpired,
            Rejection::TooManyHolds => Self::TooManyHolds,
            Rejection::PastCutOff => Self::PastCutOff,
            Rejection::StatusConflict => Self::StatusConflict,
            Rejection::NotBegun => Self::NotBegun,
            Rejection::NothingToUndo => Self::NothingToUndo,
            Rejection::UnknownSeries => Self::UnknownSeries,
            Rejection::InvalidSeries => Self::InvalidSeries,
            Rejection::UnknownNote => Self::UnknownNote,
            Rejection::AlreadyAssigned => Self::AlreadyAssigned,
            Rejection::UnknownCareRelation => Self::UnknownCareRelation,
            Rejection::UnknownService => Self::UnknownService,
            Rejection::UnknownLocation => Self::UnknownLocation,
            Rejection::NotOffered => Self::NotOffered,
            Rejection::TooSoon => Self::TooSoon,
            Rejection::BeyondHorizon => Self::BeyondHorizon,
            Rejection::InvalidLocation => Self::InvalidLocation,
            Rejection::InvalidService => Self::InvalidService,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_is_complete_sorted_and_without_doubles() {
        let slugs: Vec<_> = ProblemType::ALL.iter().map(|kind| kind.slug()).collect();
        assert!(slugs.is_sorted(), "keep the table in alphabetical order");
        assert_eq!(slugs.iter().collect::<HashSet<_>>().len(), slugs.len());
        for kind in ProblemType::ALL {
            let status = kind.status();
            assert!(status.is_client_error() || status.is_server_error());
            assert!(!kind.title().ends_with('.') && kind.explanation().ends_with('.'));
            assert_eq!(ProblemType::from_slug(kind.slug()), Some(*kind));
        }
    }

    #[test]
    fn every_reason_of_the_worker_is_a_problem_of_the_same_name() {
        for reason in Rejection::ALL {
            assert_eq!(ProblemType::from(*reason).slug(), reason.as_str());
        }
    }
}

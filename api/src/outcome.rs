//! How a request ended, or that it hasn't yet, as an HTTP response: the one place that knows.

use axum::Json;
use axum::http::header::{ETAG, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use contracts::{Applied, NoteState, Outcome, Rejection};
use jiff::Timestamp;

use crate::commands::Submitted;
use crate::documents::{AcceptedDocument, AppointmentDocument, RequestStatus};
use crate::extract::etag;
use crate::problem::{Problem, ProblemType};
use crate::visits::WrittenNoteDocument;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How soon it is worth to look again.
const LOOK_AGAIN_S: HeaderValue = HeaderValue::from_static("1");

/// Answers with what was done (`applied` knows the form), why it wasn't, or where to look.
pub fn answer(
    submitted: &Submitted,
    applied: impl FnOnce(&Applied) -> Option<Response>,
) -> Response {
    let mut response = match &submitted.outcome {
        None => accepted(submitted),
        Some(Outcome::Applied { result }) => applied(result).unwrap_or_else(|| {
            tracing::error!(request.id = %submitted.request_id, "an outcome of another kind");
            Problem::new(ProblemType::Internal).into_response()
        }),
        Some(Outcome::Rejected { reason }) => rejected(*reason).into_response(),
        Some(Outcome::Blocked { reason, times }) => blocked(*reason, times).into_response(),
        Some(Outcome::Withdrawn) => Problem::new(ProblemType::Withdrawn).into_response(),
    };
    if let Some(wait_s) = submitted.wait_s {
        let value = HeaderValue::try_from(format!("wait={wait_s}"));
        let value = value.expect("a word and a number are valid in a header");
        response.headers_mut().insert(PREFERENCE_APPLIED, value);
    }
    response
}

/// The problem of a request that was accepted and then rejected.
pub fn rejected(reason: Rejection) -> Problem {
    Problem::new(reason.into())
}

/// The same, when it is said which times are in the way.
pub fn blocked(reason: Rejection, times: &[Timestamp]) -> Problem {
    rejected(reason).with_times(times)
}

/// A visit that was changed.
pub fn changed_visit(applied: &Applied) -> Option<Response> {
    match applied {
        Applied::Appointment(state) => {
            let tag = [(ETAG, etag(state.version))];
            Some((tag, Json(AppointmentDocument::from(state))).into_response())
        }
        _ => None,
    }
}

/// A note that was written.
pub fn written(status: StatusCode, note: &NoteState) -> Response {
    let location = [(LOCATION, format!("/v1/notes/{}", note.id))];
    let tag = [(ETAG, etag(note.version))];
    (status, location, tag, Json(WrittenNoteDocument::from(note))).into_response()
}

/// Says that it isn't known yet, and when to look again.
pub fn look_again(mut response: Response) -> Response {
    response.headers_mut().insert(RETRY_AFTER, LOOK_AGAIN_S);
    response
}

fn accepted(submitted: &Submitted) -> Response {
    let document = AcceptedDocument {
        id: submitted.request_id,
        kind: submitted.kind.as_str(),
        status: RequestStatus::Accepted,
    };
    let location = format!("/v1/requests/{}", submitted.request_id);
    look_again((StatusCode::ACCEPTED, [(LOCATION, location)], Json(document)).into_response())
}

#[cfg(test)]
mod tests {
    use contracts::BookingKind;
    use domain::RequestId;
    use uuid::Uuid;

    use super::*;

    fn submitted(wait_s: Option<u32>, outcome: Option<Outcome>) -> Submitted {
        let request_id = RequestId::from(Uuid::nil());
        Submitted { request_id, kind: BookingKind::Book, wait_s, outcome }
    }

    fn answer_to(submitted: &Submitted) -> Response {
        answer(submitted, |_| Some(StatusCode::CREATED.into_response()))
    }

    #[test]
    fn without_an_outcome_it_says_where_to_look_and_when() {
        let response = answer_to(&submitted(None, None));
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let id = Uuid::nil();
        assert_eq!(response.headers()[LOCATION], format!("/v1/requests/{id}"));
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert!(!response.headers().contains_key(PREFERENCE_APPLIED));
    }

    #[test]
    fn an_outcome_within_the_wait_is_the_answer() {
        let result = Applied::Withdrawal { request_id: Uuid::nil().into() };
        let response = answer_to(&submitted(Some(5), Some(Outcome::Applied { result })));
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()[PREFERENCE_APPLIED], "wait=5");
        for (outcome, status) in [
            (Outcome::Rejected { reason: Rejection::SlotTaken }, StatusCode::CONFLICT),
            (Outcome::Rejected { reason: Rejection::UnknownPatient }, StatusCode::NOT_FOUND),
            (Outcome::Withdrawn, StatusCode::CONFLICT),
        ] {
            assert_eq!(answer_to(&submitted(Some(5), Some(outcome))).status(), status);
        }
    }
}

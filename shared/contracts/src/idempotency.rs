//! One effect per `Idempotency-Key`.
//!
//! The key itself may hold anything, names included, so it is hashed before it goes anywhere:
//! the *idempotency id* stands for (caller, route, key) and is unique in the inbox; the *request
//! id* stands for that and the canonical body. The same key with the same body gives the same
//! request, with another body another request that meets the first one's idempotency id.

use std::fmt;
use std::str::FromStr;

use domain::{RequestId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Namespace of our name-based ids (UUID version 5); fixed for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_2a53_7c4e_4b0a_9e57_1c6b_8f0d_3e21);

/// The operations that take a key. A word of its own each, so that one key serves each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `POST /v1/appointments`
    BookAppointment,
    /// `POST /v1/appointments/{id}/cancel`
    CancelAppointment,
    /// `DELETE /v1/requests/{id}`
    WithdrawRequest,
    /// `PUT /v1/doctors/{id}/availability`
    SetAvailability,
    /// `POST /v1/holds`
    HoldSlot,
    /// `POST /v1/holds/{id}/confirm`
    ConfirmHold,
    /// `DELETE /v1/holds/{id}`
    ReleaseHold,
    /// `POST /v1/appointments/{id}/reschedule`
    RescheduleAppointment,
    /// `POST /v1/appointments/{id}/status`
    SetAppointmentStatus,
    /// `POST /v1/appointments/{id}/undo`
    UndoAppointmentStatus,
    /// `POST /v1/series`
    BookSeries,
    /// `POST /v1/series/{id}/cancel`
    CancelSeries,
    /// `POST /v1/appointments/{id}/notes`
    AddNote,
    /// `PUT /v1/notes/{id}`
    ReviseNote,
    /// `POST /v1/patients/{id}/care-relations`
    AssignCare,
    /// `DELETE /v1/care-relations/{id}`
    EndCare,
    /// `PUT` and `DELETE /v1/doctors/{id}/availability/exceptions/{date}`
    SetException,
    /// `POST /v1/locations`
    CreateLocation,
    /// `PUT /v1/locations/{id}`
    ChangeLocation,
    /// `POST /v1/services`
    CreateService,
    /// `PUT /v1/services/{id}`
    ChangeService,
}

impl Route {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BookAppointment => "appointment.book",
            Self::CancelAppointment => "appointment.cancel",
            Self::WithdrawRequest => "request.withdraw",
            Self::SetAvailability => "availability.set",
            Self::HoldSlot => "hold.make",
            Self::ConfirmHold => "hold.confirm",
            Self::ReleaseHold => "hold.release",
            Self::RescheduleAppointment => "appointment.reschedule",
            Self::SetAppointmentStatus => "appointment.set-status",
            Self::UndoAppointmentStatus => "appointment.undo-status",
            Self::BookSeries => "series.book",
            Self::CancelSeries => "series.cancel",
            Self::AddNote => "note.add",
            Self::ReviseNote => "note.revise",
            Self::AssignCare => "care.assign",
            Self::EndCare => "care.end",
            Self::SetException => "exception.set",
            Self::CreateLocation => "location.create",
            Self::ChangeLocation => "location.change",
            Self::CreateService => "service.create",
            Self::ChangeService => "service.change",
        }
    }
}

/// Stands for (caller, route, key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyId(Uuid);

impl IdempotencyId {
    /// The id of this caller's key on this route.
    pub fn derive(caller: UserId, route: Route, key: &str) -> Self {
        let name = format!("{caller}|{}|{key}", route.as_str());
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }

    /// The id of the request with this canonical body.
    pub fn request_id(self, canonical_body: &[u8]) -> RequestId {
        Uuid::new_v5(&self.0, &Sha256::digest(canonical_body)).into()
    }

    /// The UUID inside.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for IdempotencyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IdempotencyId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differs_by_caller_route_key_and_body() {
        let [ada, bob] = [UserId::from(Uuid::from_u128(1)), UserId::from(Uuid::from_u128(2))];
        let id = IdempotencyId::derive(ada, Route::BookAppointment, "k");
        assert_eq!(id, IdempotencyId::derive(ada, Route::BookAppointment, "k"));
        assert_ne!(id, IdempotencyId::derive(bob, Route::BookAppointment, "k"));
        assert_ne!(id, IdempotencyId::derive(ada, Route::CancelAppointment, "k"));
        assert_ne!(id, IdempotencyId::derive(ada, Route::BookAppointment, "l"));
        assert_eq!(id.request_id(b"{}"), id.request_id(b"{}"));
        assert_ne!(id.request_id(b"{}"), id.request_id(b"[]"));
    }

    #[test]
    fn is_the_same_in_every_version() {
        let id = IdempotencyId::derive(Uuid::nil().into(), Route::BookAppointment, "key");
        assert_eq!(id.to_string(), "5916db3b-2fbb-5077-98d1-0c4d4f79204d");
        assert_eq!(id.request_id(b"{}").to_string(), "cc03ba14-c895-5dc5-8411-edc47d39ffb5");
    }
}

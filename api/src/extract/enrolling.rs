//! Somebody who is signed in, perhaps only to enrol a second factor.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{Role, SessionId};

use super::caller::{Caller, signed_in};
use crate::app::App;
use crate::identify::Identity;
use crate::problem::{Problem, ProblemType};

/// Somebody who is signed in, whether or not they have the second factor that they need: for the
/// few operations by which they get it.
#[derive(Clone, Copy, Debug)]
pub struct Enrolling(pub Caller);

/// The sign-in that a request belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Session(pub SessionId);

impl FromRequestParts<App> for Enrolling {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        signed_in(parts).map(|(caller, _)| Self(caller))
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::Caller(verified)) => Ok(Self(verified.session)),
            _ => Err(ProblemType::Unauthorized.into()),
        }
    }
}

/// Whether people in this role have access to others' data or to the machinery.
pub fn is_staff(role: Role) -> bool {
    role != Role::Patient
}

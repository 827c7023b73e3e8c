//! Who is asking.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::{Actor, CorrelationId, Role};

use crate::app::App;
use crate::identify::Identity;
use crate::problem::{Problem, ProblemType};

/// Somebody who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Who, and in which role.
    pub actor: Actor,
    /// The request.
    pub correlation_id: CorrelationId,
}

/// Whoever; only the request is known.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous {
    /// The request.
    pub correlation_id: CorrelationId,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match signed_in(parts)? {
            (caller, false) => Ok(caller),
            (_, true) => Err(ProblemType::SecondFactorEnrolmentRequired.into()),
        }
    }
}

/// Who is signed in, and whether only to enrol a second factor.
pub(super) fn signed_in(parts: &Parts) -> Result<(Caller, bool), Problem> {
    let correlation_id = correlation_id(parts);
    match parts.extensions.get::<Identity>() {
        Some(Identity::Caller(verified)) => {
            Ok((Caller { actor: verified.actor, correlation_id }, verified.may_only_enrol))
        }
        Some(Identity::Refused) => {
            Err(Problem::new(ProblemType::Unauthorized).with_invalid_token())
        }
        Some(Identity::Anonymous) | None => Err(ProblemType::Unauthorized.into()),
    }
}

macro_rules! only_for {
    ($($(#[$doc:meta])* $name:ident: $($role:ident)|+;)*) => {$(
        $(#[$doc])*
        ///
        /// Decided before the body is read: whoever may not ask learns nothing of the form.
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub Caller);

        impl FromRequestParts<App> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
                let caller = Caller::from_request_parts(parts, app).await?;
                require(caller.actor.role, &[$(Role::$role),+]).map(|()| Self(caller))
            }
        }
    )*};
}

only_for! {
    /// A caller who may administrate.
    Administrator: Admin;
    /// A caller who may book and say who pays: patients for themselves, administrators for others.
    Booker: Patient | Admin;
    /// A caller who keeps the machinery running: dead letters and circuit breakers.
    Maintainer: Operator | Admin;
    /// A caller who looks after patients, or after those who do.
    Clinician: Doctor | Admin;
    /// A caller who may see and cancel visits: their own, or all of them.
    Participant: Patient | Doctor | Admin;
    /// A caller who may change opening hours: doctors their own, administrators all of them.
    Scheduler: Doctor | Admin;
    /// A patient, about themselves.
    Themselves: Patient;
    /// A doctor.
    Physician: Doctor;
}

fn require(role: Role, allowed: &[Role]) -> Result<(), Problem> {
    if allowed.contains(&role) {
        return Ok(());
    }
    let words: Vec<_> = allowed.iter().map(|role| role.as_str()).collect();
    Err(Problem::new(ProblemType::Forbidden)
        .with_detail(format!("only for the role {}", words.join(" or "))))
}

impl FromRequestParts<App> for Anonymous {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self { correlation_id: correlation_id(parts) })
    }
}

/// Set by the outermost layer; made anew only where that layer is missing.
fn correlation_id(parts: &Parts) -> CorrelationId {
    parts.extensions.get().copied().unwrap_or_else(CorrelationId::generate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_not_listed_is_refused() {
        assert!(require(Role::Doctor, &[Role::Doctor, Role::Admin]).is_ok());
        for role in [Role::Patient, Role::Operator] {
            let refusal = require(role, &[Role::Doctor, Role::Admin]).unwrap_err();
            assert_eq!(refusal.kind(), ProblemType::Forbidden);
        }
    }
}

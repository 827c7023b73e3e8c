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

impl Caller {
    /// Fails unless the caller has one of these roles.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.actor.role) {
            return Ok(());
        }
        let words: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        Err(Problem::new(ProblemType::Forbidden)
            .with_detail(format!("only for the role {}", words.join(" or "))))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let correlation_id = correlation_id(parts);
        match parts.extensions.get::<Identity>() {
            Some(Identity::Caller(verified)) => Ok(Self { actor: verified.actor, correlation_id }),
            Some(Identity::Refused) => {
                Err(Problem::new(ProblemType::Unauthorized).with_invalid_token())
            }
            Some(Identity::Anonymous) | None => Err(ProblemType::Unauthorized.into()),
        }
    }
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

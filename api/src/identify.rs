//! Who is asking, and whether they ask too often: decided once, before any handler.

use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use runtime::metrics::{self, IntCounterVec};

use crate::auth::{Authenticator, InvalidToken, Verified};
use crate::client_address::AddressRules;
use crate::problem::{Problem, ProblemType};
use crate::rate_limit::RateLimits;

static TOKENS_REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("access_tokens_refused_total", "Access tokens refused.", &["reason"])
});

/// Who is asking; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub enum Identity {
    /// Without a token.
    Anonymous,
    /// With a token that doesn't count.
    Refused,
    /// With a token that counts.
    Caller(Verified),
}

/// What the decision needs.
pub struct Doorkeeper {
    /// Checks tokens.
    pub authenticator: Authenticator,
    /// Counts requests.
    pub limits: RateLimits,
    /// Knows where requests come from.
    pub addresses: AddressRules,
}

/// Says who is asking, and turns them away when they ask too often. Whoever has no valid token
/// shares the limit of their address, so that guessing tokens is limited, too.
pub async fn identify(
    State(doorkeeper): State<Arc<Doorkeeper>>,
    mut request: Request,
    next: Next,
) -> Response {
    let identity = doorkeeper.identity(request.headers());
    let address = doorkeeper.addresses.apply(&request);
    request.extensions_mut().insert(address);
    let (who, decision) = match identity {
        Identity::Caller(verified) => ("caller", doorkeeper.limits.caller(verified.actor.id)),
        _ => ("address", doorkeeper.limits.address(address.0)),
    };
    let mut response = match decision.retry_after_s {
        None => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Some(seconds) => {
            decision.count_refusal(who);
            Problem::new(ProblemType::RateLimited).with_retry_after_s(seconds).into_response()
        }
    };
    decision.describe(&mut response);
    response
}

impl Doorkeeper {
    fn identity(&self, headers: &HeaderMap) -> Identity {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Identity::Anonymous };
        let verified = bearer(value)
            .ok_or(InvalidToken::Malformed)
            .and_then(|token| self.authenticator.verify(token));
        match verified {
            Ok(verified) => Identity::Caller(verified),
            Err(reason) => {
                TOKENS_REFUSED.with_label_values(&[reason.as_str()]).inc();
                Identity::Refused
            }
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_token_behind_the_scheme() {
        let token = |text| bearer(&HeaderValue::from_static(text)).map(str::to_owned);
        assert_eq!(token("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(token("bearer  abc"), Some("abc".to_owned()));
        assert_eq!(token("Basic abc"), None);
        assert_eq!(token("abc"), None);
    }
}

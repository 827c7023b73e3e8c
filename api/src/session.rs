//! What a sign-in gives: an access token and the first refresh token of its family.

use domain::{Actor, SessionId};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use store::identity::{Account, NewSession, TokenDigest};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::refresh;
use crate::documents::UserDocument;

/// Tokens of a sign-in.
#[derive(Clone, Serialize, ToSchema)]
pub struct SessionDocument {
    /// Who signed in.
    pub user: UserDocument,
    /// Goes with every request: `Authorization: Bearer …`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Life of the access token, seconds.
    pub expires_in: i64,
    /// Gives the next pair of tokens, once.
    pub refresh_token: String,
    /// Time until the session ends for good, seconds.
    pub refresh_expires_in: i64,
}

/// A session that begins now.
pub struct Beginning {
    id: SessionId,
    token: SecretString,
    digest: TokenDigest,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Beginning {
    /// Of this account.
    pub fn new(app: &App) -> Self {
        let (token, digest) = refresh::generate();
        let created_at = app.clock.now();
        let lifetime = SignedDuration::from_secs(app.settings.refresh_token_s.into());
        Self {
            id: SessionId::generate(),
            token,
            digest,
            created_at,
            expires_at: created_at + lifetime,
        }
    }

    /// Its id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// What is stored of it.
    pub fn record(&self, user: domain::UserId) -> NewSession<'_> {
        NewSession {
            id: self.id,
            user,
            token: &self.digest,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }

    /// What its owner gets.
    pub fn document(&self, app: &App, account: Account) -> SessionDocument {
        document(app, account, self.id, &self.token, self.expires_at)
    }
}

/// Tokens of a session that goes on with a new refresh token.
pub fn document(
    app: &App,
    account: Account,
    session: SessionId,
    refresh_token: &SecretString,
    expires_at: Timestamp,
) -> SessionDocument {
    let now = app.clock.now();
    let tokens = app.doorkeeper.authenticator.tokens();
    let actor = Actor { id: account.id, role: account.role };
    SessionDocument {
        access_token: tokens.issue(actor, session, now),
        token_type: "Bearer",
        expires_in: tokens.lifetime().as_secs(),
        refresh_token: refresh_token.expose_secret().to_owned(),
        refresh_expires_in: now.duration_until(expires_at).as_secs(),
        user: UserDocument { id: account.id, email: account.email.into(), role: account.role },
    }
}

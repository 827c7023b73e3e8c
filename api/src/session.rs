//! What a sign-in gives: an access token and the first refresh token of its family.

use domain::{Actor, SessionId};
use jiff::{SignedDuration, Timestamp};
use runtime::settings::SecondFactor;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use store::identity::{Account, Device, NewSession, TokenDigest};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::refresh;
use crate::documents::UserDocument;
use crate::extract::is_staff;

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
    /// Keep it with this browser or app, also after signing out, and send it with the next sign-in:
    /// then what strangers try keeps nobody out of here. Only with a sign-in from a new device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// The account needs a second factor and has none: until it is enrolled at
    /// `/v1/second-factor/totp` and the tokens are refreshed, nothing else is possible.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub second_factor_enrolment_required: bool,
}

/// A session that begins now.
pub struct Beginning {
    id: SessionId,
    token: SecretString,
    digest: TokenDigest,
    created_at: Timestamp,
    expires_at: Timestamp,
    client: String,
    device: BeginningAt,
}

/// Where a session begins.
enum BeginningAt {
    Known(TokenDigest),
    New(SecretString, TokenDigest),
}

impl Beginning {
    /// At a device that is known by that token, or else at a new one.
    pub fn new(app: &App, client: String, known_device: Option<TokenDigest>) -> Self {
        let (token, digest) = refresh::generate();
        let created_at = app.clock.now();
        let lifetime = SignedDuration::from_secs(app.settings.refresh_token_s.into());
        let device = known_device.map_or_else(
            || {
                let (token, digest) = refresh::generate();
                BeginningAt::New(token, digest)
            },
            BeginningAt::Known,
        );
        Self {
            id: SessionId::generate(),
            token,
            digest,
            created_at,
            expires_at: created_at + lifetime,
            client,
            device,
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
            client: &self.client,
        }
    }

    /// What is stored of its device.
    pub fn device(&self) -> Device<'_> {
        match &self.device {
            BeginningAt::Known(digest) => Device::Known(digest),
            BeginningAt::New(_, digest) => Device::New(digest),
        }
    }

    /// What its owner gets.
    pub fn document(
        &self,
        app: &App,
        account: Account,
        has_second_factor: bool,
    ) -> SessionDocument {
        let going_on = GoingOn { id: self.id, expires_at: self.expires_at, has_second_factor };
        let document = document(app, account, going_on, &self.token);
        let device_token = match &self.device {
            BeginningAt::Known(_) => None,
            BeginningAt::New(token, _) => Some(token.expose_secret().to_owned()),
        };
        SessionDocument { device_token, ..document }
    }
}

/// A session that goes on.
#[derive(Clone, Copy, Debug)]
pub struct GoingOn {
    /// Which.
    pub id: SessionId,
    /// Its end.
    pub expires_at: Timestamp,
    /// Whether its owner has a second factor.
    pub has_second_factor: bool,
}

/// Tokens of a session that goes on with a new refresh token.
pub fn document(
    app: &App,
    account: Account,
    session: GoingOn,
    refresh_token: &SecretString,
) -> SessionDocument {
    let now = app.clock.now();
    let tokens = app.doorkeeper.authenticator.tokens();
    let actor = Actor { id: account.id, role: account.role };
    let is_required =
        app.settings.second_factor == SecondFactor::RequiredForStaff && is_staff(account.role);
    let may_only_enrol = is_required && !session.has_second_factor;
    let access_token = if may_only_enrol {
        tokens.issue_to_enrol(actor, session.id, now)
    } else {
        tokens.issue(actor, session.id, now)
    };
    SessionDocument {
        access_token,
        token_type: "Bearer",
        expires_in: tokens.lifetime().as_secs(),
        refresh_token: refresh_token.expose_secret().to_owned(),
        refresh_expires_in: now.duration_until(session.expires_at).as_secs(),
        device_token: None,
        second_factor_enrolment_required: may_only_enrol,
        user: UserDocument { id: account.id, email: account.email.into(), role: account.role },
    }
}

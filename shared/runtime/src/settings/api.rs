//! `api.*`: the HTTP API.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::SettingsError;
use super::networks::{ForwardedHeader, Networks};
use super::violation::{Violation, within};

/// Who has to have a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Doctors, administrators and operators: without one they can only enrol.
    #[default]
    RequiredForStaff,
    /// Whoever wants one.
    Optional,
}

/// Settings of the HTTP API.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSettings {
    /// Where the API listens. Default: `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// Where `GET /metrics` listens. Default: `127.0.0.1:9464`.
    pub metrics_listen: SocketAddr,
    /// The URL by which clients reach the API, when a proxy stands in front. Default: none.
    pub public_url: Option<String>,
    /// Time for a client to send its request's headers. Default: 10,000 ms.
    pub header_timeout_ms: u64,
    /// Time for a request to be read and answered, on top of a wait that it asked for with
    /// `Prefer: wait`. Default: 30,000 ms.
    pub request_timeout_ms: u64,
    /// Time for a client to take some of an answer, after which it is hung up on. Default: 30,000 ms.
    pub write_timeout_ms: u64,
    /// Connections at once; further ones wait in the kernel's queue. Default: 4,096.
    pub max_connections: u32,
    /// Largest request body. Default: 65,536 bytes.
    pub body_limit_bytes: u64,
    /// The longest wait a client gets with `Prefer: wait`. Default: 30 s.
    pub max_wait_s: u32,
    /// Directory of Ed25519 keys that sign access tokens: PKCS#8 PEM files, the file's stem is
    /// the key id. Default: none, and the API doesn't start without.
    pub keys_dir: Option<PathBuf>,
    /// Password hashes computed at once. Default: 2.
    pub argon2_parallel: NonZeroU32,
    /// Password hashes that may wait for their turn; beyond that callers get 503. Default: 64.
    pub argon2_queue: u32,
    /// Sustained requests per second of one signed-in caller. Default: 100.
    pub caller_per_s: NonZeroU32,
    /// Requests a signed-in caller may make at once. Default: 200.
    pub caller_burst: NonZeroU32,
    /// Sustained requests per second from one address without a token. Default: 20.
    pub anonymous_per_s: NonZeroU32,
    /// Requests one address may make at once without a token. Default: 40.
    pub anonymous_burst: NonZeroU32,
    /// Passwords, codes and tokens that one address may try per minute. Default: 60.
    pub sign_in_per_min: NonZeroU32,
    /// Of them at once. Default: 30.
    pub sign_in_burst: NonZeroU32,
    /// The longest wait after failed sign-ins in a row, short of a hundred. Default: 900 s.
    pub sign_in_max_wait_s: u32,
    /// Reports of clients' errors that one caller, or one address, may send per minute. Default: 30.
    pub client_errors_per_min: NonZeroU32,
    /// Of them at once. Default: 10.
    pub client_errors_burst: NonZeroU32,
    /// Networks whose word is taken for where a request comes from. Default: none.
    pub trusted_proxies: Option<Networks>,
    /// The header by which they say so. Default: `x-forwarded-for`.
    pub forwarded_header: ForwardedHeader,
    /// Who has to have a second factor. Default: `required_for_staff`.
    pub second_factor: SecondFactor,
    /// Life of an access token. Default: 900 s.
    pub access_token_s: u32,
    /// Life of a session, however often it is refreshed. Default: 1,209,600 s (14 days).
    pub refresh_token_s: u32,
    /// How long a doctor may see the chart of a patient who isn't theirs, once they have said why.
    /// Default: 3,600 s.
    pub emergency_access_s: u32,
    /// Pause before an insurer can be asked the same again on demand. Default: 60 s.
    pub recheck_pause_s: u32,
    /// A session that isn't refreshed for so long ends. Default: 3,600 s.
    pub session_idle_s: u32,
    /// Life of a token that permits a new password. Default: 3,600 s.
    pub reset_token_s: u32,
    /// The clinic's own name: shown by apps that hold second factors, and part of no password.
    /// Default: `MediConnect`.
    pub clinic_name: String,
    /// Whether `/docs` and `/openapi.json` are served, to everybody. Default: false.
    pub serve_docs: bool,
    /// The `iss` of access tokens, made and trusted. Default: `mediconnect`.
    pub issuer: String,
    /// The `aud` of access tokens, made and required. Default: `mediconnect-api`.
    pub audience: String,
}

impl Default for ApiSettings {
    fn default() -> Self {
        const fn non_zero(n: u32) -> NonZeroU32 {
            NonZeroU32::new(n).expect("the defaults below are not zero")
        }
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            metrics_listen: (Ipv4Addr::LOCALHOST, 9464).into(),
            public_url: None,
            header_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            write_timeout_ms: 30_000,
            max_connections: 4_096,
            body_limit_bytes: 65_536,
            max_wait_s: 30,
            keys_dir: None,
            argon2_parallel: non_zero(2),
            argon2_queue: 64,
            caller_per_s: non_zero(100),
            caller_burst: non_zero(200),
            anonymous_per_s: non_zero(20),
            anonymous_burst: non_zero(40),
            sign_in_per_min: non_zero(60),
            sign_in_burst: non_zero(30),
            sign_in_max_wait_s: 900,
            client_errors_per_min: non_zero(30),
            client_errors_burst: non_zero(10),
            trusted_proxies: None,
            forwarded_header: ForwardedHeader::default(),
            second_factor: SecondFactor::default(),
            access_token_s: 900,
            refresh_token_s: 14 * 24 * 60 * 60,
            emergency_access_s: 3_600,
            recheck_pause_s: 60,
            session_idle_s: 60 * 60,
            reset_token_s: 60 * 60,
            clinic_name: "MediConnect".into(),
            serve_docs: false,
            issuer: "mediconnect".into(),
            audience: "mediconnect-api".into(),
        }
    }
}

impl ApiSettings {
    /// The directory of signing keys, or an error that says how to set it.
    pub fn require_keys_dir(&self) -> Result<&Path, SettingsError> {
        self.keys_dir.as_deref().ok_or_else(|| SettingsError::missing("api.keys_dir"))
    }

    pub(super) fn check(&self) -> Result<(), Violation> {
        within(
            100..=600_000,
            &[
                ("api.header_timeout_ms", self.header_timeout_ms),
                ("api.request_timeout_ms", self.request_timeout_ms),
                ("api.write_timeout_ms", self.write_timeout_ms),
            ],
        )?;
        within(1..=1_000_000, &[("api.max_connections", self.max_connections.into())])?;
        within(1_024..=16_777_216, &[("api.body_limit_bytes", self.body_limit_bytes)])?;
        within(0..=300, &[("api.max_wait_s", self.max_wait_s.into())])?;
        within(1..=86_400, &[("api.access_token_s", self.access_token_s.into())])?;
        within(1..=31_536_000, &[("api.refresh_token_s", self.refresh_token_s.into())])?;
        within(1..=86_400, &[("api.emergency_access_s", self.emergency_access_s.into())])?;
        within(0..=86_400, &[("api.recheck_pause_s", self.recheck_pause_s.into())])?;
        within(
            1..=31_536_000,
            &[
                ("api.session_idle_s", self.session_idle_s.into()),
                ("api.reset_token_s", self.reset_token_s.into()),
            ],
        )?;
        within(1..=86_400, &[("api.sign_in_max_wait_s", self.sign_in_max_wait_s.into())])?;
        let names = [
            ("api.issuer", &self.issuer),
            ("api.audience", &self.audience),
            ("api.clinic_name", &self.clinic_name),
        ];
        for (key, value) in names {
            if value.is_empty() {
                return Err(Violation::value(key, "must not be empty"));
            }
        }
        Ok(())
    }
}

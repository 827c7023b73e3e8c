//! TLS to PostgreSQL, as the URL asks for it: read and done the way sqlx does for the other
//! connections, so that one URL means the same everywhere. Through rustls, with ring.

use std::str::FromStr as _;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::StoreError;

/// Where the authorities' certificates are. The last one given counts.
const ROOTS: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// As sqlx does, when the URL says nothing.
const ROOTS_VARIABLE: &str = "PGSSLROOTCERT";

/// A certificate of the client's own.
const OWN: [&str; 4] = ["sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// The connection that a URL describes, and how to secure it.
pub(crate) fn connection(
    url: &str,
) -> Result<(tokio_postgres::Config, MakeRustlsConnect), StoreError> {
    let mode =
        PgConnectOptions::from_str(url).map_err(|_| StoreError::MalformedUrl)?.get_ssl_mode();
    let mut url = Url::parse(url).map_err(|_| StoreError::MalformedUrl)?;
    let mut roots = std::env::var(ROOTS_VARIABLE).ok();
    let mut others = Vec::new();
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" | "ssl-mode" => {}
            name if ROOTS.contains(&name) => roots = Some(value.into_owned()),
            name if OWN.contains(&name) => {
                let why = "workers sign in with a password, not with a certificate";
                return Err(StoreError::Tls(format!("{name}: {why}")));
            }
            _ => others.push((name.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
    let mut config =
        tokio_postgres::Config::from_str(url.as_str()).map_err(|_| StoreError::MalformedUrl)?;
    config.ssl_mode(match mode {
        PgSslMode::Disable | PgSslMode::Allow => SslMode::Disable,
        PgSslMode::Prefer => SslMode::Prefer,
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => SslMode::Require,
    });
    Ok((config, MakeRustlsConnect::new(client_config(mode, roots.as_deref())?)))
}

fn client_config(mode: PgSslMode, certificates: Option<&str>) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Tls(error.to_string()))?;
    if !matches!(mode, PgSslMode::VerifyCa | PgSslMode::VerifyFull) {
        let anybody = Arc::new(Anybody(provider));
        let config = config.dangerous().with_custom_certificate_verifier(anybody);
        return Ok(config.with_no_client_auth());
    }
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    if let Some(certificates) = certificates {
        add_roots(&mut roots, certificates)?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| StoreError::Tls(error.to_string()))?;
    let config = match mode {
        PgSslMode::VerifyFull => config.with_webpki_verifier(verifier),
        _ => config.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost(verifier))),
    };
    Ok(config.with_no_client_auth())
}

/// Adds certificates that are given as the path of a file with PEM, or as PEM.
fn add_roots(roots: &mut RootCertStore, given: &str) -> Result<(), StoreError> {
    let unusable = |why: &dyn std::fmt::Display| StoreError::Tls(format!("{}: {why}", ROOTS[0]));
    let pem = if given.trim_start().starts_with("-----BEGIN") {
        given.as_bytes().to_vec()
    } else {
        std::fs::read(given).map_err(|error| unusable(&error))?
    };
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    if roots.len() == before { Err(unusable(&"it holds no certificate")) } else { Ok(()) }
}

/// Encrypted, to whomever: `prefer` and `require` ask for no more.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A known authority's certificate, whatever host it names: `verify-ca`.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let verified =
            self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        // The name is looked at last: all the rest was good.
        match verified {
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

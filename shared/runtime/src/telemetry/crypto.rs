//! The one TLS implementation in the house: ring.

/// Makes ring the process's provider for TLS. Without one, every TLS client panics when it is
/// built. Calling it again does nothing.
pub fn install_crypto() {
    // An error means that a provider is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

//! The built binary, and what it needs to start.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The `mediconnect` binary that was built with these tests.
pub fn program() -> PathBuf {
    // target/<profile>/deps/<test> lies beside target/<profile>/mediconnect.
    let test = std::env::current_exe().expect("a running test has a file");
    let profile = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
    let program = profile.join("mediconnect");
    assert!(program.exists(), "{} is missing: run the tests with `./dev test`", program.display());
    program
}

/// An Ed25519 key to sign tokens with, as `./dev up` makes one.
pub(super) fn make_signing_key(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(folder.join("test.pem"))
        .output()
        .context("making a signing key with openssl")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

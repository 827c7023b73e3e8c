//! Generated secrets, kept in files that only their owner reads.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::SecretString;

use crate::error::ServerError;

/// 192 bits: no guessing, and short enough to copy by hand.
const PASSWORD_BYTES: usize = 24;

/// A new random password, in hexadecimal so that it needs no quoting in URLs and files.
pub fn generate_password() -> SecretString {
    let bytes: [u8; PASSWORD_BYTES] = rand::random();
    SecretString::from(hexadecimal(&bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String can't fail");
        text
    })
}

/// The secret kept in `path`; made by `generate` the first time, with mode 0600.
///
/// # Errors
/// When the file can't be read or written.
pub fn read_or_create_secret(
    path: &Path,
    generate: impl FnOnce() -> String,
) -> Result<SecretString, ServerError> {
    match fs::read_to_string(path) {
        Ok(text) => return Ok(SecretString::from(text.trim_end_matches('\n').to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(ServerError::at("reading", path)(error)),
    }
    let secret = generate();
    write_new(path, &secret).map_err(ServerError::at("writing", path))?;
    Ok(SecretString::from(secret))
}

/// Written beside and renamed, so that a crash can't leave half a secret.
fn write_new(path: &Path, secret: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn is_made_once_and_read_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("role.password");
        let make = || generate_password().expose_secret().to_owned();
        let first = read_or_create_secret(&path, make).unwrap();
        let second = read_or_create_secret(&path, make).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(first.expose_secret().len(), PASSWORD_BYTES * 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

//! Where PostgreSQL's files are kept.
//!
//! In the home, unless the account the server must run as can't get there (a clone under root's
//! own folder): then elsewhere, with a link in the home.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::error::ServerError;
use crate::secret_file::hexadecimal;

/// Reachable for everyone, and a fitting place for a service's data.
const ELSEWHERE: &str = "/var/lib/mediconnect";

/// A folder for PostgreSQL's files, and the account that owns it.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub folder: PathBuf,
    pub account: Option<Account>,
}

impl Placement {
    /// The existing folder of a home, or a new one.
    pub fn of(home: &Path) -> Result<Self, ServerError> {
        let link = home.join("postgres");
        if link.exists() {
            let folder = link.canonicalize().map_err(ServerError::at("following", &link))?;
            let account = Account::owner_of(&folder)?;
            return Ok(Self { folder, account });
        }
        let account = Account::for_servers()?;
        let folder = match account {
            Some(account) if !account.can_enter(home)? => {
                make_elsewhere(&elsewhere(Path::new(ELSEWHERE), home), &link)?
            }
            _ => link,
        };
        create_private(&folder)?;
        if let Some(account) = account {
            account.own(&folder)?;
        }
        Ok(Self { folder, account })
    }

    /// Removes a home's files, wherever they are.
    pub fn remove(home: &Path) -> Result<(), ServerError> {
        let link = home.join("postgres");
        match fs::read_link(&link) {
            Ok(folder) => {
                if folder == elsewhere(Path::new(ELSEWHERE), home) {
                    remove_folder(&folder)?;
                }
                fs::remove_file(&link).map_err(ServerError::at("removing", &link))
            }
            Err(_) => remove_folder(&link),
        }
    }
}

/// One folder per home, by the home's path.
fn elsewhere(root: &Path, home: &Path) -> PathBuf {
    let digest = Sha256::digest(home.as_os_str().as_bytes());
    root.join(hexadecimal(&digest[..8]))
}

/// A folder that exists without a link to it was left by a home that was deleted; whoever made
/// this home anew expects to start over.
fn make_elsewhere(folder: &Path, link: &Path) -> Result<PathBuf, ServerError> {
    remove_folder(folder)?;
    let root = folder.parent().expect("it was joined to a root");
    fs::create_dir_all(root).map_err(ServerError::at("creating", root))?;
    match fs::remove_file(link) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(ServerError::at("replacing", link)(error));
        }
        _ => {}
    }
    symlink(folder, link).map_err(ServerError::at("linking", link))?;
    Ok(folder.to_owned())
}

fn create_private(folder: &Path) -> Result<(), ServerError> {
    let created = fs::DirBuilder::new().mode(0o700).create(folder);
    created.map_err(ServerError::at("creating", folder))
}

fn remove_folder(folder: &Path) -> Result<(), ServerError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(ServerError::at("removing", folder)(error))
        }
        _ => Ok(()),
    }
}

//! PostgreSQL refuses to run as root, so a root process starts it as somebody else.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use tokio::process::Command;

use crate::error::ServerError;

/// The accounts to run as, in order of preference; every Linux has the second.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// An unprivileged account that servers run as when this process is root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` when this process isn't root: servers then run as whoever it is.
    pub fn for_servers() -> Result<Option<Self>, ServerError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users =
            fs::read_to_string("/etc/passwd").map_err(ServerError::doing("reading /etc/passwd"))?;
        let found = CANDIDATES.iter().find_map(|name| find_in_passwd(&users, name));
        found.map(Some).ok_or_else(|| {
            ServerError::Ownership(
                "PostgreSQL refuses to run as root, and this machine has neither an account \
                 `postgres` nor `nobody`. Run this as an ordinary user."
                    .to_owned(),
            )
        })
    }

    /// The account that owns existing data: an ordinary user's data stays that user's, even when
    /// root starts the server this time.
    pub fn owner_of(path: &Path) -> Result<Option<Self>, ServerError> {
        let owner = fs::metadata(path).map_err(ServerError::at("reading", path))?;
        let myself = rustix::process::geteuid();
        if myself.as_raw() == owner.uid() {
            return Ok(None);
        }
        if myself.is_root() {
            return Ok(Some(Self { uid: owner.uid(), gid: owner.gid() }));
        }
        Err(ServerError::Ownership(format!(
            "The data in {} belongs to another account (uid {}); it was probably started as root \
             once. Start it as that account again, or remove the folder as root to start over.",
            path.display(),
            owner.uid()
        )))
    }

    /// Whether the account can enter a folder, by the mode of every folder on the way.
    pub fn can_enter(self, folder: &Path) -> Result<bool, ServerError> {
        for part in folder.ancestors() {
            let found = fs::metadata(part).map_err(ServerError::at("reading", part))?;
            let bit = if found.uid() == self.uid {
                0o100
            } else if found.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if found.mode() & bit == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the account a path's owner.
    pub fn own(self, path: &Path) -> Result<(), ServerError> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(ServerError::at("giving away", path))
    }

    /// Makes a command run as the account.
    pub fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

fn find_in_passwd(users: &str, name: &str) -> Option<Account> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Account { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn account_is_read_from_passwd_and_never_root() {
        let users = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        let nobody = Account { uid: 65534, gid: 65533 };
        assert_eq!(find_in_passwd(users, "nobody"), Some(nobody));
        assert_eq!(find_in_passwd(users, "postgres"), None);
        assert_eq!(find_in_passwd("postgres:x:0:0::/:/bin/sh", "postgres"), None);
    }

    #[test]
    fn closed_folder_on_the_way_is_noticed() {
        let closed = fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(closed).tempdir().unwrap();
        let stranger = Account { uid: 65_000, gid: 65_000 };
        assert!(!stranger.can_enter(folder.path()).unwrap());
        assert!(stranger.can_enter(Path::new("/usr/lib")).unwrap());
    }
}

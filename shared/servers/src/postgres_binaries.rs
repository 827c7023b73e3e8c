//! Finding a usable PostgreSQL.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::ServerError;
use crate::version;

/// Oldest PostgreSQL the schema and the servers' settings are known to work with.
const OLDEST_MAJOR: u32 = 15;

/// Debian and Ubuntu keep one folder per major version here, and not on the PATH.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";

/// Names a folder that holds `postgres` and `initdb`, before any other place.
const OVERRIDE: &str = "MC_POSTGRES_BIN";

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug)]
pub struct PostgresBinaries {
    folder: PathBuf,
    major: u32,
}

impl PostgresBinaries {
    /// Looks at `MC_POSTGRES_BIN`, then takes the newest under `/usr/lib/postgresql`, then the
    /// `PATH`.
    ///
    /// # Errors
    /// When there is none, or none that is new enough; the error says what to install.
    pub fn find() -> Result<Self, ServerError> {
        if let Some(folder) = env::var_os(OVERRIDE).filter(|folder| !folder.is_empty()) {
            return Self::in_folder(Path::new(&folder));
        }
        match newest_debian(Path::new(DEBIAN_ROOT)).or_else(first_on_path) {
            Some(folder) => Self::in_folder(&folder),
            None => Err(ServerError::Missing { what: "PostgreSQL", advice: advice() }),
        }
    }

    /// The installation whose programs are in `folder`.
    ///
    /// # Errors
    /// When it isn't one, or is too old.
    pub fn in_folder(folder: &Path) -> Result<Self, ServerError> {
        let postgres = folder.join("postgres");
        if !postgres.is_file() || !folder.join("initdb").is_file() {
            let advice = format!("{} holds no postgres and initdb. {}", folder.display(), advice());
            return Err(ServerError::Missing { what: "PostgreSQL", advice });
        }
        let version = version::ask(&postgres)?;
        if version.major < OLDEST_MAJOR {
            return Err(ServerError::TooOld {
                path: postgres,
                found: format!("PostgreSQL {version}"),
                needed: format!("PostgreSQL {OLDEST_MAJOR} or newer"),
                advice: advice(),
            });
        }
        Ok(Self { folder: folder.to_owned(), major: version.major })
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The path of one of the installation's programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn advice() -> String {
    format!(
        "Install it (Debian, Ubuntu: apt-get install postgresql), or name the folder of another \
         installation, at least version {OLDEST_MAJOR}, in {OVERRIDE}."
    )
}

/// The folder with the highest number under Debian's root that has a server in it.
fn newest_debian(root: &Path) -> Option<PathBuf> {
    let folders = root.read_dir().ok()?.filter_map(Result::ok);
    folders
        .filter_map(|entry| {
            let major: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            folder.join("postgres").is_file().then_some((major, folder))
        })
        .max_by_key(|(major, _)| *major)
        .map(|(_, folder)| folder)
}

/// Follows links: `initdb` stands beside the real `postgres`, not beside a link to it.
fn first_on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find_map(|folder| {
        let postgres = folder.join("postgres").canonicalize().ok()?;
        Some(postgres.parent()?.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn newest_major_wins_as_a_number() {
        let root = tempfile::tempdir().unwrap();
        for major in ["9", "15", "17", "notes"] {
            let bin = root.path().join(major).join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("postgres"), "").unwrap();
        }
        fs::create_dir_all(root.path().join("18/bin")).unwrap(); // client only, no server
        assert_eq!(newest_debian(root.path()), Some(root.path().join("17/bin")));
    }

    #[test]
    fn folder_without_a_server_is_refused_with_advice() {
        let root = tempfile::tempdir().unwrap();
        let refusal = PostgresBinaries::in_folder(root.path()).unwrap_err().to_string();
        assert!(refusal.contains("apt-get install postgresql"), "{refusal}");
    }
}

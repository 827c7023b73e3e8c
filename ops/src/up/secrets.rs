//! Passwords and keys: made once, kept in files that only their owner reads.

use std::fs;
use std::path::Path;

use ::api::generate_signing_key;
use anyhow::Context;
use domain::{Clock, SystemClock};
use runtime::settings::AdminSettings;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use servers::{generate_password, read_or_create_secret};
use store::{ServiceLogin, ServiceRole};

use super::home::{Home, private_folder};
use crate::local::GeneratedAdministrator;

/// The address of a generated administrator; the domain can't exist.
const ADMINISTRATOR: &str = "admin@mediconnect.example";

/// Everything secret that a run needs.
#[derive(Debug)]
pub struct Secrets {
    /// The services' database passwords.
    pub logins: Vec<ServiceLogin>,
    /// The password of the private nats-server.
    pub nats_password: SecretString,
    /// The first administrator.
    pub administrator: Administrator,
}

/// Who administrates.
#[derive(Debug)]
pub struct Administrator {
    pub email: String,
    pub password: SecretString,
    /// Generated here, and to be shown when it is used for the first time.
    pub is_generated: bool,
    /// Generated a moment ago, and not written down yet.
    pub is_new: bool,
}

impl Administrator {
    /// Writes down a new one, before it is used.
    pub fn keep(&self, home: &Home) -> anyhow::Result<()> {
        if self.is_new {
            let Self { email, password, .. } = self;
            let text =
                || json!({ "email": email, "password": password.expose_secret() }).to_string();
            read_or_create_secret(&home.files.administrator(), text)?;
        }
        Ok(())
    }
}

impl Secrets {
    /// Reads them, and makes those that are missing.
    pub fn load(home: &Home, admin: &AdminSettings) -> anyhow::Result<Self> {
        let folder = home.files.secrets();
        let password = |name: &str| {
            let generate = || generate_password().expose_secret().to_owned();
            read_or_create_secret(&folder.join(format!("{name}.password")), generate)
        };
        let mut logins = Vec::new();
        for role in ServiceRole::ALL {
            logins.push(ServiceLogin { role, password: password(role.as_str())? });
        }
        ensure_signing_key(&home.keys())?;
        Ok(Self {
            logins,
            nats_password: password("nats")?,
            administrator: administrator(home, admin)?,
        })
    }

    /// The password of a database role.
    pub fn password_of(&self, role: ServiceRole) -> &SecretString {
        let login = self.logins.iter().find(|login| login.role == role);
        &login.expect("`load` makes one for every role").password
    }
}

fn administrator(home: &Home, given: &AdminSettings) -> anyhow::Result<Administrator> {
    if let Some((email, password)) = given.credentials() {
        let (email, password) = (email.to_owned(), password.clone());
        return Ok(Administrator { email, password, is_generated: false, is_new: false });
    }
    let path = home.files.administrator();
    if !path.exists() {
        let (email, password) = (ADMINISTRATOR.to_owned(), generate_password());
        return Ok(Administrator { email, password, is_generated: true, is_new: true });
    }
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let GeneratedAdministrator { email, password } = serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged; remove it", path.display()))?;
    Ok(Administrator { email, password, is_generated: true, is_new: false })
}

/// One key is enough to begin with. Named by its date, so that the newest signs when another is
/// added to rotate.
fn ensure_signing_key(folder: &Path) -> anyhow::Result<()> {
    private_folder(folder)?;
    for entry in fs::read_dir(folder)? {
        if entry?.path().extension().is_some_and(|extension| extension == "pem") {
            return Ok(());
        }
    }
    let today = SystemClock.now().strftime("%Y%m%d");
    let generate = || generate_signing_key().expose_secret().trim_end().to_owned();
    read_or_create_secret(&folder.join(format!("{today}.pem")), generate)?;
    Ok(())
}

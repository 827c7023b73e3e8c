//! Which server, and who its administrator is: what is said counts; else what a `mediconnect up` on
//! this machine wrote down.

use anyhow::Context as _;
use reqwest::Url;
use secrecy::SecretString;

use super::arguments::ReplayArguments;
use crate::local::{self, LocalFiles};

/// The server, when neither the command line nor a running `mediconnect up` names one.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Who signs in as administrator.
#[derive(Clone)]
pub struct AdminLogin {
    /// The address.
    pub email: String,
    /// The password.
    pub password: SecretString,
}

/// The server to replay to.
#[derive(Clone)]
pub struct Server {
    /// Its base URL.
    pub url: Url,
    /// Who makes doctors there.
    pub admin: AdminLogin,
}

impl Server {
    /// The server that is meant.
    pub fn find(arguments: &ReplayArguments) -> anyhow::Result<Self> {
        Self::find_beside(arguments, &LocalFiles::new(&local::folder()))
    }

    fn find_beside(arguments: &ReplayArguments, local: &LocalFiles) -> anyhow::Result<Self> {
        let running = local.running_url();
        let url = match (&arguments.url, &running) {
            (Some(url), _) | (None, Some(url)) => url.clone(),
            (None, None) => DEFAULT_URL.parse().context("the default URL")?,
        };
        anyhow::ensure!(
            matches!(url.scheme(), "http" | "https") && url.has_host(),
            "--url must look like {DEFAULT_URL}"
        );
        // The generated password is for the server it was generated for, and for no other that
        // happens to listen somewhere.
        let is_running_here =
            running.as_ref().is_some_and(|running| running.origin() == url.origin());
        let admin = match (&arguments.admin_email, &arguments.admin_password) {
            (Some(email), Some(password)) => {
                Some(AdminLogin { email: email.clone(), password: password.clone() })
            }
            _ if is_running_here => local
                .read_administrator()
                .map(|it| AdminLogin { email: it.email, password: it.password }),
            _ => None,
        };
        let admin = admin.with_context(|| {
            let nothing_runs = match running {
                None => local.nothing_runs() + ". For another server: ",
                Some(_) => String::new(),
            };
            format!(
                "{nothing_runs}replay needs an administrator of {url}, who makes the doctors: set \
                 ADMIN_EMAIL and ADMIN_PASSWORD"
            )
        })?;
        Ok(Self { url, admin })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;
    use secrecy::ExposeSecret as _;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    /// A folder as `mediconnect up` leaves it while a process with this id runs.
    fn folder(pid: u32) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalFiles::new(folder.path());
        fs::create_dir(local.secrets()).unwrap();
        let administrator = json!({ "email": "admin@clinic.example", "password": "generated" });
        fs::write(local.administrator(), administrator.to_string()).unwrap();
        let up = json!({
            "pid": pid, "url": "http://127.0.0.1:18080", "docs_url": "", "api_metrics_url": "",
            "booking_metrics_url": "", "audit_metrics_url": "", "eligibility_metrics_url": "",
            "postgres": null, "nats": null, "ready_s": 1.0,
        });
        fs::write(local.up_json(), up.to_string()).unwrap();
        folder
    }

    fn find(folder: &TempDir, more: &[&str]) -> anyhow::Result<Server> {
        #[derive(Parser)]
        struct CommandLine {
            #[command(flatten)]
            replay: ReplayArguments,
        }
        let line = ["replay", "file.csv"].iter().chain(more);
        let mut arguments = CommandLine::parse_from(line).replay;
        if !more.contains(&"--admin-email") {
            // Whatever the environment of the tests says.
            (arguments.admin_email, arguments.admin_password) = (None, None);
        }
        Server::find_beside(&arguments, &LocalFiles::new(folder.path()))
    }

    #[test]
    fn finds_the_server_that_runs_here_and_its_administrator() {
        let folder = folder(std::process::id());
        for more in [&[][..], &["--url", "http://127.0.0.1:18080/"]] {
            let server = find(&folder, more).unwrap();
            assert_eq!(server.url.as_str(), "http://127.0.0.1:18080/");
            assert_eq!(server.admin.password.expose_secret(), "generated");
        }
    }

    #[test]
    fn never_takes_the_generated_password_to_another_server() {
        let running = folder(std::process::id());
        assert!(find(&running, &["--url", "http://127.0.0.1:8080"]).is_err());
        // No process has the highest id that there can be.
        let ended = folder(i32::MAX as u32);
        let error = find(&ended, &[]).err().unwrap().to_string();
        assert!(error.contains("http://127.0.0.1:8080/") && error.contains("ADMIN_EMAIL"));
    }

    #[test]
    fn what_is_said_counts() {
        let folder = folder(std::process::id());
        let said = ["--admin-email", "a@b.example", "--admin-password", "said"];
        let server = find(&folder, &said).unwrap();
        assert_eq!(server.admin.email, "a@b.example");
        assert_eq!(server.url.port(), Some(18_080));
    }
}

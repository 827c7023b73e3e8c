//! Telling people and programs that everything is ready.

use std::fmt::Write as _;
use std::io::Write as _;

use secrecy::ExposeSecret;
use serde_json::json;

use super::home::{Home, write_whole};
use super::start::Started;

/// Writes `up.json`, and settings with which operators' commands reach the servers.
pub fn tell_programs(started: &Started, home: &Home) -> anyhow::Result<()> {
    write_whole(&home.files.ops_settings(), 0o600, &ops_settings(started)?)?;
    let text = serde_json::to_string_pretty(&started.up_json)?;
    write_whole(&home.files.up_json(), 0o644, &(text + "\n"))
}

fn ops_settings(started: &Started) -> anyhow::Result<String> {
    let mut settings = json!({
        "database": {
            "ops_url": started.ops_url.expose_secret(),
            "auditor_url": started.auditor_url.expose_secret(),
        },
        "nats": { "url": started.nats.url },
    });
    if let Some((user, password)) = started.nats.credentials() {
        settings["nats"]["user"] = json!(user);
        settings["nats"]["password"] = json!(password.expose_secret());
    }
    Ok(toml::to_string(&settings)?)
}

/// Prints where everything is. A pipe that nobody reads any more is no reason to stop.
pub fn tell_people(started: &Started, home: &Home) {
    let _ = std::io::stdout().write_all(summary(started, home).as_bytes());
}

fn summary(started: &Started, home: &Home) -> String {
    let up = &started.up_json;
    let folder = home.shown().display();
    let mut text = format!(
        "\nready in {:.1} s\n\n  API      {}\n  Docs     {}\n  Metrics  {}  {}\n           {}  {}\n  Logs     {folder}/logs\n",
        up.ready_s,
        up.url,
        up.docs_url,
        up.api_metrics_url,
        up.booking_metrics_url,
        up.audit_metrics_url,
        up.eligibility_metrics_url,
    );
    if let Some(insurer) = &up.insurer_url {
        writeln!(text, "  Insurer  {insurer} (a simulator)")
            .expect("writing to a String can't fail");
    }
    writeln!(text, "\n  {}", started.limits.summary).expect("writing to a String can't fail");
    if let Some((email, password)) = &started.new_administrator {
        let password = password.expose_secret();
        let file = home.files.administrator();
        let file = file.strip_prefix(home.path()).unwrap_or(&file).display();
        write!(
            text,
            "\n  The administrator, shown this once and kept in {folder}/{file}:\n    \
             e-mail    {email}\n    password  {password}\n"
        )
        .expect("writing to a String can't fail");
    }
    if started.has_unknown_administrator {
        text += "\n  There is an administrator already, whose password is not known here. Commands \
                 that sign in\n  find it in ADMIN_EMAIL and ADMIN_PASSWORD.\n";
    }
    text + "\nCtrl-C stops everything.\n"
}

//! The files of a deployment, with this machine's addresses in place of the containers' names.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};
use servers::free_loopback_port;
use tokio::process::Command;

use super::nodes::{NODES, NodeFiles};

/// Where the containers find their secrets.
const SECRETS: &str = "/run/secrets";

/// Where everything is.
pub(super) struct Site {
    home: PathBuf,
    /// The nodes' folders and ports.
    pub nodes: Vec<NodeFiles>,
}

impl Site {
    /// Makes the secrets, and puts the nodes' files beside each other as the
    /// containers have them.
    pub async fn prepare(home: &Path, postgres: u16) -> anyhow::Result<Self> {
        let folder = home.join("etc-nats");
        std::fs::create_dir_all(&folder)?;
        let mut nodes = Vec::new();
        for number in 1..=NODES {
            let [client, monitor, route] =
                [free_loopback_port()?, free_loopback_port()?, free_loopback_port()?];
            nodes.push(NodeFiles { number, folder: folder.clone(), client, monitor, route });
        }
        let site = Self { home: home.to_owned(), nodes };
        site.make_secrets(postgres).await?;
        for entry in std::fs::read_dir(checkout().join("nats"))? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "conf") {
                std::fs::copy(&file, folder.join(file.file_name().context("it has a name")?))?;
            }
        }
        for (secret, name) in
            [("nats-users.conf", "passwords.conf"), ("nats-routes.conf", "routes.conf")]
        {
            std::fs::copy(site.secrets().join(secret), folder.join(name))?;
        }
        Ok(site)
    }

    /// Makes the secrets that are missing, as a person would.
    pub async fn make_secrets(&self, postgres: u16) -> anyhow::Result<()> {
        let routes = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.route));
        let mut make = Command::new(checkout().join("deploy/make-secrets"));
        make.arg(self.secrets()).env("DATABASE", format!("127.0.0.1:{postgres}"));
        run(make.env("NODES", routes.collect::<Vec<_>>().join(" "))).await
    }

    /// Runs what a new PostgreSQL runs.
    pub async fn make_owner(&self, superuser: &SecretString) -> anyhow::Result<()> {
        let url = url::Url::parse(superuser.expose_secret())?;
        let mut make = Command::new(checkout().join("deploy/postgres/owner.sh"));
        make.env("PGHOST", url.host_str().unwrap_or_default())
            .env("PGPORT", url.port().unwrap_or_default().to_string())
            .env("PGUSER", url.username())
            .env("PGPASSWORD", url.password().unwrap_or_default())
            .env("OWNER_PASSWORD_FILE", self.secrets().join("owner.password"));
        run(&mut make).await
    }

    /// Where the secrets are.
    pub fn secrets(&self) -> PathBuf {
        self.home.join("secrets")
    }

    /// The settings of a service, as `deploy/env/` has them.
    pub fn environment(&self, service: &str) -> anyhow::Result<Vec<(String, String)>> {
        let mut environment = Vec::new();
        for file in ["common", service] {
            let path = checkout().join(format!("deploy/env/{file}.env"));
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            for line in lines {
                let (name, value) = line.split_once('=').context("NAME=VALUE")?;
                environment.push((name.to_owned(), self.here(value)));
            }
        }
        // There is no collector here.
        environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), String::new()));
        Ok(environment)
    }

    fn here(&self, value: &str) -> String {
        let mut value = value.replace(SECRETS, &self.secrets().to_string_lossy());
        for node in &self.nodes {
            let here = format!("127.0.0.1:{}", node.client);
            value = value.replace(&format!("nats-{}:4222", node.number), &here);
        }
        value
    }
}

pub(super) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "it ended with {}: {complaint}", output.status);
    Ok(())
}

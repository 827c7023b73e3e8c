//! The sides in SQL, driven by pgbench.

use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use servers::{ManagedProcess, Registry, StopPlan};
use store::ServiceRole;
use tokio::process::Command;

use crate::lab::{Database, Lab, PASSWORD};

/// What the worker sets in its sessions, so that plans are the same.
const SESSION: &str = "-c timezone=UTC -c jit=off -c enable_seqscan=off -c enable_hashjoin=off \
                       -c enable_mergejoin=off";

/// Bookings in one transaction of [`Script::Batches`]; the script knows it too.
const BATCH: u32 = 250;

/// What pgbench runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Script {
    /// One transaction per booking, 16 clients.
    Single,
    /// One transaction per 250 bookings.
    Batches { clients: u32 },
}

impl Script {
    fn clients(self) -> u32 {
        match self {
            Self::Single => 16,
            Self::Batches { clients } => clients,
        }
    }

    fn bookings_per_transaction(self) -> u32 {
        match self {
            Self::Single => 1,
            Self::Batches { .. } => BATCH,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Single => include_str!("single.sql"),
            Self::Batches { .. } => include_str!("batches.sql"),
        }
    }
}

/// Writes the rows of `total` bookings; how many per second.
pub(super) async fn run(
    lab: &Lab,
    database: &Database,
    script: Script,
    total: u32,
) -> anyhow::Result<f64> {
    let (clients, size) = (script.clients(), script.bookings_per_transaction());
    ensure!(total.is_multiple_of(clients * size), "{total} can't be divided among the clients");
    let folder = lab.home().join("pgbench");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("script.sql");
    std::fs::write(&file, script.text())?;
    let output = folder.join("output");

    let mut pgbench = Command::new(lab.postgres_program("pgbench"));
    pgbench
        .env_clear()
        .env("PGPASSWORD", PASSWORD)
        .env("PGOPTIONS", SESSION)
        .args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-j", "2"])
        .args(["-p", &lab.postgres_port().to_string(), "-U", ServiceRole::Booking.as_str()])
        .args(["-c", &clients.to_string(), "-t", &(total / clients / size).to_string()])
        .args(["-D", "i=0", "-D", &format!("clients={clients}"), "-f"])
        .arg(&file)
        .arg(database.name());
    pgbench.stdin(Stdio::null()).stdout(std::fs::File::create(&output)?);
    let plan = StopPlan::terminate(std::time::Duration::from_secs(5));
    let registry = Registry::of_home(lab.home())?;
    let mut process = ManagedProcess::spawn(&registry, "pgbench", pgbench, plan)?;
    let status = process.wait().await?;
    let text = std::fs::read_to_string(&output)?;
    if !status.success() {
        bail!("pgbench ended with {status}: {text}");
    }
    let transactions = transactions_per_s(&text).context("pgbench says nothing of its speed")?;
    Ok(transactions * f64::from(size))
}

/// `tps = 1234.5 (without initial connection time)`.
fn transactions_per_s(output: &str) -> Option<f64> {
    let line = output.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_read_from_what_pgbench_says() {
        let output = "number of clients: 16\ntps = 1234.500000 (without initial connection time)\n";
        assert_eq!(transactions_per_s(output), Some(1234.5));
        assert_eq!(transactions_per_s(""), None);
    }
}

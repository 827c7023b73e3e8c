//! A day's replay against a test's system, as the child process that a person would run.

use std::fmt::Write as _;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::System;

/// One invented day: every row a patient asking one of a few clinics for a visit on that day.
#[derive(Clone, Copy, Debug)]
pub struct InventedDay {
    /// How many requests.
    pub rows: u32,
    /// How many patients make them, in turn.
    pub patients: u32,
    /// How many clinics are asked, in turn.
    pub clinics: u32,
}

impl InventedDay {
    const VISIT_DAY: &'static str = "2001-03-05";

    fn csv(self) -> String {
        let mut csv = "requested_at,visit_day,patient,clinic,age,sms,no_show\n".to_owned();
        for row in 0..self.rows {
            let (hour, minute, second) = (row / 3_600, row / 60 % 60, row % 60);
            let (patient, clinic) = (row % self.patients + 1, row % self.clinics + 1);
            let time = format!("2001-02-20T{hour:02}:{minute:02}:{second:02}Z");
            let _ = writeln!(csv, "{time},{},{patient},{clinic},40,0,0", Self::VISIT_DAY);
        }
        csv
    }
}

/// A replay that is under way.
pub struct Replaying {
    child: Child,
}

impl System {
    /// Makes the accounts that a day needs, and books nothing.
    pub async fn prepare_replay(&self, day: InventedDay) -> anyhow::Result<()> {
        std::fs::write(self.folder().join("day.csv"), day.csv())?;
        let output = self.replay_command(1).arg("--seed").output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "preparing ended with {}: {complaint}", output.status);
        Ok(())
    }

    /// Starts booking the prepared day, with this many connections at once.
    pub fn start_replay(&self, connections: u32) -> anyhow::Result<Replaying> {
        let mut command = self.replay_command(connections);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        Ok(Replaying { child: command.spawn()? })
    }

    fn replay_command(&self, connections: u32) -> Command {
        let mut command = self.command(&["replay", "day.csv", "--json", "--no-ledger"]);
        command.args(["--url", &format!("http://{}", self.listen())]);
        command.args(["--connections", &connections.to_string()]);
        command.args(["--state", "replay-state.json"]);
        command
    }

    /// How many visits there are.
    pub async fn visits(&self) -> anyhow::Result<i64> {
        let count = "SELECT count(*) FROM appointments";
        Ok(self.database().await?.query_one(count, &[]).await?.get(0))
    }
}

impl Replaying {
    /// Waits for the end, and gives the report. Every row must have a definite outcome.
    pub async fn report(self) -> anyhow::Result<Value> {
        let output = self.child.wait_with_output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&text)
            .with_context(|| format!("the replay ended with {}: {text}", output.status))?;
        ensure!(output.status.success(), "a row has no definite outcome: {report:#}");
        Ok(report)
    }
}

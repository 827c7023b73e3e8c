//! The README's commands, run as they stand there.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// A bound against hanging: the first start of a database on a busy machine takes a while.
const PATIENCE: Duration = Duration::from_mins(4);

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The commands in the README's `sh` blocks, without their comments.
fn commands() -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(checkout().join("README.md"))?;
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line));
    Ok(lines.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// A command as a newcomer types it, with a data folder of the test's own.
fn shell(command: &str, folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {command}")]).current_dir(checkout());
    shell.env("MEDICONNECT_DIR", folder).stdin(Stdio::null()).kill_on_drop(true);
    shell
}

async fn wait_until_ready(up: &mut Child, folder: &Path) -> anyhow::Result<()> {
    let give_up = Instant::now() + PATIENCE;
    while !folder.join("up.json").exists() {
        ensure!(up.try_wait()?.is_none(), "./dev up ended by itself");
        ensure!(Instant::now() < give_up, "./dev up isn't ready");
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test]
async fn its_commands_work() -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("mediconnect-readme-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let commands = commands()?;
    ensure!(commands.len() >= 4, "the README has lost its commands: {commands:?}");

    let mut up: Option<Child> = None;
    for command in &commands {
        match command.as_str() {
            "./dev up" => {
                let mut child = shell(command, folder.path()).spawn()?;
                wait_until_ready(&mut child, folder.path()).await?;
                up = Some(child);
            }
            // This test is part of it.
            "./dev test" => {}
            client => {
                let output = shell(client, folder.path()).output().await?;
                let complaint = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{client}: {}: {complaint}", output.status);
            }
        }
    }

    let mut up = up.context("the README starts with ./dev up")?;
    let pid = up.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).context("it runs")?;
    kill_process(pid, Signal::TERM)?;
    let status = tokio::time::timeout(PATIENCE, up.wait()).await??;
    ensure!(status.success(), "./dev up ended with {status} after SIGTERM");
    ensure!(!folder.path().join("up.json").exists(), "it still says that it is ready");
    Ok(())
}

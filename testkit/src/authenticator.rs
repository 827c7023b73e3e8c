//! An authenticator app, as people have it on their phone (RFC 6238).

use std::time::Duration;

use anyhow::ensure;
use domain::{Clock as _, SystemClock};
use tokio::time::sleep;
use totp_rs::{Builder, Secret, Totp};

const STEP_S: u64 = 30;

/// Of a step, within which the code before still counts for certain.
const EARLY_S: u64 = 20;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Shows codes, none of them twice.
pub struct Authenticator {
    app: Totp,
    next_step: u64,
}

impl Authenticator {
    /// Reads the secret as it is typed.
    pub fn new(base32: &str) -> anyhow::Result<Self> {
        let secret = Secret::try_from_base32(base32).map_err(|_| anyhow::anyhow!("no base32"))?;
        let app = Builder::new().with_secret(secret).build();
        let app = app.map_err(|error| anyhow::anyhow!("no secret of ours: {error:?}"))?;
        ensure!(app.step() == STEP_S && app.digits() == 6, "another kind of authenticator");
        let now = now_s();
        let is_early = now % STEP_S < EARLY_S;
        Ok(Self { app, next_step: now / STEP_S - u64::from(is_early) })
    }

    /// A code that counts now and wasn't shown before; waits for the clock when there is none yet.
    pub async fn code(&mut self) -> String {
        while self.next_step > now_s() / STEP_S + 1 {
            sleep(LOOK_EVERY).await;
        }
        let step = self.next_step.max(now_s() / STEP_S - 1);
        self.next_step = step + 1;
        self.app.generate(step * STEP_S).to_string()
    }

    /// A code that is wrong.
    pub fn wrong_code(&self) -> String {
        let now = now_s() / STEP_S;
        let near: Vec<_> =
            (now - 3..now + 4).map(|step| self.app.generate(step * STEP_S).to_string()).collect();
        let other = (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code));
        other.unwrap_or_default()
    }
}

fn now_s() -> u64 {
    SystemClock.now().as_second().unsigned_abs()
}

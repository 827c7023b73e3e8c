//! The sequencer's work: lead, find the end of the log, and seal what comes after it.

use std::time::{Duration, Instant};

use bus::Bus;
use contracts::AuditAnchor;
use domain::SharedClock;
use resilience::RetryDelays;
use runtime::{Settings, Shutdown};
use store::SchemaMismatch;
use store::audit::seal::to_hex;
use store::audit::{Head, Positions, Sequencer};
use store::booking::{Failure, SchemaProblem};
use tokio::sync::watch;

use crate::anchor::{self, AnchorError};
use crate::metrics;
use crate::reading::{LookError, Read, read};

/// How often another process is looked after that leads.
const LEAD_AGAIN: Duration = Duration::from_millis(250);

/// Pauses while a server is away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Everything that sealing needs.
pub(crate) struct Sealing {
    pub settings: Settings,
    pub bus: Bus,
    pub clock: SharedClock,
    pub anchors: watch::Sender<AuditAnchor>,
    pub shutdown: Shutdown,
}

/// Why sealing ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// Only a migration, or another version of this program, helps.
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
    /// No URL of the database.
    #[error(transparent)]
    Settings(#[from] runtime::SettingsError),
}

/// Why a session ended: something that passes, or something that doesn't.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Passing(String),
    #[error(transparent)]
    Lasting(#[from] Stopped),
}

macro_rules! passing {
    ($($error:ty)*) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                Self::Passing(error.to_string())
            }
        }
    )*};
}

passing!(Failure LookError AnchorError);

impl From<SchemaProblem> for Trouble {
    fn from(problem: SchemaProblem) -> Self {
        match problem {
            SchemaProblem::Unreachable(failure) => failure.into(),
            SchemaProblem::Mismatch(mismatch) => Stopped::from(mismatch).into(),
        }
    }
}

impl Sealing {
    /// Seals until the soft stop, one session of the database after the other.
    pub async fn run(self) -> Result<(), Stopped> {
        let mut pauses = RetryDelays::new(PAUSES.0, PAUSES.1);
        while !self.shutdown.is_soft_stopped() {
            let began = Instant::now();
            match self.session().await {
                Ok(()) => break,
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(cause)) => {
                    tracing::warn!(cause, "sealing is interrupted; trying again");
                }
            }
            if began.elapsed() > PAUSES.1 {
                pauses.reset();
            }
            self.pause(pauses.next_delay()).await;
        }
        Ok(())
    }

    /// Leads as long as one connection lasts. Everything that it goes by is read anew.
    async fn session(&self) -> Result<(), Trouble> {
        let database = &self.settings.database;
        let url = database.require_audit_url().map_err(Stopped::from)?;
        let mut sequencer = Sequencer::connect(url, database).await?;
        if !self.lead(&sequencer).await? {
            return Ok(());
        }
        let head = sequencer.head().await?;
        self.check_anchor(&sequencer, &head).await?;
        metrics::SEAL.set(head.number);
        tracing::info!(seal.number = head.number, audit.rows = head.last_row, "sealing");
        self.seal_all(&mut sequencer, head).await
    }

    /// Waits for its turn; false when the stop comes first.
    async fn lead(&self, sequencer: &Sequencer) -> Result<bool, Failure> {
        let mut is_waiting = false;
        while !self.shutdown.is_soft_stopped() {
            if sequencer.try_lead().await? {
                return Ok(true);
            }
            if !is_waiting {
                is_waiting = true;
                tracing::info!("another process seals; waiting for its end");
            }
            self.pause(LEAD_AGAIN).await;
        }
        Ok(false)
    }

    /// The log must still hold the seal that was its last when somebody looked.
    async fn check_anchor(&self, sequencer: &Sequencer, head: &Head) -> Result<(), Trouble> {
        let Some(last) = anchor::read(&self.bus).await?.last else { return Ok(()) };
        let found = match last.seal {
            // Before the first seal there is nothing that could be lost.
            0 => return Ok(()),
            seal => sequencer.hash_of(seal).await?,
        };
        if found.is_some_and(|hash| to_hex(&hash) == last.hash) {
            return Ok(());
        }
        metrics::CONFLICTS.inc();
        tracing::error!(
            anchor.seal = last.seal,
            seal.number = head.number,
            "the audit log lost its end, or it was rewritten: run `mediconnect audit verify`"
        );
        Ok(anchor::set_aside(&self.bus, &last, head).await?)
    }

    async fn seal_all(&self, sequencer: &mut Sequencer, mut head: Head) -> Result<(), Trouble> {
        let mut next = self.read(head.read).await?;
        while !self.shutdown.is_soft_stopped() {
            let Read { batch, is_full } = next;
            if batch.rows.is_empty() {
                self.note_success();
                self.rest().await;
                next = self.read(batch.read).await?;
                continue;
            }
            let began = Instant::now();
            let sealing = async {
                let sealed = sequencer.seal(&head, &batch, self.clock.now()).await;
                (sealed, began.elapsed())
            };
            // While there is more, it is read while this is written.
            let behind = batch.read;
            let reading = async { if is_full { Some(self.read(behind).await) } else { None } };
            let ((sealed, took), following) = tokio::join!(sealing, reading);
            head = sealed?;
            self.note(&head, batch.rows.len(), took);
            next = if let Some(read) = following {
                read?
            } else {
                self.rest().await;
                self.read(behind).await?
            };
        }
        Ok(())
    }

    async fn read(&self, behind: Positions) -> Result<Read, LookError> {
        read(&self.bus, behind, self.settings.audit.batch_size).await
    }

    fn note_success(&self) {
        metrics::SEALED_AT.set(self.clock.now().as_second());
    }

    fn note(&self, head: &Head, rows: usize, took: Duration) {
        self.note_success();
        metrics::ROWS.inc_by(rows as u64);
        metrics::BATCH.observe(rows as f64);
        metrics::SECONDS.observe(took.as_secs_f64());
        metrics::SEAL.set(head.number);
        self.anchors.send_replace(anchor::of(head));
    }

    /// What comes meanwhile is sealed together.
    async fn rest(&self) {
        self.pause(Duration::from_millis(self.settings.audit.pause_ms)).await;
    }

    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.shutdown.soft_stopped() => {}
        }
    }
}

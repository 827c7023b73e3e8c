//! Refusals of nobody in particular that are counted instead of recorded singly: whoever isn't
//! signed in could fill the stream otherwise. What was counted is recorded as an entry of its own,
//! without an address and a user: it happened to no one that could be named.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use contracts::audit::{AuditAction, AuditOutcome, AuditWord};
use contracts::{AuditEntry, AuditKind};
use domain::{AuditEntryId, CorrelationId};
use runtime::Shutdown;
use runtime::metrics::{self, IntCounter};

use super::Auditor;
use crate::app::App;

static WITHHELD: LazyLock<IntCounter> = LazyLock::new(|| {
    metrics::counter(
        "audit_entries_withheld_total",
        "Refusals of nobody in particular that were counted instead of recorded singly.",
    )
});

/// How often what was counted is recorded. That much is lost when the process is killed.
const RECORD_EVERY: Duration = Duration::from_secs(5);

/// What was counted and isn't recorded yet, by kind.
#[derive(Debug, Default)]
pub struct Withheld {
    denials: AtomicU32,
    sign_in_failures: AtomicU32,
}

impl Withheld {
    /// Counts one more; false when entries of this kind are all recorded singly.
    pub(super) fn count(&self, kind: AuditKind) -> bool {
        let counter = match kind {
            AuditKind::Denial => &self.denials,
            AuditKind::SignInFailure => &self.sign_in_failures,
            _ => return false,
        };
        WITHHELD.inc();
        counter.fetch_add(1, Ordering::SeqCst);
        true
    }

    fn take(&self) -> impl Iterator<Item = (AuditKind, u32)> {
        let all = [
            (AuditKind::Denial, &self.denials),
            (AuditKind::SignInFailure, &self.sign_in_failures),
        ];
        let taken = all.map(|(kind, counter)| (kind, counter.swap(0, Ordering::SeqCst)));
        taken.into_iter().filter(|(_, count)| *count > 0)
    }
}

/// Records what was counted, now and then, and for the last time at the soft stop. Refusals that
/// are answered after that record it themselves.
pub async fn record_withheld(app: App, shutdown: Shutdown) {
    let mut unsettled = Vec::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(RECORD_EVERY) => {}
            () = shutdown.soft_stopped() => break,
        }
        app.auditor.record_withheld(&mut unsettled).await;
    }
    // What was left over is tried once more, and then what was counted meanwhile.
    app.auditor.record_withheld(&mut unsettled).await;
    app.auditor.record_withheld(&mut unsettled).await;
}

impl Auditor {
    /// Makes what was counted durable. What isn't stays in `unsettled` for another try, as it is:
    /// it has an id, so that nothing is counted twice.
    pub(super) async fn record_withheld(&self, unsettled: &mut Vec<AuditEntry>) {
        if unsettled.is_empty() {
            unsettled.extend(self.withheld.take().map(|(kind, count)| self.counted(kind, count)));
        }
        for entry in std::mem::take(unsettled) {
            if let Err(error) = self.make_durable(&entry).await {
                tracing::warn!(
                    %error,
                    audit.kind = entry.kind.as_str(),
                    audit.occurrences = entry.occurrences,
                    "refusals that were counted are not recorded yet"
                );
                unsettled.push(entry);
            }
        }
    }

    fn counted(&self, kind: AuditKind, occurrences: u32) -> AuditEntry {
        AuditEntry {
            id: AuditEntryId::generate(),
            kind,
            recorded_at: self.clock.now(),
            action: AuditAction::Execute,
            operation: AuditWord::of("several"),
            outcome: AuditOutcome::MinorFailure,
            reason: Some(AuditWord::of("withheld")),
            stated_reason: None,
            user_id: None,
            role: None,
            session_id: None,
            source_address: None,
            purpose: None,
            resource: None,
            patients: Vec::new(),
            occurrences,
            correlation_id: CorrelationId::generate(),
            source: self.source.clone(),
        }
    }
}

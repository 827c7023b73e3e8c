//! What patients and administrators change: coverages, and what becomes of checks.

use axum::Json;
use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use contracts::audit::{AuditAction, StatedReason};
use domain::{EligibilityCheckId, EligibilityDecision};
use jiff::SignedDuration;
use serde::Deserialize;
use store::reading::{CallerTx, ChangeCoverage, Recheck};
use utoipa::ToSchema;

use super::{CheckDocument, CoverageDocument};
use crate::app::App;
use crate::audit::{Note, Recorder};
use crate::extract::{Caller, etag};
use crate::problem::{Problem, ProblemType};

/// Why somebody decides what the insurer couldn't say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionForm {
    /// Why, in 3 to 200 characters. It is kept with the check and in the record, and in no log.
    #[schema(value_type = String, min_length = 3, max_length = 200)]
    pub reason: StatedReason,
}

impl App {
    /// Makes a change to a coverage stay, and says how it reads now.
    pub async fn keep_coverage(
        &self,
        recorder: &Recorder,
        mut change: CallerTx,
        made: ChangeCoverage,
    ) -> Result<Response, Problem> {
        let coverage = match made {
            ChangeCoverage::Changed(coverage) => coverage,
            ChangeCoverage::Unknown => return Err(ProblemType::NotFound.into()),
            ChangeCoverage::VersionMismatch => return Err(ProblemType::VersionMismatch.into()),
            ChangeCoverage::Ended => return Err(ProblemType::CoverageEnded.into()),
            ChangeCoverage::AlreadyThere => return Err(ProblemType::CoverageExists.into()),
            ChangeCoverage::EndsBeforeItBegins => {
                return Err(Problem::new(ProblemType::InvalidBody)
                    .at_pointer("/last_day", "expected a day that isn't before the first one"));
            }
        };
        let standing = change.eligibility_of_coverages(&[coverage.id]).await?.pop();
        let note = Note::insured(AuditAction::Update, coverage.id, coverage.patient_id);
        let note = note.in_version(coverage.version);
        recorder.around(note, async { Ok(change.commit().await?) }).await?;
        tracing::info!(coverage.id = %coverage.id, payer = %coverage.payer, "a coverage was changed");
        let standing = standing.map(|(_, standing)| standing);
        let document = CoverageDocument::of(&coverage, standing, self.clock.now());
        Ok(([(ETAG, etag(coverage.version))], Json(document)).into_response())
    }

    /// Has an insurer asked at once, once for however many who want it.
    pub async fn recheck(
        &self,
        caller: &Caller,
        recorder: &Recorder,
        id: EligibilityCheckId,
    ) -> Result<CheckDocument, Problem> {
        let now = self.clock.now();
        let pause = SignedDuration::from_secs(self.settings.recheck_pause_s.into());
        let mut change = self.change_as(caller).await?;
        let check = change.eligibility_check(id).await?.ok_or(ProblemType::NotFound)?;
        if change.recheck(id, now - pause, now).await? == Recheck::Stopped {
            return Err(ProblemType::CheckStopped.into());
        }
        let changed = change.eligibility_check(id).await?.ok_or(ProblemType::NotFound)?;
        let note = Note::checked(id, check.patient_id, None);
        recorder.around(note, async { Ok(change.commit().await?) }).await?;
        Ok(CheckDocument::of(changed, now))
    }

    /// Writes down what an administrator decides about a check, and why.
    pub async fn decide_check(
        &self,
        caller: &Caller,
        recorder: &Recorder,
        id: EligibilityCheckId,
        decision: Option<EligibilityDecision>,
        reason: &StatedReason,
    ) -> Result<CheckDocument, Problem> {
        let now = self.clock.now();
        let mut change = self.change_as(caller).await?;
        let decided = decision.map(|decision| (decision, reason.as_str()));
        if !change.decide_check(id, decided, now).await? {
            return Err(ProblemType::NotFound.into());
        }
        let check = change.eligibility_check(id).await?.ok_or(ProblemType::NotFound)?;
        let note = Note::checked(id, check.patient_id, Some(reason));
        recorder.around(note, async { Ok(change.commit().await?) }).await?;
        let status = check.standing.status.as_str();
        tracing::info!(check.id = %id, status, "somebody decided about a check");
        Ok(CheckDocument::with_decider(check, now))
    }
}

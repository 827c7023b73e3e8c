//! Coverages and checks, as the caller may see them.

use std::collections::HashMap;

use domain::{CoverageId, PatientId};
use store::reading::{CheckFilter, CheckRow, CoverageRow};

use super::CoverageDocument;
use crate::app::App;
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

impl App {
    /// A coverage, if it is there and the caller may see it.
    pub async fn coverage(
        &self,
        caller: &Caller,
        id: CoverageId,
    ) -> Result<CoverageDocument, Problem> {
        let mut reading = self.read_as(caller).await?;
        let coverage = reading.coverage(id).await?.ok_or(ProblemType::NotFound)?;
        let standing = reading.eligibility_of_coverages(&[id]).await?.pop();
        let standing = standing.map(|(_, standing)| standing);
        Ok(CoverageDocument::of(&coverage, standing, self.clock.now()))
    }

    /// A patient's coverages, if the caller may see them.
    pub async fn coverages_of(
        &self,
        caller: &Caller,
        patient: PatientId,
    ) -> Result<Vec<CoverageDocument>, Problem> {
        let mut reading = self.read_as(caller).await?;
        let coverages = reading.coverages_of(patient).await?;
        let coverages: Vec<CoverageRow> = coverages.ok_or(ProblemType::UnknownPatient)?;
        let ids: Vec<CoverageId> = coverages.iter().map(|coverage| coverage.id).collect();
        let standings = reading.eligibility_of_coverages(&ids).await?;
        let mut standings: HashMap<_, _> = standings.into_iter().collect();
        let now = self.clock.now();
        let document = |coverage: &CoverageRow| {
            CoverageDocument::of(coverage, standings.remove(&coverage.id), now)
        };
        Ok(coverages.iter().map(document).collect())
    }

    /// Checks, for administrators.
    pub async fn eligibility_checks(
        &self,
        caller: &Caller,
        filter: &CheckFilter,
    ) -> Result<Vec<CheckRow>, Problem> {
        Ok(self.read_as(caller).await?.eligibility_checks(filter).await?)
    }
}

//! Booked visits that don't fit into changed hours.

use contracts::Conflicts;
use domain::AppointmentId;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Booked visits that don't fit into changed hours.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConflictsDocument {
    /// How many there are.
    pub count: u32,
    /// The earliest of them, 500 at most.
    pub visits: Vec<ConflictDocument>,
}

/// A visit that doesn't fit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConflictDocument {
    /// Which.
    #[schema(value_type = String, format = Uuid)]
    pub id: AppointmentId,
    /// Begins.
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Ends, exclusive.
    #[schema(value_type = String, format = DateTime)]
    pub end: Timestamp,
}

impl From<&Conflicts> for ConflictsDocument {
    fn from(conflicts: &Conflicts) -> Self {
        let visits = conflicts.visits.iter().map(|visit| ConflictDocument {
            id: visit.id,
            start: visit.start,
            end: visit.end,
        });
        Self { count: conflicts.count, visits: visits.collect() }
    }
}

//! `care_relations`: who cares for whom, beyond visits.

use std::collections::{HashMap, HashSet};

use contracts::CareRelationState;
use domain::{CareRelationId, UserId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction};

const STATES: &str = "
    SELECT id, practitioner_id, patient_id, since, until FROM care_relations WHERE id = ANY ($1)";

/// How those of `ids` that exist stand.
pub async fn states(
    transaction: &Transaction<'_>,
    ids: &[CareRelationId],
) -> Result<HashMap<CareRelationId, CareRelationState>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(STATES, &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let id: CareRelationId = row.try_get::<_, Uuid>(0)?.into();
            let state = CareRelationState {
                id,
                practitioner_id: row.try_get::<_, Uuid>(1)?.into(),
                patient_id: row.try_get::<_, Uuid>(2)?.into(),
                since: row.try_get(3)?,
                until: row.try_get(4)?,
            };
            Ok((id, state))
        })
        .collect()
}

const ASSIGN: &str = "
    INSERT INTO care_relations (id, practitioner_id, patient_id, since, until, assigned_by)
    SELECT id, practitioner_id, patient_id, since, until, assigned_by
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
        $6::uuid[]) WITH ORDINALITY
        AS relations (id, practitioner_id, patient_id, since, until, assigned_by, position)
    ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING id";

/// Adds relations, each assigned by somebody, and says which could be added: of one practitioner
/// and one patient there is one at a time.
pub async fn assign(
    transaction: &Transaction<'_>,
    relations: &[(&CareRelationState, UserId)],
) -> Result<HashSet<CareRelationId>, Failure> {
    let states = || relations.iter().map(|(state, _)| *state);
    let ids: Vec<Uuid> = states().map(|state| state.id.as_uuid()).collect();
    let practitioners: Vec<Uuid> = states().map(|it| it.practitioner_id.as_uuid()).collect();
    let patients: Vec<Uuid> = states().map(|state| state.patient_id.as_uuid()).collect();
    let since: Vec<Timestamp> = states().map(|state| state.since).collect();
    let until: Vec<Option<Timestamp>> = states().map(|state| state.until).collect();
    let by: Vec<Uuid> = relations.iter().map(|(_, by)| by.as_uuid()).collect();
    let parameters: &[&(dyn ToSql + Sync)] =
        &[&ids, &practitioners, &patients, &since, &until, &by];
    let rows = transaction.query(ASSIGN, parameters).await?;
    rows.iter().map(|row| Ok(row.try_get::<_, Uuid>(0)?.into())).collect()
}

const END: &str = "
    UPDATE care_relations r SET until = e.until, ended_by = e.ended_by
    FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[]) AS e (id, until, ended_by)
    WHERE r.id = e.id AND (r.until IS NULL OR r.until > e.until)";

/// Ends relations as their states say, each ended by somebody, and counts those that had not ended
/// before. Each may appear once.
pub async fn end(
    transaction: &Transaction<'_>,
    relations: &[(&CareRelationState, UserId)],
) -> Result<u64, Failure> {
    let ids: Vec<Uuid> = relations.iter().map(|(state, _)| state.id.as_uuid()).collect();
    let until: Vec<Option<Timestamp>> = relations.iter().map(|(state, _)| state.until).collect();
    let by: Vec<Uuid> = relations.iter().map(|(_, by)| by.as_uuid()).collect();
    transaction.execute(END, &[&ids, &until, &by]).await
}

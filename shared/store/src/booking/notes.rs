//! `clinical_notes`: one row per version; nothing is ever changed or removed.

use std::collections::HashMap;

use contracts::NoteState;
use domain::{NoteId, NoteText, RequestId};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::{Failure, Transaction};

/// A version to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// The note just after.
    pub note: &'a NoteState,
    /// What it says.
    pub text: &'a NoteText,
    /// By which request.
    pub request_id: RequestId,
}

const LATEST: &str = "
    SELECT DISTINCT ON (id) id, version, appointment_id, patient_id, practitioner_id
    FROM clinical_notes WHERE id = ANY ($1)
    ORDER BY id, version DESC";

/// How those of `ids` that exist stand.
pub async fn latest(
    transaction: &Transaction<'_>,
    ids: &[NoteId],
) -> Result<HashMap<NoteId, NoteState>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    let rows = transaction.query(LATEST, &[&ids]).await?;
    rows.iter()
        .map(|row| {
            let id: NoteId = row.try_get::<_, Uuid>(0)?.into();
            let state = NoteState {
                id,
                version: row.try_get(1)?,
                appointment_id: row.try_get::<_, Uuid>(2)?.into(),
                patient_id: row.try_get::<_, Uuid>(3)?.into(),
                practitioner_id: row.try_get::<_, Uuid>(4)?.into(),
            };
            Ok((id, state))
        })
        .collect()
}

const INSERT: &str = "
    INSERT INTO clinical_notes
        (id, version, appointment_id, patient_id, practitioner_id, text, request_id, written_at)
    SELECT versions.*, $8
    FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
        $7::uuid[]) AS versions
    ON CONFLICT DO NOTHING";

/// Adds versions, and counts those that nobody else wrote meanwhile.
pub async fn insert(
    transaction: &Transaction<'_>,
    versions: &[NewVersion<'_>],
    written_at: Timestamp,
) -> Result<u64, Failure> {
    let notes = || versions.iter().map(|version| version.note);
    let ids: Vec<Uuid> = notes().map(|note| note.id.as_uuid()).collect();
    let numbers: Vec<i32> = notes().map(|note| note.version).collect();
    let visits: Vec<Uuid> = notes().map(|note| note.appointment_id.as_uuid()).collect();
    let patients: Vec<Uuid> = notes().map(|note| note.patient_id.as_uuid()).collect();
    let authors: Vec<Uuid> = notes().map(|note| note.practitioner_id.as_uuid()).collect();
    let texts: Vec<&str> = versions.iter().map(|version| version.text.as_str()).collect();
    let requests: Vec<Uuid> = versions.iter().map(|version| version.request_id.as_uuid()).collect();
    let parameters: &[&(dyn ToSql + Sync)] =
        &[&ids, &numbers, &visits, &patients, &authors, &texts, &requests, &written_at];
    transaction.execute(INSERT, parameters).await
}

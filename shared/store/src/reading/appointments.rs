//! Table `appointments`: visits, as far as the caller may see them.

use contracts::AppointmentState;
use domain::{AppointmentId, AppointmentStatus, Role, SeriesId};
use jiff::Timestamp;
use uuid::Uuid;

use super::CallerTx;
use crate::StoreError;

/// Which visits, in the order of their start.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppointmentFilter {
    /// Beginning then or later.
    pub from: Option<Timestamp>,
    /// Beginning before then.
    pub to: Option<Timestamp>,
    /// In this status.
    pub status: Option<AppointmentStatus>,
    /// Behind this one.
    pub after: Option<AppointmentPosition>,
    /// At most so many.
    pub limit: i64,
}

/// A place in the order of visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppointmentPosition {
    /// When the visit begins.
    pub start: Timestamp,
    /// Which visit.
    pub id: AppointmentId,
}

struct Row {
    id: Uuid,
    version: i32,
    status: String,
    practitioner_id: Uuid,
    patient_id: Uuid,
    start: jiff_sqlx::Timestamp,
    end: jiff_sqlx::Timestamp,
    cancelation_reason: Option<String>,
    service_id: Option<Uuid>,
    location_id: Option<Uuid>,
    expires_at: Option<jiff_sqlx::Timestamp>,
    series_id: Option<Uuid>,
}

impl TryFrom<Row> for AppointmentState {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad =
            |column| StoreError::BadRow { table: "appointments", column, id: row.id.to_string() };
        Ok(Self {
            id: row.id.into(),
            version: row.version,
            status: row.status.parse().map_err(|_| bad("status"))?,
            practitioner_id: row.practitioner_id.into(),
            patient_id: row.patient_id.into(),
            start: row.start.to_jiff(),
            end: row.end.to_jiff(),
            cancelation_reason: row
                .cancelation_reason
                .map(|reason| reason.parse().map_err(|_| bad("cancelation_reason")))
                .transpose()?,
            service_id: row.service_id.map(Into::into),
            location_id: row.location_id.map(Into::into),
            expires_at: row.expires_at.map(jiff_sqlx::Timestamp::to_jiff),
            series_id: row.series_id.map(Into::into),
        })
    }
}

/// One query for each way to narrow it down: the planner knows each of them by itself.
macro_rules! appointments_where {
    ($caller:ident, $filter:ident, $condition:literal) => {
        sqlx::query_as!(
            Row,
            r#"SELECT id, version, status, practitioner_id, patient_id,
                   lower(during) AS "start!: jiff_sqlx::Timestamp",
                   upper(during) AS "end!: jiff_sqlx::Timestamp", cancelation_reason,
                   service_id, location_id, expires_at AS "expires_at: jiff_sqlx::Timestamp",
                   series_id
               FROM appointments
               WHERE "#
                + $condition
                + " AND lower(during) >= coalesce($1, '-infinity'::timestamptz)
                    AND lower(during) < coalesce($2, 'infinity'::timestamptz)
                    AND status = coalesce($3, status)
                    AND ($4::timestamptz IS NULL OR (lower(during), id) > ($4, $5))
                    ORDER BY lower(during), id
                    LIMIT $6",
            $filter.from.map(jiff_sqlx::Timestamp::from) as _,
            $filter.to.map(jiff_sqlx::Timestamp::from) as _,
            $filter.status.map(AppointmentStatus::as_str),
            $filter.after.map(|after| jiff_sqlx::Timestamp::from(after.start)) as _,
            $filter.after.map(|after| after.id.as_uuid()),
            $filter.limit,
        )
        .fetch_all($caller.connection())
        .await?
    };
}

impl CallerTx {
    /// One visit, if it is there and the caller may see it.
    pub async fn appointment(
        &mut self,
        id: AppointmentId,
    ) -> Result<Option<AppointmentState>, StoreError> {
        let row = sqlx::query_as!(
            Row,
            r#"SELECT id, version, status, practitioner_id, patient_id,
                   lower(during) AS "start!: jiff_sqlx::Timestamp",
                   upper(during) AS "end!: jiff_sqlx::Timestamp", cancelation_reason,
                   service_id, location_id, expires_at AS "expires_at: jiff_sqlx::Timestamp",
                   series_id
               FROM appointments WHERE id = $1"#,
            id.as_uuid(),
        )
        .fetch_optional(self.connection())
        .await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The visits of a series that the caller may see, by start.
    pub async fn appointments_of_series(
        &mut self,
        id: SeriesId,
    ) -> Result<Vec<AppointmentState>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, version, status, practitioner_id, patient_id,
                   lower(during) AS "start!: jiff_sqlx::Timestamp",
                   upper(during) AS "end!: jiff_sqlx::Timestamp", cancelation_reason,
                   service_id, location_id, expires_at AS "expires_at: jiff_sqlx::Timestamp",
                   series_id
               FROM appointments WHERE series_id = $1
               ORDER BY lower(during), id"#,
            id.as_uuid(),
        )
        .fetch_all(self.connection())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Visits that the caller may see, by start.
    pub async fn appointments(
        &mut self,
        filter: AppointmentFilter,
    ) -> Result<Vec<AppointmentState>, StoreError> {
        // Row-level security says the same, but in a form that no index can serve.
        let rows = match self.actor.role {
            Role::Patient => appointments_where!(self, filter, "patient_id = caller_id()"),
            Role::Doctor => appointments_where!(self, filter, "practitioner_id = caller_id()"),
            Role::Admin | Role::Operator => appointments_where!(self, filter, "true"),
        };
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

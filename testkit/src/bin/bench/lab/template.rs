//! The database that all others are copied from: migrated, with a clinic in it, and with the rows
//! that the SQL sides of the comparisons write.

use contracts::IdempotencyId;
use domain::{Clock as _, SystemClock};
use store::{ServiceLogin, ServiceRole, migrate};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::clinic::{HOURS, SLOT_MINUTES, TIME_ZONE};
use super::{Booking, Clinic, Lab, PASSWORD, connect};

pub(super) const NAME: &str = "bench_template";

const USERS: &str = "
    INSERT INTO users (id, email, password_hash, role, created_at)
    SELECT id, id || '@bench.invalid', '!', $2, $3 FROM unnest($1::uuid[]) AS id";

const PATIENTS: &str = "
    INSERT INTO patients (id, given_name, family_name, birth_date)
    SELECT id, 'Given', 'Family', '1980-01-01' FROM unnest($1::uuid[]) AS id";

const PRACTITIONERS: &str = "
    INSERT INTO practitioners
        (id, given_name, family_name, specialty, licence, approved_at, approved_by)
    SELECT id, 'Given', 'Family', 'general practice', id::text, $2, id
    FROM unnest($1::uuid[]) AS id";

const HOURS_OF_ALL: &str = "
    INSERT INTO availability_rules
        (practitioner_id, weekday, starts_at, ends_at, time_zone, slot_minutes)
    SELECT id, weekday, make_time($2, 0, 0), make_time($3, 0, 0), $4, $5
    FROM unnest($1::uuid[]) AS id, generate_series(1, 5) AS weekday";

/// What the rows of each booking will say, for those who write them in SQL alone. JSON is kept as
/// text, so that it is read by whoever writes it to its place, as when it comes from a client.
const STAGE: &str = "
    CREATE SCHEMA bench;
    CREATE TABLE bench.bookings (
        n integer PRIMARY KEY,
        id uuid, practitioner_id uuid, patient_id uuid,
        starts_at timestamptz, ends_at timestamptz,
        request_id uuid, idempotency_id uuid, correlation_id uuid, accepted_at timestamptz,
        event_id uuid, actor text, result text, body text
    );
    GRANT USAGE ON SCHEMA bench TO mediconnect_booking;
    GRANT SELECT ON bench.bookings TO mediconnect_booking";

const STAGED: &str = "
    INSERT INTO bench.bookings SELECT * FROM unnest($1::integer[], $2::uuid[], $3::uuid[],
        $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::uuid[], $8::uuid[], $9::uuid[],
        $10::timestamptz[], $11::uuid[], $12::text[], $13::text[], $14::text[])";

pub(super) async fn prepare(lab: &Lab) -> anyhow::Result<()> {
    let admin = connect(&lab.postgres.owner_url("postgres")).await?;
    admin.batch_execute(&format!("CREATE DATABASE {NAME}")).await?;
    let url = lab.postgres.owner_url(NAME);
    let logins = ServiceRole::ALL.map(|role| ServiceLogin { role, password: PASSWORD.into() });
    migrate(&url, &logins).await?;
    let client = connect(&url).await?;
    fill_clinic(&client, &lab.clinic).await?;
    client.batch_execute(STAGE).await?;
    stage(&client, &lab.clinic.bookings).await?;
    // Each copy begins with fresh statistics, and without rows that are yet to be tidied up.
    client.batch_execute("VACUUM (FREEZE, ANALYZE)").await?;
    Ok(())
}

async fn fill_clinic(client: &Client, clinic: &Clinic) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let Clinic { practitioners, patients, .. } = clinic;
    client.execute(USERS, &[practitioners, &"doctor", &now]).await?;
    client.execute(USERS, &[patients, &"patient", &now]).await?;
    client.execute(PATIENTS, &[patients]).await?;
    client.execute(PRACTITIONERS, &[practitioners, &now]).await?;
    let (opens, closes) = (i32::from(HOURS.0), i32::from(HOURS.1));
    let minutes = SLOT_MINUTES as i16;
    client.execute(HOURS_OF_ALL, &[practitioners, &opens, &closes, &TIME_ZONE, &minutes]).await?;
    Ok(())
}

async fn stage(client: &Client, bookings: &[Booking]) -> anyhow::Result<()> {
    fn column<T>(bookings: &[Booking], of: impl Fn(&Booking) -> T) -> Vec<T> {
        bookings.iter().map(of).collect()
    }
    let numbers: Vec<i32> = (0..bookings.len() as i32).collect();
    let uuids = |of: fn(&Booking) -> Uuid| column(bookings, of);
    let columns: [&(dyn ToSql + Sync); 14] = [
        &numbers,
        &uuids(|one| one.appointment.id.as_uuid()),
        &uuids(|one| one.appointment.practitioner_id.as_uuid()),
        &uuids(|one| one.appointment.patient_id.as_uuid()),
        &column(bookings, |one| one.appointment.start),
        &column(bookings, |one| one.appointment.end),
        &uuids(|one| one.metadata.request_id.as_uuid()),
        &column(bookings, |one| one.metadata.idempotency_id.map(IdempotencyId::as_uuid)),
        &uuids(|one| one.metadata.correlation_id.as_uuid()),
        &column(bookings, |one| one.metadata.accepted_at),
        &uuids(|one| one.event_id.as_uuid()),
        &column(bookings, |one| one.metadata.actor.to_string()),
        &column(bookings, |one| serde_json::json!(one.result()).to_string()),
        &column(bookings, |one| serde_json::json!(one.event()).to_string()),
    ];
    client.execute(STAGED, &columns).await?;
    Ok(())
}

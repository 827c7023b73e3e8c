//! Requests, made before anything is measured.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::ToSpan as _;
use serde_json::json;
use uuid::Uuid;

use crate::lab::{Clinic, post};

/// Registrations under way at once: api hashes that many passwords at once.
const REGISTRATIONS_AT_ONCE: usize = 2;

/// A patient who is signed in.
pub(super) struct Patient {
    access_token: String,
}

/// Registers patients as anybody would.
pub(super) async fn register_patients(url: &str, count: u32) -> anyhow::Result<Vec<Patient>> {
    let register = &format!("{url}/v1/auth/register");
    let sign_in = &format!("{url}/v1/auth/login");
    let registering = (0..count).map(|index| async move {
        let email = format!("patient-{index}@bench.invalid");
        let password = Uuid::new_v4().to_string();
        let patient = json!({
            "email": email,
            "password": password,
            "name": { "given": "Given", "family": "Family" },
            "birth_date": "1980-01-01",
        });
        post(register, &patient).await?;
        let answer = post(sign_in, &json!({ "email": email, "password": password })).await?;
        let access_token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        anyhow::Ok(Patient { access_token })
    });
    stream::iter(registering).buffered(REGISTRATIONS_AT_ONCE).try_collect().await
}

/// Requests to book, no two alike, as the bytes that travel. Whether the slots exist is nothing
/// that api asks.
pub(super) fn prepare(clinic: &Clinic, patients: &[Patient], count: u32) -> Vec<Bytes> {
    let first = clinic.bookings[0].appointment.start;
    (0..count as usize)
        .map(|index| {
            let start = first + (index as i64).minutes();
            let practitioner = clinic.practitioners[index % clinic.practitioners.len()];
            let body = json!({ "practitioner_id": practitioner, "start": start }).to_string();
            let token = &patients[index % patients.len()].access_token;
            let (key, length) = (Uuid::new_v4(), body.len());
            let request = format!(
                "POST /v1/appointments HTTP/1.1\r\nhost: 127.0.0.1\r\n\
                 authorization: Bearer {token}\r\nidempotency-key: {key}\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            Bytes::from(request)
        })
        .collect()
}

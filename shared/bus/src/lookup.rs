//! What the streams know of one request.

use async_nats::HeaderMap;
use async_nats::client::Request;
use contracts::{BookingKind, Metadata, subjects};
use domain::RequestId;

use crate::Bus;
use crate::message::metadata;

/// A request that was accepted: its message is in the stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRequest {
    /// Its envelope; the actor in it owns the request.
    pub metadata: Metadata,
    /// What was asked.
    pub kind: BookingKind,
    /// Its position in `MC_COMMANDS`.
    pub stream_sequence: u64,
    /// There is a dead letter of it: a person has to look.
    pub held_for_review: bool,
}

/// The stream can't be asked at the moment.
#[derive(Debug, thiserror::Error)]
#[error("JetStream does not answer: {0}")]
pub struct LookupError(pub(crate) String);

impl Bus {
    /// The last message of this request, if it was ever accepted.
    pub async fn find_request(&self, id: RequestId) -> Result<Option<StoredRequest>, LookupError> {
        let subject = format!("mc.cmd.booking.*.{id}");
        let Some(headers) = self.last_headers(subjects::COMMANDS, &subject).await? else {
            return Ok(None);
        };
        let header = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
        let kind = header("Nats-Subject")
            .and_then(subjects::parse_command)
            .map(|(kind, _)| kind)
            .ok_or_else(|| LookupError("the answer names no subject".to_owned()))?;
        let stream_sequence = header("Nats-Sequence")
            .and_then(|sequence| sequence.parse().ok())
            .ok_or_else(|| LookupError("the answer names no sequence".to_owned()))?;
        // A message whose envelope can't be read has no owner; only operators see it.
        let Ok(metadata) = metadata(Some(&headers)) else { return Ok(None) };
        let dead = self.last_headers(subjects::DEAD, &subjects::dead_letters_of(id)).await?;
        Ok(Some(StoredRequest { metadata, kind, stream_sequence, held_for_review: dead.is_some() }))
    }

    /// Headers of the last message on `subject`, which may hold wildcards. The request is made
    /// by hand because async-nats puts the subject into the API subject, where wildcards can't
    /// stand.
    async fn last_headers(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<HeaderMap>, LookupError> {
        let request = serde_json::json!({ "last_by_subj": subject }).to_string();
        let answer = self
            .client
            .send_request(
                format!("$JS.API.DIRECT.GET.{stream}"),
                Request::new().payload(request.into()),
            )
            .await
            .map_err(|error| LookupError(error.to_string()))?;
        match answer.status.map(|status| status.as_u16()) {
            Some(404) => Ok(None),
            Some(status) => Err(LookupError(format!("status {status}"))),
            None => Ok(answer.headers),
        }
    }
}

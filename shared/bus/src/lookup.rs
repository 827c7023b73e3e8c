//! What the streams know of one request.

use async_nats::HeaderMap;
use async_nats::client::Request;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use contracts::metadata::header;
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
    /// What the streams know of this request: its last message or, once that was purged, its dead
    /// letter. Of a request that has ended there may be nothing left.
    pub async fn find_request(&self, id: RequestId) -> Result<Option<StoredRequest>, LookupError> {
        let subject = format!("mc.cmd.booking.*.{id}");
        let dead = self.last_headers(subjects::DEAD, &subjects::dead_letters_of(id)).await?;
        let headers = match self.last_headers(subjects::COMMANDS, &subject).await? {
            Some(headers) => Some(headers),
            None => self.last_headers_of_leader(subjects::COMMANDS, &subject).await?,
        };
        let Some(headers) = headers else { return Ok(dead.as_ref().and_then(of_letter)) };
        let value = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
        let kind = value("Nats-Subject")
            .and_then(subjects::parse_command)
            .map(|(kind, _)| kind)
            .ok_or_else(|| LookupError("the answer names no subject".to_owned()))?;
        let stream_sequence = value("Nats-Sequence")
            .and_then(|sequence| sequence.parse().ok())
            .ok_or_else(|| LookupError("the answer names no sequence".to_owned()))?;
        // A message whose envelope can't be read has no owner; only operators see it.
        let Ok(metadata) = metadata(Some(&headers)) else { return Ok(None) };
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

    /// Any node with a copy answers a direct read, and one that is behind may not have yet what
    /// the leader has acknowledged. So a "no" is the leader's to say.
    async fn last_headers_of_leader(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<HeaderMap>, LookupError> {
        if self.settings.replicas == 1 {
            return Ok(None);
        }
        let found = self.jetstream.get_stream_no_info(stream).await;
        let found = found.map_err(|error| LookupError(error.to_string()))?;
        match found.get_last_raw_message_by_subject(subject).await {
            Ok(message) => {
                let mut headers = message.headers;
                headers.insert("Nats-Subject", message.subject.as_str());
                headers.insert("Nats-Sequence", message.sequence.to_string().as_str());
                Ok(Some(headers))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(LookupError(error.to_string())),
        }
    }
}

fn of_letter(letter: &HeaderMap) -> Option<StoredRequest> {
    let value = |name: &str| letter.get(name).map(async_nats::HeaderValue::as_str);
    let (kind, _) = subjects::parse_command(value(header::DEAD_ORIGIN_SUBJECT)?)?;
    Some(StoredRequest {
        metadata: metadata(Some(letter)).ok()?,
        kind,
        stream_sequence: value(header::DEAD_ORIGIN_SEQUENCE)?.parse().ok()?,
        held_for_review: true,
    })
}

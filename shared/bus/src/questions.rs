//! Questions from one process to whichever of several others takes them: request and reply over
//! core NATS, as JSON. Nothing is stored; who gets no answer asks again.

use std::time::Duration;

use async_nats::client::Request;
use async_nats::{RequestErrorKind, Subject, Subscriber};
use futures::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Bus;
use crate::connection::NotReady;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("nobody takes such questions")]
    NobodyThere,
    /// Nobody answered in time, or NATS is away.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// What came back is of another version.
    #[error("the answer can't be read")]
    Unintelligible,
}

/// Questions on one subject, each of which comes to one of those who take them.
#[derive(Debug)]
pub struct Questions {
    bus: Bus,
    subscription: Subscriber,
}

/// One question.
#[derive(Debug)]
pub struct Question {
    body: bytes::Bytes,
    reply_to: Option<Subject>,
    bus: Bus,
}

impl Bus {
    /// Asks whoever takes questions on `subject`.
    pub async fn ask<A: DeserializeOwned>(
        &self,
        subject: &'static str,
        question: &impl Serialize,
        patience: Duration,
    ) -> Result<A, AskError> {
        let body = serde_json::to_vec(question).map_err(|_| AskError::Unintelligible)?;
        let request = Request::new().payload(body.into()).timeout(Some(patience));
        let answer =
            self.client.send_request(subject, request).await.map_err(|error| {
                match error.kind() {
                    RequestErrorKind::NoResponders => AskError::NobodyThere,
                    _ => AskError::NoAnswer(error.to_string()),
                }
            })?;
        serde_json::from_slice(&answer.payload).map_err(|_| AskError::Unintelligible)
    }

    /// Takes questions on `subject`, sharing them with everybody of the same `group`.
    pub async fn questions(
        &self,
        subject: &'static str,
        group: &'static str,
    ) -> Result<Questions, NotReady> {
        let subscription = self
            .client
            .queue_subscribe(subject, group.to_owned())
            .await
            .map_err(|_| NotReady::Disconnected { url: self.settings.url.clone() })?;
        Ok(Questions { bus: self.clone(), subscription })
    }
}

impl Questions {
    /// The next question; none once the connection is closed for good.
    pub async fn next(&mut self) -> Option<Question> {
        let message = self.subscription.next().await?;
        Some(Question { body: message.payload, reply_to: message.reply, bus: self.bus.clone() })
    }
}

impl Question {
    /// What is asked, if it can be read.
    pub fn read<Q: DeserializeOwned>(&self) -> Option<Q> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Answers. An answer that gets lost is asked for again.
    pub async fn answer(self, answer: &impl Serialize) {
        let Some(reply_to) = self.reply_to else { return };
        let Ok(body) = serde_json::to_vec(answer) else { return };
        if self.bus.client.publish(reply_to, body.into()).await.is_err() {
            tracing::debug!("could not answer: the connection is closed");
        }
    }
}

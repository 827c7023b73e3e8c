//! Recording what changes something, before it is done.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{About, Note};
use crate::app::App;
use crate::problem::{Problem, ProblemType};

/// Records what a request changes, step by step. Handlers that have one need no note.
#[derive(Clone)]
pub struct Recorder {
    app: App,
    about: Option<Arc<About>>,
}

impl Recorder {
    /// Makes the note durable, then does it; what fails after that is recorded again, as failed.
    /// So the record may say more than was done, and never less. What can't be recorded isn't
    /// begun.
    pub async fn around<T>(
        &self,
        note: Note,
        doing: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        self.publish(note.clone(), None).await?;
        let done = doing.await;
        if let Err(problem) = &done {
            // If this fails too, the answer is a problem all the same, and the log says so.
            let _ = self.publish(note, Some(problem.kind())).await;
        }
        done
    }

    async fn publish(&self, note: Note, problem: Option<ProblemType>) -> Result<(), Problem> {
        let about = self.about.as_ref().ok_or(ProblemType::Internal)?;
        let auditor = &self.app.auditor;
        auditor.publish(auditor.entry(about, note, problem)).await?;
        about.is_recorded.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl FromRequestParts<App> for Recorder {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self { app: app.clone(), about: parts.extensions.get().cloned() })
    }
}

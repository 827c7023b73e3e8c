//! Dead letters, as operators and administrators work on them.

mod documents;
mod filter;
mod rehearse;
mod replay;

pub use documents::{LetterDocument, ReadLetterDocument};
pub use filter::{FilterForm, take_filter};
pub use rehearse::RehearsalDocument;
pub use replay::{ReplayOrder, Replayed};

use domain::DeadLetterId;
use store::reading::LetterRow;

use crate::app::App;
use crate::extract::Caller;
use crate::problem::{Problem, ProblemType};

impl App {
    /// The letter, if the caller may see it.
    pub async fn letter(&self, caller: &Caller, id: DeadLetterId) -> Result<LetterRow, Problem> {
        let letter = self.read_as(caller).await?.dead_letter(id).await?;
        letter.ok_or_else(|| ProblemType::NotFound.into())
    }
}

/// The problem of a letter in another state than was hoped for.
pub fn not_open(state: &str) -> Problem {
    Problem::new(ProblemType::LetterNotOpen)
        .with_detail(format!("it is {state}; nothing was changed"))
}

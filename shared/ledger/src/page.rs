//! A page of the stream, and what the inbox says of it.

use std::collections::HashMap;

use domain::RequestId;
use store::ledger::InboxRow;

use super::books::Place;

/// Consecutive sequences of the stream of commands, with the rows that were settled from them.
#[derive(Debug)]
pub struct Page {
    /// The last sequence of the page, whether or not there is a message.
    pub(super) last: u64,
    /// Its messages in order; one without a request id is unreadable.
    pub(super) messages: Vec<(Place, Option<RequestId>)>,
    /// Rows of the inbox by the message that they name.
    pub(super) rows: HashMap<(u64, RequestId), InboxRow>,
}

impl Page {
    /// A page that ends at `last`. The rows must have been read after the messages: then a row
    /// without a message is one whose message isn't there.
    pub fn new(
        last: u64,
        messages: Vec<(Place, Option<RequestId>)>,
        rows: impl IntoIterator<Item = InboxRow>,
    ) -> Self {
        let rows = rows.into_iter().map(|row| ((row.stream_sequence, row.id), row)).collect();
        Self { last, messages, rows }
    }

    /// Requests with a message that no row names: repeated, or not settled.
    pub fn without_row(&self) -> Vec<RequestId> {
        let named = |place: &Place, id| self.rows.contains_key(&(place.sequence, id));
        let ids = self.messages.iter().filter_map(|(place, id)| id.filter(|id| !named(place, *id)));
        ids.collect()
    }
}

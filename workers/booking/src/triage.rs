//! Telling what is new from what was seen before.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use contracts::{IdempotencyId, Outcome};
use domain::RequestId;
use uuid::Uuid;

use crate::Request;
use crate::facts::Facts;

/// What is to be done with a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Triage {
    /// It has ended before: this is the answer, and there is nothing to write.
    Settled(Outcome),
    /// The same request stands at this index, before it: it gets the same answer.
    RepeatOf(usize),
    /// Another request used its key first.
    KeyReused,
    /// It is to be done.
    New,
}

/// Which request holds a key: in the inbox already, or by this segment.
#[derive(Debug)]
pub(crate) struct Keys(HashMap<Uuid, RequestId>);

impl Keys {
    /// Whether `key` belongs to `request`; it does from now on, unless another was first.
    pub fn claim(&mut self, key: IdempotencyId, request: RequestId) -> bool {
        *self.0.entry(key.as_uuid()).or_insert(request) == request
    }
}

/// Looks at each request, and says who holds which key afterwards.
pub(crate) fn triage(requests: &[Request<'_>], facts: &Facts) -> (Vec<Triage>, Keys) {
    let mut keys = Keys(facts.key_holders.clone());
    let mut seen = HashMap::with_capacity(requests.len());
    let triage = requests.iter().enumerate().map(|(index, request)| {
        let id = request.metadata.request_id;
        if let Some(settled) = facts.settled.get(&id) {
            return Triage::Settled(settled.outcome.clone());
        }
        match seen.entry(id) {
            Entry::Occupied(first) => return Triage::RepeatOf(*first.get()),
            Entry::Vacant(place) => place.insert(index),
        };
        let is_reused = |key| !keys.claim(key, id);
        if request.metadata.idempotency_id.is_some_and(is_reused) {
            Triage::KeyReused
        } else {
            Triage::New
        }
    });
    let triage = triage.collect();
    (triage, keys)
}

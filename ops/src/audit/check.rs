//! What is wrong with a log, found while its seals and rows pass by in order. Pure: whoever calls
//! it reads.

use std::collections::BTreeMap;

use bus::StreamState;
use contracts::AuditAnchor;
use serde::Serialize;
use store::audit::seal::{GENESIS, to_hex};
use store::audit::{Hash, Row, SealCheck, Span, StoredRow};

/// Of each kind of trouble so many are named; more say nothing new.
const NAMED: usize = 100;

/// Something that is not as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Finding {
    /// A row holds other values than those that were sealed.
    RowChanged {
        /// Which.
        row: i64,
        /// The seal that covers it.
        seal: i64,
    },
    /// A row stands where another was sealed.
    RowMoved {
        /// Where it stands.
        row: i64,
        /// Where it was sealed.
        sealed_as: i64,
    },
    /// Rows that were sealed are gone.
    RowsMissing {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
        /// The seal that covers the first.
        seal: i64,
    },
    /// Rows that no seal covers.
    RowsUnsealed {
        /// The first.
        from: i64,
        /// How many.
        count: u64,
    },
    /// A seal's hash doesn't follow from what it holds.
    SealChanged {
        /// Which.
        seal: i64,
    },
    /// A seal doesn't follow the one before it.
    SealOutOfLine {
        /// Which.
        seal: i64,
    },
    /// Seals are gone from the middle.
    SealsMissing {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// The log ends before a seal that was once its last.
    TailCut {
        /// The last seal that is there.
        last_seal: i64,
        /// The last seal that was.
        anchored_seal: i64,
        /// The last row that was.
        anchored_row: i64,
    },
    /// A seal that was once the last has another hash now: what comes before it was written anew.
    Rewritten {
        /// Which.
        seal: i64,
    },
    /// There is no anchor, so that a cut end would not show.
    NoAnchor,
    /// Rows without a position, or seals without a number.
    Nameless {
        /// How many.
        count: u64,
    },
    /// A stream ends before what was sealed of it: it was cut, or it is an older copy.
    StreamTooShort {
        /// Which.
        stream: &'static str,
        /// Its last message.
        last: u64,
        /// What was sealed of it.
        sealed: u64,
    },
    /// A stream was made anew, and nothing of the new one is sealed yet.
    StreamRemade {
        /// Which.
        stream: &'static str,
        /// What was sealed of the old one.
        sealed: u64,
    },
}

/// Something that the log says of itself: it is what was sealed, and yet not all that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Notice {
    /// Messages were gone from a stream before they were sealed.
    Gap {
        /// The row that says so.
        row: i64,
        /// Which stream.
        stream: String,
        /// The first that is missing.
        from: i64,
        /// The last.
        to: i64,
    },
    /// A stream was replaced by another one of its name.
    Remade {
        /// The row that says so.
        row: i64,
        /// Which.
        stream: String,
        /// What was sealed of the old one; what it held beyond that is lost.
        sealed: i64,
    },
    /// A message that can't be read was sealed as that.
    Unreadable {
        /// The row that says so.
        row: i64,
        /// Which stream.
        stream: String,
        /// Which message.
        sequence: i64,
    },
}

impl Notice {
    /// What a row says of the log, if it does.
    fn of(position: i64, row: &Row) -> Option<Self> {
        let stream = row.stream.to_string();
        match (&*row.kind, row.gap_from) {
            ("gap", Some(from)) if row.reason.as_deref() == Some("remade") => {
                Some(Self::Remade { row: position, stream, sealed: from.saturating_sub(1) })
            }
            ("gap", Some(from)) => {
                Some(Self::Gap { row: position, stream, from, to: row.sequence })
            }
            ("unreadable", _) => {
                Some(Self::Unreadable { row: position, stream, sequence: row.sequence })
            }
            _ => None,
        }
    }
}

/// Checks seals and the rows that they cover.
#[derive(Debug)]
pub struct Check {
    /// The seal before.
    previous: Previous,
    /// Hashes of the seals that were anchored, as they are now.
    anchored: BTreeMap<i64, Option<String>>,
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
    /// In the order of their rows.
    pub notices: Vec<Notice>,
    /// Rows that have passed by.
    pub rows: u64,
    /// Seals that have passed by.
    pub seals: u64,
    /// Rows whose hash isn't the sealed one, to be looked for elsewhere; the first of them.
    pub strangers: Vec<(i64, i64, Option<Hash>)>,
    /// Sealed rows that haven't passed by yet, each with its seal.
    leaves: BTreeMap<i64, (i64, Hash)>,
}

/// The end of what was checked.
#[derive(Clone, Debug)]
pub struct Previous {
    pub number: i64,
    pub hash: Hash,
    pub last_row: i64,
    pub audit: Span,
    pub events: Span,
}

/// A seal that covers nothing.
const NOTHING: Span = Span { created_at: None, from: 1, to: 0 };

/// Whether this was read behind that: in the same stream the next message, in another one the
/// first. Old seals don't say which stream it was.
fn is_behind(span: Span, previous: Span) -> bool {
    let is_next = previous.to.checked_add(1) == Some(span.from);
    match (previous.created_at, span.created_at) {
        (None, Some(_)) => is_next || span.from == 1,
        (before, now) if before == now => is_next,
        (Some(_), None) => false,
        _ => span.from == 1,
    }
}

impl Check {
    /// Nothing is checked yet. The hashes of the anchored seals are noted in passing.
    pub fn new<'a>(anchors: impl IntoIterator<Item = &'a AuditAnchor>) -> Self {
        Self {
            previous: Previous {
                number: 0,
                hash: GENESIS,
                last_row: 0,
                audit: NOTHING,
                events: NOTHING,
            },
            anchored: anchors.into_iter().map(|anchor| (anchor.seal, None)).collect(),
            findings: Vec::new(),
            notices: Vec::new(),
            rows: 0,
            seals: 0,
            strangers: Vec::new(),
            leaves: BTreeMap::new(),
        }
    }

    /// The next seal. Its rows come later, in order.
    pub fn seal(&mut self, stored: &SealCheck) {
        let SealCheck { seal, hash, last_row, is_whole } = stored;
        let (number, computed) = (seal.number, seal.hash());
        self.seals += 1;
        if number <= self.previous.number {
            // Before the first, or a second one of that number: nothing follows from it.
            self.found(Finding::SealOutOfLine { seal: number });
            return;
        }
        let previous = &self.previous;
        let follows = seal.previous_hash == previous.hash
            && previous.last_row.checked_add(1) == Some(seal.first_row)
            && is_behind(seal.audit, previous.audit)
            && is_behind(seal.events, previous.events);
        if number - 1 > previous.number {
            let (from, to) = (previous.number + 1, number - 1);
            self.found(Finding::SealsMissing { from, to });
        } else if !follows {
            self.found(Finding::SealOutOfLine { seal: number });
        }
        if !is_whole || computed != hash.as_slice() || seal.last_row() != *last_row {
            self.found(Finding::SealChanged { seal: number });
        }
        if let Some(noted) = self.anchored.get_mut(&number) {
            *noted = Some(to_hex(&computed));
        }
        let covered = (0..).map_while(|index| seal.first_row.checked_add(index));
        self.leaves.extend(covered.zip(seal.leaves.iter().map(|leaf| (number, *leaf))));
        self.previous = Previous {
            number,
            // What the next one must hold, whatever became of this one: one finding per trouble.
            hash: hash.as_slice().try_into().unwrap_or(computed),
            last_row: seal.last_row(),
            audit: seal.audit,
            events: seal.events,
        };
    }

    /// The next row.
    pub fn row(&mut self, stored: &StoredRow) {
        self.rows += 1;
        self.missing_before(stored.position);
        if let Some(notice) = stored.row.as_ref().and_then(|row| Notice::of(stored.position, row))
            && self.notices.len() < NAMED
        {
            self.notices.push(notice);
        }
        let Some((seal, sealed)) = self.leaves.remove(&stored.position) else {
            self.unsealed(stored.position);
            return;
        };
        let leaf = stored.row.as_ref().map(Row::leaf);
        if leaf != Some(sealed) && self.strangers.len() < NAMED {
            self.strangers.push((stored.position, seal, leaf));
        }
    }

    /// All rows up to this one have passed by.
    pub fn rows_done(&mut self, last: i64) {
        match last.checked_add(1) {
            Some(next) => self.missing_before(next),
            None => self.missing(None),
        }
    }

    /// What nothing that goes by positions and numbers sees.
    pub fn nameless(&mut self, count: u64) {
        if count > 0 {
            self.found(Finding::Nameless { count });
        }
    }

    /// A row that isn't what was sealed in its place; `sealed_as` is where it was.
    pub fn stranger(&mut self, row: i64, seal: i64, sealed_as: Option<i64>) {
        self.found(match sealed_as {
            Some(sealed_as) => Finding::RowMoved { row, sealed_as },
            None => Finding::RowChanged { row, seal },
        });
    }

    /// Compares the end with what is known of it elsewhere.
    pub fn anchors(&mut self, last: Option<&AuditAnchor>, conflicts: &[AuditAnchor]) {
        if last.is_none() && self.seals > 0 {
            self.found(Finding::NoAnchor);
        }
        for anchor in last.into_iter().chain(conflicts).filter(|anchor| anchor.seal > 0) {
            let last_seal = self.previous.number;
            match self.anchored.get(&anchor.seal) {
                Some(Some(hash)) if *hash == anchor.hash => {}
                Some(Some(_)) => self.found(Finding::Rewritten { seal: anchor.seal }),
                _ if anchor.seal > last_seal => self.found(Finding::TailCut {
                    last_seal,
                    anchored_seal: anchor.seal,
                    anchored_row: anchor.last_row,
                }),
                // It is among the missing ones.
                _ => {}
            }
        }
    }

    /// Compares what was sealed of a stream with the stream; gives how many of its messages wait.
    pub fn stream(&mut self, stream: &'static str, now: &StreamState, sealed: Span) -> u64 {
        let (last, to) = (now.last, sealed.to.max(0).cast_unsigned());
        if sealed.created_at.is_some_and(|sealed| sealed != now.created_at) {
            self.found(Finding::StreamRemade { stream, sealed: to });
            return last;
        }
        if last < to {
            self.found(Finding::StreamTooShort { stream, last, sealed: to });
        }
        last.saturating_sub(to)
    }

    /// The end of what was checked.
    pub fn end(&self) -> &Previous {
        &self.previous
    }

    fn missing_before(&mut self, position: i64) {
        if self.leaves.first_key_value().is_some_and(|(first, _)| *first < position) {
            self.missing(Some(position));
        }
    }

    /// What is left of the sealed rows before this position, or at all, didn't come.
    fn missing(&mut self, before: Option<i64>) {
        let rest = before.map(|position| self.leaves.split_off(&position)).unwrap_or_default();
        let missing = std::mem::replace(&mut self.leaves, rest);
        let (first, last) = (missing.first_key_value(), missing.last_key_value());
        if let (Some((from, (seal, _))), Some((to, _))) = (first, last) {
            self.found(Finding::RowsMissing { from: *from, to: *to, seal: *seal });
        }
    }

    /// Rows one behind the other are one finding.
    fn unsealed(&mut self, position: i64) {
        if let Some(Finding::RowsUnsealed { from, count }) = self.findings.last_mut()
            && from.checked_add_unsigned(*count) == Some(position)
        {
            *count += 1;
        } else {
            self.found(Finding::RowsUnsealed { from: position, count: 1 });
        }
    }

    fn found(&mut self, finding: Finding) {
        let kind = std::mem::discriminant(&finding);
        let alike = self.findings.iter().filter(|it| std::mem::discriminant(*it) == kind).count();
        if alike < NAMED {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use store::audit::Seal;

    use super::*;

    /// Three seals of three rows each.
    struct Log {
        seals: Vec<SealCheck>,
        rows: Vec<StoredRow>,
    }

    impl Log {
        fn new() -> Self {
            let (mut seals, mut rows, mut previous_hash) = (Vec::new(), Vec::new(), GENESIS);
            for number in 1_i64..=3 {
                let first_row = number * 3 - 2;
                let mut leaves = Vec::new();
                for position in first_row..first_row + 3 {
                    let sequence = position.cast_unsigned();
                    let row = Row::new("MC_AUDIT", sequence, "read", Timestamp::UNIX_EPOCH);
                    leaves.push(row.leaf());
                    rows.push(StoredRow { position, row: Some(row) });
                }
                let seal = Seal {
                    number,
                    previous_hash,
                    sealed_at: Timestamp::UNIX_EPOCH,
                    first_row,
                    audit: Span { created_at: None, from: first_row, to: first_row + 2 },
                    events: NOTHING,
                    leaves,
                };
                previous_hash = seal.hash();
                let last_row = seal.last_row();
                let hash = previous_hash.to_vec();
                seals.push(SealCheck { seal, hash, last_row, is_whole: true });
            }
            Self { seals, rows }
        }

        fn anchor(&self) -> AuditAnchor {
            let last = &self.seals[self.seals.len() - 1];
            let hash = to_hex(&last.hash);
            let (seal, last_row) = (last.seal.number, last.last_row);
            AuditAnchor { seal, hash, last_row, ..AuditAnchor::default() }
        }

        fn findings(&self, anchor: Option<&AuditAnchor>) -> Vec<Finding> {
            let mut check = Check::new(anchor);
            for seal in &self.seals {
                check.seal(seal);
            }
            for row in &self.rows {
                check.row(row);
            }
            check.rows_done(i64::MAX);
            for (row, seal, leaf) in std::mem::take(&mut check.strangers) {
                let leaves = self.seals.iter().flat_map(|seal| &seal.seal.leaves);
                let place = leaves.zip(1..).find(|(sealed, _)| Some(**sealed) == leaf);
                check.stranger(row, seal, place.map(|(_, place)| place));
            }
            check.anchors(anchor, &[]);
            check.findings
        }
    }

    #[test]
    fn an_untouched_log_is_intact() {
        let log = Log::new();
        assert_eq!(log.findings(Some(&log.anchor())), []);
        assert_eq!(Log { seals: Vec::new(), rows: Vec::new() }.findings(None), []);
    }

    #[test]
    fn a_changed_row_is_named() {
        let mut log = Log::new();
        log.rows[4].row.as_mut().unwrap().outcome = 4;
        log.rows[7].row = None;
        let expected =
            [Finding::RowChanged { row: 5, seal: 2 }, Finding::RowChanged { row: 8, seal: 3 }];
        assert_eq!(log.findings(Some(&log.anchor())), expected);
    }

    #[test]
    fn removed_and_added_rows_are_named() {
        let mut log = Log::new();
        log.rows.drain(2..4);
        log.rows.push(StoredRow { position: 10, ..log.rows[0].clone() });
        log.rows.push(StoredRow { position: 11, ..log.rows[0].clone() });
        let expected = [
            Finding::RowsMissing { from: 3, to: 4, seal: 1 },
            Finding::RowsUnsealed { from: 10, count: 2 },
        ];
        assert_eq!(log.findings(Some(&log.anchor())), expected);
        log.rows.truncate(5);
        let expected = [
            Finding::RowsMissing { from: 3, to: 4, seal: 1 },
            Finding::RowsMissing { from: 8, to: 9, seal: 3 },
        ];
        assert_eq!(log.findings(Some(&log.anchor())), expected);
    }

    #[test]
    fn rows_that_changed_places_are_named() {
        let mut log = Log::new();
        let moved = log.rows[1].row.clone();
        log.rows[1].row = log.rows[7].row.clone();
        log.rows[7].row = moved;
        let expected = [
            Finding::RowMoved { row: 2, sealed_as: 8 },
            Finding::RowMoved { row: 8, sealed_as: 2 },
        ];
        assert_eq!(log.findings(Some(&log.anchor())), expected);
    }

    #[test]
    fn changed_and_removed_seals_are_named() {
        let mut log = Log::new();
        log.seals[1].seal.audit.to = 5;
        let findings = log.findings(Some(&log.anchor()));
        assert_eq!(findings[0], Finding::SealChanged { seal: 2 });
        assert_eq!(findings[1], Finding::SealOutOfLine { seal: 3 }, "it begins at another message");

        let mut log = Log::new();
        log.seals.remove(1);
        let expected =
            [Finding::SealsMissing { from: 2, to: 2 }, Finding::RowsUnsealed { from: 4, count: 3 }];
        assert_eq!(log.findings(Some(&log.anchor())), expected);
    }

    #[test]
    fn a_row_that_was_sealed_anew_breaks_the_chain() {
        let mut log = Log::new();
        let anchor = log.anchor();
        let row = log.rows[3].row.as_mut().unwrap();
        row.outcome = 8;
        log.seals[1].seal.leaves[0] = row.leaf();
        log.seals[1].hash = log.seals[1].seal.hash().to_vec();
        assert_eq!(log.findings(Some(&anchor)), [Finding::SealOutOfLine { seal: 3 }]);
        // Whoever writes the whole rest anew is betrayed by the anchor.
        log.seals[2].seal.previous_hash = log.seals[1].seal.hash();
        log.seals[2].hash = log.seals[2].seal.hash().to_vec();
        assert_eq!(log.findings(Some(&anchor)), [Finding::Rewritten { seal: 3 }]);
    }

    #[test]
    fn a_cut_tail_shows_by_the_anchor() {
        let mut log = Log::new();
        let anchor = log.anchor();
        log.seals.pop();
        log.rows.truncate(6);
        assert_eq!(log.findings(None), [Finding::NoAnchor]);
        let cut = Finding::TailCut { last_seal: 2, anchored_seal: 3, anchored_row: 9 };
        assert_eq!(log.findings(Some(&anchor)), [cut]);
    }

    #[test]
    fn a_stream_that_is_shorter_than_what_was_sealed_is_named() {
        let made = Timestamp::UNIX_EPOCH;
        let now = |last| StreamState {
            created_at: made,
            first: 1,
            last,
            messages: last,
            bytes: 0,
            max_bytes: 1,
            copies_missing: 0,
        };
        let sealed = Span { created_at: None, from: 1, to: 5 };
        let mut check = Check::new([]);
        assert_eq!(check.stream("MC_AUDIT", &now(7), sealed), 2);
        let same = Span { created_at: Some(made), ..sealed };
        assert_eq!(check.stream("MC_AUDIT", &now(7), same), 2);
        assert_eq!(check.findings, []);
        check.stream("MC_AUDIT", &now(4), sealed);
        let another = Span { created_at: Some(Timestamp::MIN), ..sealed };
        assert_eq!(check.stream("MC_AUDIT", &now(9), another), 9);
        let findings = [
            Finding::StreamTooShort { stream: "MC_AUDIT", last: 4, sealed: 5 },
            Finding::StreamRemade { stream: "MC_AUDIT", sealed: 5 },
        ];
        assert_eq!(check.findings, findings);
    }

    #[test]
    fn however_much_is_wrong_the_cut_tail_is_named() {
        let mut log = Log::new();
        let anchor = log.anchor();
        log.seals.pop();
        log.rows.truncate(6);
        let stray = |index: i64| StoredRow { position: 100 + 2 * index, ..log.rows[0].clone() };
        let strays: Vec<_> = (0..500).map(stray).collect();
        log.rows.extend(strays);
        let findings = log.findings(Some(&anchor));
        assert_eq!(findings.len(), NAMED + 1);
        let cut = Finding::TailCut { last_seal: 2, anchored_seal: 3, anchored_row: 9 };
        assert_eq!(findings.last(), Some(&cut));
    }

    #[test]
    fn rows_that_nothing_covers_are_named_where_they_are() {
        let mut log = Log::new();
        let stray = |position| StoredRow { position, ..log.rows[0].clone() };
        let (before, after) = ([-7, 0].map(stray), [10, 11, 500].map(stray));
        log.rows.splice(0..0, before);
        log.rows.extend(after);
        let expected = [(-7, 1), (0, 1), (10, 2), (500, 1)]
            .map(|(from, count)| Finding::RowsUnsealed { from, count });
        assert_eq!(log.findings(Some(&log.anchor())), expected);
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_named() {
        let mut log = Log::new();
        log.seals[1].seal.first_row = i64::MAX;
        let findings = log.findings(Some(&log.anchor()));
        assert!(findings.contains(&Finding::SealChanged { seal: 2 }), "{findings:?}");

        let mut log = Log::new();
        let anchor = log.anchor();
        log.seals[2].seal.number = i64::MAX;
        let findings = log.findings(Some(&anchor));
        let missing = Finding::SealsMissing { from: 3, to: i64::MAX - 1 };
        assert!(findings.contains(&missing), "{findings:?}");
    }

    #[test]
    fn a_seal_before_the_first_is_named() {
        let mut log = Log::new();
        let anchor = log.anchor();
        let mut stray = log.seals[0].clone();
        stray.seal.number = 0;
        log.seals.insert(0, stray);
        assert_eq!(log.findings(Some(&anchor)), [Finding::SealOutOfLine { seal: 0 }]);
    }

    #[test]
    fn a_seal_of_another_stream_begins_at_its_first_message() {
        let before = Span { created_at: Some(Timestamp::UNIX_EPOCH), from: 1, to: 5 };
        let next = Span { from: 6, to: 7, ..before };
        assert!(is_behind(next, before));
        assert!(!is_behind(Span { from: 1, ..next }, before));
        let another = Span { created_at: Some(Timestamp::MIN), from: 1, to: 7 };
        assert!(is_behind(another, before));
        assert!(!is_behind(Span { from: 6, ..another }, before));
        assert!(!is_behind(Span { created_at: None, ..next }, before));
        assert!(is_behind(next, Span { created_at: None, ..before }));
    }
}

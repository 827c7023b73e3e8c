//! What is wrong with a log, found while its seals and rows pass by in order. Pure: whoever calls
//! it reads.

use std::collections::BTreeMap;

use contracts::AuditAnchor;
use serde::Serialize;
use store::audit::seal::{GENESIS, to_hex};
use store::audit::{Hash, SealCheck, StoredRow};

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
    /// A stream ends before what was sealed of it: it was cut, or it is another one.
    StreamTooShort {
        /// Which.
        stream: &'static str,
        /// Its last message.
        last: u64,
        /// What was sealed of it.
        sealed: u64,
    },
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
    pub audit: i64,
    pub events: i64,
}

impl Check {
    /// Nothing is checked yet. The hashes of the anchored seals are noted in passing.
    pub fn new<'a>(anchors: impl IntoIterator<Item = &'a AuditAnchor>) -> Self {
        Self {
            previous: Previous { number: 0, hash: GENESIS, last_row: 0, audit: 0, events: 0 },
            anchored: anchors.into_iter().map(|anchor| (anchor.seal, None)).collect(),
            findings: Vec::new(),
            rows: 0,
            seals: 0,
            strangers: Vec::new(),
            leaves: BTreeMap::new(),
        }
    }

    /// The next seal. Its rows come later, in order.
    pub fn seal(&mut self, stored: &SealCheck) {
        let SealCheck { seal, hash, last_row } = stored;
        let (number, computed) = (seal.number, seal.hash());
        self.seals += 1;
        let previous = &self.previous;
        let follows = seal.previous_hash == previous.hash
            && seal.first_row == previous.last_row + 1
            && seal.audit.0 == previous.audit + 1
            && seal.events.0 == previous.events + 1;
        if number > previous.number + 1 {
            let (from, to) = (previous.number + 1, number - 1);
            self.found(Finding::SealsMissing { from, to });
        } else if !follows {
            self.found(Finding::SealOutOfLine { seal: number });
        }
        if computed != hash.as_slice() || seal.last_row() != *last_row {
            self.found(Finding::SealChanged { seal: number });
        }
        if let Some(noted) = self.anchored.get_mut(&number) {
            *noted = Some(to_hex(&computed));
        }
        self.leaves.extend((seal.first_row..).zip(seal.leaves.iter().map(|leaf| (number, *leaf))));
        self.previous = Previous {
            number,
            // What the next one must hold, whatever became of this one: one finding per trouble.
            hash: hash.as_slice().try_into().unwrap_or(computed),
            last_row: seal.last_row(),
            audit: seal.audit.1,
            events: seal.events.1,
        };
    }

    /// The next row.
    pub fn row(&mut self, stored: &StoredRow) {
        self.rows += 1;
        self.missing_before(stored.position);
        let Some((seal, sealed)) = self.leaves.remove(&stored.position) else {
            self.unsealed(stored.position);
            return;
        };
        let leaf = stored.row.as_ref().map(store::audit::Row::leaf);
        if leaf != Some(sealed) && self.strangers.len() < NAMED {
            self.strangers.push((stored.position, seal, leaf));
        }
    }

    /// All rows up to the last seal so far have passed by.
    pub fn rows_done(&mut self) {
        self.missing_before(self.previous.last_row + 1);
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

    /// Compares what was sealed of a stream with the stream.
    pub fn stream(&mut self, stream: &'static str, last: u64, sealed: i64) -> u64 {
        let sealed = sealed.cast_unsigned();
        if last < sealed {
            self.found(Finding::StreamTooShort { stream, last, sealed });
        }
        last.saturating_sub(sealed)
    }

    /// The end of what was checked.
    pub fn end(&self) -> &Previous {
        &self.previous
    }

    fn missing_before(&mut self, position: i64) {
        let missing: Vec<(i64, i64)> =
            self.leaves.range(..position).map(|(row, (seal, _))| (*row, *seal)).collect();
        let (Some((from, seal)), Some((to, _))) = (missing.first(), missing.last()) else { return };
        let (from, to, seal) = (*from, *to, *seal);
        self.leaves = self.leaves.split_off(&position);
        self.found(Finding::RowsMissing { from, to, seal });
    }

    fn unsealed(&mut self, position: i64) {
        if let Some(Finding::RowsUnsealed { count, .. }) = self.findings.last_mut() {
            *count += 1;
        } else {
            self.found(Finding::RowsUnsealed { from: position, count: 1 });
        }
    }

    fn found(&mut self, finding: Finding) {
        if self.findings.len() < NAMED {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use store::audit::{Row, Seal};

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
                    audit: (first_row, first_row + 2),
                    events: (1, 0),
                    leaves,
                };
                previous_hash = seal.hash();
                let last_row = seal.last_row();
                seals.push(SealCheck { seal, hash: previous_hash.to_vec(), last_row });
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
            check.rows_done();
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
        log.seals[1].seal.audit.1 = 5;
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
        let mut check = Check::new([]);
        assert_eq!(check.stream("MC_AUDIT", 7, 5), 2);
        assert_eq!(check.findings, []);
        check.stream("MC_AUDIT", 4, 5);
        let finding = Finding::StreamTooShort { stream: "MC_AUDIT", last: 4, sealed: 5 };
        assert_eq!(check.findings, [finding]);
    }
}

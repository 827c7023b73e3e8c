//! The file: one row per request for an appointment.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

/// The columns, in this order.
const HEADER: [&str; 7] =
    ["requested_at", "visit_day", "patient", "clinic", "age", "sms", "no_show"];

/// How a gzip file begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes of the digest that names a file's content: enough to tell files apart.
const FINGERPRINT_BYTES: usize = 4;

/// One request, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line of the file, counted from 1; the header is line 1.
    pub line: u64,
    /// When the request was made.
    pub requested_at: Timestamp,
    /// The day it asks for.
    pub visit_day: Date,
    /// Who asks.
    pub patient: u32,
    /// Where.
    pub clinic: u32,
    /// Years, as dirty as the source has them.
    pub age: i32,
}

impl Row {
    /// Whether the day it asks for was over when it was made.
    pub fn asks_for_the_past(&self) -> bool {
        self.days_before_the_request() > 0
    }

    /// How many days the visit lies before the request; 0 when it doesn't.
    pub fn days_before_the_request(&self) -> i32 {
        let requested_on = self.requested_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let days = requested_on.duration_since(self.visit_day).as_hours() / 24;
        i32::try_from(days).unwrap_or(i32::MAX).max(0)
    }
}

/// A row that can't be read. Says where and which column, and never quotes the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// The line of the file.
    pub line: u64,
    /// What is wrong.
    pub problem: String,
}

/// Everything a file holds.
#[derive(Clone, Debug)]
pub struct Requests {
    /// Names the content: the same rows, compressed or not, have the same fingerprint.
    pub fingerprint: String,
    /// The readable rows, by the time of the request.
    pub rows: Vec<Row>,
    /// The others.
    pub bad_rows: Vec<BadRow>,
}

/// Reads a file, plain or gzipped.
pub fn read(path: &Path) -> anyhow::Result<Requests> {
    let file = || format!("cannot read {}", path.display());
    let raw = fs::read(path).with_context(file)?;
    let content = if raw.starts_with(&GZIP_MAGIC) {
        let mut content = Vec::new();
        MultiGzDecoder::new(raw.as_slice()).read_to_end(&mut content).with_context(file)?;
        content
    } else {
        raw
    };
    parse(&content).with_context(file)
}

/// Reads a file's content.
pub fn parse(content: &[u8]) -> anyhow::Result<Requests> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(content);
    let header = reader.byte_headers().context("the header can't be read")?;
    anyhow::ensure!(
        header.iter().eq(HEADER.iter().map(|name| name.as_bytes())),
        "the header is not the expected one: line 1 must read {}",
        HEADER.join(",")
    );
    let (mut rows, mut bad_rows) = (Vec::new(), Vec::new());
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).context("the file is no CSV")? {
        let line = record.position().map_or(0, csv::Position::line);
        match row(line, &record) {
            Ok(row) => rows.push(row),
            Err(problem) => bad_rows.push(BadRow { line, problem }),
        }
    }
    // Stable, so that a sorted file keeps the order of rows of the same second.
    rows.sort_by_key(|row| row.requested_at);
    Ok(Requests { fingerprint: fingerprint(content), rows, bad_rows })
}

fn row(line: u64, record: &csv::ByteRecord) -> Result<Row, String> {
    if record.len() != HEADER.len() {
        return Err(format!("{} columns instead of {}", record.len(), HEADER.len()));
    }
    Ok(Row {
        line,
        requested_at: column(record, 0)?,
        visit_day: column(record, 1)?,
        patient: column(record, 2)?,
        clinic: column(record, 3)?,
        age: column(record, 4)?,
    })
}

fn column<T: std::str::FromStr>(record: &csv::ByteRecord, index: usize) -> Result<T, String> {
    std::str::from_utf8(&record[index])
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{} can't be read", HEADER[index]))
}

fn fingerprint(content: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, content);
    super::hex(&digest.as_ref()[..FINGERPRINT_BYTES])
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use jiff::civil::date;

    use super::*;

    const TWO_ROWS: &str = "requested_at,visit_day,patient,clinic,age,sms,no_show\n\
        2001-02-01T10:00:00Z,2001-03-01,7,2,-1,0,0\n\
        2001-02-01T09:00:00Z,2001-01-31,8,2,115,0,1\n";

    #[test]
    fn reads_rows_in_the_order_of_the_requests() {
        let requests = parse(TWO_ROWS.as_bytes()).unwrap();
        assert_eq!(requests.bad_rows, []);
        let lines: Vec<_> = requests.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [3, 2]);
        let row = &requests.rows[1];
        assert_eq!((row.patient, row.clinic, row.age), (7, 2, -1));
        assert_eq!(row.visit_day, date(2001, 3, 1));
    }

    #[test]
    fn knows_a_visit_before_its_request() {
        let requests = parse(TWO_ROWS.as_bytes()).unwrap();
        assert_eq!(requests.rows[0].days_before_the_request(), 1);
        assert!(requests.rows[0].asks_for_the_past());
        assert!(!requests.rows[1].asks_for_the_past());
    }

    #[test]
    fn names_bad_rows_by_line_without_quoting_them() {
        let dirty = format!(
            "{TWO_ROWS}2001-02-01T10:00:00Z,2001-03-01,7,2,30,0\n\
             2001-02-01T10:00:00Z,yesterday,7,2,30,0,0\n\
             2001-02-01T10:00:00Z,2001-03-01,-7,2,30,0,0\n\
             2001-02-01T10:00:00Z,2001-03-01,9,2,old,0,0\n"
        );
        let mut dirty = dirty.into_bytes();
        dirty.extend(b"2001-02-01T10:00:00Z,2001-03-01,9,2,\xff,0,0\n");
        let requests = parse(&dirty).unwrap();
        assert_eq!(requests.rows.len(), 2);
        let bad: Vec<_> =
            requests.bad_rows.iter().map(|bad| (bad.line, bad.problem.as_str())).collect();
        assert_eq!(
            bad,
            [
                (4, "6 columns instead of 7"),
                (5, "visit_day can't be read"),
                (6, "patient can't be read"),
                (7, "age can't be read"),
                (8, "age can't be read"),
            ]
        );
    }

    #[test]
    fn refuses_another_header_and_says_what_it_expects() {
        for content in ["", "a,b\n1,2\n", "requested_at,visit_day,patient,clinic,age,sms\n"] {
            let error = parse(content.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("requested_at,visit_day,patient,clinic,age,sms,no_show"));
        }
    }

    #[test]
    fn a_compressed_file_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, gzipped) = (folder.path().join("a.csv"), folder.path().join("a.csv.gz"));
        fs::write(&plain, TWO_ROWS).unwrap();
        let file = fs::File::create(&gzipped).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(TWO_ROWS.as_bytes()).unwrap();
        encoder.finish().unwrap();

        let (plain, gzipped) = (read(&plain).unwrap(), read(&gzipped).unwrap());
        assert_eq!(plain.rows, gzipped.rows);
        assert_eq!(plain.fingerprint, gzipped.fingerprint);
    }

    #[test]
    fn a_cut_off_archive_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.csv.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(TWO_ROWS.as_bytes()).unwrap();
        let whole = encoder.finish().unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(read(&path).is_err());
    }
}

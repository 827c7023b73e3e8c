//! `docs/benchmarks.md`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::number::number;
use super::{Report, Section};

const INTRODUCTION: &str = "\
# Benchmarks

Written by `./dev bench`. Real release processes on one machine, over loopback: PostgreSQL with
fsync, nats-server with `sync_interval: always`. What is compared is measured in turn within one
run; a ratio is taken round by round. Shown are the median and, in brackets, the smallest and the
largest of the rounds. None of these numbers is tested: they are for reading.
";

impl Report {
    /// Writes the document.
    pub fn write_document(&self) -> anyhow::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        std::fs::write(&path, self.as_markdown()).context("writing docs/benchmarks.md")?;
        eprintln!("docs/benchmarks.md is written");
        Ok(())
    }

    fn as_markdown(&self) -> String {
        let mut text = format!("{INTRODUCTION}\n## Targets\n\n");
        text += "| ratio | measured | target | |\n|---|---:|---:|---|\n";
        for ratio in self.sections.iter().flat_map(|section| &section.ratios) {
            let (spread, verdict) = (&ratio.spread, ratio.verdict());
            row(&mut text, &ratio.name, spread, &format!("{} | {verdict}", ratio.target));
        }
        for section in &self.sections {
            section.write_markdown(&mut text);
        }
        text += "\n## The machine\n\n";
        text += "| | |\n|---|---|\n";
        for (name, value) in self.machine.rows() {
            writeln!(text, "| {name} | {value} |").expect("writing to a String can't fail");
        }
        write!(
            text,
            "\n## Again\n\n    {}\n\nOn an idle machine. `--only accepts`, `settle`, `audit`, \
             `days`, `containment`, `slots` or\n`start` measures a part, `--quick` gives a first \
             impression, `--file` and `--day` choose other days to\nbook, and `--json` prints \
             everything for a program. Only a complete run writes this file.\n",
            self.how
        )
        .expect("writing to a String can't fail");
        text
    }
}

impl Section {
    fn write_markdown(&self, text: &mut String) {
        text.extend(["\n## ", self.title, "\n\n| | median | unit |\n|---|---:|---|\n"]);
        for figure in &self.figures {
            row(text, &figure.name, &figure.spread, figure.unit);
        }
        for ratio in &self.ratios {
            row(text, &ratio.name, &ratio.spread, "");
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            text.extend(["- ", note, "\n"]);
        }
    }
}

fn row(text: &mut String, name: &str, spread: &super::Spread, end: &str) {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(number);
    let range = if spread.rounds > 1 { format!(" ({min} – {max})") } else { String::new() };
    writeln!(text, "| {name} | {median}{range} | {end} |").expect("writing to a String can't fail");
}

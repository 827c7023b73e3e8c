//! Tables for a terminal.

use std::fmt;

use super::number::number;
use super::{Figure, Ratio, Report, Section, Spread};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.machine)?;
        for section in &self.sections {
            write!(f, "\n{section}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  {:52} {:>10}  {:>17}", "", "median", "min – max")?;
        for Figure { name, unit, spread } in &self.figures {
            line(f, name, spread, unit)?;
        }
        for ratio in &self.ratios {
            let Ratio { name, target, spread } = ratio;
            line(f, name, spread, &format!("target {target}: {}", ratio.verdict()))?;
        }
        for note in &self.notes {
            writeln!(f, "  - {note}")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, spread: &Spread, end: &str) -> fmt::Result {
    let range = format!("{} – {}", number(spread.min), number(spread.max));
    writeln!(f, "  {name:52} {:>10}  {range:>17}  {end}", number(spread.median))
}

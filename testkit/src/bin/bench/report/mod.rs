//! What was found out: figures, ratios with their targets, and how to show them.

mod document;
mod machine;
mod number;
mod spread;
mod table;

pub use machine::Machine;
pub use spread::Spread;

use std::fmt;

use serde::Serialize;

/// Everything that one run has found out.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it ran, and what.
    pub machine: Machine,
    /// The command that repeats it.
    pub how: String,
    /// The measurements.
    pub sections: Vec<Section>,
}

/// One measurement.
#[derive(Debug, Serialize)]
pub struct Section {
    /// What is measured.
    pub title: &'static str,
    /// The numbers.
    pub figures: Vec<Figure>,
    /// How they compare.
    pub ratios: Vec<Ratio>,
    /// What one has to know about them.
    pub notes: Vec<String>,
}

/// A quantity.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Of what.
    pub name: String,
    /// In which unit.
    pub unit: &'static str,
    /// What was measured, round by round.
    pub spread: Spread,
}

/// A quotient of two figures.
#[derive(Debug, Serialize)]
pub struct Ratio {
    /// Of what.
    pub name: String,
    /// What it should be.
    pub target: Target,
    /// The quotients, round by round.
    pub spread: Spread,
}

/// What a quotient should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This much, or more.
    AtLeast(f64),
    /// This much, or less.
    AtMost(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(target) => write!(f, "≥ {target}"),
            Self::AtMost(target) => write!(f, "≤ {target}"),
        }
    }
}

impl Section {
    /// A measurement without results yet.
    pub fn new(title: &'static str) -> Self {
        Self { title, figures: Vec::new(), ratios: Vec::new(), notes: Vec::new() }
    }

    /// Adds a quantity, unless it was never measured.
    pub fn figure(&mut self, name: impl Into<String>, unit: &'static str, samples: &[f64]) {
        if let Some(spread) = Spread::of(samples) {
            self.figures.push(Figure { name: name.into(), unit, spread });
        }
    }

    /// Adds the quotients of what was measured in the same rounds.
    pub fn ratio(
        &mut self,
        name: impl Into<String>,
        target: Target,
        (numerators, denominators): (&[f64], &[f64]),
    ) {
        let quotients: Vec<f64> = numerators.iter().zip(denominators).map(|(a, b)| a / b).collect();
        if let Some(spread) = Spread::of(&quotients) {
            self.ratios.push(Ratio { name: name.into(), target, spread });
        }
    }

    /// Adds the processor time that each of several uses for one `what`, round by round.
    pub fn cpu(&mut self, what: &str, rounds: &[Vec<(&'static str, f64)>]) {
        let Some(first) = rounds.first() else { return };
        for (index, (who, _)) in first.iter().enumerate() {
            let samples: Vec<f64> = rounds.iter().map(|round| round[index].1).collect();
            self.figure(format!("{who}, for one {what}"), "µs of a core", &samples);
        }
    }

    /// Adds what one has to know.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl Ratio {
    /// Whether the median reaches the target, or by how much it doesn't.
    fn verdict(&self) -> String {
        let missing = match self.target {
            Target::AtLeast(target) => 1.0 - self.spread.median / target,
            Target::AtMost(target) => self.spread.median / target - 1.0,
        };
        if missing <= 0.0 {
            "met".to_owned()
        } else {
            format!("missed by {:.0} %", (missing * 100.0).max(1.0))
        }
    }
}

/// The samples with the higher median.
pub fn better<'a>(one: &'a [f64], other: &'a [f64]) -> &'a [f64] {
    let median = |samples| Spread::of(samples).map_or(0.0, |spread| spread.median);
    if median(one) > median(other) { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_taken_round_by_round() {
        let mut section = Section::new("speed");
        section.ratio(
            "ours ÷ theirs",
            Target::AtLeast(0.5),
            (&[4.0, 6.0, 9.0], &[10.0, 10.0, 10.0]),
        );
        let ratio = &section.ratios[0];
        assert_eq!(ratio.spread, Spread { median: 0.6, min: 0.4, max: 0.9, rounds: 3 });
        assert_eq!(ratio.verdict(), "met");
        section.ratio("ours ÷ theirs", Target::AtLeast(0.8), (&[6.0], &[10.0]));
        assert_eq!(section.ratios[1].verdict(), "missed by 25 %");
        section.ratio("ours ÷ theirs", Target::AtMost(1.2), (&[15.0], &[10.0]));
        assert_eq!(section.ratios[2].verdict(), "missed by 25 %");
    }
}

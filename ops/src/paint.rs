//! Colours, on a terminal that wants them.

use std::env;
use std::io::{IsTerminal as _, stdout};

/// What a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Somebody has to look.
    Bad,
    /// Under way.
    Waiting,
    /// Of little interest.
    Dim,
    /// A heading.
    Strong,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Waiting => "33",
            Self::Dim => "2",
            Self::Strong => "1",
        }
    }
}

/// Whether to paint at all.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// On a terminal, unless NO_COLOR says otherwise.
    pub fn for_stdout() -> Self {
        let is_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(stdout().is_terminal() && !is_unwanted)
    }

    /// The text in its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if self.0 { format!("\x1b[{}m{text}\x1b[0m", tone.code()) } else { text.to_owned() }
    }

    /// A state in its tone, padded first: codes take no room.
    pub fn state(self, state: &str, width: usize) -> String {
        let tone = match state {
            "open" => Tone::Bad,
            "replaying" => Tone::Waiting,
            "resolved" => Tone::Good,
            _ => Tone::Dim,
        };
        self.paint(tone, &format!("{state:<width$}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_where_it_is_wanted() {
        assert_eq!(Paint(false).state("open", 6), "open  ");
        assert_eq!(Paint(true).state("open", 6), "\x1b[31mopen  \x1b[0m");
    }
}

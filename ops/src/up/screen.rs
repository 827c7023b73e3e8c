//! What `up` shows while it works: steps with spinners on a terminal, plain lines elsewhere.
//! Always on standard error, and never failing: the terminal may be gone before the work is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(80);

/// Where steps and sentences go.
#[derive(Clone, Debug)]
pub struct Screen {
    spinners: Option<MultiProgress>,
}

/// Something that takes a moment. Dropped without an end, it just disappears.
#[derive(Debug)]
pub struct Step {
    screen: Screen,
    title: String,
    began: Instant,
    spinner: Option<ProgressBar>,
}

impl Screen {
    /// Standard error, whatever it is.
    pub fn new() -> Self {
        Self { spinners: std::io::stderr().is_terminal().then(MultiProgress::new) }
    }

    /// Writes a line.
    pub fn say(&self, text: &str) {
        let write = || writeln!(std::io::stderr(), "{text}");
        let _ = match &self.spinners {
            Some(spinners) => spinners.suspend(write),
            None => write(),
        };
    }

    /// Begins a step.
    pub fn begin(&self, title: impl Into<String>) -> Step {
        let title = title.into();
        let spinner = self.spinners.as_ref().map(|spinners| {
            let style = ProgressStyle::with_template("  {spinner} {msg}");
            let style = style.expect("the template above has no mistake");
            let bar = ProgressBar::new_spinner().with_style(style).with_message(title.clone());
            let bar = spinners.add(bar);
            bar.enable_steady_tick(TICK);
            bar
        });
        Step { screen: self.clone(), title, began: Instant::now(), spinner }
    }
}

impl Step {
    /// Ends the step with a line: what came of it, and how long it took.
    pub fn end(mut self, result: &str) {
        self.clear();
        let (title, took) = (&self.title, self.began.elapsed().as_secs_f64());
        self.screen.say(&format!("  {title}: {result} ({took:.1} s)"));
    }

    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.clear();
    }
}

//! Progress while something long runs: a bar on a terminal, a line every few seconds elsewhere.
//! Always on standard error, so that standard output holds results only.

use std::pin::pin;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn.
const REDRAW: Duration = Duration::from_millis(150);

/// How often a line is written when there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far the work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done, of the total.
    pub done: u64,
    /// What else there is to say, in a few words; may be empty.
    pub note: String,
}

/// Does `work` and shows how far it is; `look` says so whenever it is asked. In the end there is a
/// line that says how long it took.
pub async fn watch<T>(
    title: &'static str,
    total: u64,
    look: impl Fn() -> Step,
    work: impl Future<Output = T>,
) -> T {
    show_while(Display::start(title, total), look, work).await
}

/// As [`watch`], for work that is of no interest once it is done: a bar on a terminal, nothing
/// elsewhere, and no line in the end.
pub async fn watch_in_passing<T>(
    title: &'static str,
    total: u64,
    look: impl Fn() -> Step,
    work: impl Future<Output = T>,
) -> T {
    let display = Display { writes_lines: false, ..Display::start(title, total) };
    show_while(display, look, work).await
}

async fn show_while<T>(
    display: Display,
    look: impl Fn() -> Step,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    let first = tokio::time::Instant::now() + display.interval();
    let mut ticks = tokio::time::interval_at(first, display.interval());
    loop {
        tokio::select! {
            result = &mut work => {
                display.finish(&look());
                return result;
            }
            _ = ticks.tick() => display.show(&look()),
        }
    }
}

struct Display {
    title: &'static str,
    total: u64,
    began: Instant,
    bar: ProgressBar,
    writes_lines: bool,
}

impl Display {
    fn start(title: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = "{prefix:18} {bar:28} {pos}/{len}  {msg}  [{elapsed}, {eta} left]";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title);
        Self { title, total, began: Instant::now(), bar, writes_lines: true }
    }

    fn interval(&self) -> Duration {
        if self.bar.is_hidden() { LINE_EVERY } else { REDRAW }
    }

    fn show(&self, step: &Step) {
        if !self.bar.is_hidden() {
            self.bar.set_position(step.done);
            self.bar.set_message(step.note.clone());
        } else if step.done > 0 {
            self.write_line(step);
        }
    }

    fn finish(&self, step: &Step) {
        self.bar.finish_and_clear();
        self.write_line(step);
    }

    fn write_line(&self, step: &Step) {
        if self.writes_lines {
            eprintln!("{}", line(self.title, self.total, step, self.began.elapsed()));
        }
    }
}

fn line(title: &str, total: u64, step: &Step, elapsed: Duration) -> String {
    let Step { done, note } = step;
    let seconds = elapsed.as_secs_f64();
    let gap = if note.is_empty() { "" } else { "  " };
    format!("{title}: {done}/{total}{gap}{note}  [{seconds:.1} s]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_done_and_how_long_it_took() {
        let took = Duration::from_millis(1_240);
        let step = |note: &str| Step { done: 3, note: note.into() };
        assert_eq!(line("booking", 9, &step("2 ok"), took), "booking: 3/9  2 ok  [1.2 s]");
        assert_eq!(line("booking", 9, &step(""), took), "booking: 3/9  [1.2 s]");
    }

    #[tokio::test]
    async fn gives_back_what_the_work_gave() {
        let look = || Step { done: 1, note: String::new() };
        assert_eq!(watch("testing", 1, look, async { 7 }).await, 7);
    }
}

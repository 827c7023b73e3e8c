//! Progress while something long runs: a bar on a terminal, a line per step elsewhere. Always on
//! standard error, so that standard output holds results only.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn. Seldom: what is measured shares the machine.
const REDRAW: Duration = Duration::from_millis(250);

const STYLE: &str = "{prefix:40} {bar:28} {pos}/{len}  [{elapsed}]";

/// Does `work` and shows how far `done` is.
pub async fn watch<T>(
    title: &str,
    total: u32,
    done: &AtomicU64,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    let bar = ProgressBar::with_draw_target(Some(total.into()), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(STYLE) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(title.to_owned());
    let mut work = pin!(work);
    let mut ticks = tokio::time::interval(REDRAW);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = ticks.tick() => bar.set_position(done.load(Ordering::Relaxed)),
        }
    };
    bar.finish_and_clear();
    eprintln!("{title:40} {:.1} s", began.elapsed().as_secs_f64());
    result
}

/// Does `work` of which nobody knows how far it is.
pub async fn step<T>(title: &str, work: impl Future<Output = T>) -> T {
    watch(title, 1, &AtomicU64::new(0), work).await
}

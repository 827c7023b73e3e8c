//! The life of a request, for people.

use std::fmt;

use super::moment::Moment;
use super::read::Life;
use crate::paint::{Paint, Tone};

/// A life with its colours.
pub struct Report<'a> {
    life: &'a Life,
    paint: Paint,
}

impl<'a> Report<'a> {
    /// Painted where the terminal wants it.
    pub fn new(life: &'a Life) -> Self {
        Self { life, paint: Paint::for_stdout() }
    }

    fn moment(&self, f: &mut fmt::Formatter<'_>, moment: &Moment) -> fmt::Result {
        let first = self.life.moments.first().map_or(moment.at, |first| first.at);
        let since = format!("+{:.3} s", moment.at.duration_since(first).as_secs_f64());
        let tone = if moment.is_trouble { Tone::Bad } else { Tone::Strong };
        let stage = self.paint.paint(tone, &format!("{:<12}", moment.stage.word()));
        let at = moment.at.strftime("%Y-%m-%d %H:%M:%S%.3fZ");
        let at = self.paint.paint(Tone::Dim, &at.to_string());
        write!(f, "{at}  {since:>12}  {stage} {}", moment.what)?;
        if let Some(place) = moment.place {
            let place = format!("  ({} {})", place.stream, place.sequence);
            write!(f, "{}", self.paint.paint(Tone::Dim, &place))?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Life { correlation_id, trace_ids, moments } = self.life;
        writeln!(f, "correlation id {correlation_id}")?;
        for trace_id in trace_ids {
            writeln!(f, "trace id       {trace_id}")?;
        }
        if moments.is_empty() {
            return writeln!(
                f,
                "nothing belongs to it: it was never accepted, or this is another system"
            );
        }
        moments.iter().try_for_each(|moment| self.moment(f, moment))
    }
}

//! What processes use, by `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// The kernel's clock ticks per second as it shows them to programs: a constant on every
/// architecture that we build for.
const TICKS_PER_S: f64 = 100.0;

/// Whose use is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// One process, by name and id.
    Process(&'static str, u32),
    /// PostgreSQL: the server's process and all that it has started.
    Postgres(u32),
    /// This program, which makes the load.
    Myself,
}

impl Who {
    /// How it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process(name, _) => name,
            Self::Postgres(_) => "PostgreSQL",
            Self::Myself => "the bench itself",
        }
    }

    fn pids(self) -> Vec<u32> {
        match self {
            Self::Process(_, pid) => vec![pid],
            Self::Postgres(pid) => std::iter::once(pid).chain(children_of(pid)).collect(),
            Self::Myself => vec![std::process::id()],
        }
    }

    /// Processor time since its start, its ended children's included.
    fn cpu_s(self) -> f64 {
        let ticks = |pid| Stat::of(pid).map_or(0.0, |stat| stat.ticks());
        self.pids().into_iter().map(ticks).sum::<f64>() / TICKS_PER_S
    }

    /// Resident memory, MB. PostgreSQL's processes share most of theirs: in their sum it counts
    /// once (proportional set size).
    pub fn memory_mb(self) -> f64 {
        let field = if matches!(self, Self::Postgres(_)) { "Pss:" } else { "Rss:" };
        let kib = |pid: u32| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix(field))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
        };
        self.pids().into_iter().filter_map(kib).sum::<f64>() * 1_024.0 / 1e6
    }
}

/// Processor time that several use during something.
#[derive(Debug)]
pub struct CpuMeter {
    before: Vec<(Who, f64)>,
}

impl CpuMeter {
    /// Begins.
    pub fn start(who: impl IntoIterator<Item = Who>) -> Self {
        Self { before: who.into_iter().map(|who| (who, who.cpu_s())).collect() }
    }

    /// Counts from the beginning of a process.
    pub fn from_birth(who: Who) -> Self {
        Self { before: vec![(who, 0.0)] }
    }

    /// Processor time since the beginning, for each of `count` things, µs.
    pub fn us_per(&self, count: u64) -> Vec<(&'static str, f64)> {
        let used = |(who, before): &(Who, f64)| (who.name(), who.cpu_s() - before);
        let each = |(name, seconds): (_, f64)| (name, seconds * 1e6 / count.max(1) as f64);
        self.before.iter().map(used).map(each).collect()
    }
}

/// The most memory that each was seen to use.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<&'static str, f64>);

impl Memory {
    /// Looks once more.
    pub fn look(&mut self, who: &[Who]) {
        for one in who {
            let most = self.0.entry(one.name()).or_default();
            *most = most.max(one.memory_mb());
        }
    }

    /// By name, MB.
    pub fn most_mb(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.0.iter().map(|(name, mb)| (*name, *mb))
    }
}

struct Stat {
    parent: u32,
    ticks: [f64; 4],
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Counted after the program's name, which may hold anything.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
        // User and system time, its own and that of children that it has waited for.
        let ticks = [number(14)?, number(15)?, number(16)?, number(17)?];
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks })
    }

    fn ticks(&self) -> f64 {
        self.ticks.iter().sum()
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| Stat::of(*pid).is_some_and(|stat| stat.parent == parent))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_behind_any_name() {
        let line = "42 (a) b) R 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 987654 0 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.parent, 7);
        assert!((stat.ticks() - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn this_process_uses_something() {
        assert!(Who::Myself.memory_mb() > 0.1);
    }
}

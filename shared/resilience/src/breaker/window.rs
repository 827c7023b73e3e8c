//! The finished calls of the last while, counted in buckets.

use std::time::{Duration, Instant};

/// A ring of buckets. Bucket number n holds the calls that finished in `[n, n + 1)` bucket lengths
/// after `origin`; the newest and those before it that fit in the ring are the window.
#[derive(Debug)]
pub(super) struct Window {
    origin: Instant,
    bucket_length: Duration,
    ring: Vec<Counts>,
    newest: u128,
}

/// Finished calls.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    pub calls: u64,
    pub failures: u64,
}

impl Window {
    /// An empty window. `bucket_length` isn't zero.
    pub fn new(origin: Instant, bucket_length: Duration, buckets: u32) -> Self {
        Self { origin, bucket_length, ring: vec![Counts::default(); buckets as usize], newest: 0 }
    }

    /// Counts a call that finished now.
    pub fn add(&mut self, failed: bool, now: Instant) {
        self.forget_old(now);
        let newest = self.position(self.newest);
        let bucket = &mut self.ring[newest];
        bucket.calls += 1;
        bucket.failures += u64::from(failed);
    }

    /// The calls of the window that ends now.
    pub fn counts(&mut self, now: Instant) -> Counts {
        self.forget_old(now);
        self.ring.iter().fold(Counts::default(), |sum, bucket| Counts {
            calls: sum.calls + bucket.calls,
            failures: sum.failures + bucket.failures,
        })
    }

    /// Forgets every call.
    pub fn clear(&mut self) {
        self.ring.fill(Counts::default());
    }

    fn forget_old(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin);
        let number = elapsed.as_nanos() / self.bucket_length.as_nanos();
        let passed = number.saturating_sub(self.newest);
        for step in 1..=passed.min(self.ring.len() as u128) {
            let outdated = self.position(self.newest + step);
            self.ring[outdated] = Counts::default();
        }
        self.newest = self.newest.max(number);
    }

    fn position(&self, number: u128) -> usize {
        (number % self.ring.len() as u128) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> (Window, impl Fn(u64) -> Instant) {
        let origin = Instant::now();
        let window = Window::new(origin, Duration::from_millis(100), 3);
        (window, move |at_ms| origin + Duration::from_millis(at_ms))
    }

    #[test]
    fn a_call_is_forgotten_with_its_bucket() {
        let (mut window, at) = window();
        window.add(true, at(99));
        window.add(false, at(100));
        assert_eq!(window.counts(at(299)), Counts { calls: 2, failures: 1 });
        assert_eq!(window.counts(at(300)), Counts { calls: 1, failures: 0 });
        assert_eq!(window.counts(at(400)), Counts::default());
    }

    #[test]
    fn a_long_silence_forgets_all() {
        let (mut window, at) = window();
        for bucket in 0..3 {
            window.add(true, at(bucket * 100));
        }
        // The same place in the ring, 1000 rounds later.
        assert_eq!(window.counts(at(300_200)), Counts::default());
    }
}

//! How much work a device has before it, and how long it takes for a step.
//!
//! The queue is never waited for: completion callbacks, which may come late and
//! several at once, only keep this account.

use std::collections::VecDeque;

/// The account of one run; times in milliseconds of any one clock.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// When each step that is not yet complete was submitted.
    pending: VecDeque<f64>,
    last_completion: f64,
    busy_ms: f64,
    completed: u32,
}

impl Pace {
    pub fn submitted(&mut self, now: f64) {
        self.pending.push_back(now);
    }

    pub fn completed(&mut self, now: f64) {
        if let Some(submitted) = self.pending.pop_front() {
            self.busy_ms += now - submitted.max(self.last_completion);
            self.last_completion = now;
            self.completed += 1;
        }
    }

    /// How long the device was at it.
    pub fn busy_ms(&self) -> f64 {
        self.busy_ms
    }

    /// Mean time of a step so far; 0 before any was measured.
    pub fn ms_per_step(&self) -> f64 {
        if self.completed == 0 { 0.0 } else { self.busy_ms / f64::from(self.completed) }
    }

    /// What is queued, estimated; infinite while the first step is on its way.
    pub fn in_flight_ms(&self) -> f64 {
        match (self.pending.len(), self.completed) {
            (0, _) => 0.0,
            (_, 0) => f64::INFINITY,
            (pending, _) => pending as f64 * self.ms_per_step(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_and_bundled_completions_give_the_right_mean() {
        let mut pace = Pace::default();
        assert_eq!(pace.in_flight_ms(), 0.0);
        (0..4).for_each(|i| pace.submitted(f64::from(i)));
        assert_eq!((pace.ms_per_step(), pace.in_flight_ms()), (0.0, f64::INFINITY));
        // Four steps of 25 ms, all reported at once.
        (0..4).for_each(|_| pace.completed(100.0));
        assert_eq!(pace.ms_per_step(), 25.0);
        // A pause is not work.
        pace.submitted(1000.0);
        assert_eq!(pace.in_flight_ms(), 25.0);
        pace.completed(1025.0);
        assert_eq!((pace.ms_per_step(), pace.in_flight_ms()), (25.0, 0.0));
    }
}

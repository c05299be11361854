//! How long the next step of an adaptive method is.
//!
//! Hairer, Nørsett & Wanner: Solving Ordinary Differential Equations I, §II.4. A step whose error
//! estimate is within the tolerance stands; the next one is as long as its error allows.

use super::samplers::Attempt;

/// The share of a step that the error allows in theory.
const SAFETY: f64 = 0.9;
/// How much longer or shorter the next step may be.
const LARGEST_FACTOR: f64 = 10.0;
const SMALLEST_FACTOR: f64 = 0.2;
/// The error estimate is of order 4, so a step's error falls with the fifth power of its length.
const EXPONENT: f64 = -1.0 / 5.0;
/// The first attempt, as a share of the whole way.
const FIRST: f64 = 0.01;
/// Attempts shorter than this share of the whole way are not made: float32 knows no better.
const SHORTEST: f64 = 1e-7;

/// A run that finds no step.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum AdaptiveError {
    #[error("at time {time} no step is short enough for the tolerance {tolerance}; choose a larger one")]
    TooShort { time: f64, tolerance: f64 },
    #[error("the error at time {time} is not a number; choose a smaller guidance_scale")]
    NotFinite { time: f64 },
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be tried again, shorter.
    Refused,
    Accepted,
    /// Accepted, and its end is a scheduler step's.
    Completed,
}

/// Where an adaptive run is.
#[derive(Clone, Debug)]
pub struct Controller {
    times: Vec<f64>,
    tolerance: f64,
    /// Scheduler steps done.
    step: usize,
    time: f64,
    /// How far the next step would go if nothing lay in its way.
    length: f64,
    refused: bool,
}

impl Controller {
    /// Scheduler steps end at `times`, from the second on.
    pub fn new(times: Vec<f64>, tolerance: f64) -> Self {
        let (time, end) = (times[0], times[times.len() - 1]);
        Self { times, tolerance, step: 0, time, length: FIRST * (end - time), refused: false }
    }

    pub fn is_done(&self) -> bool {
        self.step + 1 == self.times.len()
    }

    /// The step to try; not past the end of the scheduler step.
    pub fn attempt(&self) -> Attempt {
        let target = self.times[self.step + 1];
        let to = self.time + self.length;
        // A rest that is too short to be a step of its own is part of this one.
        let reaches = (target - to) / self.length < 0.01;
        Attempt { step: self.step, from: self.time, to: if reaches { target } else { to } }
    }

    /// Takes the error of the attempt, 1 being what is allowed.
    pub fn judge(&mut self, error: f32) -> Result<Verdict, AdaptiveError> {
        let Attempt { from, to, .. } = self.attempt();
        let (error, time) = (f64::from(error), self.time);
        if !error.is_finite() {
            return Err(AdaptiveError::NotFinite { time });
        }
        let factor = SAFETY * libm::pow(error.max(1e-10), EXPONENT);
        if error > 1.0 {
            self.refused = true;
            self.length = (to - from) * factor.max(SMALLEST_FACTOR);
            let whole = self.times[self.times.len() - 1] - self.times[0];
            let too_short = (self.length / whole).abs() < SHORTEST;
            let refusal = AdaptiveError::TooShort { time, tolerance: self.tolerance };
            return if too_short { Err(refusal) } else { Ok(Verdict::Refused) };
        }
        let most = if self.refused { 1.0 } else { LARGEST_FACTOR };
        let next = (to - from) * factor.clamp(SMALLEST_FACTOR, most);
        // Where the scheduler step's end cut the attempt short, its error says little of longer ones.
        let cut = to == self.times[self.step + 1] && next.abs() < self.length.abs();
        self.length = if cut { self.length } else { next };
        self.refused = false;
        self.time = to;
        if to == self.times[self.step + 1] {
            self.step += 1;
            return Ok(Verdict::Completed);
        }
        Ok(Verdict::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_at_every_time_and_none_is_missed() {
        let mut controller = Controller::new(vec![1.0, 0.7, 0.69, 0.1], 1e-3);
        let mut completed = Vec::new();
        while !controller.is_done() {
            let Attempt { from, to, .. } = controller.attempt();
            assert!(to < from);
            // An error of the step's fifth power, 1 at a length of 0.04.
            let error = ((from - to) / 0.04).powi(5) as f32;
            if controller.judge(error).unwrap() == Verdict::Completed {
                completed.push(to);
            }
        }
        assert_eq!(completed, [0.7, 0.69, 0.1]);
    }

    #[test]
    fn a_refused_step_is_tried_again_shorter() {
        let mut controller = Controller::new(vec![1.0, 0.0], 1e-3);
        let first = controller.attempt();
        assert_eq!(controller.judge(32.0).unwrap(), Verdict::Refused);
        let second = controller.attempt();
        assert_eq!(second.from, first.from);
        assert!((second.to - second.from) / (first.to - first.from) < 0.5);
    }

    #[test]
    fn hopeless_runs_end_with_a_reason() {
        let mut controller = Controller::new(vec![1.0, 0.0], 1e-3);
        assert!(matches!(controller.judge(f32::NAN), Err(AdaptiveError::NotFinite { .. })));
        let refused = (0..100).find_map(|_| controller.judge(1e9).err());
        assert_eq!(refused, Some(AdaptiveError::TooShort { time: 1.0, tolerance: 1e-3 }));
    }
}

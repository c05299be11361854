//! The forward process: data to noise, in closed form and one step at a time.

use super::schedule::{Schedule, ScheduleError};

/// `signal`·image + `noise`·z with a unit normal z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    pub signal: f32,
    pub noise: f32,
}

impl Mix {
    fn keeping(share: f32) -> Self {
        Self { signal: share.sqrt(), noise: (1.0 - share).sqrt() }
    }
}

/// q(x_t | x_0): √ᾱ_t and √(1 − ᾱ_t); Ho et al. 2020, eq. 4.
pub fn q_sample(schedule: &Schedule, timestep: usize) -> Result<Mix, ScheduleError> {
    schedule.alpha_bar(timestep).map(Mix::keeping)
}

/// q(x_t | x_{t−1}), one link of the chain: √(1 − β_t) and √β_t; eq. 2.
pub fn q_step(schedule: &Schedule, timestep: usize) -> Result<Mix, ScheduleError> {
    schedule.alpha_bar(timestep)?;
    let beta = schedule.betas[timestep];
    Ok(Mix { signal: (1.0 - beta).sqrt(), noise: beta.sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::schedule::{BetaSchedule, Ends};

    #[test]
    fn the_chain_of_steps_is_the_closed_form() {
        let linear = BetaSchedule::Linear(Ends::HO_2020);
        let schedule = Schedule::new(&linear, 1000, false).unwrap();
        let (mut signal, mut variance) = (1.0_f64, 0.0_f64);
        for timestep in 0..1000 {
            let step = q_step(&schedule, timestep).unwrap();
            signal *= f64::from(step.signal);
            variance = variance * f64::from(step.signal).powi(2) + f64::from(step.noise).powi(2);
            let whole = q_sample(&schedule, timestep).unwrap();
            assert!((signal - f64::from(whole.signal)).abs() < 1e-5);
            assert!((variance.sqrt() - f64::from(whole.noise)).abs() < 1e-4);
        }
        assert_eq!(q_sample(&schedule, 1000), Err(ScheduleError::Timestep { timestep: 1000, last: 999 }));
    }
}

//! Schedules side by side: those of the literature, and a model's own among them.

use super::schedule::{BetaSchedule, Schedule, ScheduleError, snr};
use super::scheduler_config::SchedulerConfig;

/// A schedule of as many timesteps as the model has.
#[derive(Clone, Debug)]
pub struct Compared {
    /// A name of [`BetaSchedule::PRESETS`], or [`OWN`].
    pub name: &'static str,
    /// Whether it is the model's.
    pub own: bool,
    pub schedule: Schedule,
    /// The same at zero terminal SNR; None where it is too short to be rescaled.
    pub rescaled: Option<Schedule>,
}

/// The name of a model's schedule that is none of the presets.
pub const OWN: &str = "own";

/// The presets, and the model's own schedule where it is none of them.
pub fn compare(config: &SchedulerConfig) -> Result<Vec<Compared>, ScheduleError> {
    let count = config.num_train_timesteps;
    let of = |name, own, rule: &BetaSchedule, rescale| -> Result<Compared, ScheduleError> {
        let schedule = Schedule::new(rule, count, rescale)?;
        Ok(Compared { name, own, schedule, rescaled: Schedule::new(rule, count, true).ok() })
    };
    let is_own = |rule: &BetaSchedule| *rule == config.beta_schedule && !config.rescale_betas_zero_snr;
    let presets = BetaSchedule::PRESETS.iter();
    let presets = presets.map(|(name, rule)| of(name, is_own(rule), rule, false));
    let mut all = presets.collect::<Result<Vec<_>, _>>()?;
    if !all.iter().any(|schedule| schedule.own) {
        all.push(of(OWN, true, &config.beta_schedule, config.rescale_betas_zero_snr)?);
    }
    Ok(all)
}

/// Four measures of a schedule at some of its timesteps.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    pub beta: Vec<f32>,
    pub alpha_bar: Vec<f32>,
    pub snr: Vec<f32>,
    /// ln SNR, −∞ at pure noise.
    pub log_snr: Vec<f32>,
}

impl Curves {
    /// Of timesteps that the schedule has.
    pub fn of(schedule: &Schedule, timesteps: &[usize]) -> Self {
        let pick = |table: &[f32]| timesteps.iter().map(|&t| table[t]).collect::<Vec<_>>();
        let alpha_bar = pick(&schedule.alphas_cumprod);
        Self {
            beta: pick(&schedule.betas),
            snr: alpha_bar.iter().map(|&a| snr(a) as f32).collect(),
            log_snr: alpha_bar.iter().map(|&a| libm::log(snr(a)) as f32).collect(),
            alpha_bar,
        }
    }
}

/// At most `most` timesteps (2 or more) from 0 to T − 1, both included, as even as whole numbers are.
pub fn timesteps(total: usize, most: usize) -> Vec<usize> {
    let (last, count) = (total - 1, total.min(most));
    (0..count).map(|i| i * last / (count - 1).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::schedule::Ends;

    fn names(config: &SchedulerConfig) -> Vec<(&'static str, bool)> {
        compare(config).unwrap().iter().map(|schedule| (schedule.name, schedule.own)).collect()
    }

    #[test]
    fn a_model_s_schedule_is_found_among_the_presets_or_added() {
        let linear = SchedulerConfig::default();
        assert_eq!(names(&linear)[0], ("linear", true));
        assert_eq!(names(&linear).len(), 5);
        let ends = Ends { start: 0.0015, end: 0.0195 };
        let other = SchedulerConfig { beta_schedule: BetaSchedule::ScaledLinear(ends), ..linear.clone() };
        assert_eq!(names(&other)[5], (OWN, true));
        let rescaled = SchedulerConfig { rescale_betas_zero_snr: true, ..linear };
        assert_eq!(names(&rescaled)[5], (OWN, true));
        assert!(!names(&rescaled)[0].1, "the preset ends elsewhere");
    }

    #[test]
    fn every_schedule_can_be_rescaled_to_end_in_pure_noise() {
        for Compared { name, schedule, rescaled, .. } in compare(&SchedulerConfig::default()).unwrap() {
            let rescaled = rescaled.unwrap();
            assert!(rescaled.ends_in_noise() && rescaled.terminal_snr() == 0.0, "{name}");
            assert_eq!(schedule.ends_in_noise(), name != "scaled_linear", "{name}");
        }
        let one = SchedulerConfig { num_train_timesteps: 1, ..SchedulerConfig::default() };
        assert!(compare(&one).unwrap().iter().all(|schedule| schedule.rescaled.is_none()));
    }

    #[test]
    fn curves_measure_the_same_thing_four_times() {
        let schedule = SchedulerConfig::default().schedule().unwrap();
        let curves = Curves::of(&schedule, &[0, 999]);
        assert_eq!(curves.beta, [schedule.betas[0], schedule.betas[999]]);
        for i in 0..2 {
            let (alpha_bar, snr) = (curves.alpha_bar[i], curves.snr[i]);
            assert!((snr / (1.0 + snr) / alpha_bar - 1.0).abs() < 1e-4);
            assert!((snr.ln() - curves.log_snr[i]).abs() < 1e-4);
        }
    }

    #[test]
    fn timesteps_are_all_or_evenly_chosen() {
        assert_eq!(timesteps(1, 10), [0]);
        assert_eq!(timesteps(4, 10), [0, 1, 2, 3]);
        assert_eq!(timesteps(1000, 10), [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]);
        assert_eq!(timesteps(1_000_000, 1000)[999], 999_999);
    }
}

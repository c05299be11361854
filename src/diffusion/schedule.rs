//! Noise schedules: β_t, and ᾱ_t = Π(1 − β_i), in PyTorch's float32.
//!
//! The arithmetic follows `diffusers` operation by operation. That is not
//! pedantry: 1 − ᾱ_t of the first timesteps keeps only three or four digits in
//! float32, and a trajectory of 1000 steps shows whether they are the same ones.

pub(super) use super::betas::linspace;
pub use super::betas::{BetaSchedule, Ends};

/// More training timesteps than this are refused: a table that size is a mistake.
pub const MAX_TRAIN_TIMESTEPS: usize = 1_000_000;

/// A larger terminal SNR leaves so much signal at the last timestep that the reverse process starts
/// from noise that training never saw (Lin et al. 2023, arXiv:2305.08891, §3.1).
pub const LARGEST_TERMINAL_SNR: f64 = 1e-3;

/// A schedule that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    #[error("num_train_timesteps is {0}; it must be from 1 to {MAX_TRAIN_TIMESTEPS}")]
    Length(usize),
    #[error(
        "trained_betas has {given} values for num_train_timesteps {expected}; \
         set num_train_timesteps to the number of values"
    )]
    TrainedLength { given: usize, expected: usize },
    #[error(
        "beta at timestep {timestep} is {value}; every beta must lie between 0 and 1, \
         check beta_start, beta_end, trained_betas and rescale_betas_zero_snr"
    )]
    Beta { timestep: usize, value: f32 },
    #[error("timestep {timestep} is out of range; this schedule has timesteps 0 to {last}")]
    Timestep { timestep: usize, last: usize },
}

/// Algorithm 1 of Lin et al. 2023 (arXiv:2305.08891): √ᾱ shifted and scaled so
/// that the last timestep is pure noise and the first stays what it was.
fn rescale_zero_terminal_snr(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = cumprod(betas).iter().map(|a| a.sqrt()).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    let scale = first / (first - last);
    let mut previous = 1.0;
    roots
        .iter()
        .map(|root| {
            let root = (root - last) * scale;
            let alpha_bar = root * root;
            1.0 - alpha_bar / std::mem::replace(&mut previous, alpha_bar)
        })
        .collect()
}

/// `torch.cumprod(1 - betas)`: float32 in and out, accumulated in float64.
fn cumprod(betas: &[f32]) -> Vec<f32> {
    betas
        .iter()
        .scan(1.0, |product, beta| {
            *product *= f64::from(1.0 - beta);
            Some(*product as f32)
        })
        .collect()
}

/// The tables that forward and reverse process read.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// β_t, the variance that step t of the forward chain adds.
    pub betas: Vec<f32>,
    /// ᾱ_t, the share of the data's variance that is left at t.
    pub alphas_cumprod: Vec<f32>,
}

impl Schedule {
    /// Tables of `num_train_timesteps` entries, on request rescaled to zero terminal SNR.
    pub fn new(
        rule: &BetaSchedule,
        num_train_timesteps: usize,
        rescale_betas_zero_snr: bool,
    ) -> Result<Self, ScheduleError> {
        if !(1..=MAX_TRAIN_TIMESTEPS).contains(&num_train_timesteps) {
            return Err(ScheduleError::Length(num_train_timesteps));
        }
        let mut betas = rule.betas(num_train_timesteps);
        if betas.len() != num_train_timesteps {
            let (given, expected) = (betas.len(), num_train_timesteps);
            return Err(ScheduleError::TrainedLength { given, expected });
        }
        check(&betas)?;
        if rescale_betas_zero_snr {
            betas = rescale_zero_terminal_snr(&betas);
            check(&betas)?;
        }
        Ok(Self { alphas_cumprod: cumprod(&betas), betas })
    }

    /// T, the number of training timesteps.
    pub fn num_train_timesteps(&self) -> usize {
        self.betas.len()
    }

    /// ᾱ_t.
    pub fn alpha_bar(&self, timestep: usize) -> Result<f32, ScheduleError> {
        let last = self.alphas_cumprod.len() - 1;
        let alpha_bar = self.alphas_cumprod.get(timestep).copied();
        alpha_bar.ok_or(ScheduleError::Timestep { timestep, last })
    }

    /// ᾱ/(1 − ᾱ) of the last timestep: 0 is pure noise, [`LARGEST_TERMINAL_SNR`] almost.
    pub fn terminal_snr(&self) -> f64 {
        self.alphas_cumprod.last().map_or(f64::INFINITY, |&a| snr(a))
    }

    /// Whether so little of the picture is left at the last timestep that the reverse process,
    /// which starts from nothing but noise, starts from what training saw (Lin et al. 2023).
    pub fn ends_in_noise(&self) -> bool {
        self.terminal_snr() <= LARGEST_TERMINAL_SNR
    }

    /// β at a timestep that may lie between two; beyond the schedule, that of its end.
    pub fn beta_at(&self, timestep: f32) -> f32 {
        let timestep = timestep.clamp(0.0, (self.betas.len() - 1) as f32);
        let (below, share) = (timestep as usize, timestep.fract());
        let above = self.betas[(below + 1).min(self.betas.len() - 1)];
        self.betas[below] + share * (above - self.betas[below])
    }
}

/// ᾱ/(1 − ᾱ), the ratio of signal to noise variance.
pub fn snr(alpha_bar: f32) -> f64 {
    let alpha_bar = f64::from(alpha_bar);
    alpha_bar / (1.0 - alpha_bar)
}

/// √((1 − ᾱ)/ᾱ), the noise level of x_t/√ᾱ_t; Karras et al. 2022's σ.
pub fn sigma(alpha_bar: f32) -> f64 {
    snr(alpha_bar).recip().sqrt()
}

fn check(betas: &[f32]) -> Result<(), ScheduleError> {
    match betas.iter().position(|&beta| !(beta > 0.0 && beta <= 1.0)) {
        Some(timestep) => Err(ScheduleError::Beta { timestep, value: betas[timestep] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str, count: usize, rescale: bool) -> Schedule {
        let (_, rule) = BetaSchedule::PRESETS.into_iter().find(|(known, _)| *known == name).unwrap();
        Schedule::new(&rule, count, rescale).unwrap()
    }

    /// The table of `diffusion.md`, recomputed there in float64 for T = 1000. Its
    /// last cosine figure is held to 1e-4: 1 − 0.999 has that error in float32.
    #[test]
    fn alphas_cumprod_are_the_published_ones() {
        for (name, middle, end) in [
            ("linear", 0.0785872, 4.03583e-5),
            ("scaled_linear", 0.2776697, 4.66010e-3),
            ("quadratic", 0.3331878, 7.33412e-4),
            ("sigmoid", 0.3019311, 3.96818e-5),
            ("cosine", 0.4938436, 2.42877e-9),
        ] {
            let schedule = preset(name, 1000, false);
            for (timestep, expected, tolerance) in [(499, middle, 2e-6), (999, end, 1e-4)] {
                let relative = f64::from(schedule.alphas_cumprod[timestep]) / expected - 1.0;
                assert!(relative.abs() < tolerance, "{name}[{timestep}]: off by {relative:e}");
            }
        }
    }

    #[test]
    fn zero_terminal_snr_ends_in_pure_noise_and_keeps_the_start() {
        let (plain, rescaled) = (preset("linear", 1000, false), preset("linear", 1000, true));
        assert_eq!(rescaled.terminal_snr(), 0.0);
        assert_eq!(sigma(rescaled.alphas_cumprod[999]), f64::INFINITY);
        assert!((rescaled.betas[0] - plain.betas[0]).abs() < 1e-7);
    }

    #[test]
    fn beta_between_two_timesteps_is_between_theirs() {
        let schedule = preset("linear", 1000, false);
        let [low, high] = [500, 501].map(|t| schedule.betas[t]);
        assert_eq!(schedule.beta_at(500.0), low);
        assert!((schedule.beta_at(500.5) - (low + high) / 2.0).abs() < 1e-7);
        assert_eq!((schedule.beta_at(-1.0), schedule.beta_at(1e6)), (schedule.betas[0], schedule.betas[999]));
    }

    #[test]
    fn a_short_linear_schedule_never_reaches_noise() {
        let schedule = preset("linear", 300, false);
        assert!((schedule.alphas_cumprod[299].sqrt() - 0.219).abs() < 1e-3);
        assert!(schedule.terminal_snr() > 0.05 && !schedule.ends_in_noise());
    }

    #[test]
    fn impossible_schedules_are_named() {
        let linear = BetaSchedule::Linear(Ends::HO_2020);
        assert_eq!(Schedule::new(&linear, 0, false), Err(ScheduleError::Length(0)));
        assert!(Schedule::new(&linear, MAX_TRAIN_TIMESTEPS + 1, false).is_err());
        assert!(Schedule::new(&linear, 1, true).is_err(), "0/0 in the rescaling");
        for beta in [0.0, -1.0, 1.5, f32::NAN] {
            let rule = BetaSchedule::Trained(vec![0.5, beta]);
            let error = Schedule::new(&rule, 2, false).unwrap_err();
            assert!(matches!(error, ScheduleError::Beta { timestep: 1, .. }), "{error}");
        }
        let error = Schedule::new(&BetaSchedule::Trained(vec![0.5]), 2, false).unwrap_err();
        assert_eq!(error, ScheduleError::TrainedLength { given: 1, expected: 2 });
    }
}

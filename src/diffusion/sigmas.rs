//! Noise levels σ = √((1 − ᾱ)/ᾱ): of a schedule, and respaced over its range.
//!
//! As in diffusers the table is float32, and what is computed from it float64.

use super::beta_quantile::beta_quantile;
use super::named::named_enum;
use super::schedule::Schedule;
use super::single_log;

named_enum! {
    /// How a run's noise levels lie between the largest and the smallest.
    pub enum SigmaRule("sigmas") {
        /// Those of the visited timesteps.
        Native = "native",
        /// (σ_max^{1/ρ} + u·(σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ, ρ = 7; Karras et al. 2022, eq. 5.
        Karras = "karras",
        /// Evenly in ln σ.
        Exponential = "exponential",
        /// By the quantiles of Beta(0.6, 0.6); Lee et al. 2024 (arXiv:2407.12173).
        Beta = "beta",
    }
}

named_enum! {
    /// Where the last step goes.
    pub enum FinalSigma("final_sigmas_type") {
        /// To clean data.
        Zero = "zero",
        /// To the schedule's smallest noise level.
        SigmaMin = "sigma_min",
    }
}

/// Karras et al. 2022, eq. 5, of `count` levels.
pub fn karras(max: f64, min: f64, rho: f64, count: usize) -> Vec<f64> {
    let [top, bottom] = [max, min].map(|sigma| libm::pow(sigma, 1.0 / rho));
    let level = |u: f64| libm::pow(top + u * (bottom - top), rho);
    linspace(0.0, 1.0, count).into_iter().map(level).collect()
}

/// `count` levels from `max` to `min`, even in ln σ.
pub fn exponential(max: f64, min: f64, count: usize) -> Vec<f64> {
    linspace(libm::log(max), libm::log(min), count).into_iter().map(libm::exp).collect()
}

fn beta(max: f64, min: f64, count: usize) -> Vec<f64> {
    let level = |u: f64| min + beta_quantile(1.0 - u, 0.6) * (max - min);
    linspace(0.0, 1.0, count).into_iter().map(level).collect()
}

/// `numpy.linspace`.
pub(super) fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = if count > 1 { (end - start) / (count - 1) as f64 } else { 0.0 };
    let at = |i: usize| if i > 0 && i + 1 == count { end } else { i as f64 * step + start };
    (0..count).map(at).collect()
}

impl SigmaRule {
    /// `count` levels from `max` to `min`; None for the native ones.
    pub fn levels(self, max: f64, min: f64, count: usize) -> Option<Vec<f64>> {
        match self {
            Self::Native => None,
            Self::Karras => Some(karras(max, min, 7.0, count)),
            Self::Exponential => Some(exponential(max, min, count)),
            Self::Beta => Some(beta(max, min, count)),
        }
    }
}

/// σ and ln σ of every training timestep.
#[derive(Clone, Debug)]
pub struct SigmaTable {
    pub sigmas: Vec<f32>,
    logs: Vec<f32>,
}

impl SigmaTable {
    /// Pure noise counts as ᾱ = 2⁻²⁴, whose σ is finite.
    pub fn of(schedule: &Schedule) -> Self {
        let sigma = |&alpha_bar: &f32| {
            let alpha_bar = if alpha_bar == 0.0 { 2f32.powi(-24) } else { alpha_bar };
            ((1.0 - alpha_bar) / alpha_bar).sqrt()
        };
        let sigmas: Vec<f32> = schedule.alphas_cumprod.iter().map(sigma).collect();
        let logs = sigmas.iter().map(|&sigma| single_log::ln(sigma)).collect();
        Self { sigmas, logs }
    }

    /// σ at a timestep that may lie between two (`numpy.interp`).
    pub fn at(&self, timestep: f64) -> f64 {
        let last = self.sigmas.len() - 1;
        let below = (timestep.max(0.0) as usize).min(last);
        let low = f64::from(self.sigmas[below]);
        match self.sigmas.get(below + 1) {
            Some(&high) => (f64::from(high) - low) * (timestep.max(0.0) - below as f64) + low,
            None => low,
        }
    }

    /// The timestep of a noise level, linear in ln σ and kept within the schedule.
    pub fn timestep_of(&self, sigma: f64) -> f64 {
        let log = libm::log(sigma.max(1e-10));
        let below = self.below(|known| log >= f64::from(known));
        let [low, high] = [self.logs[below], self.logs[self.above(below)]];
        // float32, as the table's own difference
        let share = ((f64::from(low) - log) / f64::from(low - high)).clamp(0.0, 1.0);
        (1.0 - share) * below as f64 + share * self.above(below) as f64
    }

    /// The same in float32, as diffusers has it for levels between a run's own.
    pub fn timestep_of_single(&self, sigma: f32) -> f32 {
        let log = single_log::ln(sigma.max(1e-10));
        let below = self.below(|known| log >= known);
        let [low, high] = [self.logs[below], self.logs[self.above(below)]];
        let share = ((low - log) / (low - high)).clamp(0.0, 1.0);
        (1.0 - share) * below as f32 + share * self.above(below) as f32
    }

    fn below(&self, is_below: impl Fn(f32) -> bool) -> usize {
        let count = self.logs.partition_point(|&known| is_below(known));
        count.saturating_sub(1).min(self.logs.len().saturating_sub(2))
    }

    fn above(&self, below: usize) -> usize {
        (below + 1).min(self.logs.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::schedule::{BetaSchedule, Ends};

    #[test]
    fn timesteps_and_sigmas_are_inverse() {
        let schedule = Schedule::new(&BetaSchedule::Linear(Ends::HO_2020), 1000, false).unwrap();
        let table = SigmaTable::of(&schedule);
        for timestep in [0.0, 1.0, 500.0, 999.0] {
            assert!((table.timestep_of(table.at(timestep)) - timestep).abs() < 1e-3);
        }
        assert_eq!((table.timestep_of(1e-9), table.timestep_of(1e9)), (0.0, 999.0));
    }

    /// scipy.stats.beta.ppf and the formulas, as diffusers evaluates them.
    #[test]
    fn levels_fall_from_the_largest_to_the_smallest() {
        for rule in [SigmaRule::Karras, SigmaRule::Exponential, SigmaRule::Beta] {
            let levels = rule.levels(80.0, 0.002, 5).unwrap();
            assert!(levels.windows(2).all(|pair| pair[0] > pair[1]), "{levels:?}");
            assert!((levels[0] - 80.0).abs() < 1e-9 && (levels[4] - 0.002).abs() < 1e-9);
        }
        assert!((SigmaRule::Karras.levels(80.0, 0.002, 3).unwrap()[1] - 2.515_2).abs() < 1e-3);
    }
}

//! The exponential integrator's coefficients, in λ = ln(signal/noise).
//!
//! float32 in diffusers' order of operations: e^{−h} − 1 keeps few digits, and
//! they had better be the same ones.

use super::PlanError;
use crate::diffusion::prediction::Level;
use crate::diffusion::scheduler_config::AlgorithmType;

/// A noise level in the terms of DPM-Solver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub alpha: f32,
    pub sigma: f32,
    /// ∞ at σ = 0.
    pub lambda: f32,
}

impl Point {
    pub fn of(sigma: f32) -> Self {
        let Level { signal, noise } = Level::of_sigma(sigma);
        Self { alpha: signal, sigma: noise, lambda: ln(signal) - ln(noise) }
    }
}

/// Rounded once from float64: torch's float32 functions are the nearest number in 96 of 100
/// cases, which libm's own float32 ones are not.
pub(super) fn ln(x: f32) -> f32 {
    libm::log(x.into()) as f32
}

/// The same of e^x.
pub(super) fn exp(x: f32) -> f32 {
    libm::exp(x.into()) as f32
}

/// x_t = `sample`·x + `first`·D0 + `second`·D1 + `third`·D2 + `noise`·z, with D0 a
/// model output and D1, D2 its first two derivatives by λ/h.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub sample: f32,
    pub first: f32,
    /// By the midpoint rule.
    pub midpoint: f32,
    /// Exactly (diffusers' "heun").
    pub second: f32,
    pub third: f32,
    pub noise: f32,
}

/// From `s` to `t`.
pub(super) fn weights(algorithm: AlgorithmType, s: Point, t: Point) -> Weights {
    let h = t.lambda - s.lambda;
    let in_x0 = || {
        let e = exp(-h) - 1.0;
        let first = -(t.alpha * e);
        let (second, third) = (t.alpha * (e / h + 1.0), -(t.alpha * ((e + h) / (h * h) - 0.5)));
        Weights { sample: t.sigma / s.sigma, first, midpoint: 0.5 * first, second, third, noise: 0.0 }
    };
    let in_eps = |times: f32| {
        let e = exp(h) - 1.0;
        let first = -times * (t.sigma * e);
        let (second, third) = (-times * (t.sigma * (e / h - 1.0)), -(t.sigma * ((e - h) / (h * h) - 0.5)));
        Weights { sample: t.alpha / s.alpha, first, midpoint: 0.5 * first, second, third, noise: 0.0 }
    };
    match algorithm {
        AlgorithmType::DpmSolverPlusPlus | AlgorithmType::Deis => in_x0(),
        AlgorithmType::DpmSolver => in_eps(1.0),
        AlgorithmType::SdeDpmSolver => {
            let noise = t.sigma * (exp(2.0 * h) - 1.0).sqrt();
            Weights { noise, ..in_eps(2.0) }
        }
        AlgorithmType::SdeDpmSolverPlusPlus => {
            let (e, twice) = (1.0 - exp(-2.0 * h), 2.0 * h);
            let first = t.alpha * e;
            Weights {
                sample: t.sigma / s.sigma * exp(-h),
                first,
                midpoint: 0.5 * first,
                second: t.alpha * (e / -twice + 1.0),
                third: t.alpha * ((e - twice) / (twice * twice) - 0.5),
                noise: t.sigma * e.sqrt(),
            }
        }
    }
}

/// Coefficients of the model outputs m0 (newest), m1 and m2.
pub(super) type Outputs = [f32; 3];

pub(super) fn combine(terms: &[(f32, Outputs)]) -> Outputs {
    let mut sum = [0.0; 3];
    for (factor, outputs) in terms {
        for (sum, output) in sum.iter_mut().zip(outputs) {
            *sum += factor * output;
        }
    }
    sum
}

/// Refuses what the algorithm has no formula for, as diffusers does.
pub(super) fn check(algorithm: AlgorithmType, order: usize, ends_at_zero: bool) -> Result<(), PlanError> {
    let in_eps = matches!(algorithm, AlgorithmType::DpmSolver | AlgorithmType::SdeDpmSolver);
    if in_eps && ends_at_zero {
        return Err(PlanError::Option {
            key: "final_sigmas_type",
            value: "zero".into(),
            change: "choose sigma_min with algorithm_type dpmsolver, or dpmsolver++",
        });
    }
    if algorithm == AlgorithmType::SdeDpmSolver && order == 3 {
        return Err(PlanError::Option {
            key: "solver_order",
            value: "3".into(),
            change: "choose 1 or 2 with algorithm_type sde-dpmsolver",
        });
    }
    Ok(())
}

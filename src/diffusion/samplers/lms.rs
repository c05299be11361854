//! Linear multistep: the derivatives of four steps, as a polynomial in σ, integrated.

use super::terms::{copy, history, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting};
use crate::diffusion::row::{Register, Row};

/// diffusers' `LMSDiscreteScheduler`, of order 4.
pub(super) const LMS: SamplerEntry = SamplerEntry {
    name: "lms",
    title: "LMS",
    order: Some(4),
    paper: "Crowson: k-diffusion, sample_lms; Adams & Bashforth's method on uneven steps",
    diffusers_class: Some("LMSDiscreteScheduler"),
    plan,
    ..SOLVER
};

const ORDER: usize = 4;

/// x ← x + Σ_j ε̂_{i−j}·∫ℓ_j(τ)dτ from σ_i to σ_{i+1}, with Lagrange's ℓ_j.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let grid = setting.euler_grid(false)?;
    let start = setting.scaled_start(setting.init_noise_sigma(&grid.sigmas));
    let step = |step: usize| {
        let order = ORDER.min(step + 1);
        let mut terms = vec![(Register::Sample, 1.0)];
        for back in 0..order {
            let from = if back == 0 { Register::EpsHat } else { history(step - back) };
            terms.push((from, coefficient(&grid.sigmas, order, step, back)));
        }
        let assigns = vec![set(Register::Sample, &terms, 0.0), copy(history(step), Register::EpsHat)];
        let call = setting.call_at_sigma(grid.timesteps[step], grid.sigmas[step]);
        Row::part(step, assigns).after(call).completing()
    };
    Ok([start].into_iter().chain((0..grid.steps()).map(step)).collect())
}

/// ∫ℓ_back over the step: Gauss and Legendre's two points are exact for cubics.
fn coefficient(sigmas: &[f32], order: usize, step: usize, back: usize) -> f32 {
    let node = |back: usize| f64::from(sigmas[step - back]);
    let lagrange = |tau: f64| {
        let others = (0..order).filter(|&k| k != back);
        others.map(|k| (tau - node(k)) / (node(back) - node(k))).product::<f64>()
    };
    let (from, to) = (node(0), f64::from(sigmas[step + 1]));
    let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
    let offset = half / 3f64.sqrt();
    (half * (lagrange(middle - offset) + lagrange(middle + offset))) as f32
}

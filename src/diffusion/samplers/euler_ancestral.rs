//! Euler's method to less noise than wanted, then fresh noise up to it.

use super::terms::slide;
use super::{PlanError, SOLVER, SamplerEntry, Setting};
use crate::diffusion::row::{Register, Row};

/// diffusers' `EulerAncestralDiscreteScheduler`.
pub(super) const EULER_ANCESTRAL: SamplerEntry = SamplerEntry {
    name: "euler-a",
    title: "Euler ancestral",
    paper: "Crowson: k-diffusion, sample_euler_ancestral, after Song et al., arXiv:2011.13456",
    diffusers_class: Some("EulerAncestralDiscreteScheduler"),
    plan,
    ..SOLVER
};

/// σ_up² = σ_to²(σ_from² − σ_to²)/σ_from² and σ_down² = σ_to² − σ_up².
pub(super) fn ancestral(from: f32, to: f32) -> (f32, f32) {
    let (from2, to2) = (from * from, to * to);
    let up = (to2 * (from2 - to2) / from2).sqrt();
    (up, (to2 - up * up).max(0.0).sqrt())
}

/// x ← x + (σ_down − σ)·ε̂ + σ_up·z on x/√ᾱ.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let grid = setting.euler_grid(false)?;
    let start = setting.scaled_start(setting.init_noise_sigma(&grid.sigmas));
    let step = |step: usize| {
        let (from, to) = (grid.sigmas[step], grid.sigmas[step + 1]);
        let (up, down) = ancestral(from, to);
        let call = setting.call_at_sigma(grid.timesteps[step], from);
        Row::whole_step(step, call, slide(Register::Sample, down - from, up))
    };
    Ok([start].into_iter().chain((0..grid.steps()).map(step)).collect())
}

//! Euler's method on dx/dσ = ε̂: Karras et al. 2022, algorithm 2 without its correction.

use super::churn::Churned;
use super::terms::slide;
use super::{PlanError, SOLVER, SamplerEntry, Setting};
use crate::diffusion::prediction::PredictionType;
use crate::diffusion::row::{Call, Register, Row};

/// diffusers' `EulerDiscreteScheduler`.
pub(super) const EULER: SamplerEntry = SamplerEntry {
    name: "euler",
    title: "Euler",
    order: Some(1),
    paper: "Karras, Aittala, Aila, Laine: Elucidating the Design Space, arXiv:2206.00364",
    diffusers_class: Some("EulerDiscreteScheduler"),
    takes_churn: true,
    plan,
    ..SOLVER
};

/// x ← x + (σ_{i+1} − σ̂)·ε̂ on x/√ᾱ.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let grid = setting.euler_grid(false)?;
    let start = setting.scaled_start(setting.init_noise_sigma(&grid.sigmas));
    let step = |step: usize| {
        let churned = setting.churned(grid.sigmas[step]);
        let mut call = setting.call_at_sigma(grid.timesteps[step], grid.sigmas[step]);
        if setting.config.prediction_type == PredictionType::Epsilon {
            call.x0_from_output = -churned.sigma_hat;
        }
        euler_step(step, call, churned, grid.sigmas[step + 1])
    };
    Ok([start].into_iter().chain((0..grid.steps()).map(step)).collect())
}

/// One step to `sigma_next`. As diffusers has it, the network sees the sample before
/// churn's noise is added, so the noise n·z enters x and, with 1/σ̂ of what x̂0 does not
/// take of x, ε̂.
pub(super) fn euler_step(step: usize, call: Call, churned: Churned, sigma_next: f32) -> Row {
    let Churned { sigma_hat, noise } = churned;
    let dt = sigma_next - sigma_hat;
    let into_eps = (1.0 - call.x0_from_input) / sigma_hat;
    let call = Call { eps_divisor: sigma_hat, ..call };
    Row::whole_step(step, call, slide(Register::Sample, dt, noise * (1.0 + dt * into_eps)))
}

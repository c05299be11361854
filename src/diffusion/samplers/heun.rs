//! Heun's method, of second order: Karras et al. 2022, algorithm 1.

use super::terms::{copy, set, slide};
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Call, Register, Row};

/// diffusers' `HeunDiscreteScheduler`.
pub(super) const HEUN: SamplerEntry = SamplerEntry {
    name: "heun",
    title: "Heun",
    order: Some(2),
    paper: "Karras, Aittala, Aila, Laine: Elucidating the Design Space, arXiv:2206.00364",
    diffusers_class: Some("HeunDiscreteScheduler"),
    thresholds: Thresholds::Clip,
    plan,
    ..SOLVER
};

/// Two calls a step, one in the last, which ends at σ = 0: 2K − 1.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let grid = setting.euler_grid(false)?;
    let mut rows = vec![setting.scaled_start(setting.init_noise_sigma(&grid.sigmas))];
    for step in 0..grid.steps() {
        let call = |at: usize| setting.call_at_sigma(grid.timesteps[at], grid.sigmas[at]);
        let dt = if step + 1 < grid.steps() { grid.sigmas[step + 1] } else { 0.0 } - grid.sigmas[step];
        let second = (step + 1 < grid.steps()).then(|| call(step + 1));
        rows.extend(heun_step(step, call(step), second, dt));
    }
    Ok(rows)
}

/// x' = x + dt·ε̂(x), then x + dt·(ε̂(x) + ε̂(x'))/2; only the first without a second call.
/// The mean is a row of its own, so that it is rounded before it meets dt, as in diffusers:
/// with beta sigmas dt is in the thousands, and the two ε̂ all but cancel.
pub(super) fn heun_step(step: usize, first: Call, second: Option<Call>, dt: f32) -> Vec<Row> {
    let euler = slide(Register::Sample, dt, 0.0);
    let Some(second) = second else { return vec![Row::whole_step(step, first, euler)] };
    let [save, remember] =
        [copy(Register::Saved, Register::Sample), copy(Register::History0, Register::EpsHat)];
    let mean = set(Register::History0, &[(Register::History0, 0.5), (Register::EpsHat, 0.5)], 0.0);
    let terms = [(Register::Saved, 1.0), (Register::History0, dt)];
    vec![
        Row::part(step, vec![save, remember, euler]).after(first),
        Row::part(step, vec![mean]).after(second),
        Row::part(step, vec![set(Register::Sample, &terms, 0.0)]).completing(),
    ]
}

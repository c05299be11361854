//! DPM-Solver-2: the midpoint method in ln σ, plain and ancestral.

use super::euler_ancestral::ancestral;
use super::grid::Grid;
use super::lambda::{exp, ln};
use super::terms::{copy, slide};
use super::{PlanError, SOLVER, SamplerEntry, Setting};
use crate::diffusion::row::{Register, Row};

/// diffusers' `KDPM2DiscreteScheduler`.
pub(super) const DPM2: SamplerEntry = SamplerEntry {
    name: "dpm2",
    title: "DPM2",
    order: Some(2),
    paper: "Karras et al., arXiv:2206.00364, algorithm 2, with DPM-Solver-2's midpoint, arXiv:2206.00927",
    diffusers_class: Some("KDPM2DiscreteScheduler"),
    plan: |setting| plan(setting, false),
    ..SOLVER
};

/// diffusers' `KDPM2AncestralDiscreteScheduler`.
pub(super) const DPM2_ANCESTRAL: SamplerEntry = SamplerEntry {
    name: "dpm2-a",
    title: "DPM2 ancestral",
    order: None,
    diffusers_class: Some("KDPM2AncestralDiscreteScheduler"),
    plan: |setting| plan(setting, true),
    ..DPM2
};

/// Two calls a step, the second half-way in ln σ; one in the last, to σ = 0: 2K − 1.
/// x' = x + (σ_mid − σ)·ε̂(x), then x + (σ_down − σ)·ε̂(x') + σ_up·z.
fn plan(setting: &Setting, is_ancestral: bool) -> Result<Vec<Row>, PlanError> {
    let grid = setting.euler_grid(true)?;
    let mut rows = vec![setting.scaled_start(setting.init_noise_sigma(&grid.sigmas))];
    for step in 0..grid.steps() {
        let sigma = grid.sigmas[step];
        let first = setting.call_at_sigma(grid.timesteps[step], sigma);
        if step + 1 == grid.steps() {
            rows.push(Row::whole_step(step, first, slide(Register::Sample, -sigma, 0.0)));
            continue;
        }
        let next = grid.sigmas[step + 1];
        let (up, down) = if is_ancestral { ancestral(sigma, next) } else { (0.0, next) };
        let middle = middle(sigma, down, is_ancestral);
        let second = setting.call_at_sigma(timestep(&grid, middle), middle);
        let keep = copy(Register::Saved, Register::Sample);
        rows.push(Row::part(step, vec![keep, slide(Register::Sample, middle - sigma, 0.0)]).after(first));
        rows.push(Row::whole_step(step, second, slide(Register::Saved, down - sigma, up)));
    }
    Ok(rows)
}

fn timestep(grid: &Grid, sigma: f32) -> f32 {
    grid.table.timestep_of_single(sigma)
}

/// exp((ln σ + ln σ_down)/2), rounded as `torch.lerp` rounds from either side.
fn middle(sigma: f32, down: f32, from_sigma: bool) -> f32 {
    let (upper, lower) = (ln(sigma), ln(down));
    let end = if from_sigma { lower - (lower - upper) * 0.5 } else { upper - (upper - lower) * 0.5 };
    exp(end)
}

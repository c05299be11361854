//! DEIS: ε̂ of past steps, as a polynomial in ln ρ, integrated over ρ = noise/signal.

use super::grid::Family;
use super::lambda::{self, Point};
use super::terms::{copy, history, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Register, Row};
use crate::diffusion::scheduler_config::AlgorithmType;
use crate::diffusion::single_log::ln;

/// diffusers' `DEISMultistepScheduler`.
pub(super) const DEIS: SamplerEntry = SamplerEntry {
    name: "deis",
    title: "DEIS",
    order: Some(2),
    paper: "Zhang, Chen: Fast Sampling with Exponential Integrators, arXiv:2204.13902, log ρ multistep",
    diffusers_class: Some(CLASS),
    thresholds: Thresholds::Dynamic,
    plan,
    ..SOLVER
};

const CLASS: &str = "DEISMultistepScheduler";

/// x_t = α_t·(x/α_s + Σ_j C_j·ε̂_{i−j}); of order 1 it is DDIM.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let grid = setting.solver_grid(Family::Deis)?;
    let (most, steps) = (setting.order(CLASS), grid.steps());
    let falling = setting.config.solver.lower_order_final.unwrap_or(true) && setting.steps < 15;
    let row = |step: usize| {
        let left = if falling { steps - step } else { most };
        let order = most.min(step + 1).min(left);
        let (s, t) = (Point::of(grid.sigmas[step]), Point::of(grid.sigmas[step + 1]));
        let mut terms = vec![(Register::Sample, t.alpha / s.alpha)];
        if order == 1 {
            terms.push((Register::EpsHat, lambda::weights(AlgorithmType::DpmSolver, s, t).first));
        } else {
            let rho = |point: Point| point.sigma / point.alpha;
            let nodes: Vec<f32> = (0..order).map(|back| rho(Point::of(grid.sigmas[step - back]))).collect();
            for back in 0..order {
                let from = if back == 0 { Register::EpsHat } else { history(step - back) };
                terms.push((from, t.alpha * coefficient(rho(t), &nodes, back)));
            }
        }
        let assigns = vec![set(Register::Sample, &terms, 0.0), copy(history(step), Register::EpsHat)];
        let call = setting.call_at_level(grid.timesteps[step], grid.sigmas[step], true);
        Row::part(step, assigns).after(call).completing()
    };
    Ok((0..steps).map(row).collect())
}

/// ∫ℓ_back(ln τ)dτ from the newest node to `to`, by its antiderivative.
fn coefficient(to: f32, nodes: &[f32], back: usize) -> f32 {
    let others = |k: usize| nodes[(back + k) % nodes.len()];
    let integral = |t: f32| match nodes.len() {
        2 => linear(t, nodes[back], others(1)),
        _ => quadratic(t, nodes[back], others(1), others(2)),
    };
    integral(to) - integral(nodes[0])
}

fn linear(t: f32, b: f32, c: f32) -> f32 {
    t * (-ln(c) + ln(t) - 1.0) / (ln(b) - ln(c))
}

fn quadratic(t: f32, b: f32, c: f32, d: f32) -> f32 {
    let (lb, lc, ld, lt) = (ln(b), ln(c), ln(d), ln(t));
    let numerator = t * (lc * (ld - lt + 1.0) - ld * lt + ld + lt * lt - 2.0 * lt + 2.0);
    numerator / ((lb - lc) * (lb - ld))
}

//! DPM-Solver, multistep: the past calls give the derivatives, so a step is one call.

use super::grid::Family;
use super::lambda::{self, Outputs, Point, Weights, combine};
use super::terms::{copy, history, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Assign, Register, Row};
use crate::diffusion::scheduler_config::{AlgorithmType, SolverConfig, SolverType};
use crate::diffusion::sigmas::FinalSigma;

/// diffusers' `DPMSolverMultistepScheduler` of orders 1 and 2.
pub(super) const DPM_2M: SamplerEntry = SamplerEntry {
    name: "dpm++2m",
    title: "DPM-Solver++ (2M)",
    order: Some(2),
    paper: "Lu, Zhou, Bao, Chen, Li, Zhu: DPM-Solver++, arXiv:2211.01095, algorithm 2",
    diffusers_class: Some(CLASS),
    thresholds: Thresholds::Dynamic,
    fits: |solver| !is_stochastic(solver) && solver.solver_order < 3,
    plan: |setting| plan(setting, setting.order(CLASS).min(2), false),
    ..SOLVER
};

/// The same with `algorithm_type` sde-dpmsolver++.
pub(super) const DPM_2M_SDE: SamplerEntry = SamplerEntry {
    name: "dpm++2m-sde",
    title: "DPM-Solver++ (2M SDE)",
    order: None,
    fits: is_stochastic,
    plan: |setting| plan(setting, setting.order(CLASS), true),
    ..DPM_2M
};

/// The same of order 3.
pub(super) const DPM_3M: SamplerEntry = SamplerEntry {
    name: "dpm++3m",
    title: "DPM-Solver++ (3M)",
    order: Some(3),
    fits: |solver| !is_stochastic(solver) && solver.solver_order == 3,
    plan: |setting| plan(setting, 3, false),
    ..DPM_2M
};

const CLASS: &str = "DPMSolverMultistepScheduler";
/// Shorter runs end with lower orders.
const SHORT: usize = 15;

pub(super) fn is_stochastic(solver: &SolverConfig) -> bool {
    matches!(solver.algorithm_type, AlgorithmType::SdeDpmSolver | AlgorithmType::SdeDpmSolverPlusPlus)
}

fn plan(setting: &Setting, order: usize, stochastic: bool) -> Result<Vec<Row>, PlanError> {
    let solver = &setting.config.solver;
    let algorithm = setting.algorithm(stochastic);
    lambda::check(algorithm, order, solver.final_sigmas_type == FinalSigma::Zero)?;
    let grid = setting.solver_grid(Family::Multistep)?;
    let output = setting.output(algorithm);
    let row = |step: usize| {
        let order = order_at(setting, step, grid.steps() - step, order);
        let s = [0, 1, 2].map(|back| Point::of(grid.sigmas[step.saturating_sub(back)]));
        let weights = lambda::weights(algorithm, s[0], Point::of(grid.sigmas[step + 1]));
        let target = Point::of(grid.sigmas[step + 1]).lambda;
        let outputs = outputs(solver, order, weights, s, target);
        let mut terms = vec![(Register::Sample, weights.sample), (output, outputs[0])];
        terms.extend((1..order).map(|back| (history(step - back), outputs[back])));
        let next: Assign = set(Register::Sample, &terms, weights.noise);
        let call = setting.solver_call(algorithm, grid.timesteps[step], grid.sigmas[step]);
        Row::part(step, vec![next, copy(history(step), output)]).after(call).completing()
    };
    Ok((0..grid.steps()).map(row).collect())
}

/// The order of a step: rising at the start, falling at the end.
fn order_at(setting: &Setting, step: usize, left: usize, order: usize) -> usize {
    let solver = &setting.config.solver;
    let falling = solver.lower_order_final.unwrap_or(true) && setting.steps < SHORT;
    let euler = solver.euler_at_final || solver.final_sigmas_type == FinalSigma::Zero;
    let end = match left {
        1 if falling || euler => 1,
        2 if falling => 2,
        _ => order,
    };
    order.min(step + 1).min(end)
}

/// D0 = m0, D1 = (m0 − m1)/r0 and so on, as coefficients of m0, m1, m2.
fn outputs(solver: &SolverConfig, order: usize, weights: Weights, s: [Point; 3], target: f32) -> Outputs {
    let h = target - s[0].lambda;
    let m0 = [1.0, 0.0, 0.0];
    if order == 1 {
        return combine(&[(weights.first, m0)]);
    }
    let r0 = (s[0].lambda - s[1].lambda) / h;
    let d10 = [1.0 / r0, -1.0 / r0, 0.0];
    if order == 2 {
        let exact = solver.solver_type == Some(SolverType::Heun);
        let second = if exact { weights.second } else { weights.midpoint };
        return combine(&[(weights.first, m0), (second, d10)]);
    }
    let r1 = (s[1].lambda - s[2].lambda) / h;
    let d11 = [0.0, 1.0 / r1, -1.0 / r1];
    let change = combine(&[(1.0, d10), (-1.0, d11)]);
    let d1 = combine(&[(1.0, d10), (r0 / (r0 + r1), change)]);
    let d2 = combine(&[(1.0 / (r0 + r1), change)]);
    combine(&[(weights.first, m0), (weights.second, d1), (weights.third, d2)])
}

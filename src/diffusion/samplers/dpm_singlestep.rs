//! DPM-Solver, singlestep: two or three calls from one starting point, then the next.

use super::grid::Family;
use super::lambda::{self, Outputs, Point, Weights, combine};
use super::terms::{copy, history, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Register, Row};
use crate::diffusion::scheduler_config::SolverType;
use crate::diffusion::sigmas::FinalSigma;

/// diffusers' `DPMSolverSinglestepScheduler`; 2S where the config does not say another order.
pub(super) const DPM_2S: SamplerEntry = SamplerEntry {
    name: "dpm++2s",
    title: "DPM-Solver++ (2S)",
    order: Some(2),
    paper: "Lu, Zhou, Bao, Chen, Li, Zhu: DPM-Solver++, arXiv:2211.01095, algorithm 1",
    diffusers_class: Some(CLASS),
    thresholds: Thresholds::Dynamic,
    plan,
    ..SOLVER
};

const CLASS: &str = "DPMSolverSinglestepScheduler";

/// A scheduler step is one call; each group of them starts anew from where it began.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let solver = &setting.config.solver;
    let algorithm = setting.algorithm(super::dpm_multistep::is_stochastic(solver));
    let ends_at_zero = solver.final_sigmas_type == FinalSigma::Zero;
    lambda::check(algorithm, setting.order(CLASS), ends_at_zero)?;
    let grid = setting.solver_grid(Family::Singlestep)?;
    let output = setting.output(algorithm);
    let lower = solver.lower_order_final.unwrap_or(false);
    let orders = setting.begun(orders(setting.steps, setting.order(CLASS), lower, ends_at_zero));
    let row = |(step, &order): (usize, &usize)| {
        let order = order.min(step + 1);
        let s = [0, 1, 2].map(|back| Point::of(grid.sigmas[step.saturating_sub(back)]));
        let target = Point::of(grid.sigmas[step + 1]);
        let weights = lambda::weights(algorithm, s[order - 1], target);
        let outputs = outputs(solver.solver_type, order, weights, s, target.lambda);
        let from = if order == 1 { Register::Sample } else { Register::Saved };
        let mut terms = vec![(from, weights.sample), (output, outputs[0])];
        terms.extend((1..order).map(|back| (history(step - back), outputs[back])));
        let mut assigns = vec![set(Register::Sample, &terms, weights.noise), copy(history(step), output)];
        if order == 1 {
            assigns.push(copy(Register::Saved, Register::Sample));
        }
        let call = setting.solver_call(algorithm, grid.timesteps[step], grid.sigmas[step]);
        Row::part(step, assigns).after(call).completing()
    };
    Ok(orders.iter().enumerate().map(row).collect())
}

/// 1 2 1 2 … or 1 2 3 1 2 3 …, ending lower where the steps do not divide or on request.
fn orders(steps: usize, order: usize, lower_order_final: bool, ends_at_zero: bool) -> Vec<usize> {
    let whole = !lower_order_final && !ends_at_zero && steps.is_multiple_of(order);
    let mut orders: Vec<usize> = (0..steps).map(|step| step % order + 1).collect();
    // Where the last group would be whole, its last step is of order 1 instead.
    let divides = steps.is_multiple_of(order);
    if let Some(last) = orders.last_mut().filter(|_| ends_at_zero || (!whole && divides)) {
        *last = 1;
    }
    orders
}

fn outputs(
    solver_type: Option<SolverType>,
    order: usize,
    weights: Weights,
    s: [Point; 3],
    target: f32,
) -> Outputs {
    let exact = solver_type == Some(SolverType::Heun);
    let start = s[order - 1].lambda;
    let h = target - start;
    let r0 = (s[0].lambda - start) / h;
    match order {
        1 => combine(&[(weights.first, [1.0, 0.0, 0.0])]),
        2 => {
            let second = if exact { weights.second } else { weights.midpoint };
            combine(&[(weights.first, [0.0, 1.0, 0.0]), (second, [1.0 / r0, -1.0 / r0, 0.0])])
        }
        _ => {
            let r1 = (s[1].lambda - start) / h;
            let (d10, d11) = ([0.0, 1.0 / r1, -1.0 / r1], [1.0 / r0, 0.0, -1.0 / r0]);
            let first = (weights.first, [0.0, 0.0, 1.0]);
            if !exact {
                return combine(&[first, (weights.second, d11)]);
            }
            let d1 = combine(&[(r0 / (r0 - r1), d10), (-r1 / (r0 - r1), d11)]);
            let d2 = combine(&[(2.0 / (r0 - r1), d11), (-2.0 / (r0 - r1), d10)]);
            combine(&[first, (weights.second, d1), (weights.third, d2)])
        }
    }
}

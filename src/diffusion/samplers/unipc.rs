//! UniPC: a multistep predictor, and a corrector that costs no further call.

use super::grid::{Family, Grid};
use super::lambda::Point;
use super::terms::{copy, history, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::prediction::Level;
use crate::diffusion::row::{Register, Row};
use crate::diffusion::scheduler_config::{SolverConfig, SolverType};
use crate::diffusion::sigmas::FinalSigma;

/// diffusers' `UniPCMultistepScheduler`.
pub(super) const UNIPC: SamplerEntry = SamplerEntry {
    name: "unipc",
    title: "UniPC",
    order: Some(3),
    paper: "Zhao, Bai, Rao, Zhou, Lu: UniPC, arXiv:2302.04867, algorithms 5 to 8",
    diffusers_class: Some(CLASS),
    thresholds: Thresholds::Dynamic,
    plan,
    ..SOLVER
};

const CLASS: &str = "UniPCMultistepScheduler";

/// A step asks the network at the predicted sample, corrects it from where the step
/// before began (`Saved`), and predicts the next from the corrected one.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let solver = &setting.config.solver;
    check(solver)?;
    let grid = setting.solver_grid(Family::UniPc)?;
    let steps = grid.steps();
    let update = Update { setting, grid: &grid };
    let output = update.output();
    let mut rows = Vec::new();
    let mut order = 0;
    for step in 0..steps {
        let prediction = setting.config.prediction_type;
        let level = Level::of_sigma(grid.sigmas[step]);
        let call = setting.choices(prediction.call_at(grid.timesteps[step], level, false));
        let corrects = step > 0 && !solver.disable_corrector.contains(&(step - 1));
        let corrected =
            if corrects { vec![set(Register::Sample, &update.corrector(step, order), 0.0)] } else { vec![] };
        rows.push(Row::part(step, corrected).after(call));
        let left = if solver.lower_order_final.unwrap_or(true) { steps - step } else { steps };
        order = setting.order(CLASS).min(left).min(step + 1);
        let next = set(Register::Sample, &update.predictor(step, order), 0.0);
        let keep = [copy(Register::Saved, Register::Sample), copy(history(step), output)];
        rows.push(Row::part(step, [vec![next], keep.into()].concat()).completing());
    }
    Ok(rows)
}

/// In the step to no noise h is infinite: so are B(h) = h, and what ε̂ is weighted by.
fn check(solver: &SolverConfig) -> Result<(), PlanError> {
    let refused = |key, value: &str, change| Err(PlanError::Option { key, value: value.into(), change });
    match (solver.final_sigmas_type, solver.solver_type) {
        (FinalSigma::Zero, Some(SolverType::Bh1)) => {
            refused("solver_type", "bh1", "choose bh2, or final_sigmas_type sigma_min")
        }
        (FinalSigma::Zero, _) if !solver.predict_x0 => {
            refused("predict_x0", "false", "choose true, or final_sigmas_type sigma_min")
        }
        _ => Ok(()),
    }
}

struct Update<'a> {
    setting: &'a Setting<'a>,
    grid: &'a Grid,
}

/// What the predictor and the corrector of a step share.
struct Basis {
    /// Of x, and of m0 in the first-order part.
    sample: f32,
    first: f32,
    /// What the differences D are weighted by, before ρ.
    scale: f32,
    /// (λ_{s−k} − λ_s)/h of the older outputs, then 1.
    ratios: Vec<f32>,
    /// The right-hand side of the order conditions.
    conditions: Vec<f32>,
}

type Terms = Vec<(Register, f32)>;

impl Update<'_> {
    /// The register of the newest output, in what is integrated.
    fn output(&self) -> Register {
        if self.setting.config.solver.predict_x0 { Register::X0Hat } else { Register::EpsHat }
    }

    /// From step `from`'s level to the next, of `order`.
    fn basis(&self, from: usize, order: usize) -> Basis {
        let solver = &self.setting.config.solver;
        let point = |step: usize| Point::of(self.grid.sigmas[step]);
        let (s, t) = (point(from), point(from + 1));
        let h = t.lambda - s.lambda;
        let hh = if solver.predict_x0 { -h } else { h };
        let phi_1 = libm::expm1(hh.into()) as f32;
        let b_h = if solver.solver_type == Some(SolverType::Bh1) { hh } else { phi_1 };
        let mut ratios: Vec<f32> =
            (1..order).map(|back| (point(from - back).lambda - s.lambda) / h).collect();
        ratios.push(1.0);
        let (mut phi, mut factorial) = (phi_1 / hh - 1.0, 1.0);
        let mut conditions = Vec::new();
        for i in 1..=order {
            conditions.push(phi * factorial / b_h);
            factorial *= (i + 1) as f32;
            phi = phi / hh - 1.0 / factorial;
        }
        let (sample, weight) =
            if solver.predict_x0 { (t.sigma / s.sigma, t.alpha) } else { (t.alpha / s.alpha, t.sigma) };
        Basis { sample, first: -(weight * phi_1), scale: -(weight * b_h), ratios, conditions }
    }

    fn predictor(&self, step: usize, order: usize) -> Terms {
        let basis = self.basis(step, order);
        let shares = match order {
            1 => vec![],
            2 => vec![0.5],
            _ => solve(&basis.ratios[..order - 1], &basis.conditions[..order - 1]),
        };
        let mut terms = vec![(Register::Sample, basis.sample), (self.output(), basis.first)];
        for (back, share) in (1..order).zip(shares) {
            let weight = basis.scale * share / basis.ratios[back - 1];
            terms.extend([(history(step - back), weight), (self.output(), -weight)]);
        }
        terms
    }

    /// The step before, once more, now that the output at its end is known.
    fn corrector(&self, step: usize, order: usize) -> Terms {
        let from = step - 1;
        let basis = self.basis(from, order);
        let shares = if order == 1 { vec![0.5] } else { solve(&basis.ratios, &basis.conditions) };
        let mut terms = vec![(Register::Saved, basis.sample), (history(from), basis.first)];
        for (back, share) in (1..order).zip(&shares) {
            let weight = basis.scale * share / basis.ratios[back - 1];
            terms.extend([(history(from - back), weight), (history(from), -weight)]);
        }
        let weight = basis.scale * shares[order - 1];
        terms.extend([(self.output(), weight), (history(from), -weight)]);
        terms
    }
}

/// Solves Σ_k r_k^i·ρ_k = b_i, i = 0 …, by elimination in float64.
fn solve(ratios: &[f32], right: &[f32]) -> Vec<f32> {
    let n = ratios.len();
    let power = |r: f32, i: usize| f64::from(r).powi(i as i32);
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|i| ratios.iter().map(|&r| power(r, i)).chain([f64::from(right[i])]).collect()).collect();
    for column in 0..n {
        let pivot = rows[column].clone();
        for row in rows.iter_mut().skip(column + 1) {
            let factor = row[column] / pivot[column];
            row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
        }
    }
    let mut solution = vec![0.0; n];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| rows[i][k] * solution[k]).sum();
        solution[i] = (rows[i][n] - known) / rows[i][i];
    }
    solution.into_iter().map(|x| x as f32).collect()
}

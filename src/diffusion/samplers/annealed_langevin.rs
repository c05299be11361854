//! Annealed Langevin dynamics: Langevin steps at ever smaller noise levels. Song & Ermon 2019,
//! algorithm 1, with the step size and the last denoising of Song & Ermon 2020.

use super::terms::set;
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Register, Row};
use crate::diffusion::scheduler_config::TrainedSde;
use crate::diffusion::sde::{Sde, SdeKind};
use crate::diffusion::sigmas::exponential;

pub(super) const ALD: SamplerEntry = SamplerEntry {
    name: "ald",
    title: "Annealed Langevin",
    paper: "Song, Ermon: Generative Modeling by Estimating Gradients of the Data Distribution, \
            arXiv:1907.05600, and Improved Techniques for Score-Based Generative Models, arXiv:2006.09011",
    score_based: true,
    takes_langevin_steps: true,
    thresholds: Thresholds::Any,
    plan,
    ..SOLVER
};

/// Langevin steps at each noise level (the second paper, table 1).
const LANGEVIN_STEPS: usize = 5;

/// x ← x + α_i·score + √(2α_i)·z with α_i = r·σ_i² at level i; at the end x ← x̂0.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let score = match setting.config.solver.sde {
        Some(TrainedSde { sde: Sde::Ve { .. }, .. }) => setting.score()?,
        _ => setting.scheduled_score(Sde::from(SdeKind::Ve)),
    };
    let inner = setting.options.langevin_steps.unwrap_or(LANGEVIN_STEPS);
    let (max, min) = (score.sde.sigma(score.start), score.sde.sigma(score.end));
    let levels = exponential(max, min, setting.steps);
    let ratio = if setting.steps > 1 { levels[0] / levels[1] } else { 1.0 };
    let r = step_size(ratio, inner);

    let levels = setting.begun(levels);
    let mut rows = vec![setting.scaled_start(score.start_deviation(score.sde.time_of(levels[0])))];
    for (step, &sigma) in levels.iter().enumerate() {
        let call = score.call(Register::Sample, score.sde.time_of(sigma));
        let terms = [(Register::Sample, 1.0), (Register::EpsHat, (-r * sigma) as f32)];
        let langevin = set(Register::Sample, &terms, ((2.0 * r).sqrt() * sigma) as f32);
        let row = Row::part(step, vec![langevin]).after(call.clone());
        rows.extend(std::iter::repeat_n(row, inner));
        if step + 1 == levels.len() {
            let denoised = set(Register::Sample, &[(Register::X0Hat, 1.0)], 0.0);
            rows.push(Row::part(step, vec![denoised]).after(call));
        }
        if let Some(last) = rows.last_mut() {
            last.completes_step = true;
        }
    }
    Ok(rows)
}

/// The r for which `inner` steps leave a level's variance closest to σ_i², coming from a level
/// that is `ratio` times as noisy (the second paper, proposition 3 and technique 4).
fn step_size(ratio: f64, inner: usize) -> f64 {
    let excess = |r: f64| {
        let kept = libm::pow(1.0 - r, 2.0 * inner as f64);
        let stationary = 2.0 / (2.0 - r);
        (kept * (ratio * ratio - stationary) + stationary - 1.0).abs()
    };
    let candidates = (1..2000).map(|i| f64::from(i) / 2000.0);
    candidates.min_by(|a, b| excess(*a).total_cmp(&excess(*b))).unwrap_or(0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variance, over σ_i², that the recursion v ← (1 − r)²·v + 2r ends with.
    #[test]
    fn the_step_size_brings_the_variance_to_its_level() {
        for (ratio, inner) in [(1.1, 3), (1.2, 5), (2.0, 10), (5.0, 20)] {
            let r = step_size(ratio, inner);
            let variance =
                |r: f64| (0..inner).fold(ratio * ratio, |v, _| (1.0 - r) * (1.0 - r) * v + 2.0 * r);
            let off = (variance(r) - 1.0).abs();
            for other in [0.5 * r, 0.9 * r, (1.1 * r).min(0.99)] {
                assert!(off <= (variance(other) - 1.0).abs() + 1e-3, "ratio {ratio}: {r}");
            }
        }
    }
}

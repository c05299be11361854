//! Predictor and corrector: at each noise level Langevin steps, then a step of the reverse
//! SDE to the next level. Song et al. 2021, algorithms 2 to 5.

use super::reverse_sde::predict;
use super::score::Score;
use super::terms::set;
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Assign, Langevin, Register, Row};
use crate::diffusion::scheduler_config::TrainedSde;
use crate::diffusion::sde::Sde;

/// diffusers' `ScoreSdeVeScheduler`, for any of the equations.
pub(super) const PC: SamplerEntry = SamplerEntry {
    name: "pc",
    title: "Predictor–corrector",
    paper: "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole: Score-Based Generative Modeling \
            through SDEs, arXiv:2011.13456, algorithms 2–5",
    diffusers_class: Some("ScoreSdeVeScheduler"),
    score_based: true,
    takes_sde: true,
    takes_snr: true,
    takes_langevin_steps: true,
    thresholds: Thresholds::Any,
    plan,
    ..SOLVER
};

/// The paper's signal-to-noise ratio of a corrector's step.
const SNR: f32 = 0.16;
/// Steps of the discrete VP process that the paper's α_t = 1 − β_t belongs to.
const DISCRETE_STEPS: f64 = 1000.0;

/// A step's call and the combination that ends it.
struct Prediction {
    t: f64,
    assign: Assign,
}

fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let score = setting.score()?;
    let trained = setting.config.solver.sde;
    let exploding = trained.filter(|trained| matches!(trained.sde, Sde::Ve { .. }));
    let predictions = match exploding {
        Some(TrainedSde { sde: Sde::Ve { sigma_min, sigma_max }, .. }) => {
            setting.begun(reverse_diffusion(&score, setting.steps, sigma_min, sigma_max))
        }
        _ => euler_maruyama(&score, setting),
    };
    let own = |own: fn(TrainedSde) -> f64| trained.map(own);
    let langevin = Langevin {
        snr: setting.options.snr.or(own(|t| t.snr).map(|snr| snr as f32)).unwrap_or(SNR),
        all: exploding.is_some(),
    };
    let corrections =
        setting.options.langevin_steps.or(trained.map(|trained| trained.correct_steps)).unwrap_or(1);

    let mut rows = vec![setting.scaled_start(score.start_deviation(predictions[0].t))];
    for (step, Prediction { t, assign }) in predictions.into_iter().enumerate() {
        for _ in 0..corrections {
            rows.push(Row::part(step, Vec::new()).after(score.call(Register::Sample, t)));
            rows.push(correct(&score, t, step, langevin));
        }
        rows.push(Row::whole_step(step, score.call(Register::Sample, t), assign));
    }
    Ok(rows)
}

/// x ← x + ε·score + √(2ε)·z with ε = 2α·(snr·‖z‖/‖score‖)² and the score −ε̂/noise.
fn correct(score: &Score, t: f64, step: usize, langevin: Langevin) -> Row {
    let (_, noise) = score.sde.marginal(t);
    let alpha = 1.0 - score.sde.beta(t) / DISCRETE_STEPS;
    let terms = [(Register::Sample, 1.0), (Register::EpsHat, (-2.0 * alpha * noise) as f32)];
    let assign = set(Register::Sample, &terms, (2.0 * alpha.sqrt() * noise) as f32);
    Row { langevin: Some(langevin), ..Row::part(step, vec![assign]) }
}

fn euler_maruyama(score: &Score, setting: &Setting) -> Vec<Prediction> {
    let times = score.times(setting);
    let last = times.len() - 2;
    let step = |(step, pair): (usize, &[f64])| Prediction {
        t: pair[0],
        assign: predict(score, pair[0], pair[0] - pair[1], step < last),
    };
    times.windows(2).enumerate().map(step).collect()
}

/// x ← x + (σ_i² − σ_{i−1}²)·score + √(σ_i² − σ_{i−1}²)·z, with diffusers' noise levels: even in
/// ln σ, and after the smallest one 0.
fn reverse_diffusion(score: &Score, steps: usize, sigma_min: f64, sigma_max: f64) -> Vec<Prediction> {
    let count = steps.saturating_sub(1).max(1) as f64;
    let (low, high) = (libm::log(sigma_min), libm::log(sigma_max));
    let sigma = |i: usize| libm::exp(low + (high - low) * i as f64 / count);
    let prediction = |step: usize| {
        let t = 1.0 - (1.0 - score.end) * step as f64 / count;
        let i = (t * (steps - 1) as f64) as usize;
        let before = if i == 0 { 0.0 } else { sigma(i - 1) };
        let added = sigma(i) * sigma(i) - before * before;
        let (_, noise) = score.sde.marginal(t);
        let terms = [(Register::Sample, 1.0), (Register::EpsHat, (-added / noise) as f32)];
        let noise = if step + 1 < steps { added.sqrt() as f32 } else { 0.0 };
        Prediction { t, assign: set(Register::Sample, &terms, noise) }
    };
    (0..steps).map(prediction).collect()
}

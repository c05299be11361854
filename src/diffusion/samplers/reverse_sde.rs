//! The reverse-time SDE by the method of Euler and Maruyama: Song et al. 2021, eq. 6.

use super::score::Score;
use super::terms::set;
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Assign, Register, Row};
use crate::diffusion::sigmas::linspace;

/// diffusers' `ScoreSdeVpScheduler`, for any of the equations.
pub(super) const REVERSE_SDE: SamplerEntry = SamplerEntry {
    name: "reverse-sde",
    title: "Reverse SDE",
    paper: "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole: Score-Based Generative Modeling \
            through SDEs, arXiv:2011.13456, §3.3",
    diffusers_class: Some("ScoreSdeVpScheduler"),
    score_based: true,
    takes_sde: true,
    thresholds: Thresholds::Any,
    plan,
    ..SOLVER
};

fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let score = setting.score()?;
    let steps = steps(&score, setting);
    let last = steps.len() - 1;
    let row = |(step, &(t, h)): (usize, &(f64, f64))| {
        let predicted = predict(&score, t, h, step < last);
        Row::whole_step(step, score.call(Register::Sample, t), predicted)
    };
    let start = setting.scaled_start(score.start_deviation(steps[0].0));
    Ok([start].into_iter().chain(steps.iter().enumerate().map(row)).collect())
}

/// Where each step is, and how far it goes. diffusers' last time is `sampling_eps`, from which it
/// goes as far as from the others; ours is where the last step arrives.
fn steps(score: &Score, setting: &Setting) -> Vec<(f64, f64)> {
    if setting.config.solver.sde.is_some() {
        let h = 1.0 / setting.steps as f64;
        let times = setting.begun(linspace(score.start, score.end, setting.steps));
        return times.into_iter().map(|t| (t, h)).collect();
    }
    score.times(setting).windows(2).map(|pair| (pair[0], pair[0] - pair[1])).collect()
}

/// x ← x − h·(f·x − g²·score) + g·√h·z, with the score −ε̂/noise; without z the step's mean.
pub(super) fn predict(score: &Score, t: f64, h: f64, noisy: bool) -> Assign {
    let noise = score.noise(t);
    let (drift, diffusion) = (score.sde.drift(t), score.sde.diffusion_squared(t));
    let terms =
        [(Register::Sample, (1.0 - h * drift) as f32), (Register::EpsHat, (-h * diffusion / noise) as f32)];
    set(Register::Sample, &terms, if noisy { (diffusion * h).sqrt() as f32 } else { 0.0 })
}

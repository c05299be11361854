//! DDIM run upward: from a picture to the noise that DDIM makes it of.

use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::prediction::{Level, PredictionType};
use crate::diffusion::row::{Assign, Register, Row};
use crate::diffusion::spacing::TimestepSpacing;

/// diffusers' `DDIMInverseScheduler`.
pub(super) const DDIM_INVERSION: SamplerEntry = SamplerEntry {
    name: "ddim-inversion",
    title: "DDIM inversion",
    paper: "Song, Meng, Ermon: Denoising Diffusion Implicit Models, arXiv:2010.02502, §4.3",
    diffusers_class: Some("DDIMInverseScheduler"),
    default_spacing: TimestepSpacing::Leading,
    inverts: true,
    thresholds: Thresholds::Clip,
    plan,
    ..SOLVER
};

/// x_t = √ᾱ_t·x̂0 + √(1−ᾱ_t)·ε̂, with t rising; the sample is at t − ⌊T/S⌋, but the
/// network is asked at t.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    if setting.spacing() == TimestepSpacing::Linspace {
        return Err(PlanError::Option {
            key: "timestep_spacing",
            value: "linspace".into(),
            change: "DDIM inversion takes leading or trailing",
        });
    }
    let alphas_cumprod = &setting.schedule.alphas_cumprod;
    let stride = alphas_cumprod.len() / setting.steps;
    let timesteps = setting.timesteps()?;
    let starts_clean = setting.config.set_alpha_to_one.unwrap_or(true);
    let first_alpha_bar = if starts_clean { 1.0 } else { alphas_cumprod[0] };
    // ε̂ of a network that returns x̂0 is (x − x̂0)/0 at clean data.
    let is_clean = starts_clean && timesteps.iter().any(|&timestep| timestep < stride);
    if is_clean && setting.config.prediction_type == PredictionType::Sample {
        return Err(PlanError::Option {
            key: "set_alpha_to_one",
            value: "true".into(),
            change: "set it to false for a network of sample prediction",
        });
    }
    let row = |(step, timestep): (usize, usize)| {
        let alpha_bar = timestep.checked_sub(stride).map_or(first_alpha_bar, |from| alphas_cumprod[from]);
        let prediction = setting.config.prediction_type;
        let call = prediction.call_at(timestep as f32, Level::of_alpha_bar(alpha_bar), false);
        let to = Level::of_alpha_bar(alphas_cumprod[timestep]);
        let terms = [(Register::X0Hat, to.signal), (Register::EpsHat, to.noise)];
        Row::whole_step(step, setting.choices(call), Assign::new(Register::Sample, &terms, 0.0))
    };
    Ok(timesteps.into_iter().rev().enumerate().map(row).collect())
}

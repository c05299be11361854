//! DDIM: Song et al. 2020, eq. 12 and 16.

use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Assign, Register, Row};
use crate::diffusion::spacing::TimestepSpacing;

/// diffusers' `DDIMScheduler`.
pub(super) const DDIM: SamplerEntry = SamplerEntry {
    name: "ddim",
    title: "DDIM",
    order: Some(1),
    paper: "Song, Meng, Ermon: Denoising Diffusion Implicit Models, arXiv:2010.02502",
    diffusers_class: Some("DDIMScheduler"),
    takes_eta: true,
    default_spacing: TimestepSpacing::Leading,
    thresholds: Thresholds::Any,
    plan,
    ..SOLVER
};

/// x_p = √ᾱ_p·x̂0 + √(1−ᾱ_p−σ²)·ε̂ + σ·z with
/// σ = η·√((1−ᾱ_p)/(1−ᾱ_t))·√(1−ᾱ_t/ᾱ_p); in diffusers' order of operations.
///
/// As there, p = t − ⌊T/S⌋ whatever the spacing: where ⌊T/S⌋ is not T/S, p is
/// not quite the next visited timestep.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let eta = setting.options.eta;
    let alphas_cumprod = &setting.schedule.alphas_cumprod;
    let stride = alphas_cumprod.len() / setting.steps;
    let last_alpha_bar =
        if setting.config.set_alpha_to_one.unwrap_or(true) { 1.0 } else { alphas_cumprod[0] };
    let row = |(step, timestep): (usize, usize)| {
        let alpha_bar = alphas_cumprod[timestep];
        let prev = timestep.checked_sub(stride);
        let alpha_bar_prev = prev.map_or(last_alpha_bar, |prev| alphas_cumprod[prev]);
        let (noise_share, noise_share_prev) = (1.0 - alpha_bar, 1.0 - alpha_bar_prev);
        let variance = noise_share_prev / noise_share * (1.0 - alpha_bar / alpha_bar_prev);
        let std_dev = eta * variance.sqrt();
        let direction = noise_share_prev - std_dev * std_dev;
        // η = 1 after pure noise leaves 0, which rounding may put just below.
        if direction < -1e-6 {
            return Err(PlanError::EtaTooLarge { eta, timestep });
        }
        let terms = [(Register::X0Hat, alpha_bar_prev.sqrt()), (Register::EpsHat, direction.max(0.0).sqrt())];
        let assign = Assign::new(Register::Sample, &terms, std_dev);
        Ok(Row::whole_step(step, setting.call(timestep)?, assign))
    };
    setting.timesteps()?.into_iter().enumerate().map(row).collect()
}

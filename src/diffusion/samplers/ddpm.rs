//! DDPM, the ancestral sampler: Ho et al. 2020, algorithm 2 and eq. 7.

use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Assign, LearnedVariance, Register, Row};
use crate::diffusion::scheduler_config::VarianceType;
use crate::diffusion::spacing::TimestepSpacing;

/// diffusers' `DDPMScheduler`.
pub(super) const DDPM: SamplerEntry = SamplerEntry {
    name: "ddpm",
    title: "DDPM",
    paper: "Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models, arXiv:2006.11239",
    diffusers_class: Some("DDPMScheduler"),
    default_spacing: TimestepSpacing::Leading,
    thresholds: Thresholds::Any,
    plan,
    ..SOLVER
};

/// x_p = √ᾱ_p·β/(1−ᾱ_t)·x̂0 + √α·(1−ᾱ_p)/(1−ᾱ_t)·x_t + σ·z, with p the next visited
/// timestep, α = ᾱ_t/ᾱ_p and β = 1 − α; in diffusers' order of operations.
fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let timesteps = setting.timesteps()?;
    let alphas_cumprod = &setting.schedule.alphas_cumprod;
    let row = |(step, &timestep): (usize, &usize)| {
        let alpha_bar = alphas_cumprod[timestep];
        let alpha_bar_prev = timesteps.get(step + 1).map_or(1.0, |&prev| alphas_cumprod[prev]);
        let (noise_share, noise_share_prev) = (1.0 - alpha_bar, 1.0 - alpha_bar_prev);
        let alpha = alpha_bar / alpha_bar_prev;
        let beta = 1.0 - alpha;
        // β̃, the posterior's variance, kept above 0 because its log is taken.
        let posterior = (noise_share_prev / noise_share * beta).max(1e-20);

        let mut call = setting.call(timestep)?;
        let noise = match setting.config.variance_type {
            _ if timestep == 0 => 0.0,
            VarianceType::FixedSmall | VarianceType::FixedSmallLog => posterior.sqrt(),
            VarianceType::FixedLarge => beta.sqrt(),
            VarianceType::LearnedRange => {
                let (min_log, max_log) = (libm::logf(posterior), libm::logf(beta));
                call.learned_variance = Some(LearnedVariance { min_log, max_log });
                1.0
            }
        };
        let terms = [
            (Register::X0Hat, alpha_bar_prev.sqrt() * beta / noise_share),
            (Register::Sample, alpha.sqrt() * noise_share_prev / noise_share),
        ];
        Ok(Row::whole_step(step, call, Assign::new(Register::Sample, &terms, noise)))
    };
    timesteps.iter().enumerate().map(row).collect()
}

//! What a recipe sets in the place of the model's own scheduler config, and for which samplers that
//! means something.

use serde::Serialize;

use super::facts::Recipe;
use super::samplers::planned;
use crate::diffusion::UnknownName;
use crate::diffusion::samplers::{SamplerEntry, Thresholds};
use crate::diffusion::scheduler_config::{Overrides, SchedulerConfig, ThresholdRule};
use crate::diffusion::sigmas::SigmaRule;
use crate::diffusion::spacing::TimestepSpacing;
use crate::session::SessionError;

/// A model's own settings, by diffusers' names.
#[derive(Serialize)]
pub struct Own {
    /// None leaves it to the sampler.
    pub timestep_spacing: Option<&'static str>,
    pub sigmas: &'static str,
    pub threshold: &'static str,
}

impl Own {
    pub fn of(config: &SchedulerConfig) -> Self {
        Self {
            timestep_spacing: config.timestep_spacing.map(TimestepSpacing::name),
            sigmas: config.solver.sigmas.name(),
            threshold: ThresholdRule::of(config.threshold).name(),
        }
    }
}

/// What of it a sampler looks at.
#[derive(Serialize)]
pub struct Takes {
    /// The spacing of configs that leave it out; None of a sampler that visits no list of timesteps.
    pub timestep_spacing: Option<&'static str>,
    /// Whether it takes other noise levels than those of the visited timesteps.
    pub sigmas: bool,
    /// Whether its spacing has a meaning beside such levels.
    pub spaced_sigmas: bool,
    pub thresholds: &'static [&'static str],
}

impl Takes {
    /// Read off its programs.
    pub fn of(entry: &'static SamplerEntry) -> Self {
        let [leading, trailing] = [TimestepSpacing::Leading, TimestepSpacing::Trailing];
        let native = levels(entry, leading, SigmaRule::Native);
        let spaced = native != levels(entry, trailing, SigmaRule::Native);
        let karras = levels(entry, leading, SigmaRule::Karras);
        Self {
            timestep_spacing: spaced.then_some(entry.default_spacing.name()),
            sigmas: native != karras,
            spaced_sigmas: karras != levels(entry, trailing, SigmaRule::Karras),
            thresholds: match entry.thresholds {
                Thresholds::None => &[],
                Thresholds::Clip => &["none", "clip_sample"],
                Thresholds::Dynamic => &["none", "thresholding"],
                Thresholds::Any => ThresholdRule::NAMES,
            },
        }
    }
}

/// The noise level of every step.
fn levels(entry: &'static SamplerEntry, spacing: TimestepSpacing, sigmas: SigmaRule) -> Vec<f64> {
    let overrides = Overrides { timestep_spacing: Some(spacing), sigmas: Some(sigmas), threshold: None };
    let plan = planned(entry, &SchedulerConfig::default().with(&overrides), &Default::default());
    plan.map_or(Vec::new(), |plan| plan.steps.iter().map(|step| step.sigma).collect())
}

/// A model's config, as a recipe has it.
pub fn config(wish: &Recipe, own: &SchedulerConfig) -> Result<SchedulerConfig, SessionError> {
    let unknown = |e: UnknownName| SessionError::Recipe(e.to_string());
    let spacing = wish.timestep_spacing.as_deref().map(str::parse).transpose();
    let sigmas = wish.sigmas.as_deref().map(str::parse).transpose();
    let threshold = wish.threshold.as_deref().map(str::parse).transpose();
    Ok(own.with(&Overrides {
        timestep_spacing: spacing.map_err(unknown)?,
        sigmas: sigmas.map_err(unknown)?,
        threshold: threshold.map_err(unknown)?,
    }))
}

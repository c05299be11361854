//! What a run sets in the place of its model's own settings.

use super::SchedulerConfig;
use crate::diffusion::named::named_enum;
use crate::diffusion::row::Threshold;
use crate::diffusion::sigmas::SigmaRule;
use crate::diffusion::spacing::TimestepSpacing;

named_enum! {
    /// What is done to x̂0, by the config's key that asks for it; see [`Threshold`].
    pub enum ThresholdRule("threshold") {
        None = "none",
        ClipSample = "clip_sample",
        Thresholding = "thresholding",
    }
}

impl ThresholdRule {
    pub fn of(threshold: Threshold) -> Self {
        match threshold {
            Threshold::None => Self::None,
            Threshold::Static { .. } => Self::ClipSample,
            Threshold::Dynamic { .. } => Self::Thresholding,
        }
    }

    /// With the numbers that diffusers has by itself.
    fn threshold(self) -> Threshold {
        match self {
            Self::None => Threshold::None,
            Self::ClipSample => Threshold::Static { range: 1.0 },
            Self::Thresholding => Threshold::Dynamic { ratio: 0.995, max: 1.0 },
        }
    }
}

/// Settings that mean something to every model; `None` keeps the config's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overrides {
    pub timestep_spacing: Option<TimestepSpacing>,
    pub sigmas: Option<SigmaRule>,
    pub threshold: Option<ThresholdRule>,
}

impl SchedulerConfig {
    /// The config with these in the place of its own. A threshold of the config's own kind keeps its
    /// numbers.
    pub fn with(&self, overrides: &Overrides) -> Self {
        let mut config = self.clone();
        config.timestep_spacing = overrides.timestep_spacing.or(self.timestep_spacing);
        config.solver.sigmas = overrides.sigmas.unwrap_or(self.solver.sigmas);
        if let Some(rule) = overrides.threshold.filter(|rule| *rule != ThresholdRule::of(self.threshold)) {
            config.threshold = rule.threshold();
        }
        config
    }
}

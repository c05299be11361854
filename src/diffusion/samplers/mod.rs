//! Samplers: pure functions from a scheduler's config to rows.
//!
//! A further sampler is one file with a [`SamplerEntry`] and one line in [`SAMPLERS`].

mod ddim;
mod ddpm;
mod error;
mod facts;

use super::row::{Call, Row, Threshold};
use super::schedule::Schedule;
use super::scheduler_config::SchedulerConfig;
use super::spacing;

pub use error::PlanError;
pub use facts::StepFacts;

/// Every sampler there is.
pub static SAMPLERS: &[SamplerEntry] = &[ddpm::DDPM, ddim::DDIM];

/// A sampler: its names, and the function that writes its program.
#[derive(Debug)]
pub struct SamplerEntry {
    /// What the command line and the page's address call it.
    pub name: &'static str,
    pub title: &'static str,
    pub paper: &'static str,
    /// The `_class_name` of the scheduler configs that mean it.
    pub diffusers_class: &'static str,
    /// Whether [`SamplerOptions::eta`] has a meaning for it; it is ignored otherwise.
    pub takes_eta: bool,
    plan: fn(&Setting) -> Result<Vec<Row>, PlanError>,
}

/// What a run chooses beyond the scheduler's config, whose own fields (spacing,
/// threshold, prediction type, …) are overridden by changing them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SamplerOptions {
    /// DDIM's η: 0 is deterministic, 1 ancestral.
    pub eta: f32,
    /// s in ε_u + s(ε_c − ε_u): 1 is the conditional model, 0 the unconditional.
    pub guidance_scale: f32,
    /// Re-derive ε̂ from the x̂0 that thresholding left (diffusers' option of this name).
    pub use_clipped_model_output: bool,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self { eta: 0.0, guidance_scale: 1.0, use_clipped_model_output: false }
    }
}

/// A sampler's program, and what there is to know of it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub sampler: &'static SamplerEntry,
    pub schedule: Schedule,
    pub rows: Vec<Row>,
    /// One entry a scheduler step.
    pub steps: Vec<StepFacts>,
}

impl Plan {
    /// The network calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.rows.iter().filter_map(|row| row.call.as_ref())
    }
}

impl SamplerEntry {
    /// The sampler called `name`, as "ddim".
    pub fn by_name(name: &str) -> Result<&'static Self, PlanError> {
        let found = SAMPLERS.iter().find(|sampler| sampler.name == name);
        found.ok_or_else(|| PlanError::UnknownSampler(short(name)))
    }

    /// The sampler that a config's `_class_name` means.
    pub fn of_config(config: &SchedulerConfig) -> Result<&'static Self, PlanError> {
        let class = config.class_name.as_deref().ok_or(PlanError::NoClass)?;
        let found = SAMPLERS.iter().find(|sampler| sampler.diffusers_class == class);
        found.ok_or_else(|| PlanError::UnknownClass(short(class)))
    }

    /// The program of a run of `steps` scheduler steps, from 1 to num_train_timesteps.
    pub fn plan(
        &'static self,
        config: &SchedulerConfig,
        steps: usize,
        options: &SamplerOptions,
    ) -> Result<Plan, PlanError> {
        let schedule = config.schedule()?;
        let most = schedule.num_train_timesteps();
        if !(1..=most).contains(&steps) {
            return Err(PlanError::Steps { steps, most });
        }
        if !(options.eta >= 0.0 && options.eta.is_finite()) {
            return Err(PlanError::Eta(options.eta));
        }
        if !options.guidance_scale.is_finite() {
            return Err(PlanError::GuidanceScale(options.guidance_scale));
        }
        check_threshold(config.threshold)?;
        let rows = (self.plan)(&Setting { config, schedule: &schedule, steps, options })?;
        let steps = facts::of(&schedule, &rows);
        if let Some(row) = rows.iter().find(|row| !row.is_finite()) {
            let StepFacts { timestep, alpha_bar, .. } = steps[row.step];
            return Err(PlanError::NotFinite { timestep, alpha_bar });
        }
        Ok(Plan { sampler: self, schedule, rows, steps })
    }
}

/// All that a sampler's `plan` looks at.
struct Setting<'a> {
    config: &'a SchedulerConfig,
    schedule: &'a Schedule,
    steps: usize,
    options: &'a SamplerOptions,
}

impl Setting<'_> {
    /// The timesteps that the config's spacing visits, noisiest first.
    fn timesteps(&self) -> Result<Vec<usize>, PlanError> {
        let SchedulerConfig { timestep_spacing, steps_offset, .. } = *self.config;
        let total = self.schedule.num_train_timesteps();
        let visited = spacing::timesteps(timestep_spacing, total, self.steps, steps_offset);
        match visited[0] {
            timestep if timestep < total => Ok(visited),
            timestep => Err(PlanError::Timestep { timestep, last: total - 1, steps_offset }),
        }
    }

    /// The network call on the sample at `timestep`.
    fn call(&self, timestep: usize) -> Result<Call, PlanError> {
        let SchedulerConfig { prediction_type, threshold, .. } = *self.config;
        let SamplerOptions { guidance_scale, use_clipped_model_output, .. } = *self.options;
        let alpha_bar = self.schedule.alpha_bar(timestep)?;
        let call = prediction_type.call(timestep as f32, alpha_bar, use_clipped_model_output);
        if call.x0_from_input.is_infinite() {
            return Err(PlanError::PureNoise { timestep });
        }
        Ok(Call { guidance_scale, threshold, ..call })
    }
}

fn check_threshold(threshold: Threshold) -> Result<(), PlanError> {
    let above_zero = |value: f32| value > 0.0 && value.is_finite();
    let possible = match threshold {
        Threshold::None => true,
        Threshold::Static { range } => above_zero(range),
        Threshold::Dynamic { ratio, max } => (0.0..=1.0).contains(&ratio) && above_zero(max),
    };
    if possible { Ok(()) } else { Err(PlanError::Threshold(threshold)) }
}

/// Enough of a name to recognise it by.
fn short(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests;

//! Why there is no plan.

use crate::diffusion::row::Threshold;
use crate::diffusion::schedule::ScheduleError;

use super::SAMPLERS;

/// A run that cannot be planned; each message says what to change.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    #[error("unknown sampler {0:?}; known are {known}", known = list(|sampler| Some(sampler.name)))]
    UnknownSampler(String),
    #[error(
        "the scheduler config's _class_name is {0:?}; known are {known}, or name a sampler",
        known = list(|sampler| sampler.diffusers_class)
    )]
    UnknownClass(String),
    #[error(
        "the scheduler config has no _class_name; name a sampler: {known}",
        known = list(|sampler| Some(sampler.name))
    )]
    NoClass,
    #[error("{steps} steps; choose from 1 to {most}, the model's num_train_timesteps")]
    Steps { steps: usize, most: usize },
    #[error("a run of {steps} steps cannot begin at step {begin}; choose an earlier one")]
    Begin { begin: usize, steps: usize },
    #[error("eta is {0}; it must be 0 (deterministic) or more, 1 is ancestral")]
    Eta(f32),
    #[error("eta {eta} adds more noise than timestep {timestep} has; choose 1 or less")]
    EtaTooLarge { eta: f32, timestep: usize },
    #[error("{sampler} takes no {what}; set it to 0, or choose a sampler that has it")]
    NoSuchNoise { what: &'static str, sampler: &'static str },
    #[error("{sampler} takes no {what}; leave it out, or choose a sampler that has it")]
    NoSuchOption { what: &'static str, sampler: &'static str },
    #[error("snr is {0}; it must be a number above 0, as 0.16")]
    Snr(f32),
    #[error("langevin_steps is {0}; choose from 1 to 1000")]
    LangevinSteps(usize),
    #[error("tolerance is {0}; choose from 1e-6, which is what float32 resolves, to 1")]
    Tolerance(f32),
    #[error(
        "this model's network answers with the score at a noise level, which {sampler} does not ask for; \
         choose pc, reverse-sde, ald, pf-ode or rk45"
    )]
    ScoreNetwork { sampler: &'static str },
    #[error("sde is {0}, but this model was trained with {1}; leave it out")]
    OtherSde(&'static str, &'static str),
    #[error("s_churn is {0}; it must be 0 (deterministic) or more, and s_noise a finite number")]
    Churn(f32),
    #[error("the guidance interval from {low} to {high} holds no timestep; give the lower one first")]
    GuidanceInterval { low: f32, high: f32 },
    #[error("{key} is {value}, which this sampler does not take: {change}")]
    Option { key: &'static str, value: String, change: &'static str },
    #[error("{steps} steps fall twice on timestep {timestep}; choose fewer steps or another spacing")]
    Repeated { timestep: f32, steps: usize },
    #[error("{sampler} needs {least} steps or more, and has {steps}: choose more, or another sampler")]
    TooFewSteps { sampler: &'static str, steps: usize, least: usize },
    #[error("guidance_scale is {0}; it must be a finite number")]
    GuidanceScale(f32),
    #[error("{0:?} is no threshold: a clip range and a maximum must be above 0, a ratio from 0 to 1")]
    Threshold(Threshold),
    #[error(
        "steps_offset {steps_offset} makes the first timestep {timestep}, but the last one \
         is {last}; choose fewer steps or a smaller steps_offset"
    )]
    Timestep { timestep: usize, last: usize, steps_offset: usize },
    #[error(
        "timestep {timestep} is pure noise, from which epsilon prediction tells nothing of the \
         data; choose leading timestep_spacing, or a model of v_prediction or sample prediction"
    )]
    PureNoise { timestep: usize },
    #[error(
        "the schedule is too flat or too steep for float32 at timestep {timestep} \
         (alphas_cumprod {alpha_bar}), or a formula divides by a noise level of 0; check its betas, \
         final_sigmas_type and lower_order_final"
    )]
    NotFinite { timestep: f32, alpha_bar: f64 },
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

fn list(of: fn(&super::SamplerEntry) -> Option<&'static str>) -> String {
    let mut names: Vec<_> = SAMPLERS.iter().filter_map(of).collect();
    names.dedup();
    names.join(", ")
}

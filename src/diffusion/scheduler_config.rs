//! diffusers' `scheduler_config.json`.

mod overrides;
mod solver;

use serde_json::{Map, Value};

use super::named::{UnknownName, named_enum};
use super::prediction::PredictionType;
use super::row::Threshold;
use super::schedule::{BetaSchedule, Ends, MAX_TRAIN_TIMESTEPS, Schedule, ScheduleError};
use super::spacing::TimestepSpacing;

pub use overrides::{Overrides, ThresholdRule};
pub use solver::{AlgorithmType, Preconditioning, SolverConfig, SolverType, TrainedSde};

named_enum! {
    /// The variance of DDPM's reverse step. (diffusers' `learned` and `fixed_large_log`
    /// take the root of a raw output and of a negative logarithm: they are refused.)
    pub enum VarianceType("variance_type") {
        /// β̃, the posterior's.
        FixedSmall = "fixed_small",
        /// The same by way of its logarithm.
        FixedSmallLog = "fixed_small_log",
        /// β.
        FixedLarge = "fixed_large",
        /// Between the two, by the network's second half of channels.
        LearnedRange = "learned_range",
    }
}

/// A scheduler's settings. A run overrides one by changing the field, or some by
/// [`SchedulerConfig::with`]; `None` leaves a setting to the sampler's own default.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulerConfig {
    /// `_class_name`; see [`SamplerEntry::of_config`](super::samplers::SamplerEntry::of_config).
    pub class_name: Option<String>,
    pub num_train_timesteps: usize,
    /// `beta_schedule` with `beta_start` and `beta_end`, or `trained_betas`.
    pub beta_schedule: BetaSchedule,
    pub rescale_betas_zero_snr: bool,
    pub prediction_type: PredictionType,
    pub variance_type: VarianceType,
    /// `thresholding` with its two numbers, else `clip_sample` with its range.
    pub threshold: Threshold,
    pub timestep_spacing: Option<TimestepSpacing>,
    /// What leading spacing adds to every timestep.
    pub steps_offset: usize,
    /// Whether DDIM's and PNDM's last step goes to ᾱ = 1, or to ᾱ of timestep 0.
    pub set_alpha_to_one: Option<bool>,
    /// What the faster solvers read.
    pub solver: SolverConfig,
}

/// The keys that are read; others, which configs are full of, mean nothing here.
pub const KEYS: &[&str] = &[
    "_class_name",
    "algorithm_type",
    "beta_end",
    "beta_max",
    "beta_min",
    "beta_schedule",
    "beta_start",
    "clip_sample",
    "clip_sample_range",
    "correct_steps",
    "disable_corrector",
    "dynamic_thresholding_ratio",
    "euler_at_final",
    "final_sigmas_type",
    "lambda_min_clipped",
    "lower_order_final",
    "num_train_timesteps",
    "predict_x0",
    "prediction_type",
    "rescale_betas_zero_snr",
    "rho",
    "sample_max_value",
    "sampling_eps",
    "set_alpha_to_one",
    "sigma_data",
    "sigma_max",
    "sigma_min",
    "sigma_schedule",
    "skip_prk_steps",
    "snr",
    "solver_order",
    "solver_type",
    "steps_offset",
    "thresholding",
    "timestep_spacing",
    "trained_betas",
    "use_beta_sigmas",
    "use_exponential_sigmas",
    "use_karras_sigmas",
    "variance_type",
];

/// Options of diffusers that have no counterpart here, and may only have their default.
const UNSUPPORTED: &[&str] =
    &["interpolation_type", "timestep_type", "use_dynamic_shifting", "use_flow_sigmas", "use_lu_lambdas"];

/// A scheduler config that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerConfigError {
    #[error("the scheduler config is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the scheduler config is not a JSON object, as {{\"_class_name\": \"DDPMScheduler\"}}")]
    NotAnObject,
    #[error("the scheduler config's {key} is {value}; it must be {expected}")]
    Value { key: &'static str, value: String, expected: String },
    #[error(
        "the scheduler config's variance_type is {0:?}, which diffusers itself computes \
         wrongly; use fixed_large or learned_range"
    )]
    BrokenVariance(String),
    #[error("in the scheduler config: {0}")]
    Name(#[from] UnknownName),
    #[error("in the scheduler config: {0}")]
    Schedule(#[from] ScheduleError),
}

impl Default for SchedulerConfig {
    /// `DDPMScheduler()`, whose shared keys default as `DDIMScheduler`'s do.
    fn default() -> Self {
        Self {
            class_name: None,
            num_train_timesteps: 1000,
            beta_schedule: BetaSchedule::Linear(Ends::HO_2020),
            rescale_betas_zero_snr: false,
            prediction_type: PredictionType::Epsilon,
            variance_type: VarianceType::FixedSmall,
            threshold: Threshold::Static { range: 1.0 },
            timestep_spacing: None,
            steps_offset: 0,
            set_alpha_to_one: None,
            solver: SolverConfig::default(),
        }
    }
}

impl SchedulerConfig {
    /// Reads the text of a `scheduler_config.json`. Missing keys and nulls mean the
    /// defaults of the config's own class.
    pub fn from_json(text: &str) -> Result<Self, SchedulerConfigError> {
        let Value::Object(map) = serde_json::from_str(text)? else {
            return Err(SchedulerConfigError::NotAnObject);
        };
        let keys = Keys(&map);
        let default = Self::default();
        let class_name = keys.text("_class_name")?;
        let config = Self {
            class_name: class_name.map(String::from),
            num_train_timesteps: keys.whole("num_train_timesteps", 1, default_timesteps(class_name))?,
            beta_schedule: keys.beta_schedule(default_ends(class_name))?,
            rescale_betas_zero_snr: keys.flag("rescale_betas_zero_snr", false)?,
            prediction_type: keys.named("prediction_type", default.prediction_type)?,
            variance_type: keys.variance_type(default.variance_type)?,
            threshold: keys.threshold(clips_by_default(class_name))?,
            timestep_spacing: keys.text("timestep_spacing")?.map(str::parse).transpose()?,
            steps_offset: keys.whole("steps_offset", 0, 0)?,
            set_alpha_to_one: keys.read("set_alpha_to_one", "true or false", Value::as_bool)?,
            solver: keys.solver(class_name)?,
        };
        config.schedule()?;
        Ok(config)
    }

    /// The tables of β and ᾱ.
    pub fn schedule(&self) -> Result<Schedule, ScheduleError> {
        Schedule::new(&self.beta_schedule, self.num_train_timesteps, self.rescale_betas_zero_snr)
    }
}

/// `num_train_timesteps` of a class's configs that leave it out.
fn default_timesteps(class_name: Option<&str>) -> usize {
    if matches!(class_name, Some("ScoreSdeVeScheduler" | "ScoreSdeVpScheduler")) { 2000 } else { 1000 }
}

/// `beta_start` and `beta_end` of a class's configs that leave them out.
fn default_ends(class_name: Option<&str>) -> Ends {
    match class_name {
        Some("HeunDiscreteScheduler" | "KDPM2DiscreteScheduler" | "KDPM2AncestralDiscreteScheduler") => {
            Ends::STABLE_DIFFUSION
        }
        _ => Ends::HO_2020,
    }
}

/// `clip_sample` of a class's configs that leave it out.
fn clips_by_default(class_name: Option<&str>) -> bool {
    let clipping = ["DDPMScheduler", "DDIMScheduler", "DDIMInverseScheduler"];
    class_name.is_none_or(|name| clipping.contains(&name))
}

/// Typed reading of a JSON object's keys.
struct Keys<'a>(&'a Map<String, Value>);

type Read<T> = Result<T, SchedulerConfigError>;

impl<'a> Keys<'a> {
    fn get(&self, key: &str) -> Option<&'a Value> {
        debug_assert!(KEYS.contains(&key) || UNSUPPORTED.contains(&key), "{key} is not listed");
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The key's value as `read` understands it.
    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Read<Option<T>> {
        let wrong = |value: &Value| SchedulerConfigError::Value {
            key,
            value: value.to_string().chars().take(80).collect(),
            expected: expected.into(),
        };
        self.get(key).map(|value| read(value).ok_or_else(|| wrong(value))).transpose()
    }

    fn text(&self, key: &'static str) -> Read<Option<&'a str>> {
        self.read(key, "a text", Value::as_str)
    }

    fn flag(&self, key: &'static str, default: bool) -> Read<bool> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(default))
    }

    fn whole(&self, key: &'static str, least: usize, default: usize) -> Read<usize> {
        let expected = format!("a whole number from {least} to {MAX_TRAIN_TIMESTEPS}");
        let in_range = |number: &usize| (least..=MAX_TRAIN_TIMESTEPS).contains(number);
        let whole = |value: &Value| usize::try_from(value.as_u64()?).ok().filter(in_range);
        Ok(self.read(key, &expected, whole)?.unwrap_or(default))
    }

    fn number(&self, key: &'static str, expected: &str, allowed: fn(f64) -> bool, default: f64) -> Read<f64> {
        let number = |value: &Value| value.as_f64().filter(|&number| allowed(number));
        Ok(self.read(key, expected, number)?.unwrap_or(default))
    }

    fn named<T: std::str::FromStr<Err = UnknownName>>(&self, key: &'static str, default: T) -> Read<T> {
        Ok(self.text(key)?.map(str::parse).transpose()?.unwrap_or(default))
    }

    fn variance_type(&self, default: VarianceType) -> Read<VarianceType> {
        match self.text("variance_type")? {
            Some(name @ ("learned" | "fixed_large_log")) => {
                Err(SchedulerConfigError::BrokenVariance(name.into()))
            }
            _ => self.named("variance_type", default),
        }
    }

    fn beta_schedule(&self, default: Ends) -> Read<BetaSchedule> {
        let beta = |key, default| {
            let allowed = |beta| beta > 0.0 && beta < 1.0;
            self.number(key, "a number between 0 and 1, as 0.02", allowed, default)
        };
        let ends = Ends { start: beta("beta_start", default.start)?, end: beta("beta_end", default.end)? };
        let numbers = |value: &Value| {
            let numbers = value.as_array()?.iter().map(Value::as_f64);
            numbers.map(|number| number.map(|number| number as f32)).collect()
        };
        if let Some(betas) = self.read("trained_betas", "a list of numbers", numbers)? {
            return Ok(BetaSchedule::Trained(betas));
        }
        let known = "linear, scaled_linear, quadratic, squaredcos_cap_v2 or sigmoid";
        let rule = |value: &Value| match value.as_str()? {
            "linear" => Some(BetaSchedule::Linear(ends)),
            "scaled_linear" | "quadratic" => Some(BetaSchedule::ScaledLinear(ends)),
            "squaredcos_cap_v2" => Some(BetaSchedule::SquaredCosCapV2),
            "sigmoid" => Some(BetaSchedule::Sigmoid(ends)),
            _ => None,
        };
        let rule = self.read("beta_schedule", known, rule)?;
        Ok(rule.unwrap_or(BetaSchedule::Linear(ends)))
    }

    fn threshold(&self, clips_by_default: bool) -> Read<Threshold> {
        let above_zero = |key| {
            let allowed = |number| number as f32 > 0.0 && (number as f32).is_finite();
            self.number(key, "a number above 0, as 1.0", allowed, 1.0)
        };
        let unit = |ratio| (0.0..=1.0).contains(&ratio);
        let ratio = self.number("dynamic_thresholding_ratio", "a number from 0 to 1", unit, 0.995)?;
        let max = above_zero("sample_max_value")?;
        let range = above_zero("clip_sample_range")?;
        let thresholding = self.flag("thresholding", false)?;
        let clip_sample = self.flag("clip_sample", clips_by_default)?;
        Ok(match (thresholding, clip_sample) {
            (true, _) => Threshold::Dynamic { ratio: ratio as f32, max: max as f32 },
            (false, true) => Threshold::Static { range: range as f32 },
            (false, false) => Threshold::None,
        })
    }
}

#[cfg(test)]
mod tests;

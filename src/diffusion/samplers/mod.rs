//! Samplers: pure functions from a scheduler's config to rows.
//!
//! A further sampler is one file with a [`SamplerEntry`] and one line in [`SAMPLERS`].

mod annealed_langevin;
mod churn;
mod ddim;
mod ddim_inversion;
mod ddpm;
mod deis;
mod dormand_prince;
mod dpm2;
mod dpm_multistep;
mod dpm_singlestep;
mod edm;
mod error;
mod euler;
mod euler_ancestral;
mod facts;
mod grid;
mod heun;
mod lambda;
mod lms;
mod pndm;
mod predictor_corrector;
mod reverse_sde;
mod score;
mod setting;
mod terms;
mod unipc;

use super::row::{Call, Row, Threshold};
use super::schedule::Schedule;
use super::scheduler_config::{SchedulerConfig, SolverConfig};
use super::sde::SdeKind;
use super::spacing::TimestepSpacing;
use setting::Setting;

pub use dormand_prince::{Adaptive, Attempt};
pub use error::PlanError;
pub use facts::StepFacts;

/// Every sampler there is.
pub static SAMPLERS: &[SamplerEntry] = &[
    ddpm::DDPM,
    ddim::DDIM,
    euler::EULER,
    euler_ancestral::EULER_ANCESTRAL,
    heun::HEUN,
    lms::LMS,
    dpm2::DPM2,
    dpm2::DPM2_ANCESTRAL,
    dpm_singlestep::DPM_2S,
    dpm_multistep::DPM_2M,
    dpm_multistep::DPM_2M_SDE,
    dpm_multistep::DPM_3M,
    deis::DEIS,
    unipc::UNIPC,
    pndm::PNDM,
    edm::EDM,
    edm::EDM_EULER,
    reverse_sde::REVERSE_SDE,
    predictor_corrector::PC,
    annealed_langevin::ALD,
    dormand_prince::PF_ODE,
    dormand_prince::RK45,
    ddim_inversion::DDIM_INVERSION,
    dormand_prince::PF_ODE_INVERSION,
];

/// What most samplers have in common: an entry says where it departs.
const SOLVER: SamplerEntry = SamplerEntry {
    name: "",
    title: "",
    paper: "",
    diffusers_class: None,
    takes_eta: false,
    takes_churn: false,
    order: None,
    score_based: false,
    takes_sde: false,
    takes_snr: false,
    takes_langevin_steps: false,
    takes_tolerance: false,
    inverts: false,
    default_spacing: TimestepSpacing::Linspace,
    thresholds: Thresholds::None,
    fits: |_| true,
    plan: |_| Ok(Vec::new()),
};

/// Which thresholds a sampler takes; as in diffusers, others are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thresholds {
    None,
    /// `clip_sample`.
    Clip,
    /// `thresholding`.
    Dynamic,
    Any,
}

/// A sampler: its names, and the function that writes its program.
#[derive(Debug)]
pub struct SamplerEntry {
    /// What the command line and the page's address call it.
    pub name: &'static str,
    pub title: &'static str,
    pub paper: &'static str,
    /// The `_class_name` of the scheduler configs that mean it; None where diffusers has none.
    pub diffusers_class: Option<&'static str>,
    /// The order of convergence in network calls; None of a method whose noise keeps it from
    /// converging to one answer.
    pub order: Option<u32>,
    /// Whether it works in continuous time, and with networks that answer with scores.
    pub score_based: bool,
    /// Whether [`SamplerOptions::eta`] has a meaning for it; another than 0 is refused otherwise.
    pub takes_eta: bool,
    /// The same of [`SamplerOptions::churn`].
    pub takes_churn: bool,
    /// The same of the options of these names.
    pub takes_sde: bool,
    pub takes_snr: bool,
    pub takes_langevin_steps: bool,
    pub takes_tolerance: bool,
    /// Whether it goes from data to noise.
    pub inverts: bool,
    /// Of configs that leave `timestep_spacing` out.
    pub default_spacing: TimestepSpacing,
    pub thresholds: Thresholds,
    /// Which of the configs of its class mean it, where several samplers share one.
    fits: fn(&SolverConfig) -> bool,
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
    /// The lowest and the highest timestep at which guidance acts; elsewhere s is 1
    /// (Kynkäänniemi et al. 2024, arXiv:2404.07724).
    pub guidance_interval: Option<(f32, f32)>,
    pub churn: Churn,
    /// The equation of the score-based samplers; VP, or what the model was trained with.
    pub sde: Option<SdeKind>,
    /// How large a Langevin corrector's steps are: 0.16, or the config's own.
    pub snr: Option<f32>,
    /// Langevin steps at each noise level.
    pub langevin_steps: Option<usize>,
    /// The error that an adaptive step may make, absolute and relative.
    pub tolerance: Option<f32>,
    /// Re-derive ε̂ from the x̂0 that thresholding left (diffusers' option of this name).
    pub use_clipped_model_output: bool,
    /// Steps that are left out at the start: the run begins with a sample of that step's noise
    /// level and of unit variance, and knows nothing of earlier steps (diffusers' `begin_index`,
    /// and SDEdit, arXiv:2108.01073).
    pub begin: usize,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self {
            eta: 0.0,
            guidance_scale: 1.0,
            guidance_interval: None,
            churn: Churn::default(),
            sde: None,
            snr: None,
            langevin_steps: None,
            tolerance: None,
            use_clipped_model_output: false,
            begin: 0,
        }
    }
}

/// EDM's churn: `s_churn` 0 is deterministic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn {
    pub s_churn: f32,
    /// The noise levels between which it acts.
    pub s_tmin: f32,
    pub s_tmax: f32,
    pub s_noise: f32,
}

impl Default for Churn {
    fn default() -> Self {
        Self { s_churn: 0.0, s_tmin: 0.0, s_tmax: f32::INFINITY, s_noise: 1.0 }
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
    /// How steps are divided where the sampler chooses their length: `rows` are then those of
    /// undivided steps, which the run does not execute as they are.
    pub adaptive: Option<Adaptive>,
}

impl Plan {
    /// The network calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.rows.iter().filter_map(|row| row.call.as_ref())
    }

    /// The step to begin at with a sample of noise level `sigma`: the last one that is as noisy, or
    /// the first one, up to which noise has to be added.
    pub fn step_of(&self, sigma: f64) -> usize {
        let as_noisy = |step: &StepFacts| step.sigma >= sigma * (1.0 - LEVEL_TOLERANCE);
        self.steps.iter().rposition(as_noisy).unwrap_or(0)
    }

    /// What a picture of the sample after `steps_done` steps is divided by, so that samples that
    /// grow with their noise level are seen as those of unit variance are.
    pub fn deviation(&self, steps_done: usize) -> f32 {
        let at_start = steps_done == 0;
        self.steps.get(steps_done).filter(|_| !at_start).map_or(1.0, |step| step.deviation)
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
        let means =
            |sampler: &&Self| sampler.diffusers_class == Some(class) && (sampler.fits)(&config.solver);
        let found = SAMPLERS.iter().find(means);
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
        self.check(options)?;
        self.check_begin(options.begin, steps)?;
        check_threshold(config.threshold)?;
        let setting = Setting { sampler: self, config, schedule: &schedule, steps, options };
        setting.check_network()?;
        let mut rows = (self.plan)(&setting)?;
        number_draws(&mut rows, options.begin);
        let adaptive = self.takes_tolerance.then(|| Adaptive::new(&setting)).transpose()?;
        let steps = facts::of(&rows);
        if let Some(row) = rows.iter().find(|row| !row.is_finite()) {
            let StepFacts { timestep, alpha_bar, .. } = steps[row.step];
            return Err(PlanError::NotFinite { timestep, alpha_bar });
        }
        Ok(Plan { sampler: self, schedule, rows, steps, adaptive })
    }

    /// An inversion ends in noise, and a run has to have a step left.
    fn check_begin(&self, begin: usize, steps: usize) -> Result<(), PlanError> {
        match begin {
            0 => Ok(()),
            _ if self.inverts => Err(PlanError::NoSuchOption { what: "begin", sampler: self.name }),
            _ if begin >= steps => Err(PlanError::Begin { begin, steps }),
            _ => Ok(()),
        }
    }

    /// The network call that it makes on x_t of a timestep, of unit variance.
    pub fn call(
        &'static self,
        config: &SchedulerConfig,
        timestep: usize,
        options: &SamplerOptions,
    ) -> Result<Call, PlanError> {
        let schedule = config.schedule()?;
        check_threshold(config.threshold)?;
        let setting = Setting { sampler: self, config, schedule: &schedule, steps: 1, options };
        setting.check_network()?;
        setting.call(timestep)
    }

    fn check(&self, options: &SamplerOptions) -> Result<(), PlanError> {
        let SamplerOptions { eta, guidance_scale, churn, .. } = *options;
        if !(eta >= 0.0 && eta.is_finite()) {
            return Err(PlanError::Eta(eta));
        }
        if eta != 0.0 && !self.takes_eta {
            return Err(PlanError::NoSuchNoise { what: "eta", sampler: self.name });
        }
        if !(churn.s_churn >= 0.0 && churn.s_churn.is_finite() && churn.s_noise.is_finite()) {
            return Err(PlanError::Churn(churn.s_churn));
        }
        if churn.s_churn != 0.0 && !self.takes_churn {
            return Err(PlanError::NoSuchNoise { what: "s_churn", sampler: self.name });
        }
        let without = |what| PlanError::NoSuchOption { what, sampler: self.name };
        let SamplerOptions { sde, snr, langevin_steps, tolerance, .. } = *options;
        match (sde, snr, langevin_steps, tolerance) {
            (Some(_), ..) if !self.takes_sde => return Err(without("sde")),
            (_, Some(_), ..) if !self.takes_snr => return Err(without("snr")),
            (_, _, Some(_), _) if !self.takes_langevin_steps => return Err(without("langevin_steps")),
            (_, _, _, Some(_)) if !self.takes_tolerance => return Err(without("tolerance")),
            (_, Some(snr), ..) if !(snr > 0.0 && snr.is_finite()) => return Err(PlanError::Snr(snr)),
            (_, _, Some(steps), _) if !(1..=1000).contains(&steps) => {
                return Err(PlanError::LangevinSteps(steps));
            }
            (_, _, _, Some(tolerance)) if !(1e-6..=1.0).contains(&tolerance) => {
                return Err(PlanError::Tolerance(tolerance));
            }
            _ => {}
        }
        if !guidance_scale.is_finite() {
            return Err(PlanError::GuidanceScale(guidance_scale));
        }
        match options.guidance_interval {
            Some((low, high)) if low.is_nan() || high.is_nan() || low > high => {
                Err(PlanError::GuidanceInterval { low, high })
            }
            _ => Ok(()),
        }
    }
}

/// Noise levels that differ by less are one: what float32 makes of it.
const LEVEL_TOLERANCE: f64 = 1e-4;

/// Slices of noise in the order of drawing, as many for each step as the busiest step has; those of
/// the steps before `begin` are nobody's.
fn number_draws(rows: &mut [Row], begin: usize) {
    let of_step = rows.chunk_by(|a, b| a.step == b.step);
    let draws = of_step.map(|rows| rows.iter().filter(|row| row.noise.is_some()).count());
    let most = draws.max().unwrap_or(0);
    for rows in rows.chunk_by_mut(|a, b| a.step == b.step) {
        for (draw, row) in rows.iter_mut().filter(|row| row.noise.is_some()).enumerate() {
            row.noise = Some((begin + row.step) * most + draw);
        }
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

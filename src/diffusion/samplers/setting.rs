//! What a sampler's `plan` looks at.

use super::{PlanError, SamplerEntry, SamplerOptions, Thresholds};
use crate::diffusion::prediction::Level;
use crate::diffusion::row::{Call, Register, Threshold};
use crate::diffusion::schedule::Schedule;
use crate::diffusion::scheduler_config::{AlgorithmType, SchedulerConfig};
use crate::diffusion::spacing::{self, TimestepSpacing};

/// All that a sampler's `plan` looks at.
pub(super) struct Setting<'a> {
    pub sampler: &'a SamplerEntry,
    pub config: &'a SchedulerConfig,
    pub schedule: &'a Schedule,
    pub steps: usize,
    pub options: &'a SamplerOptions,
}

/// Guidance and threshold of every call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choices {
    guidance_scale: f32,
    guidance_interval: Option<(f32, f32)>,
    threshold: Threshold,
}

impl Choices {
    pub fn of(self, call: Call) -> Call {
        let acts = |(low, high): (f32, f32)| (low..=high).contains(&call.timestep);
        let guided = self.guidance_interval.is_none_or(acts);
        let guidance_scale = if guided { self.guidance_scale } else { 1.0 };
        Call { guidance_scale, threshold: self.threshold, ..call }
    }
}

impl Setting<'_> {
    pub fn spacing(&self) -> TimestepSpacing {
        self.config.timestep_spacing.unwrap_or(self.sampler.default_spacing)
    }

    /// The timesteps that the run visits, noisiest first.
    pub fn timesteps(&self) -> Result<Vec<usize>, PlanError> {
        Ok(self.begun(self.whole_timesteps()?))
    }

    /// What a run that begins at a later step has left of a list with an entry for every step.
    pub fn begun<T>(&self, mut of_steps: Vec<T>) -> Vec<T> {
        of_steps.drain(..self.options.begin);
        of_steps
    }

    /// The timesteps that the spacing visits, those before the run begins included.
    pub fn whole_timesteps(&self) -> Result<Vec<usize>, PlanError> {
        let steps_offset = self.config.steps_offset;
        let total = self.schedule.num_train_timesteps();
        let visited = spacing::timesteps(self.spacing(), total, self.steps, steps_offset);
        match visited[0] {
            timestep if timestep < total => Ok(visited),
            timestep => Err(PlanError::Timestep { timestep, last: total - 1, steps_offset }),
        }
    }

    /// The network call on the sample at `timestep`, of unit variance.
    pub fn call(&self, timestep: usize) -> Result<Call, PlanError> {
        let level = Level::of_alpha_bar(self.schedule.alpha_bar(timestep)?);
        let clipped = self.options.use_clipped_model_output;
        let call = self.config.prediction_type.call_at(timestep as f32, level, clipped);
        if call.x0_divisor == 0.0 {
            return Err(PlanError::PureNoise { timestep });
        }
        Ok(self.choices(call))
    }

    /// The call with this run's guidance and threshold.
    pub fn choices(&self, call: Call) -> Call {
        self.chosen().of(call)
    }

    /// What this run chooses for every call.
    pub fn chosen(&self) -> Choices {
        let threshold = match (self.sampler.thresholds, self.config.threshold) {
            (Thresholds::Any, threshold) => threshold,
            (Thresholds::Clip, threshold @ Threshold::Static { .. }) => threshold,
            (Thresholds::Dynamic, threshold @ Threshold::Dynamic { .. }) => threshold,
            _ => Threshold::None,
        };
        let SamplerOptions { guidance_scale, guidance_interval, .. } = *self.options;
        Choices { guidance_scale, guidance_interval, threshold }
    }

    /// `solver_order` of a config of this class; of others, 2.
    pub fn order(&self, class: &str) -> usize {
        match self.config.class_name.as_deref() {
            Some(name) if name == class => self.config.solver.solver_order,
            _ => 2,
        }
    }

    /// What DPM-Solver integrates: x̂0 or ε̂ by the config, ODE or SDE by the sampler.
    pub fn algorithm(&self, stochastic: bool) -> AlgorithmType {
        use AlgorithmType::{Deis, DpmSolver, DpmSolverPlusPlus, SdeDpmSolver, SdeDpmSolverPlusPlus};
        match (self.config.solver.algorithm_type, stochastic) {
            (DpmSolver | SdeDpmSolver, false) => DpmSolver,
            (DpmSolver | SdeDpmSolver, true) => SdeDpmSolver,
            (DpmSolverPlusPlus | SdeDpmSolverPlusPlus | Deis, false) => DpmSolverPlusPlus,
            (DpmSolverPlusPlus | SdeDpmSolverPlusPlus | Deis, true) => SdeDpmSolverPlusPlus,
        }
    }

    /// The register of the newest model output, in what the algorithm integrates.
    pub fn output(&self, algorithm: AlgorithmType) -> Register {
        match algorithm {
            AlgorithmType::DpmSolver | AlgorithmType::SdeDpmSolver => Register::EpsHat,
            _ => Register::X0Hat,
        }
    }

    /// A call of the DPM family: ε̂ is re-derived where x̂0 was thresholded.
    pub fn solver_call(&self, algorithm: AlgorithmType, timestep: f32, sigma: f32) -> Call {
        let dynamic = matches!(self.config.threshold, Threshold::Dynamic { .. });
        self.call_at_level(timestep, sigma, dynamic && self.output(algorithm) == Register::EpsHat)
    }
}

//! A network as the score of a process in continuous time.

use super::setting::Choices;
use super::{PlanError, Setting};
use crate::diffusion::prediction::PredictionType;
use crate::diffusion::row::{Call, Register};
use crate::diffusion::scheduler_config::TrainedSde;
use crate::diffusion::sde::{Sde, SdeKind};
use crate::diffusion::sigmas::{SigmaTable, linspace};

/// What the score-based samplers ask: the score at a time is −ε̂/noise of a call there.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub sde: Sde,
    /// Where sampling starts and ends, times from 1 to 0.
    pub start: f64,
    pub end: f64,
    /// Whether sampling starts from a sample of data and noise, at another time than `start`.
    begins_late: bool,
    network: Network,
    choices: Choices,
}

/// What the network was trained to answer, and to be asked at.
#[derive(Clone, Debug)]
enum Network {
    /// The model's own prediction at a timestep of its schedule.
    Scheduled(SigmaTable, PredictionType),
    /// The score at a noise level (diffusers' `ScoreSdeVeScheduler`).
    Score,
    /// ε at a time, times so many timesteps (`ScoreSdeVpScheduler`).
    Continuous(f64),
}

impl Setting<'_> {
    /// The score of the model in the equation that the run asks for, VP if it asks for none.
    pub fn score(&self) -> Result<Score, PlanError> {
        let choices = self.chosen();
        if let Some(trained) = self.config.solver.sde {
            return self.trained_score(trained, choices);
        }
        let sde = Sde::from(self.options.sde.unwrap_or(SdeKind::Vp));
        Ok(self.scheduled_score(sde))
    }

    /// The score of a model of timesteps, within the noise levels that it knows.
    pub fn scheduled_score(&self, sde: Sde) -> Score {
        let table = SigmaTable::of(self.schedule);
        let known = |timestep: usize| f64::from(table.sigmas[timestep]);
        let start = sde.time_of(sde.sigma(1.0).min(known(table.sigmas.len() - 1)));
        let end = sde.time_of(sde.sigma(sde.earliest()).max(known(0)));
        let network = Network::Scheduled(table, self.config.prediction_type);
        Score { sde, start, end, begins_late: self.options.begin > 0, network, choices: self.chosen() }
    }

    fn trained_score(&self, trained: TrainedSde, choices: Choices) -> Result<Score, PlanError> {
        let TrainedSde { sde, sampling_eps: end, .. } = trained;
        let (kind, network) = match sde {
            Sde::Ve { .. } => (SdeKind::Ve, Network::Score),
            _ => (SdeKind::Vp, Network::Continuous((self.config.num_train_timesteps - 1) as f64)),
        };
        match self.options.sde {
            Some(asked) if asked != kind => Err(PlanError::OtherSde(asked.name(), kind.name())),
            _ => Ok(Score { sde, start: 1.0, end, begins_late: self.options.begin > 0, network, choices }),
        }
    }

    /// Whether the network answers what this sampler asks.
    pub fn check_network(&self) -> Result<(), PlanError> {
        let sampler = self.sampler;
        match self.config.solver.sde {
            Some(TrainedSde { sde: Sde::Ve { .. }, .. }) if !sampler.score_based => {
                Err(PlanError::ScoreNetwork { sampler: sampler.name })
            }
            _ => Ok(()),
        }
    }
}

impl Score {
    /// A call on `input`, which holds a sample of time `t`.
    pub fn call(&self, input: Register, t: f64) -> Call {
        let (level, sigma) = (self.sde.level(t), self.sde.sigma(t));
        let call = match &self.network {
            Network::Scheduled(table, prediction) => {
                prediction.call_at_scale(table.timestep_of(sigma) as f32, level)
            }
            Network::Score => PredictionType::score_call(sigma as f32, level),
            Network::Continuous(timesteps) => {
                PredictionType::Epsilon.call_at((t * timesteps) as f32, level, true)
            }
        };
        self.choices.of(Call { input, ..call })
    }

    /// The times at which the run's steps begin, and its end: even in t, or those of the rule's noise
    /// levels.
    pub fn times(&self, setting: &Setting) -> Vec<f64> {
        let (first, last) = (self.sde.sigma(self.start), self.sde.sigma(self.end));
        setting.begun(match setting.config.solver.sigmas.levels(first, last, setting.steps + 1) {
            Some(levels) => levels.into_iter().map(|sigma| self.sde.time_of(sigma)).collect(),
            None => linspace(self.start, self.end, setting.steps + 1),
        })
    }

    /// The noise of x_t, by which the score is −ε̂/noise. Near t = 0 the float32 of diffusers' VP
    /// keeps three digits of it, and its trajectories show which.
    pub fn noise(&self, t: f64) -> f64 {
        match (&self.network, self.sde) {
            (Network::Continuous(_), Sde::Vp { beta_min, beta_max }) => {
                let t = t as f32;
                let log_mean = -0.25 * (t * t) * (beta_max - beta_min) as f32 - 0.5 * t * beta_min as f32;
                (1.0 - libm::expf(2.0 * log_mean)).sqrt().into()
            }
            _ => self.sde.marginal(t).1,
        }
    }

    /// The deviation of x at `t`, where the run starts: all noise, but for runs that begin late.
    pub fn start_deviation(&self, t: f64) -> f32 {
        let level = self.sde.level(t);
        if self.begins_late { level.deviation() } else { level.noise }
    }
}

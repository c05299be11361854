//! A run's noise levels and timesteps, as diffusers' two families of solvers lay them.

use super::{PlanError, Setting};
use crate::diffusion::prediction::Level;
use crate::diffusion::row::Call;
use crate::diffusion::schedule::BetaSchedule;
use crate::diffusion::sigmas::{FinalSigma, SigmaRule, SigmaTable, linspace};
use crate::diffusion::spacing::{self, TimestepSpacing};

/// K noise levels, noisiest first, then the final one; and the K timesteps of the calls.
pub(super) struct Grid {
    pub sigmas: Vec<f32>,
    pub timesteps: Vec<f32>,
    pub table: SigmaTable,
}

/// Where a solver of the DPM family departs from the others.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Family {
    Multistep,
    Singlestep,
    Deis,
    UniPc,
}

impl Grid {
    pub fn steps(&self) -> usize {
        self.timesteps.len()
    }

    /// Two steps on one level would divide by 0; the final level may be the last one.
    fn checked(self) -> Result<Self, PlanError> {
        let steps = self.steps();
        match self.sigmas[..steps].windows(2).position(|pair| pair[0] <= pair[1]) {
            Some(at) => Err(PlanError::Repeated { timestep: self.timesteps[at + 1], steps }),
            None => Ok(self),
        }
    }
}

impl Setting<'_> {
    /// The grid of Euler, Heun, DPM2 and LMS: levels at (fractional) timesteps of the spacing.
    pub fn euler_grid(&self, round_karras: bool) -> Result<Grid, PlanError> {
        let table = SigmaTable::of(self.schedule);
        let solver = &self.config.solver;
        let last = (self.schedule.num_train_timesteps() - 1) as f64;
        let mut timesteps: Vec<f32> = match self.spacing() {
            TimestepSpacing::Linspace => {
                linspace(0.0, last, self.steps).into_iter().rev().map(|t| t as f32).collect()
            }
            _ => self.whole_timesteps()?.into_iter().map(|t| t as f32).collect(),
        };
        let native: Vec<f64> = timesteps.iter().map(|&t| table.at(t.into())).collect();
        let max = solver.sigma_max.unwrap_or(native[0]);
        let min = solver.sigma_min.unwrap_or(self.lowest(&native, &table));
        let levels = solver.sigmas.levels(max, min, self.steps);
        if let Some(levels) = &levels {
            let round = round_karras && solver.sigmas == SigmaRule::Karras;
            let timestep = |&sigma: &f64| match table.timestep_of(sigma) {
                t if round => t.round_ties_even() as f32,
                t => t as f32,
            };
            timesteps = levels.iter().map(timestep).collect();
        }
        let mut sigmas: Vec<f32> = levels.unwrap_or(native).iter().map(|&sigma| sigma as f32).collect();
        sigmas.push(self.final_sigma(table.sigmas[0]));
        self.begun_grid(sigmas, timesteps, table)
    }

    /// The lowest of the visited timesteps' levels, which respaced ones end at; where diffusers'
    /// list is one entry too long, that is timestep 0's.
    fn lowest(&self, native: &[f64], table: &SigmaTable) -> f64 {
        let total = self.schedule.num_train_timesteps();
        let trailing = self.spacing() == TimestepSpacing::Trailing;
        let too_long = trailing && spacing::trailing_is_too_long(total, self.steps);
        if too_long { table.at(0.0) } else { native[native.len() - 1] }
    }

    /// The grid of the DPM family, DEIS and UniPC: whole timesteps, one more of them
    /// than steps (the last is left out), levels over the whole schedule.
    pub fn solver_grid(&self, family: Family) -> Result<Grid, PlanError> {
        let table = SigmaTable::of(self.schedule);
        let solver = &self.config.solver;
        let smallest = table.sigmas[0];
        let max = solver.sigma_max.unwrap_or(table.sigmas[table.sigmas.len() - 1].into());
        let levels = solver.sigmas.levels(max, solver.sigma_min.unwrap_or(smallest.into()), self.steps);
        let (sigmas, timesteps): (Vec<f64>, Vec<f64>) = match levels {
            None => {
                let timesteps = self.solver_timesteps(family, &table)?;
                (timesteps.iter().map(|&t| table.at(t)).collect(), timesteps)
            }
            Some(levels) => {
                let timesteps = levels.iter().map(|&sigma| self.whole(table.timestep_of(sigma), family));
                let timesteps = timesteps.collect();
                (levels, timesteps)
            }
        };
        let mut sigmas: Vec<f32> = sigmas.iter().map(|&sigma| sigma as f32).collect();
        let respaced = solver.sigmas != SigmaRule::Native;
        let lowest = if respaced { sigmas[sigmas.len() - 1] } else { smallest };
        sigmas.push(match family {
            Family::Multistep | Family::Singlestep => self.final_sigma(smallest),
            Family::UniPc => self.final_sigma(lowest),
            Family::Deis => lowest,
        });
        let timesteps = timesteps.iter().map(|&t| t as f32).collect();
        self.begun_grid(sigmas, timesteps, table)
    }

    /// The grid of the steps that the run makes.
    fn begun_grid(
        &self,
        sigmas: Vec<f32>,
        timesteps: Vec<f32>,
        table: SigmaTable,
    ) -> Result<Grid, PlanError> {
        Grid { sigmas: self.begun(sigmas), timesteps: self.begun(timesteps), table }.checked()
    }

    /// As diffusers makes a level's timestep whole: rounded for Karras' levels, cut off otherwise.
    fn whole(&self, timestep: f64, family: Family) -> f64 {
        let cosine = self.config.beta_schedule == BetaSchedule::SquaredCosCapV2;
        match self.config.solver.sigmas {
            SigmaRule::Karras if !(cosine && family == Family::Multistep) => timestep.round_ties_even(),
            _ => timestep.trunc(),
        }
    }

    fn solver_timesteps(&self, family: Family, table: &SigmaTable) -> Result<Vec<f64>, PlanError> {
        let (steps, total) = (self.steps, self.schedule.num_train_timesteps());
        let end = total - self.clipped(family, table);
        let too_many = PlanError::Steps { steps, most: end.saturating_sub(1) };
        let spacing = if family == Family::Singlestep { TimestepSpacing::Linspace } else { self.spacing() };
        match spacing {
            TimestepSpacing::Linspace if end > 0 => {
                let all = linspace(0.0, (end - 1) as f64, steps + 1);
                Ok(all.into_iter().skip(1).rev().map(f64::round_ties_even).collect())
            }
            TimestepSpacing::Leading if end > steps => {
                let stride = end / (steps + 1);
                let offset = self.config.steps_offset;
                let timesteps = (1..=steps).rev().map(|i| (i * stride + offset) as f64).collect();
                self.in_range(timesteps)
            }
            TimestepSpacing::Trailing if end == total => {
                Ok(self.whole_timesteps()?.into_iter().map(|t| t as f64).collect())
            }
            TimestepSpacing::Trailing => Err(PlanError::Option {
                key: "lambda_min_clipped",
                value: self.config.solver.lambda_min_clipped.to_string(),
                change: "leave it out with trailing timestep_spacing",
            }),
            _ => Err(too_many),
        }
    }

    /// How many of the noisiest timesteps `lambda_min_clipped` leaves out.
    fn clipped(&self, family: Family, table: &SigmaTable) -> usize {
        let least = self.config.solver.lambda_min_clipped;
        match family {
            Family::Multistep | Family::Singlestep if least.is_finite() => {
                let below = |sigma: &&f32| -libm::log(f64::from(**sigma)) < least;
                table.sigmas.iter().filter(below).count()
            }
            _ => 0,
        }
    }

    fn in_range(&self, timesteps: Vec<f64>) -> Result<Vec<f64>, PlanError> {
        let last = self.schedule.num_train_timesteps() - 1;
        match timesteps[0] as usize {
            timestep if timestep <= last => Ok(timesteps),
            timestep => Err(PlanError::Timestep { timestep, last, steps_offset: self.config.steps_offset }),
        }
    }

    fn final_sigma(&self, smallest: f32) -> f32 {
        match self.config.solver.final_sigmas_type {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => smallest,
        }
    }

    /// What x_T ~ N(0, 1), or a later step's sample of unit variance, is multiplied by where samples
    /// are x/√ᾱ.
    pub fn init_noise_sigma(&self, sigmas: &[f32]) -> f32 {
        let max = sigmas[0];
        match self.spacing() {
            _ if self.options.begin > 0 => self.deviation(max),
            TimestepSpacing::Leading => (max * max + 1.0).sqrt(),
            TimestepSpacing::Linspace | TimestepSpacing::Trailing => max,
        }
    }

    /// Of a sample x/√ᾱ, for data of unit variance.
    pub fn deviation(&self, sigma: f32) -> f32 {
        Level::of_sigma(sigma).signal.recip()
    }

    /// A call on a sample x/√ᾱ.
    pub fn call_at_sigma(&self, timestep: f32, sigma: f32) -> Call {
        self.choices(self.config.prediction_type.call_at_sigma(timestep, sigma))
    }

    /// A call on a sample of unit variance.
    pub fn call_at_level(&self, timestep: f32, sigma: f32, eps_from_clipped: bool) -> Call {
        let level = Level::of_sigma(sigma);
        self.choices(self.config.prediction_type.call_at(timestep, level, eps_from_clipped))
    }
}

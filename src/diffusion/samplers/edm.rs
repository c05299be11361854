//! EDM: Karras et al. 2022, with its own preconditioning where the network was trained
//! with it, and with churn.

use super::churn::Churned;
use super::euler::euler_step;
use super::heun::heun_step;
use super::lambda::exp;
use super::terms::set;
use super::{PlanError, SOLVER, SamplerEntry, Setting};
use crate::diffusion::prediction::PredictionType;
use crate::diffusion::row::{Call, Register, Row};
use crate::diffusion::schedule::linspace;
use crate::diffusion::scheduler_config::Preconditioning;
use crate::diffusion::sigmas::{FinalSigma, SigmaTable, karras};

/// Algorithm 2: Heun's method with churn. diffusers has no such scheduler.
pub(super) const EDM: SamplerEntry = SamplerEntry {
    name: "edm",
    title: "EDM (Heun)",
    order: Some(2),
    paper: "Karras, Aittala, Aila, Laine: Elucidating the Design Space, arXiv:2206.00364, algorithm 2",
    diffusers_class: None,
    takes_churn: true,
    plan: heun,
    ..SOLVER
};

/// diffusers' `EDMEulerScheduler`.
pub(super) const EDM_EULER: SamplerEntry = SamplerEntry {
    name: "edm-euler",
    title: "EDM (Euler)",
    order: Some(1),
    diffusers_class: Some("EDMEulerScheduler"),
    plan: euler,
    ..EDM
};

/// The paper's σ_min and σ_max.
const SIGMA_MIN: f64 = 0.002;
const SIGMA_MAX: f64 = 80.0;

/// x ← x + (σ_{i+1} − σ̂)·(x − D(x; σ̂))/σ̂.
fn euler(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let edm = Edm::new(setting)?;
    let step = |step: usize| {
        let sigma = edm.sigmas[step];
        let churned = setting.churned(sigma);
        // As diffusers has it: asked at σ, but read as an answer at σ̂.
        let Call { input_divisor, timestep, .. } = edm.call(sigma);
        let call = Call { input_divisor, timestep, ..edm.call(churned.sigma_hat) };
        euler_step(step, call, churned, edm.sigmas[step + 1])
    };
    Ok([edm.start(edm.max.hypot(1.0))].into_iter().chain((0..edm.steps()).map(step)).collect())
}

/// Noise up to σ̂ in a row of its own, then Heun's step: 2K − 1 calls.
fn heun(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    let edm = Edm::new(setting)?;
    let mut rows = vec![edm.start(edm.sigmas[0].into())];
    for step in 0..edm.steps() {
        let Churned { sigma_hat, noise } = setting.churned(edm.sigmas[step]);
        if noise != 0.0 {
            rows.push(Row::part(step, vec![set(Register::Sample, &[(Register::Sample, 1.0)], noise)]));
        }
        let next = edm.sigmas[step + 1];
        let second = (next > 0.0).then(|| edm.call(next));
        rows.extend(heun_step(step, edm.call(sigma_hat), second, next - sigma_hat));
    }
    Ok(rows)
}

/// Even in ln σ, in float32 and from below as diffusers has it: a single level is the lowest.
fn rising_in_log(min: f64, max: f64, count: usize) -> Vec<f64> {
    let logs = linspace(libm::log(min), libm::log(max), count);
    logs.into_iter().rev().map(|log| exp(log).into()).collect()
}

struct Edm<'a> {
    setting: &'a Setting<'a>,
    sigmas: Vec<f32>,
    table: SigmaTable,
    max: f64,
}

impl<'a> Edm<'a> {
    /// The paper's levels; of a network trained otherwise, those within its schedule.
    fn new(setting: &'a Setting<'a>) -> Result<Self, PlanError> {
        let table = SigmaTable::of(setting.schedule);
        let solver = &setting.config.solver;
        let known = |timestep: usize| f64::from(table.sigmas[timestep]);
        let (mut min, mut max) = (SIGMA_MIN, SIGMA_MAX);
        if solver.preconditioning.is_none() {
            (min, max) = (min.max(known(0)), max.min(known(table.sigmas.len() - 1)));
        }
        let (min, max) = (solver.sigma_min.unwrap_or(min), solver.sigma_max.unwrap_or(max));
        let levels = match solver.preconditioning {
            Some(Preconditioning { exponential: true, .. }) => rising_in_log(min, max, setting.steps),
            Some(Preconditioning { rho, .. }) => karras(max, min, rho, setting.steps),
            None => karras(max, min, 7.0, setting.steps),
        };
        let mut sigmas: Vec<f32> = levels.iter().map(|&sigma| sigma as f32).collect();
        sigmas.push(match solver.final_sigmas_type {
            FinalSigma::Zero => 0.0,
            FinalSigma::SigmaMin => sigmas[sigmas.len() - 1],
        });
        if solver.preconditioning.is_some() && setting.config.prediction_type == PredictionType::Sample {
            return Err(PlanError::Option {
                key: "prediction_type",
                value: "sample".into(),
                change: "EDM's preconditioning takes epsilon or v_prediction",
            });
        }
        Ok(Self { setting, sigmas: setting.begun(sigmas), table, max })
    }

    fn steps(&self) -> usize {
        self.sigmas.len() - 1
    }

    /// x_T is scaled by `noise`: √(σ_max² + 1) as diffusers has it, σ_max in the paper.
    fn start(&self, noise: f64) -> Row {
        let late = self.setting.options.begin > 0;
        self.setting.scaled_start(if late { self.setting.deviation(self.sigmas[0]) } else { noise as f32 })
    }

    /// D(x; σ) = c_skip·x + c_out·F(c_in·x, ¼ln σ) with table 1's EDM column, or the
    /// network's own timestep at σ.
    fn call(&self, sigma: f32) -> Call {
        let Some(Preconditioning { sigma_data, .. }) = self.setting.config.solver.preconditioning else {
            let timestep = self.table.timestep_of(sigma.into()) as f32;
            return self.setting.call_at_sigma(timestep, sigma);
        };
        let data = (sigma_data * sigma_data) as f32;
        let variance = sigma * sigma + data;
        let out = sigma * sigma_data as f32 / variance.sqrt();
        let call = self.setting.call_at_sigma(0.25 * libm::logf(sigma), sigma);
        Call {
            input_divisor: variance.sqrt(),
            x0_from_input: data / variance,
            x0_from_output: if self.setting.config.prediction_type == PredictionType::Epsilon {
                out
            } else {
                -out
            },
            ..call
        }
    }
}

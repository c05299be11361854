//! PNDM: Adams and Bashforth's method on ε̂, on the curve that DDIM follows.

use super::terms::{copy, history, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting};
use crate::diffusion::prediction::PredictionType;
use crate::diffusion::row::{Assign, Call, Register, Row};
use crate::diffusion::spacing::TimestepSpacing;

/// diffusers' `PNDMScheduler`; PLMS with `skip_prk_steps`.
pub(super) const PNDM: SamplerEntry = SamplerEntry {
    name: "pndm",
    title: "PNDM",
    order: Some(4),
    paper: "Liu, Ren, Lin, Zhao: Pseudo Numerical Methods for Diffusion Models, arXiv:2202.09778",
    diffusers_class: Some("PNDMScheduler"),
    default_spacing: TimestepSpacing::Leading,
    plan,
    ..SOLVER
};

/// The newest output is ε̂'s register, the older ones are remembered.
const NEWEST: Register = Register::EpsHat;

fn plan(setting: &Setting) -> Result<Vec<Row>, PlanError> {
    if setting.config.prediction_type == PredictionType::Sample {
        return Err(PlanError::Option {
            key: "prediction_type",
            value: "sample".into(),
            change: "PNDM takes networks of epsilon or v_prediction; choose another sampler",
        });
    }
    let solver = Solver { setting, stride: setting.schedule.num_train_timesteps() / setting.steps };
    let timesteps = setting.timesteps()?;
    // Where fewer are left than warm up, there is no use in warming up.
    let begins_late = setting.options.begin > 0 && timesteps.len() < 4;
    if setting.config.solver.skip_prk_steps || begins_late {
        return solver.plms(&timesteps);
    }
    if setting.steps < 4 {
        let (sampler, steps) = (PNDM.title, setting.steps);
        return Err(PlanError::TooFewSteps { sampler, steps, least: 4 });
    }
    let warm_up = timesteps.windows(2).take(3).enumerate();
    let mut rows = Vec::new();
    for (step, pair) in warm_up {
        rows.extend(solver.runge_kutta(step, pair[0], pair[1])?);
    }
    for (step, &timestep) in timesteps.iter().enumerate().skip(3) {
        rows.push(solver.adams_bashforth(step, step, timestep)?);
    }
    Ok(rows)
}

struct Solver<'a> {
    setting: &'a Setting<'a>,
    stride: usize,
}

impl Solver<'_> {
    /// K + 1 calls: the second timestep is asked twice, to make up for the first step's order.
    fn plms(&self, timesteps: &[usize]) -> Result<Vec<Row>, PlanError> {
        let first = timesteps[0];
        let start = [copy(Register::Saved, Register::Sample), copy(history(0), NEWEST)];
        let euler = self.transfer(first, self.before(first), Register::Sample, &[(NEWEST, 1.0)])?;
        let row = Row::part(0, [vec![euler], start.into()].concat()).after(self.call(first)?);
        let Some(&second) = timesteps.get(1) else { return Ok(vec![row.completing()]) };
        let mean = [(history(0), 0.5), (NEWEST, 0.5)];
        let again = self.transfer(second + self.stride, Some(second), Register::Saved, &mean)?;
        let mut rows = vec![row, Row::part(0, vec![again]).after(self.call(second)?).completing()];
        for (step, &timestep) in timesteps.iter().enumerate().skip(1) {
            rows.push(self.adams_bashforth(step, step, timestep)?);
        }
        Ok(rows)
    }

    /// A step by as many outputs as there are, up to four; this one is number `count`.
    fn adams_bashforth(&self, step: usize, count: usize, timestep: usize) -> Result<Row, PlanError> {
        let shares: &[f32] = match count {
            0 => &[1.0],
            1 => &[3.0 / 2.0, -1.0 / 2.0],
            2 => &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
            _ => &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
        };
        let from = |back: usize| if back == 0 { NEWEST } else { history(count - back) };
        let outputs: Vec<_> = shares.iter().enumerate().map(|(back, share)| (from(back), *share)).collect();
        let next = self.transfer(timestep, self.before(timestep), Register::Sample, &outputs)?;
        let row = Row::part(step, vec![next, copy(history(count), NEWEST)]);
        Ok(row.after(self.call(timestep)?).completing())
    }

    /// Four calls from `from` to `to`: at `from`, twice half-way, at `to`. History3 adds up.
    fn runge_kutta(&self, step: usize, from: usize, to: usize) -> Result<Vec<Row>, PlanError> {
        let half = self.stride / 2;
        let middle = to + half;
        let sum = Register::History3;
        let to_from = |to: Option<usize>, start: Register, outputs: &[(Register, f32)]| {
            self.transfer(from, to, start, outputs)
        };
        let (saved, newest) = (Register::Saved, [(NEWEST, 1.0)]);
        let first = to_from(from.checked_sub(half), Register::Sample, &newest)?;
        let second = to_from(Some(middle), saved, &newest)?;
        let third = to_from(middle.checked_sub(half), saved, &newest)?;
        let last = to_from(Some(to), saved, &[(sum, 1.0), (NEWEST, 1.0 / 6.0)])?;
        let start = [first, copy(saved, Register::Sample), copy(history(step), NEWEST)];
        let begin = set(sum, &[(history(step), 1.0 / 6.0), (NEWEST, 1.0 / 3.0)], 0.0);
        let add = set(sum, &[(sum, 1.0), (NEWEST, 1.0 / 3.0)], 0.0);
        Ok(vec![
            Row::part(step, start.into()).after(self.call(from)?),
            Row::part(step, vec![second, begin]).after(self.call(middle)?),
            Row::part(step, vec![third, add]).after(self.call(middle)?),
            Row::part(step, vec![last]).after(self.call(to)?).completing(),
        ])
    }

    /// The timestep a whole stride below, if there is one.
    fn before(&self, timestep: usize) -> Option<usize> {
        timestep.checked_sub(self.stride)
    }

    /// ε̂'s register holds the network's output as it is: diffusers turns a combination
    /// of v into ε only where it is used.
    fn call(&self, timestep: usize) -> Result<Call, PlanError> {
        let call = self.setting.call(timestep)?;
        Ok(Call { eps_from_input: 0.0, eps_from_output: 1.0, eps_from_x0: 0.0, eps_divisor: 1.0, ..call })
    }

    /// Eq. 11 of the paper: from ᾱ at `timestep` to ᾱ at `to`, or the final one.
    fn transfer(
        &self,
        timestep: usize,
        to: Option<usize>,
        start: Register,
        outputs: &[(Register, f32)],
    ) -> Result<Assign, PlanError> {
        let schedule = self.setting.schedule;
        let ends_at_one = self.setting.config.set_alpha_to_one.unwrap_or(false);
        let alpha_bar = schedule.alpha_bar(timestep)?;
        let alpha_bar_to = match to {
            Some(to) => schedule.alpha_bar(to)?,
            None if ends_at_one => 1.0,
            None => schedule.alphas_cumprod[0],
        };
        // In float64: from pure noise two terms of 1/√ᾱ all but cancel.
        let [alpha_bar, alpha_bar_to] = [alpha_bar, alpha_bar_to].map(f64::from);
        let (beta_bar, beta_bar_to) = (1.0 - alpha_bar, 1.0 - alpha_bar_to);
        let divisor = alpha_bar * beta_bar_to.sqrt() + (alpha_bar * beta_bar * alpha_bar_to).sqrt();
        let from_eps = -((alpha_bar_to - alpha_bar) / divisor);
        let from_sample = (alpha_bar_to / alpha_bar).sqrt();
        let (from_sample, from_output) = match self.setting.config.prediction_type {
            PredictionType::VPrediction => {
                (from_sample + from_eps * beta_bar.sqrt(), from_eps * alpha_bar.sqrt())
            }
            PredictionType::Epsilon | PredictionType::Sample => (from_sample, from_eps),
        };
        let (from_sample, from_output) = (from_sample as f32, from_output as f32);
        let outputs = outputs.iter().map(|&(register, share)| (register, from_output * share));
        let terms: Vec<_> = [(start, from_sample)].into_iter().chain(outputs).collect();
        Ok(set(Register::Sample, &terms, 0.0))
    }
}
